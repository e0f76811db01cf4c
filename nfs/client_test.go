package nfs_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spillway/spillway/nfs"
	"github.com/spillway/spillway/nfs/nfstest"
)

// dial connects a client to a new file system.
func dial(t *testing.T, fs *nfstest.FS, opts nfs.Options) (*nfs.Client, *nfstest.Server) {
	t.Helper()
	srv := nfstest.Start(t, fs)
	c, err := nfs.Dial(t.Context(), srv.Addr, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, srv
}

// within returns a context that fails the test's calls rather than let them hang.
func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func must[R any](t *testing.T) func(R, error) R {
	return func(r R, err error) R {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
}

func wantStatus(t *testing.T, err error, want nfs.Status) {
	t.Helper()
	if got, ok := nfs.StatusOf(err); !ok || got != want {
		t.Errorf("got %v, want %s", err, want.Name())
	}
}

func TestEveryProcedure(t *testing.T) {
	fs := nfstest.New()
	c, _ := dial(t, fs, nfs.Options{})
	ctx := within(t, time.Minute)
	if err := c.Null(ctx); err != nil {
		t.Fatal(err)
	}
	root := must[nfs.MntResult](t)(c.Mnt(ctx, nil, "/")).Root
	alice := nfs.Sys("ws1", 1001, 1002, 7, 8)

	file := must[nfs.CreateResult](t)(c.Create(ctx, alice, nfs.CreateArgs{Dir: root, Name: "frame_0001.png", How: nfs.Guarded, Attr: nfs.SetAttr{Mode: nfs.Set32(0o640)}}))
	if a := file.Attr.Attr; a.UID != 1001 || a.GID != 1002 || a.Mode != 0o640 || a.Type != nfs.TypeRegular {
		t.Errorf("the new file is %+v", a)
	}
	data := bytes.Repeat([]byte("spillway"), 40<<10) // 320 KiB
	w := must[nfs.WriteResult](t)(c.Write(ctx, alice, nfs.WriteArgs{File: file.Object.Handle, Offset: 3, Data: data}))
	if int(w.Count) != len(data) || w.Committed != nfs.Unstable || !w.Wcc.Before.Present {
		t.Errorf("WRITE: %d bytes, committed %d", w.Count, w.Committed)
	}
	done := must[nfs.CommitResult](t)(c.Commit(ctx, alice, nfs.CommitArgs{File: file.Object.Handle}))
	if done.Verifier != w.Verifier {
		t.Error("COMMIT has another verifier than WRITE")
	}
	buf := make([]byte, 1<<20)
	r := must[nfs.ReadResult](t)(c.Read(ctx, nil, nfs.ReadArgs{File: file.Object.Handle, Offset: 3}, buf))
	if !bytes.Equal(r.Data, data) || !r.EOF || &r.Data[0] != &buf[0] {
		t.Errorf("READ: %d bytes, EOF %v", len(r.Data), r.EOF)
	}
	r = must[nfs.ReadResult](t)(c.Read(ctx, nil, nfs.ReadArgs{File: file.Object.Handle, Offset: 1, Count: 5}, buf))
	if string(r.Data) != "\x00\x00spi" || r.EOF {
		t.Errorf("READ of 5: %q, EOF %v", r.Data, r.EOF)
	}

	set := must[nfs.SetattrResult](t)(c.Setattr(ctx, nil, nfs.SetattrArgs{Object: file.Object.Handle, Attr: nfs.SetAttr{Size: nfs.Set64(10), Mtime: nfs.SetTimeTo(nfs.Time{Sec: 5, Nsec: 6})}}))
	if a := set.Wcc.After.Attr; a.Size != 10 || a.Mtime != (nfs.Time{Sec: 5, Nsec: 6}) {
		t.Errorf("SETATTR: %+v", a)
	}
	_, err := c.Setattr(ctx, nil, nfs.SetattrArgs{Object: file.Object.Handle, Guarded: true})
	wantStatus(t, err, nfs.ErrNotSync)

	dir := must[nfs.MkdirResult](t)(c.Mkdir(ctx, nil, nfs.MkdirArgs{Dir: root, Name: "out"})).Object.Handle
	link := must[nfs.SymlinkResult](t)(c.Symlink(ctx, nil, nfs.SymlinkArgs{Dir: dir, Name: "latest", Target: "../frame_0001.png"}))
	if got := must[nfs.ReadlinkResult](t)(c.Readlink(ctx, nil, nfs.ReadlinkArgs{Object: link.Object.Handle})); got.Target != "../frame_0001.png" {
		t.Errorf("READLINK: %q", got.Target)
	}
	must[nfs.LinkResult](t)(c.Link(ctx, nil, nfs.LinkArgs{Object: file.Object.Handle, Dir: dir, Name: "hard"}))
	found := must[nfs.LookupResult](t)(c.Lookup(ctx, nil, nfs.LookupArgs{Dir: dir, Name: "hard"}))
	if found.Object != file.Object.Handle || found.Attr.Attr.Nlink != 2 {
		t.Errorf("LOOKUP of the hard link: %+v", found)
	}
	dev := must[nfs.MknodResult](t)(c.Mknod(ctx, nil, nfs.MknodArgs{Dir: dir, Name: "dev", Type: nfs.TypeChar, Device: nfs.Device{Major: 1, Minor: 3}}))
	if dev.Attr.Attr.Rdev != (nfs.Device{Major: 1, Minor: 3}) {
		t.Errorf("MKNOD: %+v", dev.Attr.Attr)
	}
	must[nfs.MknodResult](t)(c.Mknod(ctx, nil, nfs.MknodArgs{Dir: dir, Name: "pipe", Type: nfs.TypeFIFO}))
	must[nfs.RenameResult](t)(c.Rename(ctx, nil, nfs.RenameArgs{FromDir: dir, FromName: "hard", ToDir: root, ToName: "moved"}))
	_, err = c.Lookup(ctx, nil, nfs.LookupArgs{Dir: dir, Name: "hard"})
	wantStatus(t, err, nfs.ErrNoEnt)
	_, err = c.Rmdir(ctx, nil, nfs.RmdirArgs{Dir: root, Name: "out"})
	wantStatus(t, err, nfs.ErrNotEmpty)
	for _, name := range []string{"latest", "dev", "pipe"} {
		must[nfs.RemoveResult](t)(c.Remove(ctx, nil, nfs.RemoveArgs{Dir: dir, Name: name}))
	}
	must[nfs.RmdirResult](t)(c.Rmdir(ctx, nil, nfs.RmdirArgs{Dir: root, Name: "out"}))
	_, err = c.Getattr(ctx, nil, nfs.GetattrArgs{Object: dir})
	wantStatus(t, err, nfs.ErrStale)

	if got := must[nfs.AccessResult](t)(c.Access(ctx, nil, nfs.AccessArgs{Object: root, Access: nfs.AccessRead | nfs.AccessLookup})); got.Access != nfs.AccessRead|nfs.AccessLookup {
		t.Errorf("ACCESS: %x", got.Access)
	}
	if got := must[nfs.FsinfoResult](t)(c.Fsinfo(ctx, nil, nfs.FsinfoArgs{Root: root})); got.ReadMax != nfs.MaxTransfer || got.Properties&nfs.PropSymlink == 0 {
		t.Errorf("FSINFO: %+v", got)
	}
	if got := must[nfs.FsstatResult](t)(c.Fsstat(ctx, nil, nfs.FsstatArgs{Root: root})); got.TotalBytes != 1<<40 {
		t.Errorf("FSSTAT: %+v", got)
	}
	if got := must[nfs.PathconfResult](t)(c.Pathconf(ctx, nil, nfs.PathconfArgs{Object: root})); got.NameMax != 255 || !got.CasePreserving {
		t.Errorf("PATHCONF: %+v", got)
	}
}

func TestMountProcedures(t *testing.T) {
	fs := nfstest.New()
	fs.Export = "/nas"
	c, _ := dial(t, fs, nfs.Options{})
	ctx := within(t, time.Minute)
	_, err := c.Mnt(ctx, nil, "/elsewhere")
	wantStatus(t, err, nfs.ErrNoEnt)
	if got := must[nfs.MntResult](t)(c.Mnt(ctx, nil, "/nas")); got.Root != fs.Root() || !cmp.Equal(got.Flavors, []uint32{1}) {
		t.Errorf("MNT: %+v", got)
	}
	if got := must[[]nfs.ExportEntry](t)(c.Exports(ctx, nil)); !cmp.Equal(got, []nfs.ExportEntry{{Dir: "/nas", Groups: []string{"*"}}}) {
		t.Errorf("EXPORT: %v", got)
	}
	if got := must[[]nfs.MountEntry](t)(c.Mounts(ctx, nil)); len(got) != 0 {
		t.Errorf("DUMP: %v", got)
	}
	if err := c.Umnt(ctx, nil, "/nas"); err != nil {
		t.Error(err)
	}
	if err := c.UmntAll(ctx, nil); err != nil {
		t.Error(err)
	}
}

func TestDirectoryPages(t *testing.T) {
	fs := nfstest.New()
	c, _ := dial(t, fs, nfs.Options{})
	ctx := within(t, time.Minute)
	const files = 3000
	for i := range files {
		must[nfs.CreateResult](t)(c.Create(ctx, nil, nfs.CreateArgs{Dir: fs.Root(), Name: fmt.Sprintf("f%05d", i)}))
	}
	seen := map[string]bool{}
	var cookie nfs.Cookie
	for {
		page := must[nfs.ReaddirplusResult](t)(c.Readdirplus(ctx, nil, nfs.ReaddirplusArgs{Dir: fs.Root(), Cookie: cookie, DirCount: 8 << 10, MaxCount: 32 << 10}))
		for _, e := range page.Entries {
			if seen[e.Name] {
				t.Fatalf("%s comes twice", e.Name)
			}
			if !e.Attr.Present || !e.Handle.Present || e.FileID != e.Attr.Attr.FileID {
				t.Fatalf("entry %+v", e)
			}
			seen[e.Name], cookie = true, e.Cookie
		}
		if page.EOF {
			break
		}
	}
	if len(seen) != files+2 {
		t.Errorf("%d names, want %d", len(seen), files+2)
	}
	page := must[nfs.ReaddirResult](t)(c.Readdir(ctx, nil, nfs.ReaddirArgs{Dir: fs.Root(), Cookie: cookie - 1, Count: 4096}))
	if len(page.Entries) != 1 || page.Entries[0].Handle.Present || !page.EOF {
		t.Errorf("the last page: %+v", page)
	}
	_, err := c.Readdir(ctx, nil, nfs.ReaddirArgs{Dir: fs.Root(), Count: 100})
	wantStatus(t, err, nfs.ErrTooSmall)
}
