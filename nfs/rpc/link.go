package rpc

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/spillway/spillway/nfs/xdr"
)

// link is one connection of a client, over all its lives: its goroutine connects, reads replies, and connects again.
type link struct {
	addr  string
	opts  *Options
	slots chan struct{} // a token for each call that has begun
	wake  chan struct{} // capacity 1: there are calls to send

	mu      sync.Mutex
	pending map[uint32]*inflight // guarded by mu, as are: every call that waits for its reply
	queue   []*inflight          // those not yet sent on this connection
	nc      net.Conn             // nil while not connected
	closed  error                // why no more calls are taken
}

// inflight is a call on its way. Its fields are guarded by the link's mu.
type inflight struct {
	xid      uint32
	msg      *Message
	writing  bool // the writer uses msg
	decoding bool // the reader uses msg
	ended    bool // err is the outcome
	err      error
	given    error         // the cause for which its caller waits no longer
	done     chan struct{} // closed when it has ended and nobody uses msg any more
}

func newLink(addr string, opts *Options) *link {
	return &link{
		addr:    addr,
		opts:    opts,
		slots:   make(chan struct{}, opts.InFlight),
		wake:    make(chan struct{}, 1),
		pending: map[uint32]*inflight{},
	}
}

// stuck is how long an abandoned call may wait for the connection's reader or writer to let go of its memory.
const stuck = 2 * time.Second

// call makes a call; life ends with the client.
func (l *link) call(ctx, life context.Context, m *Message, xid uint32) error {
	select {
	case l.slots <- struct{}{}:
		defer func() { <-l.slots }()
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-life.Done():
		return context.Cause(life)
	}
	p := &inflight{xid: xid, msg: m, done: make(chan struct{})}
	if err := l.enqueue(p); err != nil {
		return err
	}
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
	}
	l.abandon(p, context.Cause(ctx))
	select {
	case <-p.done:
	case <-time.After(stuck):
		l.hangUp()
		<-p.done
	}
	return p.err
}

func (l *link) enqueue(p *inflight) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed != nil {
		return l.closed
	}
	l.pending[p.xid] = p
	l.queue = append(l.queue, p)
	l.poke()
	return nil
}

// poke wakes whoever can send.
func (l *link) poke() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// abandon ends a call whose caller waits no longer.
func (l *link) abandon(p *inflight, cause error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p.given = cause
	if !p.decoding {
		l.end(p, cause)
	}
}

// end sets the outcome of a call, with mu held.
func (l *link) end(p *inflight, err error) {
	if p.ended {
		return
	}
	delete(l.pending, p.xid)
	p.ended, p.err = true, err
	l.settle(p)
}

// settle lets the caller go when nobody uses its message any more, with mu held.
func (l *link) settle(p *inflight) {
	if p.ended && !p.writing && !p.decoding {
		close(p.done)
	}
}

func (l *link) hangUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.nc != nil {
		l.nc.Close()
	}
}

// run keeps the link alive until life ends. nc is the first connection, or nil.
func (l *link) run(life context.Context, nc net.Conn) {
	defer l.close(life)
	var pause time.Duration
	for life.Err() == nil {
		if nc == nil {
			if nc = l.connect(life, &pause); nc == nil {
				return
			}
		}
		useful, err := l.session(life, nc)
		nc = nil
		if useful {
			pause = 0
		}
		if life.Err() == nil {
			l.opts.Log.Info("nfs connection lost", "server", l.addr, "cause", err)
		}
	}
}

// connect waits for calls to send and connects, for as long as it takes. It returns nil when life ends.
func (l *link) connect(life context.Context, pause *time.Duration) net.Conn {
	select {
	case <-l.wake:
	case <-life.Done():
		return nil
	}
	for {
		if *pause > 0 {
			select {
			case <-time.After(*pause):
			case <-life.Done():
				return nil
			}
		}
		*pause = min(max(2**pause, 20*time.Millisecond), 2*time.Second)
		ctx, cancel := context.WithTimeout(life, 15*time.Second)
		nc, err := l.opts.Dialer(ctx, l.addr)
		cancel()
		if err == nil {
			return nc
		}
		l.opts.Log.Debug("nfs server cannot be reached", "server", l.addr, "cause", err)
	}
}

// session uses a connection until it fails, and reports whether it brought any reply.
func (l *link) session(life context.Context, nc net.Conn) (useful bool, err error) {
	stop := context.AfterFunc(life, func() { nc.Close() })
	defer stop()
	l.adopt(nc)
	gone := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		if err := l.write(nc, gone); err != nil {
			nc.Close()
		}
	})
	useful, err = l.read(nc)
	nc.Close()
	close(gone)
	writer.Wait()
	l.requeue()
	return useful, err
}

func (l *link) adopt(nc net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.nc = nc
	if len(l.queue) > 0 {
		l.poke()
	}
}

// requeue makes every unanswered call to be sent again on the next connection, oldest first.
func (l *link) requeue() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.nc = nil
	l.queue = l.queue[:0]
	for _, p := range l.pending {
		l.queue = append(l.queue, p)
	}
	slices.SortFunc(l.queue, func(a, b *inflight) int { return int(int32(a.xid - b.xid)) })
	if len(l.queue) > 0 {
		l.poke()
	}
}

// close ends all calls for good.
func (l *link) close(life context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = context.Cause(life)
	for _, p := range l.pending {
		l.end(p, l.closed)
	}
}

// read reads replies until the connection fails, and reports whether it brought any.
func (l *link) read(nc net.Conn) (useful bool, err error) {
	body := &Body{record: newRecordReader(nc, 64<<10, l.opts.MaxRecord)}
	for {
		if err := body.open(); err != nil {
			l.refuse(body.record, err)
			return useful, err
		}
		if err := l.reply(body); err != nil {
			return useful, err
		}
		useful = true
	}
}

// reply gives a reply to its call. An error means that the connection is of no use any more.
func (l *link) reply(body *Body) error {
	d := xdr.NewDecoder(body.buf)
	p := l.claim(d.Uint32())
	if p == nil {
		return nil // its call was abandoned, or has been answered before
	}
	err := decodeReply(&d)
	if errors.Is(err, ErrMalformed) {
		l.unclaim(p)
		return err
	}
	if err == nil {
		body.taken = len(body.buf) - d.Len()
		err = p.msg.Decode(body)
	}
	if body.failed != nil && !errors.Is(body.failed, ErrRecordSize) {
		l.unclaim(p)
		return body.failed
	}
	l.answer(p, err)
	return body.failed
}

// refuse ends the call whose reply is over the limit, as it would be every time.
func (l *link) refuse(r *recordReader, err error) {
	if !errors.Is(err, ErrRecordSize) {
		return
	}
	if xid, ok := r.peekXID(); ok {
		if p := l.claim(xid); p != nil {
			l.answer(p, err)
		}
	}
}

// claim finds the call of a reply and keeps its message for the reader.
func (l *link) claim(xid uint32) *inflight {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.pending[xid]
	if p != nil {
		p.decoding = true
	}
	return p
}

// unclaim lets a call wait for another reply.
func (l *link) unclaim(p *inflight) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p.decoding = false
	switch {
	case p.ended:
		l.settle(p)
	case p.given != nil:
		l.end(p, p.given)
	}
}

// answer ends a call that the reader had claimed.
func (l *link) answer(p *inflight, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p.decoding = false
	if p.ended {
		l.settle(p)
		return
	}
	l.end(p, err)
}

// write sends what is queued until the connection fails or is gone.
func (l *link) write(nc net.Conn, gone <-chan struct{}) error {
	w := writer{nc: nc, auth: l.opts.Auth}
	for {
		select {
		case <-l.wake:
		case <-gone:
			return nil
		}
		batch := l.take(w.batch[:0])
		err := w.send(batch)
		l.sent(batch)
		clear(batch)
		w.batch = batch
		if err != nil {
			return err
		}
	}
}

// take moves the queue into batch and keeps the messages for the writer.
func (l *link) take(batch []*inflight) []*inflight {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.queue {
		if !p.ended {
			p.writing = true
			batch = append(batch, p)
		}
	}
	clear(l.queue)
	l.queue = l.queue[:0]
	return batch
}

func (l *link) sent(batch []*inflight) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range batch {
		p.writing = false
		l.settle(p)
	}
}
