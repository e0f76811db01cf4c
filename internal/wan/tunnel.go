package wan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Device carries whole packets, one a Read and one a Write, as a TUN does. Close ends a Read that waits.
type Device interface {
	io.ReadWriteCloser
	// Overhead is how many bytes of each packet are not on a wire: a header between the kernel and us.
	Overhead() int
}

// TunnelConfig says what a tunnel connects and what its packets suffer.
type TunnelConfig struct {
	Near, Far Device // closed with the link
	// Queue is how many bytes may wait for the wire in each direction; a packet that finds more is lost, as behind a
	// router's full queue. 0: 1 MiB.
	Queue int64
	Loss  float64 // probability that a packet is lost on the way, 0 to 1
	Seed  uint64  // of the losses: the same seed loses the same packets of a stream
}

// Tunnel is a link's packet mode: what one device sends, the other receives, later.
type Tunnel struct {
	there, back lane
}

// lane is one direction of a tunnel.
type lane struct {
	src, dst Device
	wire     *wire
	gate     *gate
	queue    int64
	loss     float64
	dice     *rand.Rand

	carried, queueLost, lost atomic.Uint64 // packets
}

const (
	maxPacket    = 64<<10 + 64 // of a TUN with segmentation offload, and its header
	maxInFlight  = 1 << 16     // packets of one direction
	defaultQueue = 1 << 20
)

// Tunnel connects two devices over the link until it is closed. A link has one tunnel at most. While the link is cut,
// packets are lost.
func (l *Link) Tunnel(c TunnelConfig) (*Tunnel, error) {
	if c.Queue < 0 || c.Loss < 0 || c.Loss > 1 {
		return nil, fmt.Errorf("a queue of %d bytes or a loss of %v is not possible", c.Queue, c.Loss)
	}
	if c.Queue == 0 {
		c.Queue = defaultQueue
	}
	t := &Tunnel{}
	for i, x := range []struct {
		lane *lane
		from Device
		to   Device
		wire *wire
	}{{&t.there, c.Near, c.Far, &l.far}, {&t.back, c.Far, c.Near, &l.near}} {
		x.lane.src, x.lane.dst, x.lane.wire, x.lane.gate = x.from, x.to, x.wire, &l.gate
		x.lane.queue, x.lane.loss, x.lane.dice = c.Queue, c.Loss, rand.New(rand.NewPCG(c.Seed, uint64(i)))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return nil, errors.New("the link is closed")
	case l.tunnel != nil:
		return nil, errors.New("the link has a tunnel already")
	}
	l.tunnel = t
	for _, x := range []*lane{&t.there, &t.back} {
		l.running.Go(func() { x.run(l.ctx, l) })
	}
	return t, nil
}

// close ends the lanes' reads.
func (t *Tunnel) close() error { return errors.Join(t.there.src.Close(), t.there.dst.Close()) }

// run carries packets until the context ends or a device fails.
func (x *lane) run(ctx context.Context, l *Link) {
	flying := make(chan parcel, maxInFlight)
	var both sync.WaitGroup
	both.Go(func() {
		defer close(flying)
		if err := x.read(flying); err != nil && ctx.Err() == nil {
			l.config.Log.Error("the tunnel reads no more", "err", err)
		}
	})
	both.Go(func() { x.write(ctx, flying, l) })
	both.Wait()
}

// read takes packets off the sending device and decides what becomes of each.
func (x *lane) read(flying chan<- parcel) error {
	buf := make([]byte, maxPacket)
	for {
		n, err := x.src.Read(buf)
		if err != nil {
			if errors.Is(err, os.ErrClosed) || errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if x.gate.state() != nil || x.loss > 0 && x.dice.Float64() < x.loss {
			x.lost.Add(1)
			continue
		}
		s, ok := x.wire.offer(time.Now(), n-x.src.Overhead(), x.queue)
		if !ok {
			x.queueLost.Add(1)
			continue
		}
		select {
		case flying <- parcel{data: bytes.Clone(buf[:n]), arrive: s.arrive}:
		default:
			x.queueLost.Add(1)
		}
	}
}

// write gives packets to the receiving device when they arrive. A device that refuses one loses it.
func (x *lane) write(ctx context.Context, flying <-chan parcel, l *Link) {
	for p := range flying {
		if until(ctx, p.arrive) != nil {
			continue // empty the queue: the reader ends when its device is closed
		}
		if _, err := x.dst.Write(p.data); err != nil {
			x.lost.Add(1)
			l.config.Log.Debug("a packet was refused", "bytes", len(p.data), "err", err)
			continue
		}
		x.carried.Add(1)
	}
}

// TunnelStatus is what a tunnel has done so far, in packets.
type TunnelStatus struct {
	NearToFar LaneStatus `json:"nearToFar"`
	FarToNear LaneStatus `json:"farToNear"`
}

// LaneStatus counts one direction's packets. With segmentation offload, a packet holds many segments.
type LaneStatus struct {
	Carried   uint64 `json:"carried"`
	QueueLost uint64 `json:"queueLost"` // found the queue full
	Lost      uint64 `json:"lost"`      // by chance, by a cut, or refused by the receiving device
}

func (t *Tunnel) status() *TunnelStatus {
	if t == nil {
		return nil
	}
	return &TunnelStatus{t.there.status(), t.back.status()}
}

func (x *lane) status() LaneStatus {
	return LaneStatus{Carried: x.carried.Load(), QueueLost: x.queueLost.Load(), Lost: x.lost.Load()}
}
