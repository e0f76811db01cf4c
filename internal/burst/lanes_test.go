package burst

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Seconds count from now, and far from now a double cannot tell one start from the next: that must not keep the search
// from ending.
func TestLastStartFarFromNow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := share{
			free:    math.Exp(rapid.Float64Range(0, 28).Draw(t, "log free")),
			seconds: math.Exp(rapid.Float64Range(-7, 12).Draw(t, "log seconds")),
			slots:   float64(rapid.IntRange(1, 64).Draw(t, "slots")),
		}
		n := float64(rapid.IntRange(1, 1e6).Draw(t, "tasks"))
		b := bench{shares: []share{s}}
		at := b.lastStart(n)
		want := s.free + s.seconds*(math.Ceil(n/s.slots)-1)
		if math.Abs(at-want) > want*1e-6+s.seconds*1e-3 {
			t.Fatalf("the last of %v tasks starts at %v, not %v", n, at, want)
		}
	})
}

// More nodes start every task sooner, or at the same moment. What may end later is the last task, if a slower node takes it now:
// by no more than it is slower there. All tasks are placed.
func TestAnAddedNodeDelaysByOneTask(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		supplies := rapid.IntRange(1, 5).Draw(t, "supplies")
		w := load{wait: make([]float64, supplies)}
		var lanes []lane
		for i := range supplies {
			w.slots = append(w.slots, float64(rapid.IntRange(1, 16).Draw(t, "slots")))
			w.seconds = append(w.seconds, rapid.Float64Range(shortestTask, 1000).Draw(t, "seconds"))
			lanes = append(lanes, lane{supply: i, nodes: float64(rapid.IntRange(1, 50).Draw(t, "nodes")), free: rapid.Float64Range(0, 5000).Draw(t, "free")})
		}
		n := rapid.Int64Range(1, 100_000).Draw(t, "tasks")
		ends := [2]float64{}
		more := rapid.IntRange(0, supplies-1).Draw(t, "more of")
		for i := range ends {
			b := bench{lanes: slices.Clone(lanes)}
			b.lanes[more].nodes += float64(i)
			ends[i], _ = b.place(&w, n)
			placed := 0.0
			for k := range b.shares {
				placed += b.shares[k].tasks
			}
			if math.Abs(placed-float64(n)) > 1e-6 {
				t.Fatalf("%v of %d tasks are placed", placed, n)
			}
		}
		if slower := slices.Max(w.seconds) - slices.Min(w.seconds); ends[1] > ends[0]+slower+ends[0]*1e-9+1e-6 {
			t.Fatalf("an added node moves the end from %v to %v, a task takes up to %v longer there", ends[0], ends[1], slower)
		}
	})
}
