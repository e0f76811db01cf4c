package wan

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Config shapes a link.
type Config struct {
	RTT       time.Duration // round trip, halved per direction
	Bandwidth int64         // bits a second, of each direction; 0: unlimited
	Log       *slog.Logger  // nil: none
}

// Link is an emulated path between two ends, near and far. Close it.
type Link struct {
	config    Config
	gate      gate
	near, far wire // towards near, towards far
	ctx       context.Context
	cancel    context.CancelFunc
	running   sync.WaitGroup

	mu     sync.Mutex
	relays []*Relay // guarded by mu
	tunnel *Tunnel  // guarded by mu; nil unless there is one
	closed bool     // guarded by mu
}

// New makes a link without relays.
func New(c Config) (*Link, error) {
	if c.RTT < 0 || c.RTT > time.Minute || c.Bandwidth < 0 {
		return nil, fmt.Errorf("round trip %v (0 to 1m) or bandwidth %d bit/s (0 or more) is not possible", c.RTT, c.Bandwidth)
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	l := &Link{config: c}
	for _, w := range []*wire{&l.near, &l.far} {
		w.rate, w.delay = float64(c.Bandwidth)/8, c.RTT/2
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l, nil
}

// Cut freezes the link: nothing arrives and no connection opens until Heal. A relay's connections stay; what was sent
// meanwhile arrives after the healing, as TCP would repeat it. A tunnel's packets are lost.
func (l *Link) Cut() { l.gate.close() }

// Heal ends a cut.
func (l *Link) Heal() { l.gate.open() }

// Close ends all relays and their connections and returns when nothing of them runs any more. It may be
// called again.
func (l *Link) Close() error {
	l.mu.Lock()
	relays, tunnel, closed := l.relays, l.tunnel, l.closed
	l.closed = true
	l.mu.Unlock()
	var errs []error
	if !closed {
		for _, r := range relays {
			errs = append(errs, r.listener.Close())
		}
		if tunnel != nil {
			errs = append(errs, tunnel.close())
		}
	}
	l.cancel()
	l.running.Wait()
	return errors.Join(errs...)
}

// adopt registers a relay unless the link is closed.
func (l *Link) adopt(r *Relay) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return errors.New("the link is closed")
	}
	for _, other := range l.relays {
		if other.config.Name == r.config.Name {
			return fmt.Errorf("two relays are called %q", r.config.Name)
		}
	}
	l.relays = append(l.relays, r)
	l.running.Add(1)
	return nil
}
