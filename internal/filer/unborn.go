package filer

import (
	"context"
	"time"

	"github.com/spillway/spillway/nfs"
)

// An unborn object was made here, and its origin does not have it: inode.making brings it there. Until then it is known
// here alone: its attributes, its content or the text of a link, and, of a directory, that nothing is in it but what was
// made here. Whatever needs the origin's word on it waits for its birth.

// born returns when the origin has the object.
func (f *Filer) born(ctx context.Context, ino *inode) error {
	ino.mu.Lock()
	op := ino.making
	ino.mu.Unlock()
	if op == nil {
		return nil
	}
	nfs.Wait(ctx)
	if err := f.wb.names.bring(ctx, op); err != nil && !isConflict(err) {
		ino.target.note(err)
		return nfs.ErrJukebox
	}
	return nil
}

// owing is what a directory's origin does not have of its names.
type owing struct {
	names   map[string]*nameOp       // made here, and not there
	lately  []landed                 // names that have landed while clients may be reading the directory, the oldest first
	held    map[string]chan struct{} // names that are being changed, closed when that has ended
	leaving int                      // removals of the directory under way
	learnt  time.Time                // when the directory was last read for the sake of names that are not there
}

// landed is a name that has come to the origin.
type landed struct {
	op *nameOp
	at time.Time
}

// maxLately bounds the names of one directory that are remembered to have landed lately.
const maxLately = 1 << 14

func (o *owing) busy() bool { return len(o.names) > 0 || len(o.held) > 0 || o.leaving > 0 }

func (o *owing) add(op *nameOp) {
	if o.names == nil {
		o.names = map[string]*nameOp{}
	}
	o.names[op.name] = op
}

// owedName returns the inode that a name stands for here and not at the origin. In an unborn directory there is no other:
// known says that the origin need not be asked. Called with mu held.
func (ino *inode) owedName(name string) (id uint64, known bool) {
	if op := ino.owing.names[name]; op != nil {
		return op.inode, true
	}
	return 0, ino.making != nil
}

// inherit takes over from the inode that the directory had under another identity.
func (ino *inode) inherit(old *inode) {
	old.mu.Lock()
	names, lately, since, links := old.owing.names, old.owing.lately, old.shift.times.Load(), old.shift.links.Load()
	old.mu.Unlock()
	ino.mu.Lock()
	defer ino.mu.Unlock()
	ino.owing.names, ino.owing.lately = names, lately
	ino.shift.times.Store(since)
	ino.shift.links.Store(links)
}

// hold keeps others from changing a name until release is called: what goes to the origin at once and what is
// acknowledged here must not cross.
func (ino *inode) hold(name string) (release func()) {
	if !ino.target.owes {
		return func() {}
	}
	mine := make(chan struct{})
	for {
		ino.mu.Lock()
		o := &ino.owing
		other := o.held[name]
		if other == nil {
			if o.held == nil {
				o.held = map[string]chan struct{}{}
			}
			o.held[name] = mine
			ino.mu.Unlock()
			return func() {
				ino.mu.Lock()
				defer ino.mu.Unlock()
				delete(o.held, name)
				close(mine)
			}
		}
		ino.mu.Unlock()
		<-other
	}
}

// holdBoth is hold for two names, taken in one order by all.
func holdBoth(a *inode, an string, b *inode, bn string) (release func()) {
	if a.id == b.id && an == bn {
		return a.hold(an)
	}
	if b.id < a.id || b.id == a.id && bn < an {
		a, an, b, bn = b, bn, a, an
	}
	first := a.hold(an)
	second := b.hold(bn)
	return func() { second(); first() }
}

// landName brings a name to the origin that is about to be changed there, so that the origin has all there is of it.
func (f *Filer) landName(ctx context.Context, dir *inode, name string) error {
	if err := f.born(ctx, dir); err != nil {
		return err
	}
	dir.mu.Lock()
	op := dir.owing.names[name]
	dir.mu.Unlock()
	if op == nil {
		return nil
	}
	nfs.Wait(ctx)
	if err := f.wb.names.bring(ctx, op); err != nil && !isConflict(err) {
		dir.target.note(err)
		return nfs.ErrJukebox
	}
	return nil
}

// landNames brings all of a directory's names to the origin, as far as it takes them, and the directory itself. While the
// origin is away it is left as it is.
func (f *Filer) landNames(ctx context.Context, dir *inode) error {
	if !dir.target.owes || dir.target.reach.serving(time.Now()) {
		return nil
	}
	if err := f.born(ctx, dir); err != nil {
		return err
	}
	dir.mu.Lock()
	ops := make([]*nameOp, 0, len(dir.owing.names))
	for _, op := range dir.owing.names {
		ops = append(ops, op)
	}
	dir.mu.Unlock()
	if len(ops) == 0 {
		return nil
	}
	nfs.Wait(ctx)
	err := f.wb.names.bringAll(ctx, ops)
	if ctx.Err() != nil {
		return err
	}
	return nil // what the origin refuses is listed behind what it has
}

// unmade forgets an object that will never be at the origin.
func (f *Filer) unmade(op *nameOp) {
	if dir := f.table.known(op.dir); dir != nil {
		dir.mu.Lock()
		dir.disown(op, true)
		dir.mu.Unlock()
		f.table.put(dir)
	}
	ino := f.table.known(op.inode)
	if ino == nil {
		return
	}
	defer f.table.put(ino)
	ino.mu.Lock()
	ino.making = nil
	if ino.dirty != nil {
		f.wb.clean(ino)
	}
	ino.mu.Unlock()
	f.drop(ino)
}

// disown takes a name out that is at the origin, or nowhere. Called with mu held.
func (ino *inode) disown(op *nameOp, nowhere bool) {
	if ino.owing.names[op.name] != op {
		return
	}
	delete(ino.owing.names, op.name)
	if !nowhere {
		o := &ino.owing
		for len(o.lately) > 0 && (time.Since(o.lately[0].at) > continueFor || len(o.lately) >= maxLately) {
			o.lately = o.lately[1:]
		}
		o.lately = append(o.lately, landed{op, time.Now()})
	}
	if op.kind == opMkdir {
		ino.shift.links.Add(-1)
	}
	if nowhere {
		ino.shift.to(ino.target.tick(ino.shownTimes()))
	}
}

// shownTimes are the directory's attributes as clients see them. Called with mu held.
func (ino *inode) shownTimes() *nfs.Attr {
	a := ino.show(ino.attr)
	return &a
}

// leave says that a directory is about to be removed: nothing is made in it here until stay is called. False: there is
// something in it that the origin does not know of.
func (ino *inode) leave() bool {
	ino.mu.Lock()
	defer ino.mu.Unlock()
	if len(ino.owing.names) > 0 {
		return false
	}
	ino.owing.leaving++
	return true
}

func (ino *inode) stay() {
	ino.mu.Lock()
	defer ino.mu.Unlock()
	ino.owing.leaving--
}
