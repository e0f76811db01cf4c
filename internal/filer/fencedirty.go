package filer

import (
	"context"
	"slices"
	"time"
)

// fencePatience is how long a fence waits for the origin to take what a session has written.
const fencePatience = 30 * time.Second

// fence ends what a fenced session has left dirty: it lands, or, where the origin does not take it in time, it is set
// aside, so that nothing of the session changes the storage later. The session's calls must have ended.
func (w *writeBack) fence(ctx context.Context, session uint64, reason string) error {
	patience := fencePatience
	if end, ok := ctx.Deadline(); ok { // leave time for setting aside
		patience = min(patience, time.Until(end)/2)
	}
	soon, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	left := w.of(session)
	w.landAll(soon, left)
	mine := func(op *nameOp) bool { return op.session == session }
	if err := w.names.bringAll(soon, w.names.all(mine)); err != nil {
		w.f.log.Warn("names of a fenced session that have not landed", "session", session, "error", err)
	}
	for _, ino := range left {
		if err := w.endDirty(ctx, ino, session, reason); err != nil {
			return err
		}
	}
	for _, op := range w.names.all(mine) {
		if err := w.names.forsake(ctx, op); err != nil {
			return err
		}
	}
	return w.waitLanded()
}

// of returns the dirty files that a session has written to.
func (w *writeBack) of(session uint64) []*inode {
	return slices.DeleteFunc(w.all(), func(ino *inode) bool {
		ino.mu.Lock()
		defer ino.mu.Unlock()
		return ino.dirty == nil || !slices.Contains(ino.dirty.sessions, session)
	})
}

// endDirty sets aside what has not landed of a session.
func (w *writeBack) endDirty(ctx context.Context, ino *inode, session uint64, reason string) error {
	_, err := w.stopAndSetAside(ctx, ino, "fenced: "+reason, func(d *dirty) bool { return slices.Contains(d.sessions, session) })
	return err
}

// stopAndSetAside sets aside what is dirty of a file while want holds for it; nil: there is nothing such. A write-back that
// is under way is stopped first, and waited for.
func (w *writeBack) stopAndSetAside(ctx context.Context, ino *inode, reason string, want func(*dirty) bool) (*Aside, error) {
	for {
		ino.mu.Lock()
		d := ino.dirty
		if d == nil || !want(d) {
			ino.mu.Unlock()
			return nil, nil
		}
		r := d.run
		if r == nil {
			d.next = time.Now().Add(time.Minute) // nobody starts another one meanwhile
		}
		ino.mu.Unlock()
		if r == nil {
			return w.setAside(ino, d, reason)
		}
		r.cancel()
		select {
		case <-r.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
