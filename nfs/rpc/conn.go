package rpc

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spillway/spillway/nfs/xdr"
)

// conn is a connection of a server. Of its workers one leads: it reads calls, runs the quick ones itself, and hands the
// others to further workers, up to InFlight of them. A quick call that finds it must wait passes the lead on first (see
// Wait). So a call whose answer is at hand costs no switch of goroutines, and the replies to all requests that arrived
// together leave together. Of the other workers, whichever has a reply while nobody writes becomes the writer of all
// replies that are ready.
type conn struct {
	srv    *Server
	id     uint64
	nc     net.Conn
	raw    syscall.RawConn // nil where the connection is no socket
	peer   netip.AddrPort
	local  netip.AddrPort
	ctx    context.Context
	cancel context.CancelCauseFunc

	slots   chan struct{} // a token for each call that is run by another than the leader, until it is answered
	work    chan *Call    // for idle workers; nil is the lead
	running sync.WaitGroup
	out     outbox
	ended   chan error // why there is nothing more to read; has room for it

	// Owned by the leader, as are arming and the last credential:
	records *recordReader
	workers int // started
	posted  int // replies left in the outbox unsent

	draining atomic.Bool
	arming   deadline

	// The last credential, as most calls of a connection carry the same one.
	credential []byte
	flavor     Flavor
	auth       *Auth
}

// errDraining ends the reader of a connection whose server shuts down.
var errDraining = errors.New("rpc: shutting down")

func newConn(s *Server, nc net.Conn) *conn {
	c := &conn{srv: s, id: s.lastConn.Add(1), nc: nc}
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	c.slots = make(chan struct{}, s.limits.InFlight)
	c.work = make(chan *Call)
	c.ended = make(chan error, 1)
	c.out.taken = sync.NewCond(&c.out.mu)
	c.arming = deadline{conn: c, idle: s.limits.Idle, slow: s.limits.Slow}
	c.records = newRecordReader(&c.arming, 64<<10, s.limits.MaxRecord)
	if a, ok := nc.RemoteAddr().(*net.TCPAddr); ok {
		c.peer = a.AddrPort()
	}
	if a, ok := nc.LocalAddr().(*net.TCPAddr); ok {
		c.local = a.AddrPort()
	}
	if sc, ok := nc.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			c.raw = raw
		}
	}
	return c
}

// serve runs the connection to its end and returns why it ended, nil for a peer that left between two requests.
func (c *conn) serve() error {
	c.hand(nil)
	err := <-c.ended
	if !errors.Is(err, errDraining) {
		c.cancel(err)
	}
	close(c.work)
	c.running.Wait()
	c.nc.Close()
	c.cancel(ErrServerClosed)
	if cause := c.out.failure(); cause != nil {
		err = cause
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// drain stops the reader; calls in flight finish.
func (c *conn) drain() {
	c.draining.Store(true)
	_ = c.nc.SetReadDeadline(time.Unix(1, 0))
}

// abort ends the connection at once.
func (c *conn) abort(cause error) {
	c.cancel(cause)
	c.nc.Close()
}

// lead reads calls until the connection ends or the lead has been passed on.
func (c *conn) lead() {
	for {
		call, err := c.next()
		if err != nil {
			c.flush()
			c.ended <- err
			return
		}
		if !call.quick() {
			if err := c.admit(call); err != nil {
				c.free(call)
				c.ended <- err
				return
			}
			c.hand(call)
			continue
		}
		call.leads = true
		c.run(call)
		if !call.leads {
			c.out.send(c, call)
			return
		}
		c.post(call)
	}
}

// next reads a call.
func (c *conn) next() (*Call, error) {
	c.arming.between(c.records)
	buf, err := c.records.record(&c.srv.pool)
	if c.draining.Load() && err != nil {
		return nil, errDraining
	}
	if err != nil {
		return nil, err
	}
	return c.accept(buf)
}

// accept makes a call of a record. A record that is no call is an error.
func (c *conn) accept(buf *buffer) (*Call, error) {
	call, _ := c.srv.calls.Get().(*Call)
	if call == nil {
		call = &Call{}
	}
	if call.ctx == nil || call.ctx.Context != c.ctx {
		call.ctx = &callContext{Context: c.ctx, call: call}
	}
	call.conn, call.in, call.Conn, call.Peer, call.Local = c, buf, c.id, c.peer, c.local
	call.Args.Reset(buf.b)
	var h callHeader
	h.decode(&call.Args)
	if err := call.Args.Err(); err != nil {
		c.free(call)
		return nil, ErrMalformed
	}
	call.XID, call.Program, call.Version, call.Procedure = h.xid, h.program, h.version, h.procedure
	call.refusal = c.authenticate(call, &h)
	if call.refusal == nil {
		call.program, call.refusal = find(c.srv.programs, call.Program, call.Version)
	}
	return call, nil
}

// admit waits until the call may run beside the leader.
func (c *conn) admit(call *Call) error {
	charge := min(int64(cap(call.in.b)), c.srv.limits.Payload)
	if !c.srv.payload.TryAcquire(charge) {
		c.flush()
		if err := c.srv.payload.Acquire(c.ctx, charge); err != nil {
			return context.Cause(c.ctx)
		}
	}
	call.charged = charge
	select {
	case c.slots <- struct{}{}:
		call.slotted = true
		return nil
	default:
	}
	c.flush()
	select {
	case c.slots <- struct{}{}:
		call.slotted = true
		return nil
	case <-c.ctx.Done():
		return context.Cause(c.ctx)
	}
}

// authenticate sets the call's credential or returns why the call is refused.
func (c *conn) authenticate(call *Call, h *callHeader) *Error {
	if h.rpcVersion != rpcVersion {
		return &Error{Denied: true, Low: rpcVersion, High: rpcVersion}
	}
	if c.auth == nil || c.flavor != h.flavor || string(c.credential) != string(h.credential) {
		auth, stat := parseAuth(h.flavor, h.credential)
		if stat != AuthOK {
			return &Error{Denied: true, Auth: stat}
		}
		c.auth, c.flavor = auth, h.flavor
		c.credential = append(c.credential[:0], h.credential...)
	}
	call.Auth = c.auth
	return nil
}

// hand gives the call, or the lead where it is nil, to an idle worker or to a new one. There are never more workers than
// slots and the leader.
func (c *conn) hand(call *Call) {
	select {
	case c.work <- call:
		return
	default:
	}
	if c.workers <= cap(c.slots) {
		c.workers++
		c.running.Add(1)
		go c.worker(call)
		return
	}
	c.work <- call
}

func (c *conn) worker(call *Call) {
	defer c.running.Done()
	for more := true; more; call, more = <-c.work {
		if call == nil {
			c.lead()
			continue
		}
		c.run(call)
		c.out.send(c, call)
	}
}

// run serves a call; its reply is ready then.
func (c *conn) run(call *Call) {
	done := c.srv.hooks.Done
	var begin time.Time
	if done != nil {
		begin = time.Now()
	}
	var room [headRoom]byte
	call.Out = append(call.Out[:0], room[:]...)
	if call.refusal == nil {
		call.program.Serve(call.ctx, call)
	}
	if call.refusal != nil {
		call.dropBody()
		call.Out = appendRefusal(call.Out[:4], call.XID, call.refusal)
	} else {
		appendAccepted(call.Out[:4], call.XID, Success)
	}
	c.loadFile(call)
	size := len(call.Out) - 4 + xdr.Padded(call.bodyLen())
	binary.BigEndian.PutUint32(call.Out, uint32(size)|lastMark)
	if done != nil {
		done(call, time.Since(begin), len(call.in.b), size)
	}
	// The request is not needed for the reply: its memory and its share of the budget return now.
	c.srv.pool.put(call.in)
	if call.charged > 0 {
		c.srv.payload.Release(call.charged)
	}
	call.in, call.charged = nil, 0
}

// dropBody lets go of a payload that is not sent.
func (c *Call) dropBody() {
	release := c.release
	c.payload, c.file, c.release = nil, nil, nil
	if release != nil {
		release()
	}
}

// free ends a call: all that it holds returns to where it came from, except its slot.
func (c *conn) free(call *Call) {
	call.dropBody()
	c.srv.pool.put(call.in)
	c.srv.pool.put(call.lent)
	if call.charged > 0 {
		c.srv.payload.Release(call.charged)
	}
	call.reset()
	c.srv.calls.Put(call)
}

// deadline reads from the connection and bounds how long a peer may be silent: between two requests by idle, within one
// by slow, counted from its first byte. The deadline is touched only when a read may block.
type deadline struct {
	conn  *conn
	idle  time.Duration
	slow  time.Duration
	armed bool
	since time.Time // when the record began; zero between two records
}

// between tells that the next byte begins a record, unless some of it has been read ahead.
func (d *deadline) between(r *recordReader) {
	d.since = time.Time{}
	if r.r.Buffered() > 0 {
		d.since = time.Now()
	}
}

// Read reads from the connection. Replies do not wait for what the peer says next.
func (d *deadline) Read(p []byte) (int, error) {
	d.conn.flush()
	if d.conn.draining.Load() {
		return 0, os.ErrDeadlineExceeded
	}
	switch {
	case !d.since.IsZero():
		d.arm(d.since.Add(d.slow))
	case d.idle > 0:
		d.arm(time.Now().Add(d.idle))
	case d.armed:
		d.arm(time.Time{})
	}
	n, err := d.conn.nc.Read(p)
	if d.since.IsZero() && n > 0 {
		d.since = time.Now()
	}
	return n, err
}

func (d *deadline) arm(t time.Time) {
	d.armed = !t.IsZero()
	_ = d.conn.nc.SetReadDeadline(t)
	if d.conn.draining.Load() { // the drain's own deadline must win
		_ = d.conn.nc.SetReadDeadline(time.Unix(1, 0))
	}
}
