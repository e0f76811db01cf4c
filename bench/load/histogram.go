package load

import (
	"math/bits"
	"time"
)

// histogram counts durations in buckets of an eighth of a power of two: 12 % wide.
type histogram struct {
	count [64 * 8]uint64
	total uint64
}

func bucket(d time.Duration) int {
	v := uint64(max(d, 8))
	exp := bits.Len64(v) - 1
	return exp*8 + int(v>>(exp-3)&7)
}

func (h *histogram) add(d time.Duration) {
	h.count[bucket(d)]++
	h.total++
}

func (h *histogram) merge(o *histogram) {
	for i, n := range o.count {
		h.count[i] += n
	}
	h.total += o.total
}

// at returns the upper end of the bucket that holds the quantile.
func (h *histogram) at(q float64) time.Duration {
	want, seen := uint64(q*float64(h.total)), uint64(0)
	for i, n := range h.count {
		if seen += n; n > 0 && seen > want {
			exp, part := i/8, i%8
			return time.Duration(uint64(1)<<exp + uint64(part+1)<<(exp-3))
		}
	}
	return 0
}
