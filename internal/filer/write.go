package filer

import (
	"context"
	"time"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// write passes a WRITE through with the client's stability. Writes of one file run at the origin in parallel: over a
// long link that is the difference between a window of megabytes and one block per round trip.
func (f *Filer) write(_ context.Context, req *nfs.Request, args *nfs.WriteArgs, res *nfs.WriteResult) {
	c, err := f.beginChange(req, &args.File)
	if err != nil {
		res.Status = origin.StatusOf(err)
		return
	}
	defer c.end()
	t := c.ino.target
	data := args.Data[:min(len(args.Data), maxIO)]
	var r origin.WriteResult
	if f.writesBack(c.ino) {
		r, err = c.writeLocal(f.lasting(), args.Offset, data, args.Stable)
		res.Wcc, res.Status = c.ino.showWcc(r.WCC), origin.StatusOf(c.noted(t, err))
		c.session.written.Add(uint64(r.N))
		res.Count, res.Committed, res.Verifier = uint32(r.N), r.Committed, r.Verifier
		return
	}
	if t.caps.Local {
		r, err = t.origin.Write(f.lasting(), c.as, c.ino.oid(), args.Offset, data, args.Stable)
	} else {
		r, err = c.writeThrough(f.lasting(), args.Offset, data, args.Stable)
	}
	res.Wcc, res.Status = c.ino.showWcc(r.WCC), origin.StatusOf(c.noted(t, f.stale(c.ino, err)))
	if err != nil {
		return
	}
	f.sawVerifier(t, r.Verifier)
	if r.Committed == nfs.Unstable && r.N > 0 {
		c.session.noteUnstable(c.ino.id, false)
		c.ino.noteUnstable(uint64(r.N), r.Verifier)
	}
	t.traffic.written.Add(uint64(r.N))
	c.session.written.Add(uint64(r.N))
	c.moved(uint64(r.N))
	res.Count, res.Committed, res.Verifier = uint32(r.N), r.Committed, r.Verifier
}

// writeThrough writes to the origin and brings the cached data along.
func (c call) writeThrough(ctx context.Context, off uint64, data []byte, how nfs.Stable) (origin.WriteResult, error) {
	ino := c.ino
	ino.mu.Lock()
	content := c.f.contentOf(ino)
	ch := ino.beginChangeLocked()
	epoch := content.epoch
	w := content.beginWrite(off, off+uint64(len(data)))
	ino.mu.Unlock()

	r, err := ino.target.origin.Write(ctx, c.as, ino.oid(), off, data, how)

	content.io.Lock()
	defer content.io.Unlock()
	stored := err == nil && r.N > 0 && content.storeWrite(w, data[:r.N])
	ino.mu.Lock()
	defer ino.mu.Unlock()
	ch.end(r.WCC, err)
	content.endWrite(w)
	content.drop(w.from, w.to)
	if !stored || content.epoch != epoch || w.contended {
		return r, err
	}
	content.add(off, off+uint64(r.N))
	if before := r.WCC.Before; before.Present && before.Attr.Size < off {
		content.add(before.Attr.Size, off) // a write beyond the end leaves zeros behind it
	}
	return r, nil
}

// noteUnstable counts bytes that the origin holds until its COMMIT.
func (ino *inode) noteUnstable(n uint64, verf nfs.Verifier) {
	ino.mu.Lock()
	defer ino.mu.Unlock()
	u := &ino.unstable
	if u.bytes == 0 {
		u.verf, u.mixed = verf, false
	}
	u.bytes += n
	ino.target.dirty.Add(n)
	u.mixed = u.mixed || u.verf != verf
}

// sawVerifier notices that the origin may have lost unstable data: then what is cached of files with such data may be
// more than the origin has. Clients learn it from the same verifier.
func (f *Filer) sawVerifier(t *target, v nfs.Verifier) {
	t.mu.Lock()
	changed := t.hasVerf && t.verf != v
	t.verf, t.hasVerf = v, true
	t.mu.Unlock()
	if !changed {
		return
	}
	f.log.Warn("the storage restarted and may have lost uncommitted writes; clients write them again", "export", t.path)
	for _, ino := range f.table.snapshot(func(i *inode) bool { return i.target == t }) {
		ino.mu.Lock()
		if ino.unstable.bytes > 0 && ino.content != nil {
			ino.content.reset()
			ino.verified = time.Time{}
		}
		ino.mu.Unlock()
		f.table.put(ino)
	}
}

func (f *Filer) commit(_ context.Context, req *nfs.Request, args *nfs.CommitArgs, res *nfs.CommitResult) {
	c, err := f.beginChange(req, &args.File)
	if err != nil {
		res.Status = origin.StatusOf(err)
		return
	}
	defer c.end()
	if args.Offset == flushOffset {
		c.commitFlush(f.lasting(), args.Count, res)
		return
	}
	if f.writesBack(c.ino) {
		r, err := c.commitLocal(f.lasting())
		res.Wcc, res.Verifier, res.Status = c.ino.showWcc(r.WCC), r.Verifier, origin.StatusOf(c.noted(c.ino.target, err))
		return
	}
	r, err := f.commitRange(f.lasting(), c.as, c.ino, args.Offset, args.Count)
	res.Wcc, res.Verifier, res.Status = c.ino.showWcc(r.WCC), r.Verifier, origin.StatusOf(c.noted(c.ino.target, err))
	if err == nil && args.Offset == 0 && args.Count == 0 {
		c.session.noteUnstable(c.ino.id, true)
	}
}

// commitRange passes a COMMIT through. One of the whole file settles what the file owes.
func (f *Filer) commitRange(ctx context.Context, as origin.Cred, ino *inode, off uint64, n uint32) (origin.CommitResult, error) {
	ino.mu.Lock()
	owed := ino.unstable
	ino.mu.Unlock()
	sent := time.Now()
	r, err := ino.target.origin.Commit(ctx, as, ino.oid(), off, n)
	if err != nil {
		return r, f.stale(ino, err)
	}
	f.sawVerifier(ino.target, r.Verifier)
	ino.mu.Lock()
	defer ino.mu.Unlock()
	if r.WCC.After.Present && !ino.target.caps.Local {
		ino.observe(&r.WCC.After.Attr, sent)
	}
	if off == 0 && n == 0 && ino.unstable.bytes >= owed.bytes {
		ino.unstable.bytes -= owed.bytes
		sub(&ino.target.dirty, owed.bytes)
	}
	return r, nil
}

func (f *Filer) setattr(_ context.Context, req *nfs.Request, args *nfs.SetattrArgs, res *nfs.SetattrResult) {
	onceLogged(f.drc, req, nfs.ProcSetattr, args, res, func(mine *reply) {
		c, err := f.beginChange(req, &args.Object)
		if err != nil {
			res.Status = origin.StatusOf(err)
			return
		}
		defer c.end()
		c.reply = mine
		var guard *nfs.Time
		if args.Guarded {
			guard = &args.Ctime
		}
		wcc, err := c.setAttr(f.lasting(), args.Attr, guard)
		res.Wcc, res.Status = c.ino.showWcc(wcc), origin.StatusOf(c.noted(c.ino.target, f.stale(c.ino, err)))
	})
}

func (c call) setAttr(ctx context.Context, set nfs.SetAttr, guard *nfs.Time) (nfs.WccData, error) {
	ino := c.ino
	if ino.target.caps.Local {
		return ino.target.origin.SetAttr(ctx, c.as, ino.oid(), set, guard)
	}
	if c.f.writesBack(ino) {
		return c.setAttrLocal(ctx, set, guard)
	}
	if set.Size.Set {
		return c.truncate(ctx, set, guard)
	}
	return c.passSetAttr(ctx, set, guard)
}

// truncate is a SETATTR of the size: a change of every byte from the smaller of the two sizes on.
func (c call) truncate(ctx context.Context, set nfs.SetAttr, guard *nfs.Time) (nfs.WccData, error) {
	ino, size := c.ino, set.Size.Value
	ino.mu.Lock()
	content := c.f.contentOf(ino)
	ch := ino.beginChangeLocked()
	epoch := content.epoch
	w := content.beginWrite(min(size, ino.attr.Size), 1<<63)
	ino.mu.Unlock()

	wcc, err := ino.target.origin.SetAttr(ctx, c.as, ino.oid(), set, guard)

	content.io.Lock()
	defer content.io.Unlock()
	ino.mu.Lock()
	defer ino.mu.Unlock()
	ch.end(wcc, err)
	content.endWrite(w)
	switch {
	case err != nil && !wcc.After.Present, w.contended, !wcc.Before.Present:
		content.reset()
	case err == nil && content.epoch == epoch:
		content.resize(wcc.Before.Attr.Size, size)
	}
	return wcc, err
}
