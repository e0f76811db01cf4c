package filer

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

func (f *Filer) read(ctx context.Context, req *nfs.Request, args *nfs.ReadArgs, res *nfs.ReadResult) {
	c, err := f.begin(req, &args.File)
	if err != nil {
		res.Status = origin.StatusOf(err)
		return
	}
	defer c.end()
	count := min(args.Count, maxIO)
	t := c.ino.target
	if t.caps.Local {
		err = c.readOrigin(ctx, args.Offset, req.Buffer(int(count)), res)
	} else {
		err = c.readCached(ctx, req, args.Offset, uint64(count), res)
	}
	if err = c.noted(t, err); err != nil {
		*res = nfs.ReadResult{Status: origin.StatusOf(err), Attr: c.ino.opt()}
		return
	}
	n := uint64(len(res.Data) + res.Range.Length)
	t.traffic.served.Add(n)
	c.session.read.Add(n)
	c.moved(n)
	res.Attr = c.ino.showOpt(res.Attr)
}

// readOrigin passes the read through.
func (c call) readOrigin(ctx context.Context, off uint64, buf []byte, res *nfs.ReadResult) error {
	nfs.Wait(ctx)
	r, err := c.ino.target.origin.Read(ctx, c.as, c.ino.oid(), off, buf)
	if err != nil {
		return c.f.stale(c.ino, err)
	}
	c.ino.target.traffic.demand.Add(uint64(r.N))
	res.Data, res.EOF, res.Attr = buf[:r.N], r.EOF, nfs.WithAttr(r.Attr)
	return nil
}

// readTries is how often a read starts over because the file changed under it.
const readTries = 4

// readCached serves from the data file, fetching what is missing.
func (c call) readCached(ctx context.Context, req *nfs.Request, off, count uint64, res *nfs.ReadResult) error {
	if c.readWarm(off, count, res) {
		return nil
	}
	if err := c.allowed(ctx, c.ino, nfs.AccessRead); err != nil {
		return err
	}
	for range readTries {
		a, err := c.f.trusted(ctx, c.as, c.ino, c.ino.target.freshEnough())
		if err != nil {
			return err
		}
		switch a.Type {
		case nfs.TypeRegular:
		case nfs.TypeDirectory:
			return nfs.ErrIsDir
		default:
			return nfs.ErrInval
		}
		done, err := c.readOnce(ctx, req, off, count, res)
		if done || err != nil {
			return err
		}
	}
	if c.ino.isDirty() { // the origin has not all of it
		return nfs.ErrJukebox
	}
	return c.readOrigin(ctx, off, req.Buffer(int(count)), res)
}

// readWarm serves a read for which nothing must be asked or fetched, under one lock; false where that is not so.
func (c call) readWarm(off, count uint64, res *nfs.ReadResult) bool {
	ino, now := c.ino, time.Now()
	notBefore := ino.target.freshAt(now)
	ino.mu.Lock()
	defer ino.mu.Unlock()
	data, size := ino.content, ino.attr.Size
	if data == nil || data.file == nil || !ino.known || ino.verified.Before(notBefore) ||
		ino.attr.Type != nfs.TypeRegular || off >= size || count == 0 {
		return false
	}
	if !permitted(&ino.attr, c.as, nfs.AccessRead) {
		var room [keyBytes]byte
		key := credKey(room[:0], c.as)
		if got, known := ino.grantOf(key, nfs.AccessRead|nfs.AccessExecute, notBefore); !known || got == 0 {
			return false
		}
	}
	end := min(off+count, size)
	if !data.have.has(off, end) {
		return false
	}
	data.give(c, off, end, res)
	return true
}

// give lends [off, end), which the data file has, to the reply. Called with the inode's mu held.
func (c *content) give(to call, off, end uint64, res *nfs.ReadResult) {
	c.ask(off, end)
	c.readAhead(to.as, off, end)
	c.space.use(off, end)
	c.ino.target.traffic.servedCached.Add(end - off)
	to.session.readCached.Add(end - off)
	res.Attr, res.EOF = nfs.WithAttr(c.ino.attr), end == c.ino.attr.Size
	res.Range = nfs.FileRange{File: c.file.f, Offset: int64(off), Length: int(end - off)}
	res.Release = c.lend(off, end)
}

// wanted is a piece of a read: bytes that come with a flight, or from the data file.
type wanted struct {
	from, to uint64
	flight   *flight
}

// readOnce makes one attempt. It reports false when the file changed meanwhile.
func (c call) readOnce(ctx context.Context, req *nfs.Request, off, count uint64, res *nfs.ReadResult) (done bool, err error) {
	ino, t := c.ino, c.ino.target
	ino.mu.Lock()
	data := c.f.contentOf(ino)
	size := ino.attr.Size
	res.Attr = nfs.WithAttr(ino.attr)
	end := min(off+count, size)
	if off >= size || count == 0 {
		ino.mu.Unlock()
		res.EOF = off+count >= size
		return true, nil
	}
	res.EOF = end == size
	if err := data.reopen(); err != nil {
		c.f.store.diskFull(err)
	}
	if data.have.has(off, end) && data.file != nil {
		data.give(c, off, end, res)
		ino.mu.Unlock()
		return true, nil
	}
	data.ask(off, end)
	if ino.dirty == nil && !c.f.store.mayStore() { // fetching blocks that cannot be kept would only multiply small reads
		ino.mu.Unlock()
		return true, c.readOrigin(ctx, off, req.Buffer(int(count)), res)
	}
	epoch := data.epoch
	pieces, cached := data.plan(c.as, off, end)
	var file *dataFile
	if data.file != nil {
		file = data.file
		defer data.lend(off, end)()
	}
	data.readAhead(c.as, off, end)
	data.space.use(off, end)
	ino.mu.Unlock()
	t.traffic.servedCached.Add(cached)
	c.session.readCached.Add(cached)

	nfs.Wait(ctx)
	buf := req.Buffer(int(end - off))
	for _, p := range pieces {
		if err := p.fill(ctx, file, buf[p.from-off:p.to-off]); err != nil {
			if errors.Is(err, errOvertaken) {
				return false, nil
			}
			return false, err
		}
	}
	ino.mu.Lock()
	same := data.epoch == epoch
	ino.mu.Unlock()
	res.Data = buf
	return same, nil
}

// plan cuts [off, end) into pieces, joining flights for what is missing. It also returns how many bytes are there
// already. Called with mu held.
func (c *content) plan(as origin.Cred, off, end uint64) (pieces []wanted, cached uint64) {
	block := c.ino.target.block
	for lo := off; lo < end; {
		hi := min((lo/block+1)*block, end)
		missing := c.have.missing(lo, hi)
		if len(missing) == 0 {
			pieces = append(pieces, wanted{lo, hi, nil})
			cached += hi - lo
			lo = hi
			continue
		}
		fl := c.join(lo/block, as, causeDemand)
		at := lo
		for _, m := range missing {
			if m.from > at {
				pieces = append(pieces, wanted{at, m.from, nil})
				cached += m.from - at
			}
			pieces = append(pieces, wanted{m.from, m.to, fl})
			at = m.to
		}
		if at < hi {
			pieces = append(pieces, wanted{at, hi, nil})
			cached += hi - at
		}
		lo = hi
	}
	return pieces, cached
}

// errOvertaken says that the file changed while it was read.
var errOvertaken = errors.New("the file changed")

// fill waits for the piece and copies it.
func (p wanted) fill(ctx context.Context, file *dataFile, buf []byte) error {
	if p.flight == nil {
		if file == nil {
			return errOvertaken
		}
		_, err := file.f.ReadAt(buf, int64(p.from))
		if errors.Is(err, io.EOF) {
			return errOvertaken
		}
		return err
	}
	select {
	case <-p.flight.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	if p.flight.err != nil {
		return p.flight.err
	}
	lo, hi := p.from-p.flight.from, p.to-p.flight.from
	if p.from < p.flight.from || hi > uint64(len(p.flight.buf)) {
		return errOvertaken
	}
	copy(buf, p.flight.buf[lo:hi])
	return nil
}
