// Package commit owns the farm: one goroutine applies commands in batches, lets the scheduler work in slices, writes all
// that changed in one transaction, and only then lets anything out: answers, orders, effects, events.
//
// Readers see committed state only: they run in that goroutine, between two transactions. After a commit that failed, or
// whose outcome is unknown, the farm in memory is thrown away and loaded again before anybody is answered.
package commit

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/store"
)

const (
	queueLength  = 1024
	scheduleStep = 64                   // units assigned between two looks at the clock
	scheduleFor  = 4 * time.Millisecond // of one batch
	commitWithin = 30 * time.Second
	firstRetry   = 100 * time.Millisecond
	maxRetry     = 5 * time.Second
)

// Config is what a loop works with.
type Config struct {
	Store store.Store
	// Farm returns the farm's configuration under an epoch.
	Farm func(epoch uint64) farm.Config
	// Committed is called in the loop after every commit, and after every load with an empty batch and loaded set. It must
	// not block, and must not keep the farm.
	Committed func(f *farm.Farm, batch *farm.Batch, loaded bool)
	Log       *slog.Logger
}

// Loop is the owner of a farm. Do, View and Seen may be called by anybody at any time.
type Loop struct {
	config   Config
	requests chan request
	stopped  chan struct{} // closed when Run has returned
	ready    chan struct{} // closed when the farm is loaded
	epoch    uint64        // set before ready is closed
	farm     *farm.Farm    // of Run's goroutine
}

// request is a command, a look or a sign of life.
type request struct {
	command farm.Command
	view    func(*farm.Farm)
	seen    farm.NodeID
	answer  chan<- answer // buffered; nil: nobody waits
}

type answer struct {
	result any
	err    error
}

// New returns a loop that is not running yet.
func New(c Config) *Loop {
	return &Loop{config: c, requests: make(chan request, queueLength), stopped: make(chan struct{}), ready: make(chan struct{})}
}

// Ready is closed when the farm is loaded.
func (l *Loop) Ready() <-chan struct{} { return l.ready }

// Epoch returns the epoch under which the loop leads. It may be called once Ready is closed.
func (l *Loop) Epoch() uint64 { return l.epoch }

// Do applies a command and returns its result when it is durable. Unavailable: the commit failed, or may have; the caller
// may repeat what is idempotent.
func (l *Loop) Do(ctx context.Context, c farm.Command) (any, error) {
	return l.ask(ctx, request{command: c})
}

// View lets fn look at the committed farm. fn runs in the loop: it must be short and keep nothing of the farm itself.
func (l *Loop) View(ctx context.Context, fn func(*farm.Farm)) error {
	_, err := l.ask(ctx, request{view: fn})
	return err
}

// Seen notes a sign of life of a node.
func (l *Loop) Seen(ctx context.Context, n farm.NodeID) {
	select {
	case l.requests <- request{seen: n}:
	case <-ctx.Done():
	case <-l.stopped:
	}
}

func (l *Loop) ask(ctx context.Context, r request) (any, error) {
	answers := make(chan answer, 1)
	r.answer = answers
	select {
	case l.requests <- r:
	case <-ctx.Done():
		return nil, fault.Wrap(fault.Unavailable, context.Cause(ctx), "the server is busy")
	case <-l.stopped:
		return nil, errStopped()
	}
	select {
	case a := <-answers:
		return a.result, a.err
	case <-ctx.Done():
		return nil, fault.Wrap(fault.Unavailable, context.Cause(ctx), "the server is busy")
	case <-l.stopped:
		select {
		case a := <-answers: // answered by the last batch
			return a.result, a.err
		default:
			return nil, errStopped()
		}
	}
}

func errStopped() error { return fault.New(fault.Unavailable, "the server is stopping") }

// Run takes leadership, loads the farm and serves until ctx ends (nil) or another server has taken over (store.ErrDeposed).
func (l *Loop) Run(ctx context.Context) error {
	defer close(l.stopped)
	if err := l.begin(ctx); err != nil {
		return err
	}
	tick := time.NewTimer(0)
	defer tick.Stop()
	var batch []request
	for more := false; ; {
		batch = batch[:0]
		if !more {
			select {
			case r := <-l.requests:
				batch = append(batch, r)
			case <-tick.C:
			case <-ctx.Done():
				return nil
			}
		}
		batch = l.drain(batch)
		var err error
		if more, err = l.pass(ctx, batch); err != nil {
			if ctx.Err() != nil && !errors.Is(err, store.ErrDeposed) {
				return nil
			}
			return err
		}
		l.arm(tick)
	}
}

func (l *Loop) begin(ctx context.Context) error {
	err := l.insist(ctx, "take leadership", func() (err error) {
		l.epoch, err = l.config.Store.Lead(ctx)
		return err
	})
	if err == nil {
		err = l.load(ctx)
	}
	if err == nil {
		close(l.ready)
	}
	return err
}

// drain takes what waits already, so that it shares a transaction.
func (l *Loop) drain(batch []request) []request {
	for len(batch) < queueLength {
		select {
		case r := <-l.requests:
			batch = append(batch, r)
		default:
			return batch
		}
	}
	return batch
}

// pass carries out one batch. more: the scheduler has not come to its end.
func (l *Loop) pass(ctx context.Context, batch []request) (more bool, err error) {
	now := time.Now()
	answers := make([]answer, len(batch))
	for i, r := range batch {
		switch {
		case r.command != nil:
			answers[i].result, answers[i].err = l.farm.Apply(now, r.command)
		case r.seen != "":
			l.farm.Seen(now, r.seen)
		}
	}
	l.farm.Tick(now)
	more = l.schedule(now)
	changes := l.farm.Changes()
	if !changes.Empty() {
		if err := l.commit(ctx, changes); err != nil {
			return false, l.recover(ctx, batch, err)
		}
	}
	l.config.Committed(l.farm, &changes, false)
	for i, r := range batch {
		if r.view != nil {
			r.view(l.farm)
		}
		if r.answer != nil {
			r.answer <- answers[i]
		}
	}
	return more, nil
}

func (l *Loop) schedule(now time.Time) (more bool) {
	for start := time.Now(); time.Since(start) < scheduleFor; {
		if l.farm.Schedule(now, scheduleStep) < scheduleStep {
			return false
		}
	}
	return true
}

func (l *Loop) commit(ctx context.Context, changes farm.Batch) error {
	// A shutdown lets a commit that has begun come to its end.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitWithin)
	defer cancel()
	return l.config.Store.Commit(ctx, l.epoch, changes)
}

// recover loads the farm anew after a failed commit, then tells the batch that nothing is promised.
func (l *Loop) recover(ctx context.Context, batch []request, cause error) error {
	failed := fault.WithHint(fault.Wrap(fault.Unavailable, cause, "the change could not be stored"), "try again in a moment")
	err := error(nil)
	if errors.Is(cause, store.ErrDeposed) {
		err = cause
	} else {
		l.config.Log.Error("commit failed, loading the farm anew", "error", cause)
		err = l.load(ctx)
	}
	for _, r := range batch {
		if r.view != nil && err == nil {
			r.view(l.farm)
			r.answer <- answer{}
		} else if r.answer != nil {
			r.answer <- answer{err: failed}
		}
	}
	return err
}

// load replaces the farm by what the store has.
func (l *Loop) load(ctx context.Context) error {
	return l.insist(ctx, "load the farm", func() error {
		records, err := l.config.Store.Load(ctx)
		if err != nil {
			return err
		}
		f, err := farm.Load(l.config.Farm(l.epoch), time.Now(), records)
		if err != nil {
			return fault.Wrap(fault.Invalid, err, "the stored farm does not hold together")
		}
		l.farm = f
		l.config.Committed(f, &farm.Batch{}, true)
		return nil
	})
}

// insist repeats what fails, with longer and longer pauses, until ctx ends or the leadership is lost.
func (l *Loop) insist(ctx context.Context, what string, fn func() error) error {
	for pause := firstRetry; ; pause = min(2*pause, maxRetry) {
		err := fn()
		if err == nil || errors.Is(err, store.ErrDeposed) || fault.KindOf(err) == fault.Invalid {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		l.config.Log.Error("the store does not answer, trying again", "doing", what, "error", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// arm sets the timer to the farm's next own business.
func (l *Loop) arm(tick *time.Timer) {
	tick.Stop()
	if at := l.farm.NextTick(); !at.IsZero() {
		tick.Reset(max(0, time.Until(at)))
	}
}
