package wan

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWireIsFIFOAndNeverFasterThanItsRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := wire{rate: float64(rapid.IntRange(1e3, 1e9).Draw(t, "rate")), delay: time.Duration(rapid.IntRange(0, 1e9).Draw(t, "delay"))}
		epoch := time.Unix(0, 0)
		now, last, total := epoch, slot{}, 0
		for _, n := range rapid.SliceOfN(rapid.IntRange(0, chunk), 1, 50).Draw(t, "chunks") {
			now = now.Add(time.Duration(rapid.IntRange(0, 1e7).Draw(t, "pause")))
			s := w.reserve(now, n)
			total += n
			switch {
			case s.start.Before(now) || s.start.Before(last.end):
				t.Fatal("two chunks are on the wire at once")
			case s.arrive.Sub(s.end) != w.delay:
				t.Fatal("the delay is wrong")
			case s.end.Sub(epoch) < w.time(total)-50*time.Nanosecond: // each chunk's time is rounded to 1 ns
				t.Fatal("faster than the rate")
			case s.start.After(now) && s.start != last.end:
				t.Fatal("the wire idles although there is work")
			}
			last = s
		}
	})
}

// pipes returns a pump between two pipes and their outer ends.
func pipes(w *wire, g *gate) (p *pump, in, out net.Conn) {
	in, src := net.Pipe()
	dst, out := net.Pipe()
	return &pump{src: src, dst: dst, wire: w, gate: g, window: windowFor(w), count: new(atomic.Uint64)}, in, out
}

func TestOneStreamFillsTheWire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size = 20 << 20
		w := &wire{rate: 25e6, delay: 30 * time.Millisecond} // 200 Mbit/s
		p, in, out := pipes(w, new(gate))
		began := time.Now()
		go func() { _ = p.run(t.Context()) }()
		go func() {
			_, _ = in.Write(make([]byte, size))
			in.Close()
		}()
		n, err := io.Copy(io.Discard, out)
		took := time.Since(began)
		ideal := w.time(size) + w.delay
		if n != size || err != nil || took < ideal-time.Millisecond || took > ideal*101/100 {
			t.Errorf("%d bytes in %v, %v; want %d in %v", n, took, err, size, ideal)
		}
		synctest.Wait()
	})
}

func TestStreamsShareTheWire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{rate: 1e6, delay: 10 * time.Millisecond}
		type end struct {
			size int
			took time.Duration
		}
		ends := make(chan end)
		began := time.Now()
		for _, size := range []int{2e6, 1e6} {
			p, in, out := pipes(w, new(gate))
			go func() { _ = p.run(t.Context()) }()
			go func() { _, _ = in.Write(make([]byte, size)); in.Close() }()
			go func() { _, _ = io.Copy(io.Discard, out); ends <- end{size, time.Since(began)} }()
		}
		first, second := <-ends, <-ends
		if first.size != 1e6 || first.took < 1900*time.Millisecond || first.took > 2100*time.Millisecond {
			t.Errorf("half of the wire carried %d bytes in %v, want 1 MB in 2 s", first.size, first.took)
		}
		if second.took < 2990*time.Millisecond || second.took > 3100*time.Millisecond {
			t.Errorf("3 MB took %v, want 3 s", second.took)
		}
		synctest.Wait()
	})
}

func TestSmallMessageIsNotStuckBehindABulkSender(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{rate: 25e6, delay: 30 * time.Millisecond}
		bulk, in, out := pipes(w, new(gate))
		go func() { _ = bulk.run(t.Context()) }()
		go func() { _, _ = in.Write(make([]byte, 50e6)); in.Close() }()
		go func() { _, _ = io.Copy(io.Discard, out) }()
		<-time.After(500 * time.Millisecond) // virtual: the bulk sender is at full speed
		small, in2, out2 := pipes(w, new(gate))
		go func() { _ = small.run(t.Context()) }()
		began := time.Now()
		go func() { _, _ = in2.Write([]byte("hello")); in2.Close() }()
		if _, err := io.ReadAll(out2); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took < w.delay || took > w.delay+2*slack {
			t.Errorf("took %v, want at most %v", took, w.delay+2*slack)
		}
		<-time.After(3 * time.Second)
		synctest.Wait()
	})
}

func TestCutFreezesAndHealThaws(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := new(gate)
		p, in, out := pipes(&wire{delay: 30 * time.Millisecond}, g)
		go func() { _ = p.run(t.Context()) }()
		g.close()
		g.close() // twice is once
		began := time.Now()
		go func() { _, _ = in.Write([]byte("late")); in.Close() }()
		time.AfterFunc(time.Minute, g.open)
		data, err := io.ReadAll(out)
		if took := time.Since(began); string(data) != "late" || err != nil || took != time.Minute {
			t.Errorf("%q after %v, %v; want it after a minute", data, took, err)
		}
		synctest.Wait()
	})
}

func TestReceiverThatDoesNotReadStopsTheSender(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		p, in, out := pipes(&wire{}, new(gate))
		ended := make(chan error, 1)
		go func() { ended <- p.run(ctx) }()
		written := make(chan int, 1)
		go func() { n, _ := in.Write(make([]byte, 64<<20)); written <- n }()
		<-time.After(time.Hour)
		cancel()
		p.src.Close()
		p.dst.Close()
		if err := <-ended; !errors.Is(err, context.Canceled) && !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("ended with %v", err)
		}
		if n := <-written; n < minWindow || n > minWindow+4*chunk {
			t.Errorf("%d bytes are in flight, the window is %d", n, minWindow)
		}
		out.Close()
		in.Close()
	})
}
