package rpc

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// Program is one version range of an RPC program.
type Program struct {
	Number uint32
	Low    uint32 // lowest version
	High   uint32 // highest version
	// Serve runs a call and leaves the reply in it. It may run concurrently with itself, also for one connection. The
	// call and what it lends are void after Serve has returned.
	Serve func(ctx context.Context, call *Call)
	// Quick says which procedures seldom wait, and call Wait before they do. They are run by the goroutine that reads
	// the connection, which saves more than half of what a small call costs. May be nil.
	Quick func(procedure uint32) bool
}

// Limits bound what clients may take. A zero field takes the default in brackets.
type Limits struct {
	MaxRecord   int           // bytes of one request (1 MiB + 64 KiB); a longer one closes its connection
	InFlight    int           // requests of one connection that run at the same time (128)
	Payload     int64         // bytes of all requests that run at the same time (256 MiB)
	Connections int           // connections at the same time (4096); further ones are closed at once
	PerClient   int           // of these, those from one address (an eighth): the same
	Idle        time.Duration // after which a connection without requests is closed (never)
	Slow        time.Duration // for a started request to arrive, and for a reply to make headway (60 s)
	Sendfile    int           // bytes of a file range from which it goes by sendfile (32 KiB)
}

func (l Limits) withDefaults() Limits {
	if l.MaxRecord <= 0 {
		l.MaxRecord = 1<<20 + 64<<10
	}
	if l.InFlight <= 0 {
		l.InFlight = 128
	}
	if l.Payload <= 0 {
		l.Payload = 256 << 20
	}
	if l.Connections <= 0 {
		l.Connections = 4096
	}
	if l.PerClient <= 0 {
		l.PerClient = max(l.Connections/8, 1)
	}
	if l.Slow <= 0 {
		l.Slow = time.Minute
	}
	if l.Sendfile <= 0 {
		l.Sendfile = 32 << 10
	}
	return l
}

// Hooks tell about a server's work; nil ones are left out. They must not block.
type Hooks struct {
	// Done is called after a call has been served, with the time that took; in and out are bytes of the records.
	Done func(call *Call, took time.Duration, in, out int)
	// Opened and Closed tell about connections; cause is nil where the peer closed it between two requests.
	Opened func(conn uint64, addr net.Addr)
	Closed func(conn uint64, cause error)
}

// Server answers calls on the connections of its listeners.
type Server struct {
	programs []Program
	limits   Limits
	hooks    Hooks
	pool     pool
	calls    sync.Pool
	payload  *semaphore.Weighted
	lastConn atomic.Uint64

	mu        sync.Mutex
	closed    bool // guarded by mu, as are:
	listeners map[net.Listener]struct{}
	conns     map[*conn]struct{}
	clients   map[netip.Addr]int // connections of an address
	serving   sync.WaitGroup     // connections; Add under mu and only while not closed
}

// NewServer returns a server of the programs.
func NewServer(programs []Program, limits Limits, hooks Hooks) *Server {
	limits = limits.withDefaults()
	return &Server{
		programs:  programs,
		limits:    limits,
		hooks:     hooks,
		payload:   semaphore.NewWeighted(limits.Payload),
		listeners: map[net.Listener]struct{}{},
		conns:     map[*conn]struct{}{},
		clients:   map[netip.Addr]int{},
	}
}

// Serve accepts connections until ctx ends, the listener fails or the server is closed. It closes the listener, and
// returns after all connections have ended: ErrServerClosed, or why the listener failed. The end of ctx is a Shutdown
// with a second of grace.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	defer l.Close()
	if !s.addListener(l) {
		return ErrServerClosed
	}
	stop := context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = s.Shutdown(grace)
	})
	defer stop()
	err := s.accept(ctx, l)
	s.mu.Lock()
	delete(s.listeners, l)
	if s.closed {
		err = ErrServerClosed
	}
	s.mu.Unlock()
	s.serving.Wait()
	return err
}

// accept takes connections until the listener fails for good. When it is out of descriptors, it waits for some to return.
func (s *Server) accept(ctx context.Context, l net.Listener) error {
	pause := 5 * time.Millisecond
	for {
		nc, err := l.Accept()
		var temporary interface{ Temporary() bool }
		switch {
		case err == nil:
			pause = 5 * time.Millisecond
			s.start(nc)
		case errors.As(err, &temporary) && temporary.Temporary():
			timer := time.NewTimer(pause)
			select {
			case <-timer.C:
			case <-ctx.Done():
				timer.Stop()
				return ErrServerClosed
			}
			pause = min(2*pause, time.Second)
		default:
			return err
		}
	}
}

func (s *Server) addListener(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.listeners[l] = struct{}{}
	return true
}

// start serves a connection in a goroutine of its own.
func (s *Server) start(nc net.Conn) {
	c := newConn(s, nc)
	s.mu.Lock()
	client := c.peer.Addr()
	if s.closed || len(s.conns) >= s.limits.Connections || client.IsValid() && s.clients[client] >= s.limits.PerClient {
		s.mu.Unlock()
		nc.Close()
		return
	}
	s.conns[c] = struct{}{}
	s.clients[client]++
	s.serving.Add(1)
	s.mu.Unlock()
	go func() {
		defer s.serving.Done()
		if s.hooks.Opened != nil {
			s.hooks.Opened(c.id, nc.RemoteAddr())
		}
		cause := c.serve()
		s.mu.Lock()
		delete(s.conns, c)
		if s.clients[client]--; s.clients[client] == 0 {
			delete(s.clients, client)
		}
		s.mu.Unlock()
		if s.hooks.Closed != nil {
			s.hooks.Closed(c.id, cause)
		}
	}()
}

// stop closes the listeners, marks the server closed and returns its connections.
func (s *Server) stop() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for l := range s.listeners {
		l.Close()
	}
	all := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		all = append(all, c)
	}
	return all
}

// Shutdown stops accepting and reading, lets the calls in flight finish and their replies go out, and closes all
// connections; when ctx ends it closes them at once and returns the context's cause.
func (s *Server) Shutdown(ctx context.Context) error {
	for _, c := range s.stop() {
		c.drain()
	}
	ended := make(chan struct{})
	go func() {
		s.serving.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		_ = s.Close()
		return context.Cause(ctx)
	}
}

// Close ends all connections at once, cancels the contexts of the calls in flight and waits for them to end.
func (s *Server) Close() error {
	for _, c := range s.stop() {
		c.abort(ErrServerClosed)
	}
	s.serving.Wait()
	return nil
}

// find finds the version of a program, or says why there is none.
func find(programs []Program, number, version uint32) (*Program, *Error) {
	var mismatch *Error
	for i := range programs {
		p := &programs[i]
		if p.Number != number {
			continue
		}
		if p.Low <= version && version <= p.High {
			return p, nil
		}
		if mismatch == nil {
			mismatch = &Error{Accept: ProgMismatch, Low: p.Low, High: p.High}
		}
		mismatch.Low, mismatch.High = min(mismatch.Low, p.Low), max(mismatch.High, p.High)
	}
	if mismatch != nil {
		return nil, mismatch
	}
	return nil, &Error{Accept: ProgUnavail}
}
