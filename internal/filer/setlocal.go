package filer

import (
	"context"
	"time"

	"github.com/spillway/spillway/nfs"
)

// setAttrLocal is a SETATTR on an export that writes back. Size and times of a regular file are set here. Mode and owner
// go to the origin at once, for it is the judge of what they allow, and so does what only it can judge: times set by
// somebody else than the owner.
func (c call) setAttrLocal(ctx context.Context, set nfs.SetAttr, guard *nfs.Time) (wcc nfs.WccData, err error) {
	a, err := c.f.fresh(ctx, c.as, c.ino, c.ino.target.freshEnough())
	if err != nil {
		return wcc, err
	}
	if a.Type != nfs.TypeRegular {
		return c.setAttrOfOther(ctx, set, guard, &a)
	}
	wcc.Before = nfs.OptPreAttr{Present: true, Attr: a.Pre()}
	wcc.After = nfs.WithAttr(a)
	if guard != nil && *guard != a.Ctime {
		return wcc, nfs.ErrNotSync
	}
	if set.Size.Set {
		if set.Size.Value > maxOffset {
			return wcc, nfs.ErrFBig
		}
		if err := c.mayWrite(ctx, &a); err != nil {
			return wcc, err
		}
	}
	times := set.Atime.How != nfs.DontChange || set.Mtime.How != nfs.DontChange
	owner := c.owns(&a)
	if times && !owner { // only the origin can say
		if err := c.f.wb.land(ctx, c.ino); err != nil && !isConflict(err) {
			return wcc, nfs.ErrJukebox
		}
	}
	through := set
	through.Size = nfs.SetUint64{}
	if owner {
		through.Atime, through.Mtime = nfs.SetTime{}, nfs.SetTime{}
	} else {
		set.Atime, set.Mtime, times = nfs.SetTime{}, nfs.SetTime{}, false
	}
	if through, err = c.amendUnborn(ctx, through, &a); err != nil {
		return wcc, err
	}
	if through != (nfs.SetAttr{}) {
		if _, err := c.setAttrThrough(ctx, through, nil); err != nil {
			return wcc, err
		}
	}
	if set.Size.Set || times {
		return c.setHere(set, wcc)
	}
	c.ino.mu.Lock()
	wcc.After = nfs.WithAttr(c.ino.attr)
	c.ino.mu.Unlock()
	return wcc, err
}

// setHere sets size and times of the local copy, durably. wcc is what the file was like before.
func (c call) setHere(set nfs.SetAttr, wcc nfs.WccData) (nfs.WccData, error) {
	w := c.f.wb
	if err := w.admit(0); err != nil {
		return wcc, err
	}
	if err := c.f.soil(c.ino); err != nil {
		return wcc, err
	}
	ino := c.ino
	ino.mu.Lock()
	content := c.f.contentOf(ino)
	ino.mu.Unlock()
	content.io.Lock() // until the bytes beyond a smaller size are gone: nobody may write there meanwhile
	defer content.io.Unlock()
	ino.mu.Lock()
	if !ino.known || content.recorded && ino.dirty == nil { // persisted in between
		ino.mu.Unlock()
		return wcc, nfs.ErrJukebox
	}
	if err := content.reopen(); err != nil {
		ino.mu.Unlock()
		c.f.store.diskFull(err)
		return wcc, nfs.ErrJukebox
	}
	before := ino.attr.Size
	done, err := c.changeHere(content, set, wcc)
	var seq uint64
	var file *dataFile
	if err == nil {
		seq = ino.dirty.seq
		if content.file != nil {
			file = content.file.take()
			defer file.put()
		}
	}
	ino.mu.Unlock()
	if err == nil {
		err = w.wait(seq)
	}
	if err != nil {
		w.wake()
		return wcc, nfs.ErrJukebox
	}
	// Only now: before the new size was durable, a crash would have brought the old one back, and the bytes with it.
	if size := set.Size.Value; set.Size.Set && size < before && file != nil {
		if err := c.f.store.disk.Punch(file.f, int64(size), int64(before-size)); err != nil {
			w.breakdown(err)
			return wcc, nfs.ErrJukebox
		}
	}
	return done, nil
}

// changeHere makes the change in memory and in the log, with the answer that goes with it. Called with content.io and mu
// held.
func (c call) changeHere(content *content, set nfs.SetAttr, wcc nfs.WccData) (nfs.WccData, error) {
	ino := c.ino
	if size := set.Size.Value; set.Size.Set && size > ino.attr.Size { // so that it can be read
		file, err := content.open()
		if err == nil {
			err = grow(c.f.store.disk, file, size)
		}
		if err != nil {
			return wcc, err
		}
	}
	d := c.soiled()
	now := ino.target.tick(&ino.attr)
	if set.Size.Set {
		size, before := set.Size.Value, ino.attr.Size
		content.kill(min(size, before), maxOffset)
		d.truncated(size)
		content.drop(size, maxOffset)
		content.asked.remove(size, maxOffset)
		content.ahead.remove(size, maxOffset)
		content.primed.remove(size, maxOffset)
		if size > before {
			content.add(before, size)
		}
		ino.attr.Size, ino.attr.Mtime = size, now
		ino.attr.Used = size
	}
	d.setTimes(&ino.attr, &set, now)
	ino.attr.Ctime = now
	c.f.wb.account(ino)
	wcc.After = nfs.WithAttr(ino.attr)
	add := c.f.wb.log.Append
	if c.reply != nil {
		res := nfs.SetattrResult{Wcc: ino.showWcc(wcc)}
		add = func(records ...[]byte) (uint64, error) {
			return c.f.drc.log(c.reply, &res, records[0], c.f.wb.log.Append)
		}
	}
	return wcc, c.f.wb.logState(ino, add)
}

// setAttrOfOther is a SETATTR of what is no regular file. Its guard is the ctime that clients see.
func (c call) setAttrOfOther(ctx context.Context, set nfs.SetAttr, guard *nfs.Time, a *nfs.Attr) (wcc nfs.WccData, err error) {
	shown := c.ino.show(*a)
	if guard != nil && *guard != shown.Ctime {
		return nfs.WccData{Before: nfs.OptPreAttr{Present: true, Attr: a.Pre()}, After: nfs.WithAttr(*a)}, nfs.ErrNotSync
	}
	if c.ino.shift.times.Load() != 0 { // that was judged here
		guard = nil
	}
	rest, err := c.amendUnborn(ctx, set, a)
	if err == nil && rest != (nfs.SetAttr{}) {
		if err = c.f.landNames(ctx, c.ino); err == nil { // what is in a directory moves its times
			return c.setAttrThrough(ctx, rest, guard)
		}
	}
	return nfs.WccData{Before: nfs.OptPreAttr{Present: true, Attr: a.Pre()}, After: c.ino.raw()}, err
}

// amendUnborn changes the mode of an object that its origin does not have yet, and returns what is left to do there, which
// then has it.
func (c call) amendUnborn(ctx context.Context, set nfs.SetAttr, a *nfs.Attr) (rest nfs.SetAttr, err error) {
	ino := c.ino
	ino.mu.Lock()
	op := ino.making
	if op == nil {
		ino.mu.Unlock()
		return set, nil
	}
	var seq uint64
	if set.Mode.Set && c.owns(a) {
		mode := set.Mode.Value & 0o7777
		var ok bool
		if seq, ok, err = c.f.wb.names.amend(op, func(o *nameOp) { o.attr.Mode = mode }); ok {
			set.Mode = nfs.SetUint32{}
			ino.attr.Mode, ino.attr.Ctime = mode, ino.target.tick(&ino.attr)
			ino.link.of = ino.attr.Pre()
		}
	}
	ino.mu.Unlock()
	if err == nil && seq != 0 {
		err = c.f.wb.wait(seq)
	}
	if err != nil {
		c.f.wb.wake()
		return set, nfs.ErrJukebox
	}
	if set != (nfs.SetAttr{}) {
		err = c.f.born(ctx, ino)
	}
	return set, err
}

// raw returns the attributes as they are kept.
func (ino *inode) raw() nfs.OptAttr {
	ino.mu.Lock()
	defer ino.mu.Unlock()
	return nfs.OptAttr{Present: ino.known, Attr: ino.attr}
}

// setAttrThrough passes a SETATTR to the origin. On a dirty file it moves the state that the changes stand on.
func (c call) setAttrThrough(ctx context.Context, set nfs.SetAttr, guard *nfs.Time) (nfs.WccData, error) {
	ino := c.ino
	ino.mu.Lock()
	shown := ino.attr.Pre()
	ino.mu.Unlock()
	wcc, err := c.passSetAttr(ctx, set, guard)
	ino.mu.Lock()
	defer ino.mu.Unlock()
	if ino.dirty == nil {
		return wcc, err
	}
	if err == nil {
		ino.attr.Ctime = ino.target.tick(&ino.attr)
	}
	return nfs.WccData{Before: nfs.OptPreAttr{Present: true, Attr: shown}, After: nfs.WithAttr(ino.attr)}, err
}

// passSetAttr is the SETATTR at the origin.
func (c call) passSetAttr(ctx context.Context, set nfs.SetAttr, guard *nfs.Time) (nfs.WccData, error) {
	ino := c.ino
	ch := ino.beginChange()
	ino.mu.Lock()
	ino.chain.permits = true
	ino.mu.Unlock()
	wcc, err := ino.target.origin.SetAttr(ctx, c.as, ino.oid(), set, guard)
	ino.mu.Lock()
	defer ino.mu.Unlock()
	ch.end(wcc, err)
	if c := ino.content; c != nil {
		c.touched() // the data now belong to a state with another ctime
	}
	return wcc, err
}

// landing changes a file at its origin as part of writing it back.
func (ino *inode) landing(fn func() (nfs.WccData, error)) error {
	ino.mu.Lock()
	if ino.dirty != nil {
		ino.dirty.tried, ino.dirty.slack = time.Now(), trySlack
	}
	ch := ino.beginChangeLocked()
	ino.mu.Unlock()
	wcc, err := fn()
	ino.mu.Lock()
	defer ino.mu.Unlock()
	if ino.dirty != nil { // it may have taken effect until now
		ino.dirty.tried = time.Now()
	}
	ch.end(wcc, err)
	return err
}

// setTimes sets a file's times as asked; now is the time of this machine's clock.
func (d *dirty) setTimes(a *nfs.Attr, set *nfs.SetAttr, now nfs.Time) {
	switch set.Mtime.How {
	case nfs.SetToServerTime:
		a.Mtime = now
	case nfs.SetToClientTime:
		a.Mtime = set.Mtime.Time
	case nfs.DontChange:
	}
	switch set.Atime.How {
	case nfs.SetToServerTime:
		a.Atime = now
	case nfs.SetToClientTime:
		a.Atime = set.Atime.Time
	case nfs.DontChange:
	}
	if set.Mtime.How != nfs.DontChange || set.Atime.How != nfs.DontChange {
		d.layer.times = true
	}
	if set.Atime.How != nfs.DontChange {
		d.layer.atime = nfs.SetTimeTo(a.Atime)
	}
}
