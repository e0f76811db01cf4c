package main

import (
	"math"
	"math/rand/v2"
	"slices"
)

// oracle finds the cheapest schedule of nodes that it can for a day of which it knows everything: every trial is the day
// itself, lived through once more. It starts from the numbers that other policies had and changes stretches of the day by
// a few nodes as long as that misses no more deadlines and costs less.
func oracle(d *day, starts [][]int, trials int) result {
	rng := rand.New(rand.NewPCG(d.seed, 0x0eac1e))
	try := func(slots []int) result { return newSim(d).run(scheduled{slots}) }
	var best result
	var at []int
	for i, s := range starts {
		if r := try(s); i == 0 || better(r, best) {
			best, at = r, s
		}
	}
	for range trials {
		next := slices.Clone(at)
		from := rng.IntN(len(next))
		length := 1 + int(float64(len(next)-from)*math.Pow(rng.Float64(), 3))
		change := []int{-8, -4, -2, -1, -1, -1, 1, 2}[rng.IntN(8)]
		switch rng.IntN(5) {
		case 0: // moved by some slots
			shift := 1 + rng.IntN(4)
			copy(next[from:], at[max(0, from-shift):])
		case 1: // one kind of node-hours for another
			for i := from; i < min(from+length, len(next)); i++ {
				next[i] = max(0, next[i]+change)
			}
			for i := min(from+length, len(next)); i < min(from+2*length, len(next)); i++ {
				next[i] = max(0, next[i]-change)
			}
		default:
			for i := from; i < min(from+length, len(next)); i++ {
				next[i] = max(0, next[i]+change)
			}
		}
		if slices.Equal(next, at) {
			continue
		}
		if r := try(next); better(r, best) {
			best, at = r, next
		}
	}
	return best
}

// better reports whether a result misses fewer deadlines, or as many and costs less.
func better(a, b result) bool {
	if a.missed != b.missed {
		return a.missed < b.missed
	}
	return a.cost < b.cost
}

// fluidBound returns what no policy can be cheaper than if it meets every deadline: work that is a fluid is poured into
// the studio's own nodes, the nearest deadline first, which does as much of it at home as can be done; the rest costs
// its node-hours, and nothing else.
func fluidBound(d *day) float64 {
	type pour struct {
		at, deadline, left float64
	}
	var jobs []pour
	var times []float64
	for i := range d.jobs {
		j := &d.jobs[i]
		if math.IsInf(j.deadline, 1) {
			continue
		}
		sum := 0.0
		for _, f := range j.frames {
			sum += f
		}
		jobs = append(jobs, pour{j.at, j.deadline, sum})
		times = append(times, j.at, j.deadline)
	}
	slices.Sort(times)
	rest := 0.0
	for i := range jobs {
		rest += jobs[i].left
	}
	for i := 1; i < len(times); i++ {
		for now := times[i-1]; now < times[i]; {
			first := -1
			for k := range jobs {
				if jobs[k].at <= now && jobs[k].deadline > now && jobs[k].left > 1e-6 && (first < 0 || jobs[k].deadline < jobs[first].deadline) {
					first = k
				}
			}
			if first < 0 {
				break
			}
			until := min(times[i], now+jobs[first].left/float64(d.home))
			if until <= now {
				break
			}
			jobs[first].left -= (until - now) * float64(d.home)
			rest -= (until - now) * float64(d.home)
			now = until
		}
	}
	return max(0, rest) / hour * d.pool.price
}
