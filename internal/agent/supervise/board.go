package supervise

import (
	"context"
	"sync"
	"time"
)

// quiet is how long changes that are not urgent are gathered before they are sent.
const quiet = 500 * time.Millisecond

// board is what a supervisor shows to agents.
type board struct {
	// mu guards what follows.
	mu       sync.Mutex
	session  SessionState
	sessionN uint64 // the change at which session was set
	attempts map[string]*entry
	order    []string
	changes  uint64
	watchers map[*watcher]bool
}

type entry struct {
	state   AttemptState
	started time.Time
	changed uint64 // the change at which it was set last
}

// watcher is one connection's view of the board.
type watcher struct {
	board *board
	now   chan struct{} // something urgent has changed
	soon  chan struct{} // something has changed
	seen  uint64        // the change up to which this connection has been told
}

func newBoard(session string) *board {
	return &board{session: SessionState{Session: session}, sessionN: 1, changes: 1, attempts: make(map[string]*entry), watchers: make(map[*watcher]bool)}
}

func (b *board) watch() *watcher {
	w := &watcher{board: b, now: make(chan struct{}, 1), soon: make(chan struct{}, 1)}
	w.now <- struct{}{}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.watchers[w] = true
	return w
}

func (b *board) unwatch(w *watcher) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.watchers, w)
}

// change applies f to an attempt's state and wakes the watchers. An unknown attempt is added.
func (b *board) change(attempt string, urgent bool, f func(*AttemptState)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.attempts[attempt]
	if e == nil {
		e = &entry{state: AttemptState{Attempt: attempt, Phase: Queued, Progress: -1}}
		b.attempts[attempt] = e
		b.order = append(b.order, attempt)
	}
	was := e.state.Phase
	f(&e.state)
	if was != Running && e.state.Phase == Running {
		e.started = time.Now()
	}
	b.changes++
	e.changed = b.changes
	b.wake(urgent)
}

func (b *board) end(message string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.session.Ended, b.session.Message = true, message
	b.changes++
	b.sessionN = b.changes
	b.wake(true)
}

func (b *board) wake(urgent bool) {
	for w := range b.watchers {
		bell := w.soon
		if urgent {
			bell = w.now
		}
		select {
		case bell <- struct{}{}:
		default:
		}
	}
}

// news returns what has changed since the last call: the session's end after all that its attempts did.
func (w *watcher) news() []Message {
	b := w.board
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []Message
	session := Message{Version: Version, Session: new(b.session)}
	if w.seen == 0 && !b.session.Ended {
		out = append(out, session)
	}
	for _, id := range b.order {
		if e := b.attempts[id]; e.changed > w.seen {
			state := e.state
			if state.Phase == Running {
				state.Elapsed = time.Since(e.started)
			}
			out = append(out, Message{Version: Version, Attempt: &state})
		}
	}
	if b.session.Ended && b.sessionN > w.seen {
		out = append(out, session)
	}
	w.seen = b.changes
	return out
}

// follow calls send with what changes until the session has ended, the context ends or send fails.
func (w *watcher) follow(ctx context.Context, send func(Message) error) error {
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-w.now:
		case <-w.soon:
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-w.now:
			case <-time.After(quiet):
			}
		}
		for _, m := range w.news() {
			if err := send(m); err != nil {
				return err
			}
			if m.Session != nil && m.Session.Ended {
				return nil
			}
		}
	}
}
