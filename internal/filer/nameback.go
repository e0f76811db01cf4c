package filer

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/spillway/spillway/internal/fault"
)

// nameBack brings names to their origins that were acknowledged here. Changes that build on each other keep their order:
// what is made in a directory waits until the directory is there. All others run side by side, as many as a far origin
// needs to be kept busy.
type nameBack struct {
	w *writeBack

	mu      sync.Mutex // a leaf but for the log's; guards everything below and the state of every nameOp
	ops     map[uint64]*nameOp
	serial  uint64              // the last one given
	indexed map[uint64]struct{} // serials with a record in the index
	orphans []*nameOp           // of exports that are no longer there
	queue   []*nameOp           // to be started, in order
	running int
}

const (
	// nameWorkers bounds the changes of names on their way: at 100 ms that is up to 5,000 a second.
	nameWorkers = 512
	// maxNameOps bounds what waits, in memory.
	maxNameOps = 1 << 17
)

// opState is where a nameOp stands.
type opState struct {
	waits     int       // of before, those that have not ended
	before    []*nameOp // what it comes after
	followers []*nameOp // that wait for it
	try       *opTry    // the next one, or the one under way
	cancel    context.CancelFunc
	queued    bool
	urgent    bool
	tried     bool // the origin may have it, though it did not say so
	landed    bool // the log says that it has ended
	ended     bool // and so does what is in memory
	saved     bool // the index has it as it is
	tries     int  // failures in a row
	err       error
	next      time.Time
}

// opTry is one try to land a nameOp.
type opTry struct {
	done chan struct{}
	err  error // valid after done
}

func newTry() *opTry { return &opTry{done: make(chan struct{})} }

func newNameBack(w *writeBack) *nameBack {
	return &nameBack{w: w, ops: map[uint64]*nameOp{}, indexed: map[uint64]struct{}{}}
}

// full says that no more can wait.
func (n *nameBack) full() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.ops) >= maxNameOps
}

// any says whether something waits for a target.
func (n *nameBack) any(t *target) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, op := range n.ops {
		if op.target == t.id {
			return true
		}
	}
	return false
}

// add takes an acknowledged change in and logs it. after is what it must come after; nil: nothing. The caller waits for
// the record. Called with the mu of the inodes that it is about held, so that the log has it before what builds on it. log
// is its Append, or puts the answer with it.
func (n *nameBack) add(op, after *nameOp, log func(record []byte) (uint64, error)) (seq uint64, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.serial++
	op.serial = n.serial
	seq, err = log(op.encode())
	if err != nil {
		n.serial--
		return 0, err
	}
	n.admit(op, after)
	return seq, nil
}

// admit takes a change in. Called with mu held.
func (n *nameBack) admit(op, after *nameOp) {
	op.state.try = newTry()
	n.ops[op.serial] = op
	if after != nil && !after.state.ended {
		op.state.waits++
		op.state.before = append(op.state.before, after)
		after.state.followers = append(after.state.followers, op)
	}
}

// amend changes what is asked of the origin, and logs it; false: it is on its way, or there.
func (n *nameBack) amend(op *nameOp, change func(*nameOp)) (seq uint64, ok bool, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if s := &op.state; s.cancel != nil || s.landed || s.ended {
		return 0, false, nil
	}
	changed := *op
	change(&changed)
	if seq, err = n.w.log.Append(changed.encode()); err != nil {
		return 0, false, err
	}
	change(op)
	op.state.saved = false
	return seq, true, nil
}

// startDue starts what has waited for its export's delay, what somebody asked for, and everything when space is short.
func (n *nameBack) startDue(now time.Time, pressed bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	pressed = pressed || len(n.ops) > maxNameOps/2
	var due []*nameOp
	for _, op := range n.ops {
		s := &op.state
		if s.waits > 0 || s.queued || s.cancel != nil || s.landed || now.Before(s.next) {
			continue
		}
		if s.urgent || pressed || now.Sub(op.at) >= n.delay(op) {
			due = append(due, op)
		}
	}
	slices.SortFunc(due, func(a, b *nameOp) int { return cmp.Compare(a.serial, b.serial) })
	n.enqueue(due...)
}

func (n *nameBack) delay(op *nameOp) time.Duration { return n.w.f.byID[op.target].writeBack }

// enqueue starts changes, as many at once as may be. Called with mu held.
func (n *nameBack) enqueue(ops ...*nameOp) {
	for _, op := range ops {
		op.state.queued = true
	}
	n.queue = append(n.queue, ops...)
	for n.running < nameWorkers && len(n.queue) > 0 {
		op := n.queue[0]
		n.queue[0] = nil
		n.queue = n.queue[1:]
		op.state.queued = false
		if op.state.landed || op.state.ended {
			continue
		}
		ctx, cancel := context.WithCancel(n.w.f.ctx)
		op.state.cancel, op.state.tried = cancel, true
		if !n.w.f.spawn(func(context.Context) { n.run(ctx, op) }) {
			op.state.cancel = nil
			cancel()
			n.failed(op, errClosing)
			continue
		}
		n.running++
	}
}

// run is one try.
func (n *nameBack) run(ctx context.Context, op *nameOp) {
	err := n.w.failure()
	if err == nil {
		err = n.land(ctx, op)
	}
	n.w.f.log.Debug("name written back", "op", op.kind, "name", op.name, "inode", op.inode, "error", err)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.running--
	op.state.cancel()
	op.state.cancel = nil
	switch {
	case err == nil || isConflict(err):
		n.ended(op, err)
		n.enqueue()
	case op.state.ended: // forsaken meanwhile
		n.enqueue()
	default:
		if !isCancel(err) {
			op.state.next = time.Now().Add(min(firstPause<<min(op.state.tries, 10), longPause))
			op.state.tries++
			op.state.err = err
			n.w.f.byID[op.target].note(err)
		}
		op.state.urgent = false
		n.failed(op, err)
		n.enqueue()
	}
}

// failed tells those who wait for a try, and for what would follow it. Called with mu held.
func (n *nameBack) failed(op *nameOp, err error) {
	t := op.state.try
	op.state.try = newTry()
	t.err = err
	close(t.done)
	for _, next := range op.state.followers {
		n.failed(next, err)
	}
}

// ended takes a change out; conflict is nil, or says that the object got another name. Called with mu held.
func (n *nameBack) ended(op *nameOp, conflict error) {
	s := &op.state
	if s.ended {
		return
	}
	s.ended = true
	delete(n.ops, op.serial)
	s.try.err = conflict
	close(s.try.done)
	var ready []*nameOp
	for _, next := range s.followers {
		if next.state.waits--; next.state.waits == 0 && (next.state.urgent || time.Since(next.at) >= n.delay(next)) {
			ready = append(ready, next)
		}
	}
	s.followers, s.before = nil, nil
	n.enqueue(ready...)
}

// bring lands a change, after what it builds on, and waits for one try. A conflict is an error, but it has landed then.
func (n *nameBack) bring(ctx context.Context, op *nameOp) error {
	n.mu.Lock()
	t := op.state.try
	if !op.state.ended {
		n.urge(op, map[*nameOp]bool{})
	}
	n.mu.Unlock()
	select {
	case <-t.done:
		return t.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// urge starts a change now, or what it waits for. Called with mu held.
func (n *nameBack) urge(op *nameOp, seen map[*nameOp]bool) {
	if seen[op] {
		return
	}
	seen[op] = true
	s := &op.state
	s.urgent = true
	if s.waits > 0 {
		for _, before := range s.before {
			if !before.state.ended {
				n.urge(before, seen)
			}
		}
		return
	}
	if !s.queued && s.cancel == nil && !s.landed {
		n.enqueue(op)
	}
}

// bringAll lands changes side by side and waits until they are there, have failed, or ctx ends.
func (n *nameBack) bringAll(ctx context.Context, ops []*nameOp) error {
	var tries []*opTry
	n.mu.Lock()
	seen := map[*nameOp]bool{}
	for _, op := range ops {
		tries = append(tries, op.state.try)
		if !op.state.ended {
			n.urge(op, seen)
		}
	}
	n.mu.Unlock()
	var first error
	for _, t := range tries {
		select {
		case <-t.done:
			if t.err != nil && !isConflict(t.err) && first == nil {
				first = t.err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return first
}

// all returns the changes that want holds for, in order; nil: all.
func (n *nameBack) all(want func(*nameOp) bool) []*nameOp {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []*nameOp
	for _, op := range n.ops {
		if want == nil || want(op) {
			out = append(out, op)
		}
	}
	slices.SortFunc(out, func(a, b *nameOp) int { return cmp.Compare(a.serial, b.serial) })
	return out
}

// end notes in the log how a change ended. Called with mu held.
func (n *nameBack) end(op *nameOp, e *nameEnd) (seq uint64, err error) {
	e.serial, e.inode, e.target = op.serial, op.inode, op.target
	if seq, err = n.w.log.AppendReserved(e.encode()); err == nil {
		op.state.landed = true
	}
	return seq, err
}

// forsake ends a change that will not land, durably, unless it has landed. One that is on its way is stopped first.
func (n *nameBack) forsake(ctx context.Context, op *nameOp) error {
	for {
		n.mu.Lock()
		s := &op.state
		if s.ended {
			n.mu.Unlock()
			return nil
		}
		if s.cancel == nil && !s.landed {
			seq, err := n.giveUp(op)
			n.mu.Unlock()
			if err == nil {
				n.w.f.unmade(op)
				err = n.w.wait(seq)
			}
			return err
		}
		if s.cancel != nil {
			s.cancel()
		}
		t := s.try
		n.mu.Unlock()
		select {
		case <-t.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// giveUp ends a change that is not on its way. Called with mu held; the caller waits for the record.
func (n *nameBack) giveUp(op *nameOp) (seq uint64, err error) {
	seq, err = n.end(op, &nameEnd{end: opForsaken})
	if err == nil {
		n.ended(op, fault.New(fault.Conflict, "%s was given up", op.name))
	}
	return seq, err
}

// changes returns what the index must hold of names before the log's records up to now are released, and what is to be
// called when it does.
func (n *nameBack) changes() (out []Change, saved func(error)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var gone []uint64
	for serial := range n.indexed {
		if op := n.ops[serial]; op == nil || op.state.landed {
			gone = append(gone, serial)
			out = append(out, Change{Key: inodeKey('y', serial)})
		}
	}
	var ops []*nameOp
	for _, op := range n.ops {
		if !op.state.landed && !op.state.saved {
			op.state.saved = true // from now on: an amendment takes it back
			ops = append(ops, op)
			out = append(out, Change{inodeKey('y', op.serial), op.encode()})
		}
	}
	for _, op := range ops {
		n.indexed[op.serial] = struct{}{} // what lands meanwhile is taken out the next time
	}
	for _, op := range n.orphans {
		out = append(out, Change{inodeKey('y', op.serial), op.encode()})
	}
	return out, func(err error) {
		n.mu.Lock()
		defer n.mu.Unlock()
		if err != nil {
			for _, op := range ops {
				op.state.saved = false
			}
			return
		}
		for _, serial := range gone {
			delete(n.indexed, serial)
		}
	}
}

var errForeign = errors.New("somebody else has made it at the storage")
