package filer

import (
	"context"
	"hash/fnv"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// pseudo is the origin behind the folders of the namespace that are in no export: the root, and what stands between it
// and the exports. It is read-only, and a folder's identity is its path: handles outlive every change of the exports.
type pseudo struct {
	made time.Time
	dirs map[string][]string // clean path -> names in it, sorted
	// sorted gives places in folders that last when exports come and go.
	sorted *origin.Sorted
}

var _ origin.Origin = (*pseudo)(nil)

// newPseudo makes the folders that lead to the exports.
func newPseudo(exports []string) *pseudo {
	p := &pseudo{made: time.Now(), dirs: map[string][]string{"/": nil}}
	for _, e := range exports {
		for at := e; at != "/"; at = path.Dir(at) {
			dir, name := path.Dir(at), path.Base(at)
			if !slices.Contains(p.dirs[dir], name) {
				p.dirs[dir] = append(p.dirs[dir], name)
			}
			if _, ok := p.dirs[at]; !ok {
				p.dirs[at] = nil
			}
		}
	}
	for _, names := range p.dirs {
		slices.Sort(names)
	}
	p.sorted = origin.NewSorted(p.list)
	return p
}

func (p *pseudo) Caps() origin.Caps {
	return origin.Caps{Local: true, MaxRead: maxIO, MaxWrite: maxIO, StableCookies: true}
}
func (p *pseudo) Describe() string { return "namespace" }
func (p *pseudo) Close() error     { return nil }

func (p *pseudo) node(dir string) (origin.Node, error) {
	names, ok := p.dirs[dir]
	if !ok {
		return origin.Node{}, nfs.ErrStale
	}
	h := fnv.New64a()
	h.Write([]byte(dir))
	at := nfs.TimeOf(p.made)
	return origin.Node{ID: origin.ID(dir), Attr: nfs.Attr{
		Type: nfs.TypeDirectory, Mode: 0o555, Nlink: uint32(2 + len(names)), Size: 4096, Used: 4096, FileID: h.Sum64() >> 1,
		Atime: at, Mtime: at, Ctime: at,
	}}, nil
}

func (p *pseudo) Root(context.Context) (origin.Node, error) { return p.node("/") }

func (p *pseudo) GetAttr(_ context.Context, _ origin.Cred, id origin.ID) (nfs.Attr, error) {
	n, err := p.node(string(id))
	return n.Attr, err
}

func (p *pseudo) Lookup(_ context.Context, _ origin.Cred, id origin.ID, name string) (origin.Node, nfs.OptAttr, error) {
	dir, err := p.node(string(id))
	if err != nil {
		return origin.Node{}, nfs.OptAttr{}, err
	}
	after := nfs.WithAttr(dir.Attr)
	if name != ".." && !slices.Contains(p.dirs[string(id)], name) {
		return origin.Node{}, after, nfs.ErrNoEnt
	}
	n, err := p.node(path.Join(string(id), name))
	return n, after, err
}

func (p *pseudo) Access(_ context.Context, _ origin.Cred, id origin.ID, want nfs.Access) (nfs.Access, error) {
	_, err := p.node(string(id))
	return want & (nfs.AccessRead | nfs.AccessLookup | nfs.AccessExecute), err
}

func (p *pseudo) ReadDir(ctx context.Context, as origin.Cred, id origin.ID, at origin.Cookie, plus bool) (origin.Page, error) {
	return p.sorted.ReadDir(ctx, as, id, at, plus)
}

// list returns all names of a folder.
func (p *pseudo) list(_ context.Context, _ origin.Cred, id origin.ID, _ origin.Cookie, plus bool) (origin.Page, error) {
	dir, err := p.node(string(id))
	if err != nil {
		return origin.Page{}, err
	}
	page := origin.Page{Dir: nfs.WithAttr(dir.Attr), EOF: true}
	for _, name := range p.dirs[string(id)] {
		n, err := p.node(path.Join(string(id), name))
		if err != nil {
			return origin.Page{}, err
		}
		e := origin.DirEntry{Name: name, FileID: n.Attr.FileID}
		if plus {
			e.Node = &n
		}
		page.Entries = append(page.Entries, e)
	}
	return page, nil
}

func (p *pseudo) StatFS(context.Context, origin.ID) (origin.FSStat, error) {
	return origin.FSStat{TotalFiles: uint64(len(p.dirs))}, nil
}

func (p *pseudo) PathConf(context.Context, origin.ID) (origin.PathConf, error) {
	return origin.PathConf{LinkMax: 1, NameMax: 255}, nil
}

func (p *pseudo) ReadLink(context.Context, origin.Cred, origin.ID) (string, error) {
	return "", nfs.ErrInval
}

func (p *pseudo) Read(context.Context, origin.Cred, origin.ID, uint64, []byte) (origin.ReadResult, error) {
	return origin.ReadResult{}, nfs.ErrIsDir
}

func (p *pseudo) Write(context.Context, origin.Cred, origin.ID, uint64, []byte, nfs.Stable) (origin.WriteResult, error) {
	return origin.WriteResult{}, nfs.ErrROFS
}

func (p *pseudo) Commit(context.Context, origin.Cred, origin.ID, uint64, uint32) (origin.CommitResult, error) {
	return origin.CommitResult{}, nfs.ErrROFS
}

func (p *pseudo) Sync(context.Context, origin.ID) error { return nil }

func (p *pseudo) SetAttr(context.Context, origin.Cred, origin.ID, nfs.SetAttr, *nfs.Time) (nfs.WccData, error) {
	return nfs.WccData{}, nfs.ErrROFS
}

func (p *pseudo) Create(context.Context, origin.Cred, origin.ID, string, origin.CreateHow) (origin.Made, error) {
	return origin.Made{}, nfs.ErrROFS
}

func (p *pseudo) MkDir(context.Context, origin.Cred, origin.ID, string, nfs.SetAttr) (origin.Made, error) {
	return origin.Made{}, nfs.ErrROFS
}

func (p *pseudo) Symlink(context.Context, origin.Cred, origin.ID, string, string, nfs.SetAttr) (origin.Made, error) {
	return origin.Made{}, nfs.ErrROFS
}

func (p *pseudo) MkNod(context.Context, origin.Cred, origin.ID, string, origin.Special, nfs.SetAttr) (origin.Made, error) {
	return origin.Made{}, nfs.ErrROFS
}

func (p *pseudo) Remove(context.Context, origin.Cred, origin.ID, string) (nfs.WccData, error) {
	return nfs.WccData{}, nfs.ErrROFS
}

func (p *pseudo) RmDir(context.Context, origin.Cred, origin.ID, string) (nfs.WccData, error) {
	return nfs.WccData{}, nfs.ErrROFS
}

func (p *pseudo) Rename(context.Context, origin.Cred, origin.ID, string, origin.ID, string) (origin.RenameResult, error) {
	return origin.RenameResult{}, nfs.ErrROFS
}

func (p *pseudo) Link(context.Context, origin.Cred, origin.ID, origin.ID, string) (origin.LinkResult, error) {
	return origin.LinkResult{}, nfs.ErrROFS
}

// within says whether a clean path is dir or below it.
func within(p, dir string) bool {
	return p == dir || strings.HasPrefix(p, strings.TrimSuffix(dir, "/")+"/")
}
