package filer

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// writesBack says whether changes of the file's data are acknowledged here: its export says so, or it is dirty from a
// time when that was so.
func (f *Filer) writesBack(ino *inode) bool {
	if f.wb == nil {
		return false
	}
	if ino.target.writeBack > 0 {
		return true
	}
	ino.mu.Lock()
	defer ino.mu.Unlock()
	return ino.dirty != nil
}

// regular returns the file's attributes, if it is a regular one.
func (c call) regular(ctx context.Context) (nfs.Attr, error) {
	a, err := c.f.fresh(ctx, c.as, c.ino, c.ino.target.freshEnough())
	switch {
	case err != nil:
		return a, err
	case a.Type == nfs.TypeDirectory:
		return a, nfs.ErrIsDir
	case a.Type != nfs.TypeRegular:
		return a, nfs.ErrInval
	}
	return a, nil
}

// mayWrite refuses at once what the origin would refuse at write-back. A file's owner may write whatever its mode says,
// as clients check that at open.
func (c call) mayWrite(ctx context.Context, a *nfs.Attr) error {
	c.ino.mu.Lock()
	made := c.ino.made
	c.ino.mu.Unlock()
	if c.owns(a) && (made || a.Mode&0o200 == 0) {
		return nil
	}
	got, err := c.granted(ctx, c.ino, nfs.AccessModify|nfs.AccessExtend)
	if err == nil && got == 0 {
		err = nfs.ErrAcces
	}
	return err
}

// soil prepares a clean file for becoming dirty: what the index says of its data must not be believed after a crash, for
// changes will be made in place that may be lost.
func (f *Filer) soil(ino *inode) error {
	ino.mu.Lock()
	defer ino.mu.Unlock()
	for c := f.contentOf(ino); ino.dirty == nil && c.recorded; c = f.contentOf(ino) {
		n := c.voids + 1
		ino.mu.Unlock()
		err := f.kv.Apply([]Change{{inodeKey('x', ino.id), binary.BigEndian.AppendUint64(nil, n)}}, true)
		ino.mu.Lock()
		if err != nil {
			return err
		}
		if c.voids < n {
			c.voids, c.recorded = n, false
		}
	}
	return nil
}

// soiled returns what is dirty of the file, from now on something. Called with mu held, after soil.
func (c call) soiled() *dirty {
	ino := c.ino
	if ino.dirty == nil {
		ino.dirty = &dirty{base: ino.attr, layer: layer{cut: ino.attr.Size}, size: ino.attr.Size}
		c.f.wb.add(ino)
	}
	ino.dirty.by(c.as, c.session.ID, time.Now())
	return ino.dirty
}

// writeLocal is a WRITE that is acknowledged here.
func (c call) writeLocal(ctx context.Context, off uint64, data []byte, how nfs.Stable) (r origin.WriteResult, err error) {
	a, err := c.regular(ctx)
	if err == nil && (off > maxOffset || off+uint64(len(data)) > maxOffset) {
		err = nfs.ErrFBig
	}
	if err == nil {
		err = c.mayWrite(ctx, &a)
	}
	w := c.f.wb
	if err == nil {
		err = w.admit(len(data))
	}
	if err == nil {
		err = c.f.soil(c.ino)
	}
	if err != nil {
		return r, err
	}
	if len(data) == 0 {
		r.WCC.After, r.Committed, r.Verifier = nfs.WithAttr(a), how, w.verifier()
		return r, nil
	}
	small := len(data) <= smallWrite
	seq, err := c.apply(off, data, how != nfs.Unstable && small, &r.WCC)
	for tries := 0; errors.Is(err, errAgain) && tries < readTries; tries++ {
		if err = c.f.soil(c.ino); err == nil {
			seq, err = c.apply(off, data, how != nfs.Unstable && small, &r.WCC)
		}
	}
	if errors.Is(err, errAgain) {
		err = nfs.ErrJukebox
	}
	if err != nil {
		return r, err
	}
	switch {
	case how == nfs.Unstable:
	case small:
		err = w.wait(seq)
	default:
		err = w.harden(c.ino)
	}
	if err != nil { // not durable, and never claimed to be
		return r, nfs.ErrJukebox
	}
	r.N, r.Committed, r.Verifier = len(data), how, w.verifier()
	return r, nil
}

// apply writes into the data file and notes the change; logged puts the bytes into the log too. errAgain: the file
// became something else meanwhile.
func (c call) apply(off uint64, data []byte, logged bool, wcc *nfs.WccData) (seq uint64, err error) {
	ino, end := c.ino, off+uint64(len(data))
	ino.mu.Lock()
	content := c.f.contentOf(ino)
	ino.mu.Unlock()
	content.io.Lock()
	defer content.io.Unlock()

	ino.mu.Lock()
	if !ino.known || content.recorded && ino.dirty == nil {
		ino.mu.Unlock()
		return 0, errAgain
	}
	f, err := content.open()
	if err != nil {
		ino.mu.Unlock()
		c.f.store.diskFull(err)
		return 0, nfs.ErrJukebox
	}
	file := f.take()
	defer file.put()
	content.writing++
	content.kill(off, end) // fetches in flight bring what is overtaken
	ino.mu.Unlock()
	err = c.f.store.disk.WriteAt(file.f, data, int64(off))

	ino.mu.Lock()
	defer ino.mu.Unlock()
	content.writing--
	content.kill(off, end)
	if err != nil {
		c.f.store.diskFull(err)
		content.damaged(off, end)
		return 0, nfs.ErrJukebox
	}
	if !ino.known || content.file == nil || content.file.f != file.f {
		return 0, errAgain
	}
	before := ino.attr.Pre()
	d := c.soiled()
	now := ino.target.tick(&ino.attr)
	if ino.attr.Size < off {
		content.add(ino.attr.Size, off) // a write beyond the end leaves zeros behind it
	}
	content.add(off, end)
	d.wrote(off, end)
	ino.attr.Size = max(ino.attr.Size, end)
	ino.attr.Used = max(ino.attr.Used, ino.attr.Size)
	ino.attr.Mtime, ino.attr.Ctime = now, now
	d.urgent = d.urgent || len(d.layer.bytes.spans) > maxDirtySpans
	c.f.wb.account(ino)
	*wcc = nfs.WccData{Before: nfs.OptPreAttr{Present: true, Attr: before}, After: nfs.WithAttr(ino.attr)}
	if logged {
		return c.f.wb.logData(ino, off, data)
	}
	return 0, nil
}

// logData puts written bytes into the log, after the file's state if that is not there. Called with content.io and mu
// held: the bytes are in the data file, so that a later sync of it covers every record before.
func (w *writeBack) logData(ino *inode, off uint64, data []byte) (uint64, error) {
	d := ino.dirty
	r := dataRecord{
		inode: ino.id, gen: ino.content.gen, size: max(d.size, off+uint64(len(data))), mtime: ino.attr.Mtime, ctime: ino.attr.Ctime, off: off, data: data,
	}
	records := [][]byte{r.encode()}
	if !d.logged {
		s := ino.stateOf()
		records = [][]byte{s.encode(), records[0]}
	}
	seq, err := w.log.Append(records...)
	if err != nil {
		w.logFailed(err)
		return 0, nfs.ErrJukebox
	}
	d.logged, d.seq = true, seq
	d.secured(off, off+uint64(len(data)))
	return seq, nil
}

// damaged drops clean bytes that a failed write may have overwritten. Called with mu held.
func (c *content) damaged(from, to uint64) {
	if c.ino.dirty == nil {
		c.drop(from, to)
		return
	}
	all := c.ino.dirty.all()
	for _, s := range all.missing(from, min(to, c.ino.dirty.cut(), c.ino.dirty.base.Size)) {
		c.drop(s.from, s.to)
	}
}

// harden makes all of a file's dirty bytes durable: COMMIT.
func (w *writeBack) harden(ino *inode) error {
	if err := w.failure(); err != nil {
		return err
	}
	ino.mu.Lock()
	content := ino.content
	ino.mu.Unlock()
	if content == nil {
		return w.waitLanded()
	}
	content.hardening.Lock()
	defer content.hardening.Unlock()
	seq, large, err := w.hardenSmall(ino, content)
	if err == nil && large != nil {
		if err = w.syncData(ino, large); err != nil {
			return err
		}
		ino.mu.Lock()
		if ino.dirty == large {
			if err = w.logState(ino, w.log.Append); err == nil {
				seq = ino.dirty.seq
			}
		}
		ino.mu.Unlock()
	}
	if err != nil {
		w.wake()
		return err
	}
	if seq == 0 { // it has landed
		return w.waitLanded()
	}
	return w.wait(seq)
}

// hardenSmall puts what is not yet durable into the log if that is little. Else it returns the dirty file for a sync.
func (w *writeBack) hardenSmall(ino *inode, content *content) (seq uint64, large *dirty, err error) {
	content.io.Lock()
	defer content.io.Unlock()
	ino.mu.Lock()
	defer ino.mu.Unlock()
	d := ino.dirty
	if d == nil {
		return 0, nil, nil
	}
	rest := d.loose.clone()
	if rest.size() > smallWrite || len(rest.spans) > 16 {
		return 0, d, nil
	}
	if len(rest.spans) == 0 && (!d.logged || d.due) {
		err := w.logState(ino, w.log.Append)
		return d.seq, nil, err
	}
	for _, s := range rest.spans {
		buf := make([]byte, s.to-s.from)
		if _, err := content.file.f.ReadAt(buf, int64(s.from)); err != nil {
			return 0, nil, err
		}
		if _, err := w.logData(ino, s.from, buf); err != nil {
			return 0, nil, err
		}
	}
	return d.seq, nil, nil
}

// commitLocal is a COMMIT of a file that is written back: what was written is durable here, or at the origin already.
func (c call) commitLocal(ctx context.Context) (r origin.CommitResult, err error) {
	if _, err = c.regular(ctx); err != nil {
		return r, err
	}
	verf := c.f.wb.verifier()
	c.ino.mu.Lock()
	before := c.ino.attr.Pre()
	c.ino.mu.Unlock()
	if c.f.wb.harden(c.ino) != nil {
		return r, nfs.ErrJukebox
	}
	c.ino.mu.Lock()
	defer c.ino.mu.Unlock()
	r.WCC = nfs.WccData{Before: nfs.OptPreAttr{Present: true, Attr: before}, After: nfs.WithAttr(c.ino.attr)}
	r.Verifier = verf
	return r, nil
}
