package meter

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// buckets is how many latencies are told apart: up to 8 µs, up to 16 µs, and so on by doubling up to 67 s, and more.
const buckets = 25

// shortest is the upper bound of the first bucket, as a power of two of nanoseconds (8.2 µs).
const shortest = 13

// Bounds returns the upper bounds of all buckets but the last, in seconds.
func Bounds() []float64 {
	out := make([]float64, buckets-1)
	for i := range out {
		out[i] = bound(i).Seconds()
	}
	return out
}

func bound(i int) time.Duration { return 1 << (shortest + i) }

// Histogram counts durations. It is ready for use, and safe for concurrent use.
type Histogram struct {
	counts [buckets]atomic.Uint64
	nanos  atomic.Uint64
}

// Add counts one.
func (h *Histogram) Add(took time.Duration) {
	took = max(took, 1)
	i := max(bits.Len64(uint64(took-1))-shortest, 0)
	h.counts[min(i, buckets-1)].Add(1)
	h.nanos.Add(uint64(took))
}

// Latency returns what was counted so far.
func (h *Histogram) Latency() Latency {
	l := Latency{Counts: make([]uint64, buckets), Seconds: float64(h.nanos.Load()) / 1e9}
	for i := range h.counts {
		l.Counts[i] = h.counts[i].Load()
		l.Calls += l.Counts[i]
	}
	return l
}

// Latency is a Histogram at one moment.
type Latency struct {
	Calls   uint64
	Seconds float64  // of all calls together
	Counts  []uint64 // by bucket
}

// Since returns what was counted after before; all of it where before is of another life.
func (l Latency) Since(before Latency) Latency {
	if len(before.Counts) != len(l.Counts) || before.Calls > l.Calls {
		return l
	}
	out := Latency{Calls: l.Calls - before.Calls, Seconds: l.Seconds - before.Seconds, Counts: make([]uint64, len(l.Counts))}
	for i := range out.Counts {
		out.Counts[i] = l.Counts[i] - min(before.Counts[i], l.Counts[i])
	}
	return out
}

// Quantile returns the duration that a part of the calls did not exceed (0.99 for 99 %), taken to be spread evenly within
// its bucket; 0 without calls. In the last bucket it is that bucket's lower bound.
func (l Latency) Quantile(part float64) time.Duration {
	var total uint64
	for _, n := range l.Counts {
		total += n
	}
	if total == 0 {
		return 0
	}
	rest := part * float64(total)
	for i, n := range l.Counts {
		if rest > float64(n) || n == 0 {
			rest -= float64(n)
			continue
		}
		low := time.Duration(0)
		if i > 0 {
			low = bound(i - 1)
		}
		if i == len(l.Counts)-1 {
			return low
		}
		return low + time.Duration(rest/float64(n)*float64(bound(i)-low))
	}
	return bound(len(l.Counts) - 2)
}

// Cumulative returns how many calls took at most each of Bounds, as Prometheus counts, by bound.
func (l Latency) Cumulative() map[float64]uint64 {
	out := make(map[float64]uint64, buckets-1)
	var sum uint64
	for i, b := range Bounds() {
		if i < len(l.Counts) {
			sum += l.Counts[i]
		}
		out[b] = sum
	}
	return out
}
