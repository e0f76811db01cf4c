package filer

import (
	"context"
	"errors"
	"time"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// land makes the object at its origin. A conflict is an error, but the origin has the object then, under another name.
func (n *nameBack) land(ctx context.Context, op *nameOp) error {
	f := n.w.f
	ino, err := f.inode(op.inode)
	if err != nil {
		return err
	}
	defer f.table.put(ino)
	sent := time.Now()
	node, err := n.make(ctx, op)
	if err == nil {
		return n.arrived(op, ino, node, sent, &nameEnd{end: opLanded}, "")
	}
	if !errors.Is(err, errForeign) && !origin.IsGone(err) && !errors.Is(err, nfs.ErrNotDir) {
		return err
	}
	name := n.w.copyName(op.name, op.inode, op.at)
	sent = time.Now()
	if node, err = n.makeBeside(ctx, op, ino.target, name); err != nil {
		return fault.Wrap(origin.KindOf(err), err, "make "+name)
	}
	if err := n.arrived(op, ino, node, sent, &nameEnd{end: opConflict}, name); err != nil {
		return err
	}
	n.w.conflicts.Add(1)
	f.log.Warn("conflict: what was made here has another name at the storage", "export", ino.target.path, "name", op.name, "copy", name)
	return fault.WithHint(fault.New(fault.Conflict, "%s: %w", op.name, errConflict), "what was made here is %s", name)
}

// make asks the origin to make the object under its name. errForeign: somebody else has made something there. ErrStale: the
// directory is gone.
func (n *nameBack) make(ctx context.Context, op *nameOp) (node origin.Node, err error) {
	f := n.w.f
	dir, err := f.inode(op.dir)
	if err != nil {
		return node, err
	}
	defer f.table.put(dir)
	ch := dir.beginNames()
	made, err := op.ask(ctx, dir.target.origin, dir.oid(), op.name)
	ch.endNames(made.Dir, err, func(names *names) {
		if err == nil {
			names.set(op.name, op.inode)
		} else if !errors.Is(err, nfs.ErrExist) {
			delete(names.byName, op.name)
		}
	})
	if err == nil || !errors.Is(err, nfs.ErrExist) {
		return made.Node, f.stale(dir, err)
	}
	node, _, err = dir.target.origin.Lookup(ctx, op.as, dir.oid(), op.name)
	if err != nil { // it was there a moment ago
		return node, f.stale(dir, err)
	}
	ours, err := op.made(ctx, dir.target.origin, &node)
	if err == nil && !ours {
		err = errForeign
	}
	return node, err
}

// ask makes the object under a name. The times are part of it: they tell a repeat what is its own.
func (o *nameOp) ask(ctx context.Context, at origin.Origin, dir origin.ID, name string) (origin.Made, error) {
	set := nfs.SetAttr{Mode: nfs.Set32(o.attr.Mode), Mtime: nfs.SetTimeTo(o.attr.Mtime), Atime: nfs.SetTimeTo(o.attr.Atime)}
	switch o.kind {
	case opMkdir:
		return at.MkDir(ctx, o.as, dir, name, set)
	case opSymlink:
		return at.Symlink(ctx, o.as, dir, name, o.text, set)
	case opCreate:
	}
	return at.Create(ctx, o.as, dir, name, origin.CreateHow{Mode: nfs.Guarded, Attr: set})
}

// made says whether what is at the origin under the object's name is the object, from a try whose reply did not come, or
// as good as that: a directory that somebody else made too is one directory, and a link with the same text one link.
func (o *nameOp) made(ctx context.Context, at origin.Origin, node *origin.Node) (bool, error) {
	a := &node.Attr
	if a.Type != o.attr.Type {
		return false, nil
	}
	switch o.kind {
	case opMkdir:
		return true, nil
	case opSymlink:
		text, err := at.ReadLink(ctx, o.as, node.ID)
		return text == o.text, err
	case opCreate:
	}
	return a.Size == 0 && sameTime(a.Mtime, o.attr.Mtime) && sameTime(a.Atime, o.attr.Atime), nil
}

// sameTime says whether a time that was set can be read as got: origins keep nanoseconds, or cut them at one of these.
func sameTime(got, set nfs.Time) bool {
	if got.Sec != set.Sec {
		return false
	}
	for _, grain := range [...]uint32{1, 100, 1e3, 1e6, 1e9} {
		if got.Nsec == set.Nsec/grain*grain {
			return true
		}
	}
	return false
}

// makeBeside makes the object under a name that nobody else uses: beside its own, or, where the directory is gone, in the
// export's folder for such.
func (n *nameBack) makeBeside(ctx context.Context, op *nameOp, t *target, name string) (node origin.Node, err error) {
	if op.kind == opCreate {
		id, err := n.w.makeCopy(ctx, t, op.as, op.dir, name, op.attr.Mode)
		if err != nil {
			return node, err
		}
		a, err := t.origin.GetAttr(ctx, op.as, id)
		return origin.Node{ID: id, Attr: a}, err
	}
	return n.w.beside(ctx, t, op.as, op.dir, func(dir origin.ID) (origin.Node, error) {
		made, err := op.ask(ctx, t.origin, dir, name)
		if errors.Is(err, nfs.ErrExist) {
			node, _, err := t.origin.Lookup(ctx, op.as, dir, name)
			return node, err
		}
		return made.Node, err
	})
}

// arrived gives the inode what its object is at the origin, first of all durably: only then may more be done to it there.
// name is another one that it has there; "": its own.
func (n *nameBack) arrived(op *nameOp, ino *inode, node origin.Node, sent time.Time, e *nameEnd, name string) error {
	f := n.w.f
	if err := f.ids.bind(ino.id, fileKey{ino.target.id, node.ID}); err != nil {
		return err
	}
	e.oid, e.attr = node.ID, node.Attr
	ino.mu.Lock()
	if ino.dirty != nil {
		ino.rebase(&node.Attr)
	}
	n.mu.Lock()
	seq, err := n.end(op, e)
	n.mu.Unlock()
	ino.mu.Unlock()
	if err == nil {
		err = n.w.wait(seq)
	}
	if err != nil {
		return err
	}
	f.table.born(ino, node.ID)
	n.live(op, ino, &node.Attr, sent, name)
	dir := f.table.known(op.dir)
	if dir == nil {
		return nil
	}
	defer f.table.put(dir)
	if name == "" && op.kind == opCreate { // a directory may be somebody else's
		dir.mu.Lock()
		attr := dir.attr
		dir.mu.Unlock()
		ino.target.noteMaker(op.as, &attr, &node.Attr, sent)
	}
	dir.mu.Lock()
	defer dir.mu.Unlock()
	dir.disown(op, name != "")
	if name != "" {
		delete(dir.namesOf().byName, op.name)
		dir.namesOf().complete = false
	}
	return nil
}

// live makes the inode one that its origin has.
func (n *nameBack) live(op *nameOp, ino *inode, a *nfs.Attr, sent time.Time, name string) {
	ino.mu.Lock()
	defer ino.mu.Unlock()
	ino.making = nil
	if name != "" {
		ino.place.name = name
	}
	d := ino.dirty
	switch {
	case d != nil && d.pending(ino.attr.Size):
		ino.attr.FileID = a.FileID
		return
	case d != nil:
		n.w.clean(ino)
	}
	if op.kind == opMkdir && a.Mtime != ino.attr.Mtime { // somebody else's, or something is in it already
		ino.namesOf().reset()
	}
	ino.attr, ino.verified, ino.settled = *a, sent, time.Now()
	ino.link.of = a.Pre()
	if c := ino.content; c != nil {
		c.state = a.Pre()
		c.touched()
	}
}
