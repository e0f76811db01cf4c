package filer

import (
	"context"
	"errors"
	"time"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// names is what is known of a directory's entries in its current state. Guarded by the directory's mu.
type names struct {
	byName   map[string]uint64 // inode id; 0: the name does not exist
	complete bool              // every name not in byName does not exist
	listing  *listing          // the last that was begun at the start, perhaps of an earlier state
	listings []*listing        // those that readers may go on in, the oldest first
	epoch    uint64            // counts resets
	lookups  map[string]*lookup
}

// lookup is a LOOKUP in flight.
type lookup struct {
	sent time.Time
	done chan struct{}
	id   uint64 // valid after done
	err  error
}

func (ino *inode) namesOf() *names {
	if ino.names == nil {
		ino.names = &names{byName: map[string]uint64{}, lookups: map[string]*lookup{}}
	}
	return ino.names
}

// reset forgets all names; listings stay for clients in the middle of reading them.
func (n *names) reset() {
	n.epoch++
	n.byName = map[string]uint64{} // clearing a large one takes a while
	n.complete = false
	n.listing.outdate()
}

// get returns what is known of a name.
func (n *names) get(name string) (id uint64, known bool) {
	id, known = n.byName[name]
	return id, known || n.complete
}

// Bounds of the names that are kept of one directory: one that was never listed, and one that was.
const (
	maxNames  = 1 << 17
	maxListed = 1 << 20
)

func (n *names) set(name string, id uint64) {
	if len(n.byName) >= maxNames && !n.complete {
		n.byName = map[string]uint64{}
	}
	n.byName[name] = id
}

// forgetName makes the next use of a name ask the origin, if the name still stands for the inode.
func (ino *inode) forgetName(name string, id uint64) bool {
	ino.mu.Lock()
	defer ino.mu.Unlock()
	n := ino.namesOf()
	if n.byName[name] != id {
		return false
	}
	delete(n.byName, name)
	n.complete = false
	return true
}

// lookup finds name in dir and returns its inode, to be put back. Names are served from the cache while the directory
// was confirmed unchanged not before the given time.
func (f *Filer) lookup(ctx context.Context, as origin.Cred, dir *inode, name string, notBefore time.Time) (*inode, error) {
	if dir.target.caps.Local || name == ".." {
		return f.lookupOrigin(ctx, as, dir, name)
	}
	for {
		dir.mu.Lock()
		if id, known := dir.owedName(name); known {
			dir.mu.Unlock()
			return f.owedInode(id)
		}
		n := dir.namesOf()
		if id, known := n.get(name); known && dir.known && !dir.verified.Before(notBefore) {
			dir.mu.Unlock()
			if id == 0 {
				return nil, nfs.ErrNoEnt
			}
			ino, err := f.inode(id)
			if errors.Is(err, nfs.ErrStale) && dir.forgetName(name, id) { // the file is gone: what has the name now?
				continue
			}
			return ino, err
		}
		l := n.lookups[name]
		if l == nil {
			l = &lookup{sent: time.Now(), done: make(chan struct{})}
			n.lookups[name] = l
			dir.mu.Unlock()
			return f.sendLookup(ctx, as, dir, name, l)
		}
		dir.mu.Unlock()
		nfs.Wait(ctx)
		select {
		case <-l.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if !l.sent.Before(notBefore) && !isCancel(l.err) {
			if l.err != nil {
				return nil, l.err
			}
			return f.inode(l.id)
		}
	}
}

// owedInode returns the inode of a name that is owed to the origin, to be put back; 0: there is no such name.
func (f *Filer) owedInode(id uint64) (*inode, error) {
	if id == 0 {
		return nil, nfs.ErrNoEnt
	}
	return f.inode(id)
}

// sendLookup asks the origin on behalf of all who wait for l.
func (f *Filer) sendLookup(ctx context.Context, as origin.Cred, dir *inode, name string, l *lookup) (*inode, error) {
	ino, err := f.lookupOrigin(ctx, as, dir, name)
	if err == nil {
		l.id = ino.id
	}
	l.err = err
	dir.mu.Lock()
	delete(dir.namesOf().lookups, name)
	close(l.done)
	dir.mu.Unlock()
	return ino, err
}

// lookupOrigin asks the origin and notes the answer.
func (f *Filer) lookupOrigin(ctx context.Context, as origin.Cred, dir *inode, name string) (*inode, error) {
	t := dir.target
	dir.mu.Lock()
	id, owed := dir.owedName(name)
	if owed && name == ".." {
		id = dir.place.dir
	}
	changes := dir.changes
	dir.mu.Unlock()
	if owed {
		return f.owedInode(id)
	}
	nfs.Wait(ctx)
	sent := time.Now()
	node, after, err := t.origin.Lookup(ctx, as, dir.oid(), name)
	if err != nil && !errors.Is(err, nfs.ErrNoEnt) {
		return nil, f.stale(dir, err)
	}
	var ino *inode
	if err == nil {
		var adoptErr error
		if ino, adoptErr = f.adopt(t, node, sent); adoptErr != nil {
			return nil, adoptErr
		}
		id = ino.id
	}
	if !t.caps.Local && name != ".." {
		dir.mu.Lock()
		if after.Present {
			dir.observe(&after.Attr, sent)
		}
		if dir.changes == changes && dir.chain.inflight == 0 && after.Present && after.Attr.Pre() == dir.attr.Pre() {
			dir.namesOf().set(name, id)
		}
		dir.mu.Unlock()
	}
	return ino, err
}

// adopt returns the inode of a node the origin described, to be put back, and notes its attributes.
func (f *Filer) adopt(t *target, node origin.Node, sent time.Time) (*inode, error) {
	ino := f.table.knownOrigin(fileKey{t.id, node.ID})
	if ino == nil {
		ids, err := f.ids.find(t.id, []origin.ID{node.ID})
		if err != nil {
			return nil, err
		}
		ino = f.table.add(ids[0], t, node.ID)
	}
	ino.mu.Lock()
	ino.observe(&node.Attr, sent)
	ino.mu.Unlock()
	return ino, nil
}

// adoptAll is adopt for many nodes at the price of one durable write. It returns their ids only.
func (f *Filer) adoptAll(t *target, nodes []*origin.Node, sent time.Time) ([]uint64, error) {
	out := make([]uint64, len(nodes))
	var unknown []origin.ID
	var at []int
	note := func(ino *inode, node *origin.Node) {
		ino.mu.Lock()
		ino.observe(&node.Attr, sent)
		ino.mu.Unlock()
		f.table.put(ino)
	}
	for i, n := range nodes {
		if n == nil {
			continue
		}
		if ino := f.table.knownOrigin(fileKey{t.id, n.ID}); ino != nil {
			out[i] = ino.id
			note(ino, n)
			continue
		}
		unknown = append(unknown, n.ID)
		at = append(at, i)
	}
	ids, err := f.ids.find(t.id, unknown)
	if err != nil {
		return nil, err
	}
	for j, i := range at {
		out[i] = ids[j]
		note(f.table.add(ids[j], t, nodes[i].ID), nodes[i])
	}
	return out, nil
}
