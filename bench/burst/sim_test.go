package main

import (
	"math"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/spillway/spillway/internal/burst"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Under every policy each frame is rendered once, nothing costs less than its node-time, and the same seed is the same day.
func TestDaysAddUp(t *testing.T) {
	for seed := range uint64(3) {
		d := newDay(seed)
		for _, c := range contestants() {
			lives := [2]result{}
			for i := range lives {
				p, err := c.make(d)
				if err != nil {
					t.Fatal(err)
				}
				s := newSim(d)
				lives[i] = s.run(p)
				for _, w := range s.work {
					if w.done != len(w.frames) || w.runnable() != 0 || len(w.running) != 0 {
						t.Errorf("seed %d, %s: job %d ended with %d of %d frames", seed, c.name, w.index, w.done, len(w.frames))
					}
				}
			}
			r := lives[0]
			if r != lives[1] {
				t.Errorf("seed %d, %s: %+v, then %+v", seed, c.name, r, lives[1])
			}
			if r.cost < r.seconds/hour*d.pool.price*(1-1e-9) || r.rendered+r.lost+r.starting > r.seconds*(1+1e-9) {
				t.Errorf("seed %d, %s: %+v does not add up", seed, c.name, r)
			}
		}
	}
}

// Nobody who meets all deadlines is cheaper than a fluid.
func TestNobodyBeatsTheFluid(t *testing.T) {
	for seed := range uint64(8) {
		d := newDay(seed)
		bound := fluidBound(d)
		for _, n := range []int{5, 20, 60} {
			if r := newSim(d).run(fixed{n}); r.missed == 0 && r.cost < bound {
				t.Errorf("seed %d: %d nodes cost %.2f, the bound is %.2f", seed, n, r.cost, bound)
			}
		}
	}
}

func TestFluidBoundOfASimpleDay(t *testing.T) {
	d := &day{home: 2, pool: poolSpec{price: 0.5}, jobs: []job{
		{at: 0, deadline: 2 * hour, frames: []float64{10 * hour}},           // 4 of its 10 hours fit at home
		{at: 0, deadline: 4 * hour, frames: []float64{5 * hour}},            // 4 of its 5
		{at: 0, deadline: math.Inf(1), frames: []float64{100 * hour}},       // asks for nothing
		{at: 10 * hour, deadline: 12 * hour, frames: []float64{3.9 * hour}}, // all of it
	}}
	if got := fluidBound(d); math.Abs(got-3.5) > 1e-6 {
		t.Errorf("%.3f, want 7 hours for 3.50", got)
	}
}

// The oracle is never worse than what it starts from.
func TestTheOracleSearches(t *testing.T) {
	d := newDay(3)
	r := &recorded{policy: planned{burst.DefaultSettings()}}
	newSim(d).run(r)
	start := newSim(d).run(scheduled{r.slots})
	best := oracle(d, [][]int{r.slots}, 60)
	if better(start, best) {
		t.Errorf("from %+v to %+v", start, best)
	}
}

// The real farm with the real planner loses a fifth of its nodes every ten minutes: a small storm of the kind that
// make bench-burst measures.
func TestEvictionsFailNothing(t *testing.T) {
	c := stormy{nodes: 60, frames: 900, seconds: 240, startUp: 3 * time.Minute, period: 10 * time.Minute, seed: 2}
	calm, err := c.run()
	if err != nil {
		t.Fatal(err)
	}
	c.share = 0.2
	bad, err := c.run()
	if err != nil {
		t.Fatal(err)
	}
	if bad.failed != 0 || bad.retries != 0 || bad.evicted < 50 {
		t.Errorf("%+v", bad)
	}
	if bad.makespan > calm.makespan*5/4 || bad.wasted > 0.2 {
		t.Errorf("calm: %+v\nstorm: %+v", calm, bad)
	}
}
