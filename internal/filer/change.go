package filer

import (
	"context"
	"errors"
	"time"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// makeFunc asks the origin to make an object in a directory.
type makeFunc func(ctx context.Context, as origin.Cred, t *target, dir *inode) (origin.Made, error)

// makeObject is a CREATE, MKDIR, SYMLINK or MKNOD: acknowledged here, where names are written back and m says what is made,
// else passed through.
func (f *Filer) makeObject(req *nfs.Request, dir *nfs.Handle, name string, res *nfs.NewResult, mine *reply, m *making, fn makeFunc) {
	c, err := f.beginChange(req, dir)
	if err != nil {
		res.Status = origin.StatusOf(err)
		return
	}
	defer c.end()
	if err := newName(name); err != nil {
		if name == "." || name == ".." {
			err = nfs.ErrExist
		}
		res.Status = origin.StatusOf(err)
		return
	}
	if err := c.notJunction(f.lasting(), name); err != nil {
		res.Status = origin.StatusOf(err)
		return
	}
	t := c.ino.target
	c.reply = mine
	defer c.ino.hold(name)()
	if m != nil && t.ownNames && c.makeHere(f.lasting(), name, m, res) {
		return
	}
	err = f.landName(f.lasting(), c.ino, name)
	if err == nil {
		err = c.settleName(c.ino, name) // an unchecked CREATE may truncate what is there
	}
	if err != nil {
		res.Status = origin.StatusOf(err)
		return
	}
	ch := c.ino.beginNames()
	sent := time.Now()
	made, err := fn(f.lasting(), c.as, t, c.ino)
	var child *inode
	if err == nil {
		child, err = f.adopt(t, made.Node, sent)
	}
	if child != nil {
		child.madeAt(c.ino.id, name)
		c.ino.mu.Lock()
		parent := c.ino.attr
		c.ino.mu.Unlock()
		if m != nil && m.fresh {
			t.noteMaker(c.as, &parent, &made.Node.Attr, sent)
		}
	}
	ch.endNames(made.Dir, err, func(n *names) {
		if child != nil {
			n.set(name, child.id)
		} else if !errors.Is(err, nfs.ErrExist) {
			delete(n.byName, name)
		}
	})
	res.DirWcc, res.Status = c.ino.showWcc(made.Dir), origin.StatusOf(c.noted(t, err))
	if err != nil {
		return
	}
	defer f.table.put(child)
	res.Object = nfs.WithHandle(c.handle(child.id))
	res.Attr = nfs.WithAttr(child.show(made.Node.Attr))
}

// beginNames announces a change of a directory's names.
func (ino *inode) beginNames() change {
	if ino.target.caps.Local {
		return change{ino: ino}
	}
	return ino.beginChange()
}

// endNames notes the outcome. apply changes the names that are known; it runs after a foreign change has dropped them.
func (c change) endNames(wcc nfs.WccData, err error, apply func(*names)) {
	ino := c.ino
	ino.mu.Lock()
	defer ino.mu.Unlock()
	n := ino.namesOf()
	n.listing.outdate()
	if ino.target.caps.Local {
		return
	}
	c.end(wcc, err)
	if ino.shift.times.Load() != 0 && err == nil { // what clients see must move, though the origin's clock may be behind
		ino.shift.to(ino.target.tick(ino.shownTimes()))
	}
	apply(n)
	if _, answered := nfs.StatusOf(err); err != nil && !answered {
		n.complete = false
	}
}

func (f *Filer) create(_ context.Context, req *nfs.Request, args *nfs.CreateArgs, res *nfs.CreateResult) {
	onceLogged(f.drc, req, nfs.ProcCreate, args, res, func(mine *reply) {
		m := making{kind: opCreate, attr: args.Attr, how: args.How, verf: ownVerifier(req, args.Verifier)}
		f.makeObject(req, &args.Dir, args.Name, res, mine, &m, func(ctx context.Context, as origin.Cred, t *target, dir *inode) (origin.Made, error) {
			return t.origin.Create(ctx, as, dir.oid(), args.Name, origin.CreateHow{Mode: args.How, Attr: args.Attr, Verifier: m.verf})
		})
	})
}

func (f *Filer) mkdir(_ context.Context, req *nfs.Request, args *nfs.MkdirArgs, res *nfs.MkdirResult) {
	onceLogged(f.drc, req, nfs.ProcMkdir, args, res, func(mine *reply) {
		m := making{kind: opMkdir, attr: args.Attr, how: nfs.Guarded}
		f.makeObject(req, &args.Dir, args.Name, res, mine, &m, func(ctx context.Context, as origin.Cred, t *target, dir *inode) (origin.Made, error) {
			return t.origin.MkDir(ctx, as, dir.oid(), args.Name, args.Attr)
		})
	})
}

func (f *Filer) symlink(_ context.Context, req *nfs.Request, args *nfs.SymlinkArgs, res *nfs.SymlinkResult) {
	onceLogged(f.drc, req, nfs.ProcSymlink, args, res, func(mine *reply) {
		m := making{kind: opSymlink, attr: args.Attr, how: nfs.Guarded, text: args.Target}
		f.makeObject(req, &args.Dir, args.Name, res, mine, &m, func(ctx context.Context, as origin.Cred, t *target, dir *inode) (origin.Made, error) {
			return t.origin.Symlink(ctx, as, dir.oid(), args.Name, args.Target, args.Attr)
		})
	})
}

func (f *Filer) mknod(_ context.Context, req *nfs.Request, args *nfs.MknodArgs, res *nfs.MknodResult) {
	once(f.drc, req, nfs.ProcMknod, args, res, func() {
		f.makeObject(req, &args.Dir, args.Name, res, nil, nil, func(ctx context.Context, as origin.Cred, t *target, dir *inode) (origin.Made, error) {
			return t.origin.MkNod(ctx, as, dir.oid(), args.Name, origin.Special{Type: args.Type, Device: args.Device}, args.Attr)
		})
	})
}

func (f *Filer) remove(_ context.Context, req *nfs.Request, args *nfs.RemoveArgs, res *nfs.RemoveResult) {
	once(f.drc, req, nfs.ProcRemove, args, res, func() { f.unlink(req, args, res, false) })
}

func (f *Filer) rmdir(_ context.Context, req *nfs.Request, args *nfs.RmdirArgs, res *nfs.RmdirResult) {
	once(f.drc, req, nfs.ProcRmdir, args, res, func() { f.unlink(req, args, res, true) })
}

func (f *Filer) unlink(req *nfs.Request, args *nfs.RemoveArgs, res *nfs.RemoveResult, isDir bool) {
	c, err := f.beginChange(req, &args.Dir)
	if err != nil {
		res.Status = origin.StatusOf(err)
		return
	}
	defer c.end()
	if err := errors.Join(newName(args.Name), c.notJunction(f.lasting(), args.Name)); err != nil {
		res.Status = origin.StatusOf(err)
		return
	}
	wcc, err := c.removeOwed(f.lasting(), args.Name, isDir)
	if errors.Is(err, errThrough) {
		wcc, err = f.removeName(f.lasting(), c.as, c.ino, args.Name, isDir)
	}
	res.DirWcc, res.Status = c.ino.showWcc(wcc), origin.StatusOf(c.noted(c.ino.target, err))
}

// removeName removes a name at the origin and what was cached of it.
func (f *Filer) removeName(ctx context.Context, as origin.Cred, dir *inode, name string, isDir bool) (wcc nfs.WccData, err error) {
	defer dir.hold(name)()
	if err := f.landName(ctx, dir, name); err != nil {
		return wcc, err
	}
	old := f.dirtyChild(ctx, as, dir, name)
	if old != nil {
		defer f.table.put(old)
		if !old.leave() {
			return wcc, nfs.ErrNotEmpty
		}
		defer old.stay()
		old.unlinking(1)
		defer old.unlinking(-1)
	}
	ch := dir.beginNames()
	if isDir {
		wcc, err = dir.target.origin.RmDir(ctx, as, dir.oid(), name)
	} else {
		wcc, err = dir.target.origin.Remove(ctx, as, dir.oid(), name)
	}
	ch.endNames(wcc, err, func(n *names) {
		if err == nil || errors.Is(err, nfs.ErrNoEnt) {
			n.set(name, 0)
		}
	})
	if err == nil && old != nil {
		f.unlinked(old)
	}
	return wcc, err
}

// cachedChild returns the inode behind a name if it is known, to be put back, else nil.
func (f *Filer) cachedChild(dir *inode, name string) *inode {
	dir.mu.Lock()
	id := dir.namesOf().byName[name]
	dir.mu.Unlock()
	if id == 0 {
		return nil
	}
	return f.table.known(id)
}

// unlinked notes that one of the file's names is gone. Its last one takes the data with it, what is dirty too.
func (f *Filer) unlinked(ino *inode) {
	ino.mu.Lock()
	defer ino.mu.Unlock()
	ino.verified = time.Time{}
	if ino.attr.Nlink > 1 && ino.attr.Type == nfs.TypeRegular {
		ino.renamed = true
		return
	}
	if ino.dirty != nil {
		f.wb.clean(ino)
	}
	ino.foreign()
}

func (f *Filer) rename(_ context.Context, req *nfs.Request, args *nfs.RenameArgs, res *nfs.RenameResult) {
	once(f.drc, req, nfs.ProcRename, args, res, func() {
		c, err := f.beginChange(req, &args.FromDir)
		if err != nil {
			res.Status = origin.StatusOf(err)
			return
		}
		defer c.end()
		to, err := c.second(&args.ToDir)
		if err != nil {
			res.Status = origin.StatusOf(err)
			return
		}
		defer f.table.put(to)
		there := c
		there.ino = to
		if err := errors.Join(newName(args.FromName), newName(args.ToName), c.notJunction(f.lasting(), args.FromName),
			there.notJunction(f.lasting(), args.ToName)); err != nil {
			res.Status = origin.StatusOf(err)
			return
		}
		r, err := c.move(f.lasting(), args.FromName, to, args.ToName)
		t := c.ino.target
		res.FromWcc, res.ToWcc, res.Status = c.ino.showWcc(r.From), to.showWcc(r.To), origin.StatusOf(c.noted(t, err))
	})
}

// move renames at the origin. The moved file keeps its cached data: a rename moves its ctime at most.
func (c call) move(ctx context.Context, fromName string, to *inode, toName string) (origin.RenameResult, error) {
	from, f := c.ino, c.f
	defer holdBoth(from, fromName, to, toName)()
	err := f.landName(ctx, from, fromName)
	if err == nil {
		err = f.landName(ctx, to, toName)
	}
	if err == nil {
		err = c.settleName(from, fromName)
	}
	if err != nil {
		return origin.RenameResult{}, err
	}
	moved, replaced := f.dirtyChild(ctx, c.as, from, fromName), f.dirtyChild(ctx, c.as, to, toName)
	for _, ino := range []*inode{moved, replaced} {
		if ino != nil {
			defer f.table.put(ino)
		}
	}
	if replaced != nil && replaced != moved {
		replaced.unlinking(1)
		defer replaced.unlinking(-1)
		if !replaced.leave() {
			return origin.RenameResult{}, nfs.ErrNotEmpty
		}
		defer replaced.stay()
	}
	chFrom := from.beginNames()
	chTo := chFrom
	if to != from {
		chTo = to.beginNames()
	}
	r, err := from.target.origin.Rename(ctx, c.as, from.oid(), fromName, to.oid(), toName)
	if err == nil && moved != nil {
		moved.mu.Lock()
		moved.renamed, moved.verified = true, time.Time{}
		moved.mu.Unlock()
		moved.foundAt(to.id, toName)
	}
	if err == nil && replaced != nil && replaced != moved {
		f.unlinked(replaced)
	}
	arrive := func(n *names) {
		switch {
		case err != nil:
		case moved != nil:
			n.set(toName, moved.id)
		default:
			delete(n.byName, toName)
			n.complete = false
		}
	}
	chFrom.endNames(r.From, err, func(n *names) {
		if err == nil {
			n.set(fromName, 0)
		}
		if to == from {
			arrive(n)
		}
	})
	if to != from {
		chTo.endNames(r.To, err, arrive)
	}
	return r, err
}

func (f *Filer) link(_ context.Context, req *nfs.Request, args *nfs.LinkArgs, res *nfs.LinkResult) {
	once(f.drc, req, nfs.ProcLink, args, res, func() {
		c, err := f.beginChange(req, &args.Object)
		if err != nil {
			res.Status = origin.StatusOf(err)
			return
		}
		defer c.end()
		dir, err := c.second(&args.Dir)
		if err == nil {
			defer f.table.put(dir)
			there := c
			there.ino = dir
			err = errors.Join(newName(args.Name), there.notJunction(f.lasting(), args.Name))
		}
		if err != nil {
			res.Status = origin.StatusOf(err)
			return
		}
		t := c.ino.target
		defer dir.hold(args.Name)()
		err = f.landName(f.lasting(), dir, args.Name)
		if err == nil {
			err = f.born(f.lasting(), c.ino)
		}
		if err == nil {
			err = c.settle(c.ino)
		}
		if err != nil {
			res.Status = origin.StatusOf(err)
			return
		}
		ch := dir.beginNames()
		r, err := t.origin.Link(f.lasting(), c.as, c.ino.oid(), dir.oid(), args.Name)
		ch.endNames(r.Dir, err, func(n *names) {
			if err == nil {
				n.set(args.Name, c.ino.id)
			}
		})
		if err == nil {
			c.ino.mu.Lock()
			c.ino.renamed, c.ino.verified = true, time.Time{}
			c.ino.mu.Unlock()
		}
		res.Attr, res.DirWcc, res.Status = c.ino.showOpt(r.File), dir.showWcc(r.Dir), origin.StatusOf(c.noted(t, err))
	})
}
