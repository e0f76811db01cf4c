package filer

import (
	"cmp"
	"context"
	"errors"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// export is a junction: a path of the namespace, and the folder of a target that stands there. Several exports may show
// one target; a file reached through any of them is one cached file.
type export struct {
	id     uint32 // durable; in handles
	path   string // absolute and clean
	target *target
	sub    []string // the folder within the target; empty: all of it
	pseudo bool     // the folders between exports

	policyName string
	policy     atomic.Pointer[policy] // nil: everybody may do everything

	below []junction // exports directly below this one

	mu     sync.Mutex
	joints map[uint64]map[string]*export // mu guards joints and found: by inode of the folder, by name
	found  time.Time                     // when joints were last looked for; zero: never
}

// junction is a place in an export where another export takes over.
type junction struct {
	dir  []string // the folder it is in, from the export's root
	name string
	to   *export
}

// connect finds for each export those that hang directly below it, and makes the pseudo export if none is at "/".
func (f *Filer) connect() error {
	if f.exportAt("/") == nil {
		paths := make([]string, len(f.exports))
		for i, e := range f.exports {
			paths[i] = e.path
		}
		root := Export{Path: "/", Origin: newPseudo(paths)}
		if err := root.check(); err != nil {
			return err
		}
		e, err := f.openExport(root)
		if err != nil {
			return err
		}
		e.pseudo = true
	}
	for _, e := range f.exports {
		if e.path == "/" {
			continue
		}
		above, rest := f.exportOf(path.Dir(e.path))
		above.below = append(above.below, junction{dir: rest, name: path.Base(e.path), to: e})
	}
	return nil
}

func (f *Filer) exportAt(p string) *export {
	for _, e := range f.exports {
		if e.path == p {
			return e
		}
	}
	return nil
}

// exportOf finds the export with the longest path that is a prefix of the clean path p, component by component, and the
// names from its root on. There is always one once connect has run.
func (f *Filer) exportOf(p string) (e *export, names []string) {
	for _, c := range f.exports {
		if within(p, c.path) && (e == nil || len(c.path) > len(e.path)) {
			e = c
		}
	}
	return e, namesOf(strings.TrimPrefix(p, e.path))
}

// namesOf cuts a path into its names.
func namesOf(p string) (names []string) {
	for name := range strings.SplitSeq(p, "/") {
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

// cleanPath refuses what no client of good will sends.
func cleanPath(p string) (string, error) {
	if !strings.HasPrefix(p, "/") || slices.Contains(strings.Split(p, "/"), "..") || strings.ContainsRune(p, 0) {
		return "", nfs.ErrAcces
	}
	return path.Clean(p), nil
}

// resolve finds the target behind a namespace path, and the names from the target's root on.
func (f *Filer) resolve(p string) (t *target, names []string, err error) {
	p, err = cleanPath(p)
	if err != nil {
		return nil, nil, err
	}
	e, names := f.exportOf(p)
	return e.target, slices.Concat(e.sub, names), nil
}

// walk follows a namespace path to its inode, to be put back.
func (f *Filer) walk(ctx context.Context, as origin.Cred, p string, notBefore time.Time) (*inode, error) {
	t, names, err := f.resolve(p)
	if err != nil {
		return nil, err
	}
	return f.descend(ctx, as, t, names, notBefore)
}

// descend follows names from a target's root to an inode, to be put back.
func (f *Filer) descend(ctx context.Context, as origin.Cred, t *target, names []string, notBefore time.Time) (*inode, error) {
	root, err := f.rootOf(ctx, t)
	if err != nil {
		return nil, err
	}
	return f.follow(ctx, as, root, names, notBefore)
}

// follow goes on from an inode, which it puts back.
func (f *Filer) follow(ctx context.Context, as origin.Cred, ino *inode, names []string, notBefore time.Time) (*inode, error) {
	for _, name := range names {
		next, err := f.lookup(ctx, as, ino, name, notBefore)
		f.table.put(ino)
		if err != nil {
			return nil, err
		}
		ino = next
	}
	return ino, nil
}

// rootOfExport returns the export's root directory, to be put back. The way to it is the filer's, not the caller's.
func (f *Filer) rootOfExport(ctx context.Context, e *export) (*inode, error) {
	return f.descend(ctx, origin.Cred{}, e.target, e.sub, e.target.freshEnough())
}

// step finds a name in the call's directory: within the export, down into one that hangs there, or up out of its root.
// The export it returns is the one the inode is in.
func (c call) step(ctx context.Context, name string) (*inode, *export, error) {
	if name == ".." {
		return c.stepUp(ctx)
	}
	to, err := c.junction(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	if to == nil {
		ino, err := c.lookup(ctx, name)
		return ino, c.export, err
	}
	if err := c.allowed(ctx, c.ino, nfs.AccessLookup); err != nil {
		return nil, nil, err
	}
	if _, err := c.f.ruleFor(c.session, to, c.client); err != nil {
		return nil, nil, err
	}
	ino, err := c.f.rootOfExport(ctx, to)
	return ino, to, err
}

// stepUp finds "..". Above the root of the tree, of what the session may see, and of what the client may enter, there is
// that root itself.
func (c call) stepUp(ctx context.Context) (*inode, *export, error) {
	e := c.export
	root, err := c.f.rootOfExport(ctx, e)
	if err != nil {
		return nil, nil, err
	}
	if root.id != c.ino.id {
		defer c.f.table.put(root)
		return c.climb(ctx, root)
	}
	dir := path.Dir(e.path)
	if e.path == "/" || c.session.ID != 0 && !within(dir, c.session.Export) {
		return root, e, nil
	}
	above, names := c.f.exportOf(dir)
	if _, err := c.f.ruleFor(c.session, above, c.client); err != nil {
		return root, e, nil // its world ends here
	}
	defer c.f.table.put(root)
	ino, err := c.f.descend(ctx, origin.Cred{}, above.target, slices.Concat(above.sub, names), above.target.freshEnough())
	return ino, above, err
}

// maxDepth bounds the way up from a folder to the root of its export.
const maxDepth = 512

// climb goes one folder up within the export. A folder that was moved out of the export's part of the target has nothing
// above it.
func (c call) climb(ctx context.Context, root *inode) (*inode, *export, error) {
	up, err := c.lookup(ctx, "..")
	if err != nil || len(c.export.sub) == 0 {
		return up, c.export, err
	}
	at := up
	for range maxDepth {
		if at.id == root.id {
			if at != up {
				c.f.table.put(at)
			}
			return up, c.export, nil
		}
		next, err := c.f.lookupOrigin(ctx, origin.Cred{}, at, "..")
		if at != up {
			c.f.table.put(at)
		}
		if err != nil || next.id == at.id {
			if err == nil {
				c.f.table.put(next)
			}
			break
		}
		at = next
	}
	c.f.table.put(up)
	return nil, nil, nfs.ErrAcces
}

// junction returns the export that hangs at a name of the call's directory, or nil.
func (c call) junction(ctx context.Context, name string) (*export, error) {
	if len(c.export.below) == 0 {
		return nil, nil
	}
	joints, err := c.f.jointsOf(ctx, c.export)
	if err != nil {
		return nil, err
	}
	return joints[c.ino.id][name], nil
}

// notJunction refuses to change a name at which an export hangs.
func (c call) notJunction(ctx context.Context, name string) error {
	if to, err := c.junction(ctx, name); err != nil || to == nil {
		return err
	}
	return nfs.ErrAcces
}

// jointsOf returns where exports hang below e. Folders that are not there hold none until they are; the search is
// repeated as often as names are checked.
func (f *Filer) jointsOf(ctx context.Context, e *export) (map[uint64]map[string]*export, error) {
	if e.mu.TryLock() {
		joints, found := e.joints, e.found
		e.mu.Unlock()
		if joints != nil && !found.Before(e.target.freshEnough()) {
			return joints, nil
		}
	}
	nfs.Wait(ctx) // for the origin, or for another call that asks it; not with the lock held
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.joints != nil && !e.found.Before(e.target.freshEnough()) {
		return e.joints, nil
	}
	joints, err := f.findJoints(ctx, e)
	switch {
	case err == nil:
		e.joints, e.found = joints, time.Now()
	case e.joints == nil:
		return nil, err
	} // else what was right a while ago is better than nothing
	return e.joints, nil
}

func (f *Filer) findJoints(ctx context.Context, e *export) (map[uint64]map[string]*export, error) {
	joints := map[uint64]map[string]*export{}
	for _, j := range e.below {
		ino, err := f.descend(ctx, origin.Cred{}, e.target, slices.Concat(e.sub, j.dir), e.target.freshEnough())
		if errors.Is(err, nfs.ErrNoEnt) || errors.Is(err, nfs.ErrNotDir) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if joints[ino.id] == nil {
			joints[ino.id] = map[string]*export{}
		}
		joints[ino.id][j.name] = j.to
		f.table.put(ino)
	}
	return joints, nil
}

// joint is an export that hangs in the call's directory.
type joint struct {
	name    string
	cookie  uint64
	visible bool // the client may enter it
}

// jointsHere returns the exports that hang in the call's directory in the order of their cookies, and all their names.
func (c call) jointsHere(ctx context.Context) ([]joint, map[string]bool, error) {
	if len(c.export.below) == 0 {
		return nil, nil, nil
	}
	joints, err := c.f.jointsOf(ctx, c.export)
	if err != nil {
		return nil, nil, err
	}
	var out []joint
	names := map[string]bool{}
	for name, to := range joints[c.ino.id] {
		_, err := c.f.ruleFor(c.session, to, c.client)
		out = append(out, joint{name, cookieOfJoint(name), err == nil})
		names[name] = true
	}
	slices.SortFunc(out, func(a, b joint) int { return cmp.Or(cmp.Compare(a.cookie, b.cookie), cmp.Compare(a.name, b.name)) })
	return out, names, nil
}
