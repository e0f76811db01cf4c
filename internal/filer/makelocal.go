package filer

import (
	"context"
	"errors"
	"time"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// making is what a CREATE, MKDIR or SYMLINK asks for.
type making struct {
	kind opKind
	attr nfs.SetAttr
	how  nfs.CreateMode
	verf nfs.Verifier // of an exclusive CREATE
	text string

	fresh bool // there was nothing of the name a moment ago
}

// errThrough says that only the origin can answer.
var errThrough = errors.New("the origin must be asked")

// makeHere acknowledges the making of an object from the log; false: it must go through. The name is held.
func (c call) makeHere(ctx context.Context, name string, m *making, res *nfs.NewResult) bool {
	dir := c.ino
	dir.mu.Lock()
	before := nfs.OptPreAttr{Present: dir.known, Attr: dir.attr.Pre()}
	dir.shift.apply(&before.Attr.Mtime, &before.Attr.Ctime)
	dir.mu.Unlock()
	res.DirWcc.Before = before
	child, err := c.makeLocal(ctx, name, m, res)
	if errors.Is(err, errThrough) {
		*res = nfs.NewResult{}
		return false
	}
	if err == nil && res.Object.Present { // as the log has it
		c.f.table.put(child)
		return true
	}
	res.DirWcc, res.Status = nfs.WccData{Before: before, After: dir.opt()}, origin.StatusOf(c.noted(dir.target, err))
	if err == nil {
		child.mu.Lock()
		res.Attr = nfs.WithAttr(child.show(child.attr))
		child.mu.Unlock()
		res.Object = nfs.WithHandle(c.handle(child.id))
		c.f.table.put(child)
	}
	return true
}

// makeLocal makes an object here, durably, with the answer res, and returns its inode, to be put back. One that is there
// already and may be had it returns without an answer. What the origin would refuse is refused at once.
func (c call) makeLocal(ctx context.Context, name string, m *making, res *nfs.NewResult) (*inode, error) {
	dir, t := c.ino, c.ino.target
	a, err := c.attrs(ctx, dir)
	if err == nil && a.Type != nfs.TypeDirectory {
		err = nfs.ErrNotDir
	}
	if err != nil {
		return nil, err
	}
	got, err := c.granted(ctx, dir, nfs.AccessExtend)
	if err == nil && got == 0 {
		err = nfs.ErrAcces
	}
	if err != nil {
		return nil, err
	}
	if child, err := c.madeBefore(ctx, name, m); child != nil || err != nil {
		return child, err
	}
	m.fresh = true
	who, ok := t.makerOf(c.as, t.freshEnough())
	if a.Mode&modeSetGID != 0 {
		who.gid = a.GID
	}
	if !ok || !m.plain(who) {
		return nil, errThrough
	}
	w := c.f.wb
	if err := w.admit(0); err != nil {
		return nil, err
	}
	if w.names.full() {
		w.wake()
		return nil, nfs.ErrJukebox
	}
	child, seq, err := c.conceive(name, m, who, &a, res)
	if err != nil {
		return nil, err
	}
	if err := w.wait(seq); err != nil { // not durable, and never claimed to be
		c.f.table.put(child)
		res.Object = nfs.OptHandle{}
		return nil, nfs.ErrJukebox
	}
	c.f.learnNames(c.as, dir)
	return child, nil
}

// plain says that nothing is asked for that only the origin can do.
func (m *making) plain(who maker) bool {
	if m.attr.UID.Set && m.attr.UID.Value != who.uid || m.attr.GID.Set && m.attr.GID.Value != who.gid {
		return false
	}
	times := m.attr.Mtime.How == nfs.SetToClientTime || m.attr.Atime.How == nfs.SetToClientTime
	return (!m.attr.Size.Set || m.attr.Size.Value == 0) && !times
}

// madeBefore returns the object that has the name, if the call may have it, to be put back; nil: there is none.
func (c call) madeBefore(ctx context.Context, name string, m *making) (*inode, error) {
	dir := c.ino
	dir.mu.Lock()
	op, unborn := dir.owing.names[name], dir.making != nil
	dir.mu.Unlock()
	if op == nil && unborn {
		return nil, nil
	}
	if op == nil {
		child, err := c.f.lookup(ctx, c.as, dir, name, dir.target.freshEnough())
		switch {
		case errors.Is(err, nfs.ErrNoEnt):
			return nil, nil
		case err != nil:
			return nil, err
		case m.how == nfs.Exclusive && c.f.madeExclusively(child.id, m.verf):
			return child, nil
		}
		c.f.table.put(child)
		return nil, errThrough
	}
	switch {
	case m.kind != opCreate || op.kind != opCreate || m.how == nfs.Guarded:
		return nil, nfs.ErrExist
	case m.how == nfs.Exclusive && (op.how != nfs.Exclusive || op.verf != m.verf):
		return nil, nfs.ErrExist
	}
	child, err := c.f.inode(op.inode)
	if err != nil || !m.attr.Size.Set {
		return child, err
	}
	there := c
	there.ino, there.reply = child, nil // that answer is another call's
	if _, err := there.setAttrLocal(ctx, nfs.SetAttr{Size: m.attr.Size}, nil); err != nil {
		c.f.table.put(child)
		return nil, err
	}
	return child, nil
}

// conceive makes the inode of a new object, puts it into its directory, and logs that and the answer, which it makes. The
// caller waits for the record.
func (c call) conceive(name string, m *making, who maker, parent *nfs.Attr, res *nfs.NewResult) (*inode, uint64, error) {
	f, dir, t := c.f, c.ino, c.ino.target
	gen, err := f.ids.generation()
	if err != nil {
		return nil, 0, err
	}
	op := &nameOp{
		kind: m.kind, target: t.id, dir: dir.id, inode: gen | bornHere, name: name, as: c.as, session: c.session.ID,
		at: time.Now(), attr: m.newAttr(who, parent), text: m.text, how: m.how, verf: m.verf,
	}
	if m.how == nfs.Exclusive {
		if err := f.noteExclusive(op); err != nil {
			return nil, 0, err
		}
	}
	child := f.table.add(op.inode, t, "")
	dir.mu.Lock()
	defer dir.mu.Unlock()
	if dir.owing.leaving > 0 {
		f.table.forget(child)
		f.table.put(child)
		return nil, 0, nfs.ErrJukebox
	}
	now := t.tick(dir.shownTimes())
	op.attr.Atime, op.attr.Mtime, op.attr.Ctime = now, now, now
	child.mu.Lock()
	child.conceived(op)
	child.mu.Unlock()
	since := dir.shift.since()
	dir.own(op)
	res.Status, res.Object, res.Attr = nfs.OK, nfs.WithHandle(c.handle(child.id)), nfs.WithAttr(child.show(op.attr))
	res.DirWcc.After = nfs.WithAttr(*dir.shownTimes())
	seq, err := f.wb.names.add(op, dir.making, func(record []byte) (uint64, error) {
		if c.reply == nil {
			return f.wb.log.Append(record)
		}
		return f.drc.log(c.reply, res, record, f.wb.log.Append)
	})
	if err != nil {
		dir.disown(op, true)
		dir.shift.to(since)
		*res = nfs.NewResult{}
		f.table.forget(child)
		f.table.put(child)
		f.wb.wake()
		return nil, 0, nfs.ErrJukebox
	}
	return child, seq, nil
}

// own puts a name into the directory. Called with mu held.
func (ino *inode) own(op *nameOp) {
	ino.owing.add(op)
	if op.kind == opMkdir {
		ino.shift.links.Add(1)
	}
	if since := ino.shift.since(); since.Before(op.attr.Ctime) {
		ino.shift.to(op.attr.Ctime)
	}
	ino.namesOf().listing.outdate()
}

// newAttr is what clients see of the object first.
func (m *making) newAttr(who maker, parent *nfs.Attr) nfs.Attr {
	a := nfs.Attr{UID: who.uid, GID: who.gid, Nlink: 1}
	switch m.kind {
	case opMkdir:
		a.Type, a.Mode, a.Nlink, a.Size, a.Used = nfs.TypeDirectory, 0o755, 2, 4096, 4096
	case opSymlink:
		a.Type, a.Mode, a.Size = nfs.TypeSymlink, 0o777, uint64(len(m.text))
	case opCreate:
		a.Type, a.Mode = nfs.TypeRegular, 0o644
		if m.how == nfs.Exclusive { // its mode comes with a SETATTR
			a.Mode = 0o600
		}
	}
	if m.attr.Mode.Set && m.kind != opSymlink {
		a.Mode = m.attr.Mode.Value & 0o7777
	}
	if m.kind == opMkdir {
		a.Mode |= parent.Mode & modeSetGID
	}
	return a
}

// conceived makes an inode that of an unborn object. Called with mu held.
func (ino *inode) conceived(op *nameOp) {
	ino.making, ino.made, ino.place = op, true, place{op.dir, op.name}
	ino.attr, ino.known, ino.verified, ino.settled = op.attr, true, op.at, op.at
	switch op.kind {
	case opMkdir:
		ino.namesOf().complete = true
	case opSymlink:
		ino.link = linkText{op.text, op.attr.Pre()}
	case opCreate: // nothing is in it, so it is not dirty
	}
}

// learnEvery is how often a directory is read for that at most: a very large one stays unknown.
const learnEvery = 30 * time.Second

// learnNames reads a directory in which clients make things, so that names are known not to be there.
func (f *Filer) learnNames(as origin.Cred, dir *inode) {
	dir.mu.Lock()
	defer dir.mu.Unlock()
	n := dir.namesOf()
	if n.complete || dir.making != nil || dir.target.reach.away.Load() != 0 || time.Since(dir.owing.learnt) < learnEvery {
		return
	}
	dir.owing.learnt = time.Now()
	if !f.spawn(func(ctx context.Context) {
		if held := f.table.known(dir.id); held != nil { // it stays in memory meanwhile
			defer f.table.put(held)
		}
		l, err := f.listFromStart(ctx, as, dir, time.Now())
		if err == nil {
			_ = l.await(ctx, func() bool { return l.done }) // it is only wanted
		}
	}) {
		dir.owing.learnt = time.Time{}
	}
}

// madeExclusively says whether an object was made here by an exclusive CREATE with this verifier.
func (f *Filer) madeExclusively(inode uint64, v nfs.Verifier) bool {
	if inode&bornHere == 0 {
		return false
	}
	was, err := f.kv.Get(inodeKey('v', inode))
	return err == nil && string(was) == string(v[:])
}

// noteExclusive remembers the verifier of an exclusive CREATE: its repeat may come after a restart, and after the file has
// landed. The log has it too.
func (f *Filer) noteExclusive(op *nameOp) error {
	return f.kv.Apply([]Change{{inodeKey('v', op.inode), op.verf[:]}}, false)
}
