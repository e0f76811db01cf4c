// Package load is an NFSv3 load generator that costs less than the servers it measures: a connection is one goroutine
// on blocking system calls, requests are copied from a template, many go out with one write, and of a reply only the
// status is decoded.
package load

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/spillway/spillway/nfs"
	"github.com/spillway/spillway/nfs/rpc"
	"github.com/spillway/spillway/nfs/xdr"
)

// Work is what a run repeats.
type Work struct {
	// Next appends the arguments of call number n of a connection and says which procedure they are for. It may return a
	// payload that is sent after the arguments.
	Next func(b []byte, n uint64, r *rand.Rand) (proc nfs.Proc, args, payload []byte)
	// Allowed are the statuses besides OK that count as answers, not as errors.
	Allowed []nfs.Status
	// Body is how many bytes a good reply must have at least.
	Body int
}

// Plan says how hard to push.
type Plan struct {
	Addr  netip.AddrPort
	Conns int
	Depth int // calls in flight on each connection
	For   time.Duration
	Calls uint64 // that end the run sooner, of each connection; 0: only time does
}

// Result is what came of a run.
type Result struct {
	Calls   uint64
	Errors  uint64
	Bytes   uint64 // received
	Sent    uint64 // of payloads
	Took    time.Duration
	P50     time.Duration
	P99     time.Duration
	lat     histogram
	problem error // the first one
}

// Run pushes until the time is over and every call has been answered. Replies with an unexpected status are counted and
// fail the run.
func Run(p Plan, w Work) (Result, error) {
	var wg sync.WaitGroup
	all := make([]Result, p.Conns)
	errs := make([]error, p.Conns)
	begin := time.Now()
	for i := range p.Conns {
		wg.Go(func() { all[i], errs[i] = drive(p, w, uint64(i)) })
	}
	wg.Wait()
	var sum Result
	sum.Took = time.Since(begin)
	for i := range all {
		sum.Calls += all[i].Calls
		sum.Errors += all[i].Errors
		sum.Bytes += all[i].Bytes
		sum.Sent += all[i].Sent
		sum.lat.merge(&all[i].lat)
		errs[i] = errors.Join(errs[i], all[i].problem)
	}
	sum.P50, sum.P99 = sum.lat.at(0.50), sum.lat.at(0.99)
	err := errors.Join(errs...)
	if err == nil && sum.Calls == 0 {
		err = errors.New("nothing was answered")
	}
	return sum, err
}

// conn is one connection. A call's slot is its xid.
type conn struct {
	fd   int
	out  []byte
	in   []byte
	have int
	sent []time.Time
	free []uint32
	work *Work
	head []byte
	res  Result

	// The reply being read:
	skip  int  // bytes of the fragment still to come
	mid   bool // a fragment of the reply has been seen
	last  bool // the fragment is the last one
	slot  uint32
	bytes int
}

func drive(p Plan, w Work, number uint64) (Result, error) {
	fd, err := dial(p.Addr)
	if err != nil {
		return Result{}, err
	}
	defer unix.Close(fd)
	c := &conn{fd: fd, in: make([]byte, 256<<10), sent: make([]time.Time, p.Depth), work: &w, head: template()}
	for i := range p.Depth {
		c.free = append(c.free, uint32(i))
	}
	r := rand.New(rand.NewPCG(number, 1))
	end := time.Now().Add(p.For)
	first := number << 40
	n, last := first, first+p.Calls
	for {
		now := time.Now()
		for now.Before(end) && len(c.free) > 0 && (n < last || p.Calls == 0) {
			if err := c.request(n, now, r); err != nil {
				return c.res, err
			}
			n++
		}
		if err := c.flush(); err != nil {
			return c.res, err
		}
		if len(c.free) == p.Depth {
			return c.res, nil
		}
		if err := c.receive(); err != nil {
			return c.res, err
		}
	}
}

func dial(at netip.AddrPort) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("connect to %v: %w", at, err)
	}
	// A server that stops answering ends the run instead of hanging it.
	patience := unix.Timeval{Sec: 30}
	return fd, errors.Join(
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &patience))
}

// Places in a request: record mark, xid, message type, RPC version, program, version, procedure.
const (
	atXID  = 4
	atProc = 24
)

// template is a request up to its arguments.
func template() []byte {
	b := []byte{0, 0, 0, 0}
	for _, v := range []uint32{0, 0, 2, nfs.Program, nfs.Version, 0, uint32(rpc.AuthSys)} {
		b = xdr.AppendUint32(b, v)
	}
	cred := xdr.AppendUint32(nil, 0)
	cred = xdr.AppendString(cred, "load")
	for range 3 { // uid, gid and no further groups
		cred = xdr.AppendUint32(cred, 0)
	}
	b = xdr.AppendOpaque(b, cred)
	return xdr.AppendUint32(xdr.AppendUint32(b, 0), 0)
}

// request adds a call to what is sent next.
func (c *conn) request(n uint64, now time.Time, r *rand.Rand) error {
	slot := c.free[len(c.free)-1]
	c.free = c.free[:len(c.free)-1]
	at := len(c.out)
	c.out = append(c.out, c.head...)
	proc, out, payload := c.work.Next(c.out, n, r)
	c.out = out
	binary.BigEndian.PutUint32(c.out[at:], 1<<31|uint32(len(c.out)-at-4+len(payload)))
	binary.BigEndian.PutUint32(c.out[at+atXID:], slot)
	binary.BigEndian.PutUint32(c.out[at+atProc:], uint32(proc))
	c.sent[slot] = now
	if len(payload) == 0 {
		return nil
	}
	c.res.Sent += uint64(len(payload))
	if err := c.flush(); err != nil {
		return err
	}
	return c.write(payload)
}

func (c *conn) flush() error {
	err := c.write(c.out)
	c.out = c.out[:0]
	return err
}

func (c *conn) write(b []byte) error {
	for len(b) > 0 {
		n, err := unix.Write(c.fd, b)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("send: %w", err)
		}
		b = b[max(n, 0):]
	}
	return nil
}

// receive waits for bytes and takes in the replies that they end.
func (c *conn) receive() error {
	n, err := unix.Read(c.fd, c.in[c.have:])
	switch {
	case errors.Is(err, unix.EINTR):
		return nil
	case err != nil:
		return fmt.Errorf("receive: %w", err)
	case n == 0:
		return errors.New("the server closed the connection")
	}
	c.res.Bytes += uint64(n)
	c.have += n
	b := c.in[:c.have]
	for len(b) > 0 {
		used := c.take(b)
		if used == 0 {
			break
		}
		b = b[used:]
	}
	c.have = copy(c.in, b)
	return nil
}

// headBytes is how much of a reply is looked at: mark, xid, type, reply and verifier state, accept state, status.
const headBytes = 4 + 24 + 4

// take uses up bytes of the stream; 0: more are needed.
func (c *conn) take(b []byte) int {
	if c.skip > 0 {
		n := min(c.skip, len(b))
		c.skip -= n
		c.fragmentEnds()
		return n
	}
	if len(b) < 4 {
		return 0
	}
	mark := binary.BigEndian.Uint32(b)
	size := int(mark &^ (1 << 31))
	if !c.mid {
		if len(b) < min(headBytes, 4+size) {
			return 0
		}
		c.slot, c.bytes = binary.BigEndian.Uint32(b[4:]), 0
		c.judge(b[4:min(headBytes, 4+size)])
	}
	c.mid, c.last, c.skip = true, mark>>31 == 1, size
	c.bytes += size
	if size == 0 {
		c.fragmentEnds()
	}
	return 4
}

// judge looks at the state of a reply.
func (c *conn) judge(b []byte) {
	word := func(i int) uint32 { return binary.BigEndian.Uint32(b[4*i:]) }
	switch {
	case len(b) < 24 || word(2) != 0 || word(4) != 0 || word(5) != 0:
		c.fail(errors.New("a call was refused"))
	case len(b) >= 28 && word(6) != 0:
		s := nfs.Status(word(6))
		for _, ok := range c.work.Allowed {
			if s == ok {
				return
			}
		}
		c.fail(s)
	}
}

func (c *conn) fail(err error) {
	c.res.Errors++
	if c.res.problem == nil {
		c.res.problem = err
	}
}

func (c *conn) fragmentEnds() {
	if c.skip > 0 || !c.last {
		return
	}
	c.mid, c.last = false, false
	if int(c.slot) >= len(c.sent) {
		c.fail(fmt.Errorf("a reply to nothing (xid %d)", c.slot))
		return
	}
	if c.bytes < c.work.Body {
		c.fail(fmt.Errorf("a reply of %d bytes, at least %d were due", c.bytes, c.work.Body))
	}
	c.res.lat.add(time.Since(c.sent[c.slot]))
	c.res.Calls++
	c.free = append(c.free, c.slot)
}
