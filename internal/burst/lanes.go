package burst

import (
	"cmp"
	"math"
	"slices"
)

// lane is a number of equal nodes that become free at the same moment.
type lane struct {
	supply int
	fresh  bool // not created yet: it also waits for its filer to be warm
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

// started returns how many tasks the slots have started by t.
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

// bench is what trials lay work on. It is kept from trial to trial.
type bench struct {
	lanes  []lane
	shares []share
	starts []start
	looks  int // at shares, all in all: what the work is measured in
}

// place lays n equal tasks of a work onto the lanes: the slot that is free first takes the next one. It moves the lanes'
// free times and returns when the last task ends (seconds from now), and false if no lane can take it.
func (b *bench) place(w *load, n int64) (float64, bool) {
	b.share(w)
	shares := b.shares
	if len(shares) == 0 {
		return math.Inf(1), n == 0
	}
	if n == 0 {
		return 0, true
	}
	last := b.lastStart(float64(n))
	extra := -float64(n)
	for i := range shares {
		shares[i].tasks = shares[i].started(last)
		extra += shares[i].tasks
	}
	// More slots are free at that moment than tasks are left: the fastest take them.
	for range shares {
		if extra <= tick {
			break
		}
		slowest := -1
		for i := range shares {
			s := &shares[i]
			if s.tasks > 0 && s.free+s.seconds*(s.tasks/s.slots-1) >= last-last*tick-tick && (slowest < 0 || s.end() > shares[slowest].end()) {
				slowest = i
			}
		}
		if slowest < 0 {
			break
		}
		s := &shares[slowest]
		take := min(extra, s.slots)
		s.tasks -= take
		extra -= take
	}
	end := 0.0
	for i := range shares {
		if s := &shares[i]; s.tasks > 0 {
			end = max(end, s.end())
			s.lane.free = s.free + s.seconds*s.tasks/s.slots
		}
	}
	return end, true
}

// share lists the lanes on which a work can run.
func (b *bench) share(w *load) {
	b.shares = b.shares[:0]
	for i := range b.lanes {
		l := &b.lanes[i]
		slots, seconds := w.slots[l.supply]*l.nodes, w.seconds[l.supply]
		if slots <= 0 || seconds <= 0 {
			continue
		}
		free := l.free
		if l.fresh {
			free += w.wait[l.supply]
		}
		b.shares = append(b.shares, share{lane: l, slots: slots, free: free, seconds: seconds})
	}
}

// lastStart returns the earliest moment by which n tasks have been started. It begins with the moment at which a fluid
// would have been poured in (Newton's method over a convex line of straight pieces: exact after a few steps), halves the
// way that is left until no slot can start two tasks in it, and then goes from start to start.
//
// Its steps are bounded by the numbers of lanes and tasks, whatever the seconds are: the way is halved no more often than it
// is that much longer than an eighth of the shortest task (see halvings), and what is left has one start for each lane.
func (b *bench) lastStart(n float64) float64 {
	low, slots, shortest := math.Inf(1), 0.0, math.Inf(1)
	for i := range b.shares {
		s := &b.shares[i]
		low, slots, shortest = min(low, s.free), slots+s.slots, min(shortest, s.seconds)
	}
	atLow := b.startedBy(low)
	if atLow >= n {
		return low
	}
	high := b.poured(n)
	if under := n - slots; under > 0 {
		if later := b.poured(under) * (1 - tick); later > low {
			if at := b.startedBy(later); at < n {
				low, atLow = later, at
			}
		}
	}
	for range halvings(high-low, shortest) {
		mid := low + (high-low)/2
		if mid <= low || mid >= high { // no moment is between them
			break
		}
		if at := b.startedBy(mid); at >= n {
			high = mid
		} else {
			low, atLow = mid, at
		}
	}
	b.looks += len(b.shares)
	b.starts = b.starts[:0]
	for i := range b.shares {
		if at := b.shares[i].next(low); at < high {
			b.starts = append(b.starts, start{at, b.shares[i].slots})
		}
	}
	slices.SortFunc(b.starts, func(x, y start) int { return cmp.Compare(x.at, y.at) })
	for _, s := range b.starts {
		if atLow += s.slots; atLow >= n {
			return s.at
		}
	}
	return high
}

// start is a moment at which slots start a task.
type start struct{ at, slots float64 }

// halvings returns how often a way must be halved until it is an eighth of a task at most.
func halvings(way, seconds float64) int {
	return max(0, int(math.Ceil(math.Log2(8*way/seconds))))
}

// next returns when the slots start their first task after t. It is later than t even where seconds so far from now round a
// start to t itself.
func (s *share) next(t float64) float64 {
	if t < s.free {
		return s.free
	}
	after := s.free + s.seconds*(math.Floor((t-s.free)/s.seconds+tick)+1)
	return max(after, math.Nextafter(t, math.Inf(1)))
}

func (b *bench) startedBy(t float64) float64 {
	b.looks += len(b.shares)
	sum := 0.0
	for i := range b.shares {
		sum += b.shares[i].started(t)
	}
	return sum
}

// poured returns when the slots have worked off n tasks, were these a fluid; never too early a moment.
func (b *bench) poured(n float64) float64 {
	sum, rate := n, 0.0
	for i := range b.shares {
		s := &b.shares[i]
		each := s.slots / s.seconds
		sum, rate = sum+each*s.free, rate+each
	}
	t := sum / rate // as if all worked from the beginning, those that are not free yet backwards: not before the moment
	for range len(b.shares) + 1 {
		b.looks += len(b.shares)
		done, rate := 0.0, 0.0
		for i := range b.shares {
			if s := &b.shares[i]; t > s.free {
				each := s.slots / s.seconds
				done += each * (t - s.free)
				rate += each
			}
		}
		if done <= n*(1+tick) || rate <= 0 {
			break
		}
		t -= (done - n) / rate
	}
	return t
}

// shelf is what a pool has: lanes of its nodes, the most useful first.
type shelf struct {
	nodes int
	lanes []lane
}

// The nodes of all pools together are summarised in so many lanes, those of each in so many at least.
const (
	mostLanes   = 32
	fewestLanes = 4
)

// shelve puts free times, the most useful first, into lanes. Nodes that are free within a second of each other are one
// lane; where there would be more than most lanes more of them are, at their mean.
func shelve(supply int, frees []float64, most int) shelf {
	s := shelf{nodes: len(frees)}
	least := (len(frees) + most - 1) / most
	for at := 0; at < len(frees); {
		sum, n := frees[at], 1
		for at+n < len(frees) && (math.Ceil(frees[at+n]) == math.Ceil(frees[at]) || n < least) {
			sum += frees[at+n]
			n++
		}
		s.lanes = append(s.lanes, lane{supply: supply, nodes: float64(n), free: math.Ceil(sum / float64(n))})
		at += n
	}
	return s
}

// take appends n of the nodes to lanes and returns how many are missing.
func (s *shelf) take(lanes []lane, n int) ([]lane, int) {
	for i := range s.lanes {
		if n <= 0 {
			break
		}
		l := s.lanes[i]
		l.nodes = min(l.nodes, float64(n))
		n -= int(l.nodes)
		lanes = append(lanes, l)
	}
	return lanes, n
}
