package rpc

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Options are the settings of a Client. A zero field takes the default in brackets.
type Options struct {
	Connections int                                                      // TCP connections (2); all but the first are made when they are first used
	InFlight    int                                                      // calls in flight on one connection (128)
	Auth        *Auth                                                    // for calls that give none (AUTH_SYS of this process)
	Timeout     time.Duration                                            // after which a call fails with ErrTimeout (never: calls wait for the server)
	MaxRecord   int                                                      // bytes of one reply (4 MiB)
	Dialer      func(ctx context.Context, addr string) (net.Conn, error) // (TCP that notices a dead peer within two minutes)
	Log         *slog.Logger                                             // of lost and new connections (nowhere)
}

func (o Options) withDefaults() Options {
	if o.Connections <= 0 {
		o.Connections = 2
	}
	if o.InFlight <= 0 {
		o.InFlight = 128
	}
	if o.Auth == nil {
		o.Auth = processAuth()
	}
	if o.MaxRecord <= 0 {
		o.MaxRecord = 4 << 20
	}
	if o.Dialer == nil {
		o.Dialer = dialTCP
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// processAuth returns the AUTH_SYS credential of this process.
func processAuth() *Auth {
	host, _ := os.Hostname()
	a := Sys(host, uint32(os.Geteuid()), uint32(os.Getegid()))
	groups, _ := os.Getgroups()
	for _, g := range groups {
		a.GIDs = append(a.GIDs, uint32(g))
	}
	return a
}

// Client makes calls at one server over several connections. A call whose connection is lost is sent again, under its
// xid, on the next one.
type Client struct {
	opts   Options
	links  []*link
	xid    atomic.Uint32
	turn   atomic.Uint32
	ctx    context.Context
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup
}

// Dial connects to a server. The context bounds connecting only.
func Dial(ctx context.Context, addr string, opts Options) (*Client, error) {
	opts = opts.withDefaults()
	first, err := opts.Dialer(ctx, addr)
	if err != nil {
		return nil, err
	}
	c := &Client{opts: opts}
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	c.xid.Store(rand.Uint32())
	for range opts.Connections {
		l := newLink(addr, &c.opts)
		c.links = append(c.links, l)
		nc := first
		first = nil
		c.wg.Go(func() { l.run(c.ctx, nc) })
	}
	return c, nil
}

// Close ends all calls with ErrClientClosed and closes the connections.
func (c *Client) Close() error {
	c.cancel(ErrClientClosed)
	c.wg.Wait()
	return nil
}

// Message is a call to make.
type Message struct {
	Program   uint32
	Version   uint32
	Procedure uint32
	Auth      *Auth  // nil for Options.Auth
	Args      []byte // encoded
	Payload   []byte // sent after Args, with padding
	// Decode reads the results. It runs in another goroutine, again if the connection failed meanwhile, and never after
	// Call has returned.
	Decode func(*Body) error
}

// Call makes a call and returns after its Decode has: with Decode's error, an *Error if the server refused the call,
// the context's cause, ErrTimeout or ErrClientClosed. Args and Payload must not change before.
func (c *Client) Call(ctx context.Context, m *Message) error {
	if c.opts.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, c.opts.Timeout, ErrTimeout)
		defer cancel()
	}
	l := c.links[int(c.turn.Add(1))%len(c.links)]
	return l.call(ctx, c.ctx, m, c.xid.Add(1))
}
