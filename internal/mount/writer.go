package mount

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/spillway/spillway/nfs"
)

// extent is a run of bytes on its way to the server.
type extent struct {
	off      uint64
	data     []byte
	auth     *nfs.Auth
	verifier nfs.Verifier  // of the WRITE that took it
	lost     bool          // taken under more than one verifier: to be sent again
	stable   bool          // durable already
	failed   bool          // not taken; the writer's err says why
	repeated bool          // being sent again; guarded by the writer's mu, as is:
	behind   bool          // an older one that it overlaps was sent again, so this one must be, too
	done     chan struct{} // closed when the server has answered
}

func (e *extent) end() uint64 { return e.off + uint64(len(e.data)) }

func (e *extent) overlaps(o *extent) bool { return e.off < o.end() && o.off < e.end() }

func (e *extent) flying() bool {
	select {
	case <-e.done:
		return false
	default:
		return true
	}
}

// writer writes one file back. It gathers adjoining pieces into an extent, sends extents in parallel (those that overlap
// in order), and keeps their bytes until a COMMIT under the verifier of their WRITEs says that they are durable.
type writer struct {
	n *node

	commits sync.Mutex // held over a COMMIT, so that two do not judge the same extents

	mu    sync.Mutex
	open  *extent     // being gathered; nil if nothing is. Guarded by mu, as all below
	timer *time.Timer // sends open when no more comes
	sent  []*extent   // in the order they were sent; those in flight and those not yet durable
	err   error       // the first failure that nobody has been told of
	grew  time.Time   // when the server last took an extent
}

func newWriter(n *node) *writer { return &writer{n: n} }

// write takes bytes over. It returns an earlier failure at once: what fails for one piece will fail for the next.
func (w *writer) write(ctx context.Context, auth *nfs.Auth, off uint64, data []byte) error {
	w.mu.Lock()
	if w.err != nil {
		defer w.mu.Unlock()
		return w.err
	}
	limit := w.n.fsys.c.WriteBuffer
	if w.open != nil && (off != w.open.end() || len(w.open.data)+len(data) > limit) {
		w.launch()
	}
	if w.open == nil {
		w.open = &extent{off: off, auth: auth, data: make([]byte, 0, max(len(data), min(limit, 64<<10))), done: make(chan struct{})}
	}
	w.open.data = append(w.open.data, data...)
	if len(w.open.data) >= limit {
		w.launch()
	} else {
		w.armTimer()
	}
	held := 0
	for _, e := range w.sent {
		held += len(e.data)
	}
	w.mu.Unlock()
	if held > w.n.fsys.c.MaxUnstable {
		return w.commit(ctx)
	}
	return nil
}

// armTimer lets a part of a buffer go when the program pauses. Called with mu held.
func (w *writer) armTimer() {
	if w.timer != nil {
		w.timer.Reset(w.n.fsys.c.WriteDelay)
		return
	}
	w.timer = time.AfterFunc(w.n.fsys.c.WriteDelay, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.launch()
	})
}

// launch sends the open extent, behind those that it overlaps. Called with mu held.
func (w *writer) launch() {
	e := w.open
	if e == nil {
		return
	}
	w.open = nil
	if w.timer != nil {
		w.timer.Stop()
	}
	var before []*extent
	for _, o := range w.sent {
		if o.overlaps(e) && o.flying() {
			before = append(before, o)
		}
		if o.overlaps(e) && o.repeated {
			e.behind = true
		}
	}
	w.sent = append(w.sent, e)
	go func() {
		for _, o := range before {
			<-o.done
		}
		w.fly(e)
	}()
}

// fly sends an extent and notes how it went.
func (w *writer) fly(e *extent) {
	err := w.transfer(e)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		e.failed = true
		if w.err == nil {
			w.err = err
		}
	}
	close(e.done)
	w.grew = time.Now()
	i := slices.Index(w.sent, e)
	if e.failed || e.stable && !slices.ContainsFunc(w.sent[:i], e.overlaps) {
		w.sent = slices.Delete(w.sent, i, i+1)
	}
}

// transfer writes an extent UNSTABLE, in as many calls as the server takes.
func (w *writer) transfer(e *extent) error {
	ctx := w.n.fsys.ctx
	e.lost, e.stable = false, true
	for done := 0; done < len(e.data); {
		args := nfs.WriteArgs{File: w.n.handle, Offset: e.off + uint64(done), Stable: nfs.Unstable, Data: e.data[done:]}
		res, err := patient(ctx, w.n.fsys, func() (nfs.WriteResult, error) { return w.n.fsys.client.Write(ctx, e.auth, args) })
		if err != nil {
			return err
		}
		if res.Count == 0 || int(res.Count) > len(e.data)-done {
			return nfs.ErrServerFault // it took nothing, or more than it was given
		}
		if done > 0 && res.Verifier != e.verifier {
			e.lost = true
		}
		e.verifier = res.Verifier
		e.stable = e.stable && res.Committed == nfs.FileSync
		done += int(res.Count)
	}
	return nil
}

// send sends what has been gathered and waits until the server has everything, durable or not.
func (w *writer) send(ctx context.Context) error {
	w.mu.Lock()
	w.launch()
	waits := slices.Clone(w.sent)
	w.mu.Unlock()
	for _, e := range waits {
		select {
		case <-e.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// commit makes everything durable that was written before the call, and returns the first failure since the last commit.
func (w *writer) commit(ctx context.Context) error {
	w.commits.Lock()
	defer w.commits.Unlock()
	for {
		if err := w.send(ctx); err != nil {
			return err
		}
		w.mu.Lock()
		pending := slices.DeleteFunc(slices.Clone(w.sent), (*extent).flying)
		err := w.err
		if len(pending) == 0 || err != nil {
			w.err = nil
			if err != nil { // the file is damaged already; the program has been told
				w.sent = slices.DeleteFunc(w.sent, func(e *extent) bool { return slices.Contains(pending, e) })
			}
			w.mu.Unlock()
			return err
		}
		w.mu.Unlock()
		if err := w.confirm(ctx, pending); err != nil {
			return err
		}
	}
}

// confirm sends COMMIT. Extents whose bytes the server has lost since (its verifier changed) are sent again, in their
// order and followed by those that overlap them, and stay pending.
func (w *writer) confirm(ctx context.Context, pending []*extent) error {
	verifier, err := w.ask(ctx, pending)
	if err != nil {
		if ctx.Err() == nil { // the server's word: the bytes may be gone
			w.forget(pending)
		}
		return err
	}
	var durable []*extent
	for _, e := range pending {
		if !w.mustRepeat(e, verifier) {
			durable = append(durable, e)
			continue
		}
		if err := w.transfer(e); err != nil {
			w.forget(pending)
			return err
		}
	}
	w.mu.Lock()
	for _, e := range pending {
		e.repeated = false
	}
	w.mu.Unlock()
	w.forget(durable)
	return nil
}

// ask sends COMMIT if there is anything to commit, and returns the verifier.
func (w *writer) ask(ctx context.Context, pending []*extent) (nfs.Verifier, error) {
	i := slices.IndexFunc(pending, func(e *extent) bool { return !e.stable })
	if i < 0 {
		return nfs.Verifier{}, nil
	}
	res, err := patient(ctx, w.n.fsys, func() (nfs.CommitResult, error) {
		return w.n.fsys.client.Commit(ctx, pending[i].auth, nfs.CommitArgs{File: w.n.handle})
	})
	return res.Verifier, err
}

// mustRepeat reports whether an extent must be sent again after a COMMIT under the verifier, and if so marks all younger
// ones that overlap it.
func (w *writer) mustRepeat(e *extent, verifier nfs.Verifier) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	lost := !e.stable && (e.lost || e.verifier != verifier)
	if !lost && !e.behind {
		return false
	}
	e.repeated, e.behind = true, false
	for _, o := range w.sent[slices.Index(w.sent, e)+1:] {
		if o.overlaps(e) {
			o.behind = true
		}
	}
	return true
}

// forget lets the bytes of extents go.
func (w *writer) forget(extents []*extent) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = slices.DeleteFunc(w.sent, func(e *extent) bool { return slices.Contains(extents, e) })
}

// unsettled reports whether attributes that were asked for at that time may lack bytes that programs have written since, or
// before.
func (w *writer) unsettled(asked time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.open != nil || w.grew.After(asked) || slices.ContainsFunc(w.sent, (*extent).flying)
}

// truncated cuts what is kept for a repeat, so that a repeat does not lengthen the file again. Everything has been sent.
func (w *writer) truncated(size uint64) {
	w.commits.Lock()
	defer w.commits.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = slices.DeleteFunc(w.sent, func(e *extent) bool {
		if e.off >= size {
			return true
		}
		e.data = e.data[:min(uint64(len(e.data)), size-e.off)]
		return false
	})
}
