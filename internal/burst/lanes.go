package burst

import (
	"cmp"
	"math"
	"slices"
)

// lane is a number of equal nodes that become free at the same moment.
type lane struct {
	supply string
	site   string
	speed  float64
	pool   *Pool // nil: the studio's own
	fresh  bool  // not created yet: it also waits for its filer to be warm
	nodes  float64
	free   float64 // seconds from now
}

// share is a lane as one work sees it.
type share struct {
	lane    *lane
	slots   float64
	free    float64
	seconds float64 // a task
	tasks   float64 // placed
}

// start returns how many tasks the slots have started by t.
func (s *share) started(t float64) float64 {
	if t < s.free {
		return 0
	}
	return s.slots * (math.Floor((t-s.free)/s.seconds+tick) + 1)
}

// end returns when the last task placed here ends.
func (s *share) end() float64 { return s.free + s.seconds*math.Ceil(s.tasks/s.slots-tick) }

// tick is the slack for sums of floating-point seconds.
const tick = 1e-9

// place lays n equal tasks of a work onto lanes: the slot that is free first takes the next one. It moves the lanes'
// free times and returns when the last task ends (seconds from now), and false if no lane can take it.
func place(w *Work, lanes []*lane, n int64) (float64, bool) {
	shares := sharesOf(w, lanes)
	if len(shares) == 0 {
		return math.Inf(1), n == 0
	}
	if n == 0 {
		return 0, true
	}
	last := lastStart(shares, float64(n))
	extra := -float64(n)
	for i := range shares {
		shares[i].tasks = shares[i].started(last)
		extra += shares[i].tasks
	}
	// More slots are free at that moment than tasks are left: the fastest take them.
	slices.SortStableFunc(shares, func(a, b share) int { return cmp.Compare(b.end(), a.end()) })
	for i := range shares {
		s := &shares[i]
		if s.tasks > 0 && extra > 0 && s.free+s.seconds*(s.tasks/s.slots-1) >= last-last*tick-tick {
			take := min(extra, s.slots)
			s.tasks -= take
			extra -= take
		}
	}
	end := 0.0
	for _, s := range shares {
		if s.tasks > 0 {
			end = max(end, s.end())
			s.lane.free = s.free + s.seconds*s.tasks/s.slots
		}
	}
	return end, true
}

func sharesOf(w *Work, lanes []*lane) []share {
	var out []share
	for _, l := range lanes {
		slots := w.Slots[l.supply]
		seconds, known := w.seconds(l.site, l.speed)
		if slots <= 0 || l.nodes <= 0 || !known {
			continue
		}
		free := l.free
		if l.fresh {
			free += w.wait(l.pool).Seconds()
		}
		out = append(out, share{lane: l, slots: float64(slots) * l.nodes, free: free, seconds: max(seconds, 1e-3)})
	}
	return out
}

// lastStart returns the earliest moment by which n tasks have been started.
func lastStart(shares []share, n float64) float64 {
	total := func(t float64) float64 {
		sum := 0.0
		for i := range shares {
			sum += shares[i].started(t)
		}
		return sum
	}
	low := shares[0].free
	for i := range shares {
		low = min(low, shares[i].free)
	}
	if total(low) >= n {
		return low
	}
	high := max(2*low, 1)
	for ; total(high) < n; high *= 2 {
		low = high
	}
	for range 60 {
		if mid := (low + high) / 2; total(mid) >= n {
			high = mid
		} else {
			low = mid
		}
	}
	return high
}
