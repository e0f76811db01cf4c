// Package effect runs what the farm's records owe to the world: landings, fences, primings, machines. An effect is derived
// from records, has a key, and is tried until the records owe it no more; so it must be idempotent, and a restarted server
// begins where the last one stopped.
package effect

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

// Effect is one thing owed.
type Effect struct {
	// Key names it; two effects with one key are the same thing.
	Key string
	// Lane bounds how many run at once: all effects of a lane share Lanes[lane] places.
	Lane string
	// Do makes one try. When it returns nil it has told the farm, whose records then owe it no more; if they still do, it is
	// tried again after a pause. An error is retried after a longer and longer pause. ctx ends when it is owed no more.
	Do func(ctx context.Context) error
	// Failed hears of every failed try, before the pause; may be nil.
	Failed func(ctx context.Context, tries int, err error)
}

// Backoff bounds the pauses between tries.
type Backoff struct {
	First, Max time.Duration
}

// pause grows by a half with each try, with a fifth of jitter, so that what failed together does not return together.
func (b Backoff) pause(tries int) time.Duration {
	d := b.First
	for range tries - 1 {
		if d = d * 3 / 2; d >= b.Max {
			d = b.Max
			break
		}
	}
	return d + time.Duration(rand.Int64N(int64(d)/5+1))
}

// Config says how effects run.
type Config struct {
	Lanes   map[string]int // places of each lane; 1 where none is named
	Backoff Backoff
	Log     *slog.Logger
}

// errOwedNoMore ends an effect that the records no longer owe.
var errOwedNoMore = errors.New("owed no more")

// Runner runs effects. Its goroutines end when the context given to New does; Wait waits for that.
type Runner struct {
	ctx    context.Context
	config Config
	group  sync.WaitGroup

	// mu guards what follows. Nothing is called under it.
	mu      sync.Mutex
	running map[string]*task
	lanes   map[string]chan struct{}
}

type task struct {
	cancel context.CancelCauseFunc
}

// New returns a runner without effects.
func New(ctx context.Context, c Config) *Runner {
	return &Runner{ctx: ctx, config: c, running: map[string]*task{}, lanes: map[string]chan struct{}{}}
}

// Owe says what is owed now, all of it: what is new is started, what is not in it is canceled, what runs goes on.
func (r *Runner) Owe(owed []Effect) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ctx.Err() != nil {
		return
	}
	keep := make(map[string]bool, len(owed))
	for _, e := range owed {
		keep[e.Key] = true
		if r.running[e.Key] == nil {
			r.start(e)
		}
	}
	for key, t := range r.running {
		if !keep[key] {
			t.cancel(errOwedNoMore)
			delete(r.running, key)
		}
	}
}

// Wait returns when no effect runs any more; the runner's context must have ended.
func (r *Runner) Wait() { r.group.Wait() }

// start runs with mu held.
func (r *Runner) start(e Effect) {
	lane := r.lanes[e.Lane]
	if lane == nil {
		lane = make(chan struct{}, max(1, r.config.Lanes[e.Lane]))
		r.lanes[e.Lane] = lane
	}
	ctx, cancel := context.WithCancelCause(r.ctx)
	r.running[e.Key] = &task{cancel: cancel}
	r.group.Go(func() {
		defer cancel(nil)
		r.run(ctx, e, lane)
	})
}

func (r *Runner) run(ctx context.Context, e Effect, lane chan struct{}) {
	for tries := 1; ; tries++ {
		select {
		case lane <- struct{}{}:
		case <-ctx.Done():
			return
		}
		err := e.Do(ctx)
		<-lane
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			r.config.Log.Warn("effect failed", "effect", e.Key, "try", tries, "error", err)
			if e.Failed != nil {
				e.Failed(ctx, tries, err)
			}
		}
		// Done, and owed still: the farm has not taken it (its commit may have failed). The pause lets its records settle.
		select {
		case <-time.After(r.config.Backoff.pause(tries)):
		case <-ctx.Done():
			return
		}
	}
}
