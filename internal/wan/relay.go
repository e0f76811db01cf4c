package wan

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// RelayConfig says what a relay connects.
type RelayConfig struct {
	Name   string // unique within the link; shown in the status
	Listen string // HOST:PORT at the near end; port 0 chooses one
	Target string // HOST:PORT at the far end
	// Reverse turns the relay round: it listens at the far end and its target is at the near one.
	Reverse bool
}

// Relay is one address that leads over the link.
type Relay struct {
	config   RelayConfig
	link     *Link
	listener net.Listener
	there    *wire // from listener to target
	back     *wire

	toTarget, fromTarget atomic.Uint64 // bytes
	open                 atomic.Int64
	accepted             atomic.Uint64
}

// Relay starts a relay. It runs until the link is closed.
func (l *Link) Relay(c RelayConfig) (*Relay, error) {
	if _, _, err := net.SplitHostPort(c.Target); err != nil {
		return nil, fmt.Errorf("relay %q: %w", c.Name, err)
	}
	listener, err := new(net.ListenConfig).Listen(l.ctx, "tcp", c.Listen)
	if err != nil {
		return nil, fmt.Errorf("relay %q: %w", c.Name, err)
	}
	r := &Relay{config: c, link: l, listener: listener, there: &l.far, back: &l.near}
	if c.Reverse {
		r.there, r.back = r.back, r.there
	}
	if err := l.adopt(r); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	go func() {
		defer l.running.Done()
		r.serve(l.ctx)
	}()
	return r, nil
}

// Name returns the relay's name.
func (r *Relay) Name() string { return r.config.Name }

// Addr returns where the relay listens.
func (r *Relay) Addr() string { return r.listener.Addr().String() }

func (r *Relay) serve(ctx context.Context) {
	var conns sync.WaitGroup
	defer conns.Wait()
	for {
		c, err := r.listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed) || ctx.Err() != nil:
			if err == nil {
				c.Close()
			}
			return
		case err != nil: // out of descriptors, most likely: some will be free soon
			r.link.config.Log.Warn("relay cannot accept", "relay", r.config.Name, "err", err)
			if until(ctx, time.Now().Add(100*time.Millisecond)) != nil {
				return
			}
			continue
		}
		r.accepted.Add(1)
		conns.Go(func() { r.connect(ctx, c) })
	}
}

// connect carries one accepted connection.
func (r *Relay) connect(ctx context.Context, client net.Conn) {
	defer client.Close()
	r.open.Add(1)
	defer r.open.Add(-1)
	target, err := r.dial(ctx)
	if err != nil {
		if ctx.Err() == nil {
			r.link.config.Log.Debug("relay's target refuses", "relay", r.config.Name, "target", r.config.Target, "err", err)
			reset(client)
		}
		return
	}
	defer target.Close()
	r.carry(ctx, client, target)
}

// dial opens the far half of a connection, which takes a round trip: the request there, the answer back.
func (r *Relay) dial(ctx context.Context) (net.Conn, error) {
	if err := r.cross(ctx, r.there); err != nil {
		return nil, err
	}
	target, err := new(net.Dialer).DialContext(ctx, "tcp", r.config.Target)
	if crossErr := r.cross(ctx, r.back); crossErr != nil && err == nil {
		target.Close()
		err = crossErr
	}
	return target, err
}

// cross waits for a packet without payload to pass a wire.
func (r *Relay) cross(ctx context.Context, w *wire) error {
	if err := until(ctx, w.reserve(time.Now(), 0).arrive); err != nil {
		return err
	}
	return r.link.gate.pass(ctx)
}

// carry pumps both directions until both have ended or one has failed.
func (r *Relay) carry(ctx context.Context, client, target net.Conn) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { // ends reads and writes
		client.Close()
		target.Close()
	})
	defer stop()
	var both sync.WaitGroup
	for _, p := range []pump{
		{src: client, dst: target, wire: r.there, count: &r.toTarget},
		{src: target, dst: client, wire: r.back, count: &r.fromTarget},
	} {
		p.gate, p.window = &r.link.gate, windowFor(p.wire)
		both.Go(func() {
			if p.run(ctx) != nil {
				cancel()
			}
		})
	}
	both.Wait()
}
