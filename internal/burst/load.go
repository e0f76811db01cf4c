package burst

import (
	"math"
	"time"
)

// load is a work as the planner lays it out: everything that does not change from trial to trial, by supply.
type load struct {
	*Work
	goal     float64 // seconds from now by which it should have ended; +Inf: no goal
	slots    []float64
	seconds  []float64 // a task takes, by supply; 0: unknown or cannot run there
	wait     []float64 // until its assets let new nodes be woken
	guess    float64   // seconds a task of which nothing is known is taken to last; 0: something is known, or nothing at all
	slow     float64   // what the last task may take longer than the usual one
	runsLeft float64   // until what runs has ended
}

// hasGoal reports whether nodes may be rented for the work at all.
func (l *load) hasGoal() bool { return !math.IsInf(l.goal, 1) }

// wants reports whether the work can miss a goal.
func (l *load) wants() bool { return l.hasGoal() && l.Runnable > 0 && l.timed() }

// timed reports whether the work can be laid out: how long its tasks take is known, or guessed.
func (l *load) timed() bool { return l.guess > 0 || l.known() }

// goalAt returns when the work's last task should have ended; false if there is no such moment.
func (w *Work) goalAt(s Settings) (time.Time, bool) {
	wait := s.MaxWait
	if w.MaxWait > 0 {
		wait = w.MaxWait
	}
	switch {
	case w.Cheapest:
	case !w.Deadline.IsZero():
		return w.Deadline.Add(-w.Tail), true
	case wait > 0:
		return w.Submitted.Add(wait), true
	}
	return time.Time{}, false
}

// anywhere returns the measurement with the most tasks behind it; of equals the slower one.
func (w *Work) anywhere() Seconds {
	var best Seconds
	for _, m := range w.Measured {
		if m.sound() && (m.Count > best.Count || m.Count == best.Count && m.Mean > best.Mean) {
			best = m
		}
	}
	return best
}

// known reports whether anything tells how long a task takes.
func (w *Work) known() bool { return w.Expected > 0 || w.anywhere().sound() }

// warmsIn returns how long the work's assets still keep nodes of a pool from being woken.
func (w *Work) warmsIn(p *Pool) time.Duration {
	warm, ok := w.Warm[p.Site]
	share := within(warm.Share, 0, 1)
	if !ok || share >= p.WarmRequired || share >= 1 {
		return 0
	}
	missing := (min(p.WarmRequired, 1) - share) / (1 - share)
	return time.Duration(missing * float64(min(max(warm.Left, 0), longest)))
}

// cold reports whether the work's assets must be loaded before nodes of a pool are woken for it.
func (w *Work) cold(p *Pool) bool {
	warm, ok := w.Warm[p.Site]
	return ok && within(warm.Share, 0, 1) < min(p.WarmRequired, 1)
}

// disturbed returns how long a task takes on nodes that may be evicted, all in all. With evictions at a constant rate r a
// task of s seconds that begins anew each time takes (e^(rs) − 1)/r on average, and each eviction costs a new node's start.
func (p *Pool) disturbed(seconds float64) float64 {
	r := p.Evictions / 3600
	if r <= 0 {
		return seconds
	}
	return min(math.Expm1(min(r*seconds, mostEvictions))/r*(1+r*p.StartUp.Seconds()), longestTask)
}

// mostEvictions bounds how many evictions of one task are reckoned with: beyond, such nodes are no use for it.
const mostEvictions = 6
