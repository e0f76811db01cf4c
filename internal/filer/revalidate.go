package filer

import (
	"context"
	"errors"
	"path"
	"time"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// Revalidate compares what is cached of the paths with the storage itself, from the last hop up: when it returns, a new
// lookup here sees what was on the storage before the call. It returns the paths whose cached state had to change.
func (f *Filer) Revalidate(ctx context.Context, paths []string) (changed []string, errs []PathError) {
	failed := f.revalidateUp(ctx, paths)
	for _, p := range paths {
		if err := failed[p]; err != nil {
			errs = append(errs, PathError{p, err})
			continue
		}
		diff, err := f.revalidate(ctx, p)
		if err != nil {
			errs = append(errs, PathError{p, err})
		} else if diff {
			changed = append(changed, p)
		}
	}
	return changed, errs
}

// revalidateUp asks the parents first: only then is asking the origin asking the storage.
func (f *Filer) revalidateUp(ctx context.Context, paths []string) map[string]error {
	failed := map[string]error{}
	up := map[Parent]map[string]string{} // path there -> path here
	for _, p := range paths {
		t, rest, err := f.resolve(p)
		if err != nil || t.parent == nil {
			continue // an unknown path is reported by revalidate
		}
		if up[t.parent] == nil {
			up[t.parent] = map[string]string{}
		}
		up[t.parent][t.parent.Path(path.Join(append([]string{"/"}, rest...)...))] = p
	}
	for parent, here := range up {
		there := make([]string, 0, len(here))
		for p := range here {
			there = append(there, p)
		}
		_, errs, err := parent.Revalidate(ctx, there)
		for _, e := range errs {
			if p, ok := here[e.Path]; ok {
				failed[p] = e.Err
			}
		}
		if err != nil {
			for _, p := range here {
				failed[p] = err
			}
		}
	}
	return failed
}

// revalidate walks the path asking the origin at each step. A path that does not exist is no error: that it does not is
// what the cache now knows.
func (f *Filer) revalidate(ctx context.Context, p string) (changed bool, err error) {
	t, names, err := f.resolve(p)
	if err != nil || t.caps.Local {
		return false, err
	}
	ino, err := f.rootOf(ctx, t)
	if err != nil {
		return false, err
	}
	before, known := f.recall(ino.id)
	for _, name := range names {
		ino.mu.Lock()
		id, knew := ino.namesOf().get(name)
		ino.mu.Unlock()
		before, known = f.recall(id)
		next, err := f.lookupOrigin(ctx, origin.Cred{}, ino, name)
		f.table.put(ino)
		if errors.Is(err, nfs.ErrNoEnt) {
			return changed || knew && id != 0, nil
		}
		if err != nil {
			return false, err
		}
		changed = changed || knew && id != next.id
		ino = next
	}
	defer f.table.put(ino)
	a, err := f.fresh(ctx, origin.Cred{}, ino, time.Now())
	if err != nil {
		return changed, err
	}
	ino.mu.Lock()
	if ino.names != nil { // a listing's attributes are as old as it is
		ino.names.listing.outdate()
	}
	ino.mu.Unlock()
	return changed || known && before != a.Pre(), nil
}

// recall returns the state an inode is believed to be in.
func (f *Filer) recall(id uint64) (state nfs.PreAttr, known bool) {
	ino := f.table.known(id)
	if ino == nil {
		return state, false
	}
	defer f.table.put(ino)
	ino.mu.Lock()
	defer ino.mu.Unlock()
	return ino.attr.Pre(), ino.known
}
