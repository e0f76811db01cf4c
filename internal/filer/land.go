package filer

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// run is one try to write a file back.
type run struct {
	version uint64 // of the file that it brings to the origin; valid after done
	done    chan struct{}
	err     error // valid after done
	cancel  context.CancelFunc
}

// errAgain says that the origin's file changed between two steps: look again.
var errAgain = errors.New("the file changed at the origin")

// start writes the file back. Called with its mu held; nothing must be running.
func (w *writeBack) start(ino *inode, d *dirty) *run {
	ctx, cancel := context.WithCancel(w.f.ctx)
	r := &run{done: make(chan struct{}), cancel: cancel}
	d.run = r
	if !w.f.spawn(func(context.Context) { w.runOne(ctx, ino, d, r) }) {
		d.run = nil
		r.err = errClosing
		cancel()
		close(r.done)
	}
	return r
}

// Pauses between tries.
const (
	firstPause = time.Second
	longPause  = time.Minute
)

func (w *writeBack) runOne(ctx context.Context, ino *inode, d *dirty, r *run) {
	defer r.cancel()
	defer close(r.done)
	err := w.failure()
	if err == nil {
		err = errAgain
	}
	defer func() { w.f.log.Debug("written back", "inode", ino.id, "version", r.version, "error", r.err) }()
	for tries := 0; errors.Is(err, errAgain) && tries < readTries; tries++ {
		err = w.landOnce(ctx, ino, d, r)
	}
	r.err = err
	ino.mu.Lock()
	defer ino.mu.Unlock()
	d.run = nil
	if ino.dirty != d {
		return
	}
	d.failed()
	d.err = err
	if err == nil {
		d.tries, d.next, d.landed, d.urgent = 0, time.Time{}, r.version, false
		return
	}
	if !isCancel(err) {
		d.next = time.Now().Add(min(firstPause<<min(d.tries, 10), longPause))
		d.tries++
		ino.target.note(err)
	}
}

// landOnce brings what is dirty now to the origin: check that nobody else changed the file, cut it, write, set size and
// time, commit, and check that every state on the way was ours.
func (w *writeBack) landOnce(ctx context.Context, ino *inode, d *dirty, r *run) error {
	ino.mu.Lock()
	op := ino.making
	ino.mu.Unlock()
	if op == nil {
		return w.landData(ctx, ino, d, r)
	}
	born := w.names.bring(ctx, op)
	if born != nil && !isConflict(born) {
		return born
	}
	return cmp.Or(w.landData(ctx, ino, d, r), born)
}

func (w *writeBack) landData(ctx context.Context, ino *inode, d *dirty, r *run) error {
	ino.mu.Lock()
	if ino.dirty != d {
		ino.mu.Unlock()
		return nil
	}
	d.failed() // of the try before, if it gave up half-way
	l := d.send(&ino.attr)
	as := d.as
	r.version = d.version
	ino.mu.Unlock()

	x, err := w.rebase(ctx, ino, d, as)
	if err == nil {
		err = w.announce(ino, d)
	}
	if err != nil {
		return err
	}
	if l.cut < x.Size {
		err := ino.landing(func() (nfs.WccData, error) {
			return ino.target.origin.SetAttr(ctx, as, ino.oid(), nfs.SetAttr{Size: nfs.Set64(l.cut)}, &x.Ctime)
		})
		if errors.Is(err, nfs.ErrNotSync) {
			return errAgain
		}
		if err != nil {
			return w.lost(ino, d, err)
		}
	}
	if err := w.sendBytes(ctx, ino, d, as, &l); err != nil {
		return w.lost(ino, d, err)
	}
	if err := w.verifyGap(ctx, ino, d, &l, as); err != nil {
		return err
	}
	return w.arrived(ino, d)
}

// announce makes it durable that the origin's file is about to change by us, where something was promised of it: after a
// crash, a state that no reply told of is then known for our own.
func (w *writeBack) announce(ino *inode, d *dirty) error {
	ino.mu.Lock()
	if ino.dirty != d || !d.logged || !d.tried.IsZero() {
		ino.mu.Unlock()
		return nil
	}
	d.tried, d.slack = time.Now(), trySlack
	err := w.logState(ino, w.log.AppendReserved)
	seq := d.seq
	ino.mu.Unlock()
	if err != nil {
		return err
	}
	return w.wait(seq)
}

// mine says whether a state of the origin's file may be what our own interrupted write-back made of it. Called with mu
// held.
func (ino *inode) mine(x *nfs.Attr) bool {
	d := ino.dirty
	until := d.tried.Add(d.slack + time.Duration(ino.target.skew.Load()))
	return !d.tried.IsZero() && !x.Ctime.Before(d.base.Ctime) && !x.Ctime.Time().After(until)
}

// lost handles an origin that says the file is gone.
func (w *writeBack) lost(ino *inode, d *dirty, err error) error {
	if !origin.IsGone(err) {
		return err
	}
	ino.mu.Lock()
	ours := ino.unlinks > 0 || ino.dirty != d
	ino.mu.Unlock()
	if !ours {
		return w.f.stale(ino, err) // sets aside what is dirty, if it is the file that is gone
	}
	return err
}

// rebase compares the origin's file with the state that the changes stand on, and ends with a state they can be applied
// to, or with a conflict.
func (w *writeBack) rebase(ctx context.Context, ino *inode, d *dirty, as origin.Cred) (nfs.Attr, error) {
	sent := time.Now()
	x, err := ino.target.origin.GetAttr(ctx, as, ino.oid())
	if err != nil {
		return x, w.lost(ino, d, err)
	}
	ino.mu.Lock()
	overtaken := sent.Before(ino.settled) && newer(&d.base, &x) || d.hasNewest && newer(&d.newest, &x)
	if ino.dirty != d || overtaken {
		ino.mu.Unlock()
		return x, errAgain
	}
	same := x.Pre() == d.base.Pre() || sameData(&x, &d.base) && !d.foreign
	mine := ino.mine(&x)
	all, cut, base, size := d.all(), d.cut(), d.base, ino.attr.Size
	ino.mu.Unlock()
	if !same && !mine {
		ours, err := w.explained(ctx, ino, as, &all, min(cut, base.Size), x.Size <= max(base.Size, size) && x.Size >= min(cut, base.Size))
		if err != nil {
			return x, err
		}
		if !ours {
			return x, w.conflict(ctx, ino, d, as, &x)
		}
	}
	ino.mu.Lock()
	defer ino.mu.Unlock()
	if ino.dirty != d {
		return x, errAgain
	}
	if !same && ino.content != nil { // clean bytes belong to a state that is no longer
		for _, s := range ino.content.have.and(&ranges{[]span{{0, min(cut, base.Size)}}}).spans {
			for _, m := range all.missing(s.from, s.to) {
				ino.content.drop(m.from, m.to)
			}
		}
	}
	d.gap, d.foreign = false, false
	ino.rebase(&x)
	return x, nil
}

// explained says whether the origin's bytes can be our own work alone: where the file is dirty they are ours, or, from
// fresh on, where nothing was before us, absent. That is how a file looks whose write-back was cut off, or whose replies
// were lost.
func (w *writeBack) explained(ctx context.Context, ino *inode, as origin.Cred, all *ranges, fresh uint64, plausible bool) (bool, error) {
	if !plausible {
		return false, nil
	}
	theirs := make([]byte, maxIO)
	for off := range all.chunks(maxIO) {
		ours, err := w.load(ino, off)
		if err != nil {
			return false, err
		}
		n, err := readFull(ctx, ino, as, off.from, theirs[:off.to-off.from])
		if err != nil {
			return false, err
		}
		clear(theirs[n : off.to-off.from])
		if bytes.Equal(ours, theirs[:len(ours)]) {
			continue
		}
		for i, b := range ours {
			if t := theirs[i]; t != b && (off.from+uint64(i) < fresh || t != 0) {
				return false, nil
			}
		}
	}
	return true, nil
}

// chunks cuts the set into pieces of at most n bytes.
func (r *ranges) chunks(n uint64) func(func(span) bool) {
	return func(yield func(span) bool) {
		for _, s := range r.spans {
			for at := s.from; at < s.to; at += n {
				if !yield(span{at, min(at+n, s.to)}) {
					return
				}
			}
		}
	}
}

// load reads our bytes from the data file.
func (w *writeBack) load(ino *inode, s span) ([]byte, error) {
	ino.mu.Lock()
	if ino.content == nil || ino.content.file == nil {
		ino.mu.Unlock()
		return nil, fault.New(fault.Internal, "the data file is not there")
	}
	file := ino.content.file.take()
	ino.mu.Unlock()
	defer file.put()
	buf := make([]byte, s.to-s.from)
	n, err := file.f.ReadAt(buf, int64(s.from))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	clear(buf[n:]) // truncated meanwhile, which the next run brings
	return buf, nil
}

// readFull reads from the origin until buf is full or the file ends.
func readFull(ctx context.Context, ino *inode, as origin.Cred, off uint64, buf []byte) (int, error) {
	n := 0
	for n < len(buf) {
		r, err := ino.target.origin.Read(ctx, as, ino.oid(), off+uint64(n), buf[n:])
		if err != nil {
			return n, err
		}
		n += r.N
		if r.EOF || r.N == 0 {
			return n, nil
		}
	}
	return n, nil
}

// landWindow bounds the writes of one file in flight.
const landWindow = 16

// sendBytes writes the layer's bytes, then sets size and time, then commits. What fits into one write is written stable.
func (w *writeBack) sendBytes(ctx context.Context, ino *inode, d *dirty, as origin.Cred, l *layer) error {
	t := ino.target
	chunk := uint64(max(min(t.caps.MaxWrite, maxIO), 4096))
	how := nfs.Unstable
	if len(l.bytes.spans) == 1 && l.bytes.size() <= chunk {
		how = nfs.FileSync
	}
	var mu sync.Mutex
	verfs := map[nfs.Verifier]struct{}{}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(landWindow)
	for s := range l.bytes.chunks(chunk) {
		if gctx.Err() != nil {
			break
		}
		if err := w.f.fetchBudget.Acquire(gctx, int64(s.to-s.from)); err != nil {
			break
		}
		g.Go(func() error {
			defer w.f.fetchBudget.Release(int64(s.to - s.from))
			data, err := w.load(ino, s)
			for off := s.from; err == nil && len(data) > 0; {
				var res origin.WriteResult
				err = ino.landing(func() (nfs.WccData, error) {
					res, err = t.origin.Write(gctx, as, ino.oid(), off, data, how)
					return res.WCC, err
				})
				if err != nil {
					break
				}
				if res.N <= 0 || res.N > len(data) {
					return fault.New(fault.Internal, "the storage wrote %d of %d bytes", res.N, len(data))
				}
				t.traffic.written.Add(uint64(res.N))
				w.f.sawVerifier(t, res.Verifier)
				if res.Committed == nfs.Unstable {
					mu.Lock()
					verfs[res.Verifier] = struct{}{}
					mu.Unlock()
				}
				off, data = off+uint64(res.N), data[res.N:]
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	set := nfs.SetAttr{Mtime: nfs.SetTimeTo(l.mtime), Atime: l.atime, Size: nfs.Set64(l.size)}
	ino.mu.Lock()
	if d.base.Size == l.size && !d.gap {
		set.Size = nfs.SetUint64{}
	}
	owner := origin.Cred{UID: d.base.UID, GID: d.base.GID}
	ino.mu.Unlock()
	setAs := func(who origin.Cred) error {
		return ino.landing(func() (nfs.WccData, error) { return t.origin.SetAttr(ctx, who, ino.oid(), set, nil) })
	}
	err := setAs(as)
	if denied(err) { // times are the owner's to set, and somebody else wrote
		err = setAs(owner)
	}
	if denied(err) {
		set.Mtime, set.Atime, err = nfs.SetTime{}, nfs.SetTime{}, nil
		if set.Size.Set {
			err = setAs(as)
		}
	}
	if err != nil || len(verfs) == 0 {
		return err
	}
	sent := time.Now()
	res, err := t.origin.Commit(ctx, as, ino.oid(), 0, 0)
	if err != nil {
		return err
	}
	w.f.sawVerifier(t, res.Verifier)
	if _, same := verfs[res.Verifier]; !same || len(verfs) > 1 {
		return fault.New(fault.Unavailable, "the storage restarted while the file was written back")
	}
	if res.WCC.After.Present {
		ino.mu.Lock()
		ino.observe(&res.WCC.After.Attr, sent)
		ino.mu.Unlock()
	}
	return nil
}

func denied(err error) bool { return errors.Is(err, nfs.ErrPerm) || errors.Is(err, nfs.ErrAcces) }

// verifyGap looks at the file when a reply was lost or came without a state, or somebody else's shows: what is there
// must be what we wrote.
func (w *writeBack) verifyGap(ctx context.Context, ino *inode, d *dirty, l *layer, as origin.Cred) error {
	ino.mu.Lock()
	gap := ino.dirty == d && (d.gap || d.foreign)
	ino.mu.Unlock()
	if !gap {
		return nil
	}
	x, err := ino.target.origin.GetAttr(ctx, as, ino.oid())
	if err != nil {
		return w.lost(ino, d, err)
	}
	ino.mu.Lock()
	sent := l.bytes.clone()
	if ino.dirty == d { // what was changed since differs for a reason
		for _, s := range d.layer.bytes.spans {
			sent.remove(s.from, s.to)
		}
		sent.remove(d.layer.cut, maxOffset)
	}
	ino.mu.Unlock()
	ours, err := w.explained(ctx, ino, as, &sent, maxOffset, x.Size == l.size)
	if err != nil {
		return err
	}
	if !ours {
		return w.conflict(ctx, ino, d, as, &x)
	}
	y, err := ino.target.origin.GetAttr(ctx, as, ino.oid())
	if err != nil {
		return w.lost(ino, d, err)
	}
	if y.Pre() != x.Pre() {
		return errAgain
	}
	ino.mu.Lock()
	defer ino.mu.Unlock()
	if ino.dirty != d {
		return nil
	}
	if ino.content != nil { // clean bytes may be of another state
		all := d.all()
		for _, s := range ino.content.have.clone().spans {
			for _, m := range all.missing(s.from, s.to) {
				ino.content.drop(m.from, m.to)
			}
		}
		if d.sent != nil && d.layer.cut < ino.attr.Size { // zeros of a file that was made longer since
			ino.content.add(d.layer.cut, ino.attr.Size)
		}
	}
	d.gap, d.foreign = false, false
	ino.rebase(&x)
	return nil
}

// arrived notes that the layer is at the origin.
func (w *writeBack) arrived(ino *inode, d *dirty) error {
	ino.mu.Lock()
	defer ino.mu.Unlock()
	if ino.dirty != d {
		return nil
	}
	d.arrived(d.base)
	if d.pending(ino.attr.Size) {
		w.account(ino)
		d.first = d.last
		if d.logged {
			err := w.logState(ino, w.log.AppendReserved)
			w.landed(d.seq, err)
			return err
		}
		return nil
	}
	w.clean(ino)
	ino.attr, ino.verified, ino.settled = d.base, time.Now(), time.Now()
	if c := ino.content; c != nil {
		c.state = ino.attr.Pre()
		c.touched()
	}
	return nil
}

// land writes a file back until the origin has what was dirty at the call, and a crash does not undo that. A conflict is an
// error, but the file is clean then.
func (w *writeBack) land(ctx context.Context, ino *inode) error {
	ino.mu.Lock()
	var want uint64
	first := ino.dirty
	if first != nil {
		want = first.version
	}
	ino.mu.Unlock()
	for tries := 0; ; tries++ {
		ino.mu.Lock()
		d := ino.dirty
		if d == nil || d != first || d.landed >= want {
			ino.mu.Unlock()
			return w.waitLanded()
		}
		r := d.run
		if r == nil {
			r = w.start(ino, d)
		}
		ino.mu.Unlock()
		select {
		case <-r.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		if r.err != nil && (isConflict(r.err) || r.version >= want || tries > 0 || errors.Is(r.err, errClosing)) {
			return r.err
		}
	}
}

// landAll writes files back and waits until they are there, have failed, or ctx ends.
func (w *writeBack) landAll(ctx context.Context, files []*inode) {
	var g errgroup.Group
	g.SetLimit(workers)
	for _, ino := range files {
		g.Go(func() error {
			if err := w.land(ctx, ino); err != nil && !isConflict(err) {
				w.f.log.Warn("not written back yet", "inode", ino.id, "name", ino.lastName(), "error", err)
			}
			return nil
		})
	}
	_ = g.Wait() // its functions return nothing
}

func (ino *inode) lastName() string {
	ino.mu.Lock()
	defer ino.mu.Unlock()
	return ino.place.name
}
