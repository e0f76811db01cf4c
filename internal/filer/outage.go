package filer

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

const (
	// defaultOutage is how long what is cached is served on while its origin is away, where nothing else is said.
	defaultOutage = time.Hour
	// silence is how long an origin may leave everything unanswered before it is taken to be away.
	silence = 3 * time.Second
	// probeEvery is how often an origin that is away is asked for a sign of life.
	probeEvery = time.Second
)

// reach says whether an origin can be reached. While it is away, what was learnt of it counts as confirmed for up to
// limit: clients read on what is cached, as it was. What must be asked now (Revalidate, LOCK, a flush) is asked all the
// same, and everything that is not cached waits.
type reach struct {
	limit time.Duration // 0: nothing is served unconfirmed
	away  atomic.Int64  // Unix nanoseconds since when it is away; 0: it answers

	mu     sync.Mutex
	flying int           // operations that are not answered; mu guards flying, quiet and lost
	quiet  time.Time     // since when nothing has been heard though something was asked
	lost   chan struct{} // closed when it is next taken to be away
}

// serving says whether what is cached is to be served unconfirmed at the moment.
func (r *reach) serving(now time.Time) bool {
	away := r.away.Load()
	return away != 0 && now.UnixNano()-away < int64(r.limit)
}

// untilLost returns a channel that is closed when the origin is next taken to be away; a closed one if it is.
func (r *reach) untilLost() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lost == nil {
		r.lost = make(chan struct{})
	}
	return r.lost
}

// asks notes that an operation begins.
func (r *reach) asks() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.flying++; r.flying == 1 {
		r.quiet = time.Now()
	}
}

// hears notes that an operation ended with err, and whether that shows that the origin has come back, or has gone.
func (r *reach) hears(err error) (back, gone bool) {
	_, answered := nfs.StatusOf(err)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.flying--
	switch {
	case err == nil || answered:
		r.quiet = time.Now()
		if back = r.away.Swap(0) != 0; back {
			r.lost = nil
		}
	case !isCancel(err) && fault.KindOf(err) == fault.Unavailable:
		gone = r.leave()
	}
	return back, gone
}

// listen takes the origin to be away if it has been silent for too long, and says whether it has just done so.
func (r *reach) listen(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.flying > 0 && now.Sub(r.quiet) >= silence && r.leave()
}

// leave takes the origin to be away. Called with mu held.
func (r *reach) leave() bool {
	if r.away.Load() != 0 {
		return false
	}
	r.away.Store(time.Now().UnixNano())
	if r.lost == nil {
		r.lost = make(chan struct{})
	}
	close(r.lost)
	return true
}

// measured is the meter of a target's origin.
func (f *Filer) measured(t *target, op origin.Operation) func(error) {
	end := t.meters.begin(op)
	t.reach.asks()
	return func(err error) {
		end(err)
		switch back, gone := t.reach.hears(err); {
		case back:
			f.log.Info("the storage answers again", "export", t.path, "origin", t.name)
			t.note(nil)
		case gone:
			f.away(t, err)
		}
	}
}

// listen looks whether an origin has become silent.
func (f *Filer) listen(now time.Time) {
	for _, t := range f.targets {
		if t.reach.listen(now) {
			f.away(t, errLost)
		}
	}
}

// away is called once when an origin is taken to be away, and asks it for a sign of life until it gives one.
func (f *Filer) away(t *target, why error) {
	f.log.Warn("the storage does not answer; what is cached is served on", "export", t.path, "origin", t.name, "for", t.reach.limit, "error", why)
	t.note(why)
	f.spawn(func(ctx context.Context) {
		tick := time.NewTicker(probeEvery)
		defer tick.Stop()
		for t.reach.away.Load() != 0 {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			_, _ = t.origin.Root(ctx) // what it answers, its meter hears
		}
	})
}

// errLost says that the origin was taken to be away while it was waited for.
var errLost = errors.New("the storage does not answer")

// trusted returns attributes that were confirmed not before the given time or, while the origin is away, the last ones
// that were confirmed at all.
func (f *Filer) trusted(ctx context.Context, as origin.Cred, ino *inode, notBefore time.Time) (nfs.Attr, error) {
	if a, ok := ino.confirmed(notBefore); ok {
		return a, nil
	}
	r := &ino.target.reach
	lost := r.untilLost()
	if r.limit == 0 {
		lost = nil
	}
	a, err := f.confirm(ctx, as, ino, notBefore, lost)
	unreached := errors.Is(err, errLost) || errors.Is(err, nfs.ErrJukebox) || err != nil && fault.KindOf(err) == fault.Unavailable
	if !unreached || isCancel(err) {
		return a, err
	}
	if r.serving(time.Now()) || errors.Is(err, nfs.ErrJukebox) && r.limit > 0 {
		if a, ok := ino.confirmed(ever()); ok {
			return a, nil
		}
	}
	if errors.Is(err, errLost) {
		return f.confirm(ctx, as, ino, notBefore, nil)
	}
	return a, err
}

// ever is before every confirmation, and after what was never confirmed or must not be trusted any more.
func ever() time.Time { return time.Unix(1, 0) }

// confirmed returns the attributes if they were confirmed not before the given time.
func (ino *inode) confirmed(notBefore time.Time) (nfs.Attr, bool) {
	ino.mu.Lock()
	defer ino.mu.Unlock()
	return ino.attr, ino.known && (ino.ahead() || !ino.verified.Before(notBefore))
}

// freshEnough is the oldest confirmation that is accepted now: by the export's verification time, or any at all while the
// origin is away.
func (t *target) freshEnough() time.Time { return t.freshAt(time.Now()) }

func (t *target) freshAt(now time.Time) time.Time {
	if t.reach.serving(now) {
		return ever()
	}
	return now.Add(-time.Duration(t.verify.Load()))
}
