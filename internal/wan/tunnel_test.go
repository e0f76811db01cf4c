package wan_test

import (
	"encoding/binary"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spillway/spillway/internal/wan"
)

// port is a device of this process: what a test sends is read, what is written arrives.
type port struct {
	send, arrived chan []byte
	closed        chan struct{}
	once          sync.Once
}

func newPort() *port {
	return &port{send: make(chan []byte, 1000), arrived: make(chan []byte, 1000), closed: make(chan struct{})}
}

func (p *port) Read(b []byte) (int, error) {
	select {
	case packet := <-p.send:
		return copy(b, packet), nil
	case <-p.closed:
		return 0, os.ErrClosed
	}
}

func (p *port) Write(b []byte) (int, error) { p.arrived <- b; return len(b), nil }
func (p *port) Close() error                { p.once.Do(func() { close(p.closed) }); return nil }
func (p *port) Overhead() int               { return 10 }

func tunnel(t *testing.T, c wan.Config, tc wan.TunnelConfig) (*wan.Link, *port, *port) {
	near, far := newPort(), newPort()
	tc.Near, tc.Far = near, far
	l := link(t, c)
	if _, err := l.Tunnel(tc); err != nil {
		t.Fatal(err)
	}
	return l, near, far
}

// packet is one of n bytes on the wire.
func packet(n int) []byte { return make([]byte, n+10) }

func TestTunnelDelaysAndPaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, near, far := tunnel(t, wan.Config{RTT: 100 * time.Millisecond, Bandwidth: 8e6}, wan.TunnelConfig{}) // 1 byte a µs
		began := time.Now()
		near.send <- packet(1000)
		near.send <- packet(500)
		for i, want := range []time.Duration{51 * time.Millisecond, 51500 * time.Microsecond} {
			if <-far.arrived; time.Since(began) != want {
				t.Errorf("packet %d arrived after %v, want %v", i, time.Since(began), want)
			}
		}
		far.send <- packet(2000)
		if <-near.arrived; time.Since(began) != (51500+52000)*time.Microsecond {
			t.Errorf("the answer arrived after %v", time.Since(began))
		}
	})
}

func TestTunnelLosesWhatFindsTheQueueFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, near, far := tunnel(t, wan.Config{Bandwidth: 8e6}, wan.TunnelConfig{Queue: 3000})
		for range 10 {
			near.send <- packet(1000)
		}
		for range 4 {
			<-far.arrived
		}
		synctest.Wait()
		if s := l.Status().Tunnel.NearToFar; s.Carried != 4 || s.QueueLost != 6 {
			t.Errorf("%+v", s)
		}
		near.send <- packet(1000)
		<-far.arrived // the queue is empty again
	})
}

func TestTunnelLosesTheSamePacketsAgain(t *testing.T) {
	run := func() (got []uint32) {
		synctest.Test(t, func(t *testing.T) {
			_, near, far := tunnel(t, wan.Config{}, wan.TunnelConfig{Loss: 0.2, Seed: 7})
			for i := range 500 {
				near.send <- binary.BigEndian.AppendUint32(nil, uint32(i))
			}
			synctest.Wait()
			for range len(far.arrived) {
				got = append(got, binary.BigEndian.Uint32(<-far.arrived))
			}
		})
		return got
	}
	first, second := run(), run()
	if len(first) < 350 || len(first) > 450 {
		t.Errorf("%d of 500 arrived at a loss of 20 %%", len(first))
	}
	if len(first) != len(second) {
		t.Fatalf("%d and %d arrived", len(first), len(second))
	}
	for i := range first {
		if first[i] != second[i] {
			t.Fatalf("packet %d: %d and %d", i, first[i], second[i])
		}
		if i > 0 && first[i] <= first[i-1] {
			t.Fatalf("packet %d overtook another", i)
		}
	}
}

func TestCutLosesPackets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, near, far := tunnel(t, wan.Config{}, wan.TunnelConfig{})
		l.Cut()
		near.send <- packet(1)
		synctest.Wait()
		l.Heal()
		near.send <- packet(2)
		if got := <-far.arrived; len(got) != 12 {
			t.Errorf("a packet of %d bytes arrived after the cut", len(got))
		}
		if s := l.Status().Tunnel.NearToFar; s.Lost != 1 || s.Carried != 1 {
			t.Errorf("%+v", s)
		}
	})
}

func TestImpossibleTunnels(t *testing.T) {
	l, _, _ := tunnel(t, wan.Config{}, wan.TunnelConfig{})
	for name, c := range map[string]wan.TunnelConfig{"second": {}, "loss": {Loss: 1.1}, "negative loss": {Loss: -1}, "queue": {Queue: -1}} {
		c.Near, c.Far = newPort(), newPort()
		if _, err := l.Tunnel(c); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
