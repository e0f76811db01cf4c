package filer

import (
	"context"
	"time"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// check is a GETATTR in flight.
type check struct {
	sent time.Time
	done chan struct{}
	attr nfs.Attr // valid after done, as is err
	err  error
}

// fresh returns attributes that were confirmed by the origin for a question sent not before the given time. Questions of
// the same inode are shared by all whom their answer satisfies.
func (f *Filer) fresh(ctx context.Context, as origin.Cred, ino *inode, notBefore time.Time) (nfs.Attr, error) {
	return f.confirm(ctx, as, ino, notBefore, nil)
}

// confirm is fresh, which gives up with errLost when lost is closed. The question itself goes on.
func (f *Filer) confirm(ctx context.Context, as origin.Cred, ino *inode, notBefore time.Time, lost <-chan struct{}) (nfs.Attr, error) {
	for {
		ino.mu.Lock()
		if ino.known && (ino.ahead() || !ino.verified.Before(notBefore)) {
			a := ino.attr
			ino.mu.Unlock()
			return a, nil
		}
		c := ino.check
		if c == nil {
			c = &check{sent: time.Now(), done: make(chan struct{})}
			ino.check = c
			if !f.spawn(func(ctx context.Context) { f.ask(ctx, as, ino, c) }) { // the filer is closing
				ino.check = nil
				ino.mu.Unlock()
				return nfs.Attr{}, context.Canceled
			}
		}
		ino.mu.Unlock()
		nfs.Wait(ctx)
		select {
		case <-c.done:
		case <-lost:
			return nfs.Attr{}, errLost
		case <-ctx.Done():
			return nfs.Attr{}, ctx.Err()
		}
		if !c.sent.Before(notBefore) && !isCancel(c.err) {
			return c.attr, c.err
		}
	}
}

// ask sends the GETATTR of c and notes the answer.
func (f *Filer) ask(ctx context.Context, as origin.Cred, ino *inode, c *check) {
	if held := f.table.known(ino.id); held != nil { // it stays in memory meanwhile
		defer f.table.put(held)
	}
	a, err := ino.target.origin.GetAttr(ctx, as, ino.oid())
	err = f.stale(ino, err)
	ino.mu.Lock()
	if err == nil {
		ino.observe(&a, c.sent)
		if ino.chain.inflight > 0 {
			// Own changes are in flight: the answer is as good as the question was, even if it is overtaken.
			ino.verified = later(ino.verified, c.sent)
		}
	}
	c.attr, c.err = ino.attr, err
	ino.check = nil
	close(c.done)
	ino.mu.Unlock()
}

// ahead says that what is here is newer than what the origin has. Called with mu held.
func (ino *inode) ahead() bool { return ino.dirty != nil || ino.making != nil }

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// newer says whether a is a later state of the file than b: ctime cannot be set by anybody.
func newer(a, b *nfs.Attr) bool {
	if a.Ctime != b.Ctime {
		return b.Ctime.Before(a.Ctime)
	}
	if a.Mtime != b.Mtime {
		return b.Mtime.Before(a.Mtime)
	}
	return a.Size > b.Size
}

// observe notes attributes from a reply to a question sent at the given time, and drops what was cached if they show
// somebody else's change. Called with mu held.
func (ino *inode) observe(a *nfs.Attr, sent time.Time) {
	if ino.dirty != nil {
		ino.observeDirty(a, sent)
		return
	}
	if ino.making != nil { // it cannot be about this one
		return
	}
	if ino.chain.inflight > 0 { // cannot be judged until our changes have ended
		ino.chain.see(a.Pre())
		if !ino.known || newer(a, &ino.attr) {
			ino.attr, ino.known = *a, true
		}
		return
	}
	if ino.known && a.Pre() == ino.attr.Pre() && a.FileID == ino.attr.FileID {
		ino.attr = *a
		ino.verified = later(ino.verified, sent)
		return
	}
	if ino.known && sent.Before(ino.settled) && !newer(a, &ino.attr) {
		return // an answer that was overtaken by a later state
	}
	if ino.known {
		own := ino.renamed && a.Size == ino.attr.Size && a.Mtime == ino.attr.Mtime && a.FileID == ino.attr.FileID
		if !own {
			ino.foreign()
		}
	}
	ino.renamed = false
	ino.attr, ino.known = *a, true
	ino.verified, ino.settled = later(ino.verified, sent), time.Now()
	ino.matchContent()
}

// matchContent drops data loaded from an earlier run that belong to another state. Called with mu held.
func (ino *inode) matchContent() {
	if c := ino.content; c != nil && c.unproven {
		c.unproven = false
		if c.state != ino.attr.Pre() {
			c.reset()
		}
	}
}

// foreign drops what is cached of a state that is no longer. Called with mu held.
func (ino *inode) foreign() {
	if ino.content != nil {
		ino.content.reset()
	}
	if ino.names != nil {
		ino.names.reset()
	}
	clear(ino.grants)
}

// distrust makes the next use ask the origin.
func (ino *inode) distrust() {
	ino.mu.Lock()
	ino.verified = time.Time{}
	ino.mu.Unlock()
}

// change is one change of ours in flight.
type change struct {
	ino  *inode
	sent time.Time
}

// beginChange announces a change of the inode to come.
func (ino *inode) beginChange() change {
	ino.mu.Lock()
	defer ino.mu.Unlock()
	return ino.beginChangeLocked()
}

func (ino *inode) beginChangeLocked() change {
	if ino.content != nil && ino.content.unproven { // whether its data are right can no longer be told
		ino.content.unproven = false
		ino.content.reset()
	}
	ino.changes++
	ino.chain.begin(ino.originState(), ino.known)
	return change{ino, time.Now()}
}

// end notes the outcome. Called with the inode's mu held. A call that failed without weak-cache-consistency data is
// taken to have changed the file, unless the origin answered: then it changed nothing.
func (c change) end(wcc nfs.WccData, err error) {
	ino := c.ino
	ino.changes++
	_, answered := nfs.StatusOf(err)
	if wcc.Before.Present && wcc.After.Present && wcc.Before.Attr.Ctime != wcc.After.Attr.Ctime {
		ino.target.skew.Store(int64(time.Until(wcc.After.Attr.Ctime.Time())))
	}
	before := ino.chain
	last := ino.chain.end(wcc, err != nil && answered && !wcc.After.Present)
	if ino.dirty != nil {
		ino.endDirty(wcc, last)
		return
	}
	if wcc.After.Present && (!ino.known || newer(&wcc.After.Attr, &ino.attr)) {
		ino.attr, ino.known = wcc.After.Attr, true
	}
	if !last {
		return
	}
	ino.settled = time.Now()
	switch {
	case ino.chain.ours():
		if wcc.After.Present && wcc.After.Attr.Pre() == ino.chain.at {
			ino.attr = wcc.After.Attr
		}
		ino.verified = later(ino.verified, c.sent)
		if ino.attr.Pre() != ino.chain.at {
			ino.verified = time.Time{}
		}
		ino.keepGrants()
	case !before.base: // nothing was cached of a state that was not known
		ino.foreign()
		ino.verified = time.Time{}
		if wcc.After.Present {
			ino.verified = c.sent
		}
	default:
		ino.foreign()
		ino.verified = time.Time{}
	}
	if ino.content != nil {
		ino.content.state = ino.attr.Pre()
	}
}

// gone forgets an inode that the origin no longer has.
func (f *Filer) gone(ino *inode) {
	if !f.goneDirty(ino) {
		return
	}
	f.drop(ino)
	if err := f.ids.drop(ino.id, fileKey{ino.target.id, ino.oid()}); err != nil {
		f.log.Error("forget a deleted file", "inode", ino.id, "error", err)
	}
}

// drop takes an inode out of memory with all that is cached of it.
func (f *Filer) drop(ino *inode) {
	ino.mu.Lock()
	ino.foreign()
	ino.known = false
	sub(&ino.target.dirty, ino.unstable.bytes)
	ino.unstable = unstable{}
	ino.mu.Unlock()
	f.table.forget(ino)
}
