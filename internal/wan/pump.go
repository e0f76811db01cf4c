package wan

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
)

const (
	chunk = 32 << 10 // bytes read at once: the granularity of pacing
	// slack is how far ahead of the wire a connection may read. It hides the timers' coarseness and bounds the queue that
	// other connections wait in.
	slack = 20 * time.Millisecond
	// parcels bounds how many chunks, however small, one connection has in flight in one direction.
	parcels   = 4096
	minWindow = 4 << 20 // bytes in flight of one connection, at least
)

// pump carries one direction of one connection.
type pump struct {
	src, dst net.Conn
	wire     *wire
	gate     *gate
	window   int64
	count    *atomic.Uint64
}

// parcel is a chunk on its way; one without data is the end of the stream.
type parcel struct {
	data   []byte
	arrive time.Time
	reset  bool // the sender is gone without closing properly
}

// windowFor bounds what one connection may have in flight: twice what delay and rate need to stay busy.
func windowFor(w *wire) int64 {
	return max(minWindow, int64(2*w.rate*(w.delay+slack).Seconds()))
}

// run ends when the stream has been carried to its end, or either side is gone, or ctx is done. The caller closes the
// connections when ctx is done, which ends the reads and writes.
func (p *pump) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	queue, room := make(chan parcel, parcels), semaphore.NewWeighted(p.window)
	group.Go(func() error {
		defer close(queue)
		return p.read(ctx, queue, room)
	})
	group.Go(func() error {
		err := p.write(ctx, queue, room)
		if err != nil {
			p.src.Close() // nobody takes what it sends
		}
		return err
	})
	return group.Wait()
}

func (p *pump) read(ctx context.Context, queue chan<- parcel, room *semaphore.Weighted) error {
	buf := make([]byte, chunk)
	for {
		n, readErr := p.src.Read(buf)
		if n > 0 {
			if err := room.Acquire(ctx, int64(n)); err != nil {
				return err
			}
			s := p.wire.reserve(time.Now(), n)
			p.count.Add(uint64(n))
			if err := send(ctx, queue, parcel{data: bytes.Clone(buf[:n]), arrive: s.arrive}); err != nil {
				return err
			}
			if err := until(ctx, s.start.Add(-slack)); err != nil {
				return err
			}
		}
		if readErr != nil {
			s := p.wire.reserve(time.Now(), 0)
			return send(ctx, queue, parcel{arrive: s.arrive, reset: !errors.Is(readErr, io.EOF)})
		}
	}
}

func send(ctx context.Context, queue chan<- parcel, x parcel) error {
	select {
	case queue <- x:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

var errReset = errors.New("connection reset")

func (p *pump) write(ctx context.Context, queue <-chan parcel, room *semaphore.Weighted) error {
	for x := range queue {
		if err := until(ctx, x.arrive); err != nil {
			return err
		}
		if err := p.gate.pass(ctx); err != nil {
			return err
		}
		if x.data == nil {
			if x.reset {
				reset(p.dst)
				return errReset
			}
			return closeWrite(p.dst)
		}
		if _, err := p.dst.Write(x.data); err != nil {
			return err
		}
		room.Release(int64(len(x.data)))
	}
	return ctx.Err()
}

// closeWrite ends one direction where the transport can, else both.
func closeWrite(c net.Conn) error {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Close()
}

// reset closes so that the peer sees a reset, where the transport can.
func reset(c net.Conn) {
	if t, ok := c.(interface{ SetLinger(int) error }); ok {
		_ = t.SetLinger(0) // at worst the peer sees a proper close
	}
	c.Close()
}
