package main

import (
	"math"
	"math/rand/v2"
)

// day is a generated day of a farm, with everything that a planner does not know: when jobs come, how long each frame
// takes, and how long each rented node lives.
type day struct {
	seed uint64
	home int // nodes of the studio's own
	pool poolSpec
	jobs []job
}

// poolSpec is the pool of rented nodes. Times are in seconds, the price is of a node an hour.
type poolSpec struct {
	most      int
	startUp   float64
	billing   float64
	price     float64
	evictions float64 // of a node an hour
}

// job is a job of one step. Moments are seconds since the day's beginning, at 08:00.
type job struct {
	at       float64
	deadline float64 // +Inf: none
	priority int
	expected float64 // seconds a frame, as the artist thinks; 0: no idea
	frames   []float64
}

const (
	hour      = 3600.0
	dayLength = 24 * hour
)

// newDay draws a day. Artists submit small jobs with near deadlines while they work, and large ones in the evening that
// are to be done in the morning. All in all there is more than the studio's own nodes can do on most days.
func newDay(seed uint64) *day {
	rng := rand.New(rand.NewPCG(seed, 0xda7))
	d := &day{
		seed: seed, home: 4 + rng.IntN(13),
		pool: poolSpec{
			most: 60, startUp: 120 + 240*rng.Float64(), billing: 60 * float64(rng.IntN(11)), price: 0.2 + 0.6*rng.Float64(),
			evictions: []float64{0, 0.02, 0.1}[rng.IntN(3)],
		},
	}
	size := (0.6 + 1.2*rng.Float64()) * float64(d.home) * dayLength // node-seconds
	for load := 0.0; load < size; {
		j := newJob(rng, d.home)
		for _, f := range j.frames {
			load += f
		}
		d.jobs = append(d.jobs, j)
	}
	return d
}

func newJob(rng *rand.Rand, home int) job {
	seconds := 60 * math.Exp(1.2+0.8*rng.NormFloat64()) // a median of 3.3 minutes
	seconds = min(max(seconds, 20), 40*60)
	overnight := rng.IntN(4) == 0
	work := float64(home) * hour * (0.3 + 1.2*rng.Float64())
	if overnight {
		work *= 4
	}
	n := int(min(max(work/seconds, 10), 1500))
	j := job{priority: 50, frames: make([]float64, n), deadline: math.Inf(1)}
	noise := 0.1 + 0.3*rng.Float64()
	for i := range j.frames {
		j.frames[i] = seconds * math.Exp(noise*rng.NormFloat64()-noise*noise/2)
		if rng.IntN(200) == 0 {
			j.frames[i] *= 4 // a frame that is out of line
		}
	}
	if rng.IntN(5) < 3 {
		j.expected = seconds * math.Exp(0.35*rng.NormFloat64())
	}
	longest := 0.0
	for _, f := range j.frames {
		longest = max(longest, f)
	}
	switch {
	case overnight: // submitted from 16:00 to 21:00, to be done by 09:00
		j.priority = 40
		j.at = (8 + 5*rng.Float64()) * hour
		j.deadline = 25 * hour
	case rng.IntN(6) == 0: // whenever it is done
		j.priority = 30
		j.at = 11 * rng.Float64() * hour
	default:
		j.at = 10 * rng.Float64() * hour
		j.deadline = j.at + (1+5*rng.Float64())*hour
		j.priority = 50 + 10*rng.IntN(2)
	}
	if !math.IsInf(j.deadline, 1) { // nobody asks for what no number of nodes could do
		j.deadline = max(j.deadline, j.at+3*longest+15*60)
	}
	return j
}
