package server

import (
	"context"
	"slices"
	"sync"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/server/rest"
)

const (
	feedKept   = 8192 // events held for those who come back
	feedBehind = 1024 // events that a follower may lag behind
)

// feed hands committed events to followers.
type feed struct {
	// mu guards what follows.
	mu        sync.Mutex
	kept      []farm.Event // the newest, by Seq without gaps
	last      uint64       // Seq of the newest event
	followers map[*follower]bool
	closed    bool
}

// follower gets what is published; its channel is closed when it lags too far behind or the feed ends.
type follower struct{ live chan restv1.Event }

func newFeed() *feed { return &feed{followers: map[*follower]bool{}} }

// reset says which event is the newest, after a load. Events that this server never published may lie before it: followers
// are cut off and come back.
func (f *feed) reset(last uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if last <= f.last {
		return
	}
	f.kept, f.last = nil, last
	for w := range f.followers {
		f.drop(w)
	}
}

// recall puts older events, oldest first, before what is kept.
func (f *feed) recall(events []farm.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	first := f.last + 1
	if len(f.kept) > 0 {
		first = f.kept[0].Seq
	}
	events = slices.DeleteFunc(events, func(e farm.Event) bool { return e.Seq >= first })
	if n := len(events); n > 0 && events[n-1].Seq+1 == first {
		f.kept = append(events, f.kept...)
	}
}

// publish hands out committed events. It does not block.
func (f *feed) publish(events []farm.Event) {
	if len(events) == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.kept = append(f.kept, events...)
	f.last = events[len(events)-1].Seq
	if over := len(f.kept) - feedKept; over > feedKept/4 {
		f.kept = slices.Clone(f.kept[over:])
	}
	for _, e := range events {
		for w := range f.followers {
			select {
			case w.live <- wireEvent(e):
			default:
				f.drop(w)
			}
		}
	}
}

// drop runs with mu held.
func (f *feed) drop(w *follower) {
	delete(f.followers, w)
	close(w.live)
}

// follow opens a stream at the cursor.
func (f *feed) follow(ctx context.Context, at rest.Cursor) rest.Follow {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := &follower{live: make(chan restv1.Event, feedBehind)}
	past, gap := f.past(at)
	if f.closed {
		close(w.live)
	} else {
		f.followers[w] = true
	}
	out := make(chan restv1.Event)
	go f.pump(ctx, w, past, out)
	return rest.Follow{Events: out, Gap: gap}
}

// past returns the kept events that a cursor asks for, with mu held.
func (f *feed) past(at rest.Cursor) (events []farm.Event, gap bool) {
	if !at.Resume {
		n := min(max(at.Last, 0), len(f.kept))
		return slices.Clone(f.kept[len(f.kept)-n:]), false
	}
	first := f.last + 1
	if len(f.kept) > 0 {
		first = f.kept[0].Seq
	}
	if at.After > f.last || at.After+1 < first {
		return slices.Clone(f.kept), true
	}
	return slices.Clone(f.kept[at.After+1-first:]), false
}

// pump writes first the past, then what is live.
func (f *feed) pump(ctx context.Context, w *follower, past []farm.Event, out chan<- restv1.Event) {
	defer close(out)
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.followers[w] {
			f.drop(w)
		}
	}()
	for _, e := range past {
		select {
		case out <- wireEvent(e):
		case <-ctx.Done():
			return
		}
	}
	for {
		select {
		case e, ok := <-w.live:
			if !ok {
				return
			}
			select {
			case out <- e:
			case <-ctx.Done():
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// close ends all streams.
func (f *feed) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for w := range f.followers {
		f.drop(w)
	}
}

func wireEvent(e farm.Event) restv1.Event {
	return restv1.Event{
		Seq: e.Seq, At: e.At, Kind: e.Kind, Job: string(e.Job), Step: e.Step, Unit: e.Unit, Attempt: string(e.Attempt),
		Node: string(e.Node), Pool: string(e.Pool), From: e.From, To: e.To, Reason: e.Reason,
	}
}
