package burst

import (
	"math"
	"slices"
	"time"
)

// Question asks what becomes of a job. At most one of By, Allow and HomeOnly is given; with none of them, the plan as it is.
type Question struct {
	Job      string
	By       time.Time // which nodes would have it done by then?
	Allow    *float64  // how soon, if it may cost so much more than without it?
	HomeOnly bool      // with nothing rented at all
}

// Answer tells what becomes of a job.
type Answer struct {
	Done  time.Time      // when the job ends; zero: never, or nobody knows
	Known bool           // how long all of its tasks take is known, expected, or guessed from other work
	Late  bool           // the moment that was asked for, or else the job's own goal, is missed
	Nodes map[string]int // rented nodes that the farm then has at most, by pool
	Cost  float64        // of all rented nodes from now until the work is done
	Extra float64        // of that, what there would not be without the job
	Cap   string         // what keeps it from being sooner: see Decision
}

// WhatIf answers a question about a job. Nothing is changed by it. What the job's steps wait for within the job counts as
// far as it is known how long it takes.
func WhatIf(now time.Time, in Input, q Question) Answer {
	without := in
	without.Work = slices.DeleteFunc(slices.Clone(in.Work), func(w Work) bool { return w.Job == q.Job })
	rest := costOfPlan(now, without)

	in.Work = slices.Clone(in.Work)
	in.Pools = slices.Clone(in.Pools)
	for i := range in.Work {
		if w := &in.Work[i]; w.Job == q.Job {
			w.Runnable, w.Later = w.Runnable+w.Later, 0
			switch {
			case !q.By.IsZero():
				w.Deadline, w.Cheapest = q.By, false
			case q.Allow != nil:
				w.Deadline, w.Cheapest = now, false // as soon as can be
			}
		}
	}
	if q.Allow != nil {
		allowed := rest + *q.Allow
		if b := in.Settings.Budget; b != nil {
			allowed = min(allowed, *b)
		}
		in.Settings.Budget = &allowed
	}
	p := newPlanner(now, in, true)
	p.frugal = q.Allow != nil // without the job they could go
	t := target{counts: make([]int, len(in.Pools)), caps: make([]string, len(in.Pools))}
	if !q.HomeOnly {
		t = p.search(p.settings.Margin)
	}
	return p.answer(q, t, rest)
}

func costOfPlan(now time.Time, in Input) float64 {
	p := newPlanner(now, in, true)
	return p.search(p.settings.Margin).final.cost
}

func (p *planner) answer(q Question, t target, rest float64) Answer {
	r := p.try(t.counts)
	a := Answer{Known: true, Nodes: map[string]int{}, Cost: r.cost, Extra: max(0, r.cost-rest)}
	for i := range p.in.Pools {
		if n := t.counts[i]; n > 0 {
			a.Nodes[p.in.Pools[i].Name] = n
		}
	}
	last, goal := 0.0, math.Inf(1)
	for i := range p.work {
		w := &p.work[i]
		if w.Job != q.Job || w.Runnable == 0 && len(w.Running) == 0 {
			continue
		}
		last = max(last, r.ends[i]+w.Tail.Seconds())
		a.Known = a.Known && w.timed()
		if q.Allow == nil {
			goal = min(goal, w.goal+w.Tail.Seconds())
		}
	}
	a.Late = a.Known && last > goal
	if !math.IsInf(last, 1) && a.Known {
		a.Done = p.now.Add(seconds(last))
	}
	if a.Late || q.Allow != nil {
		for i, c := range t.caps {
			if c != "" {
				a.Cap = c
				if t.counts[i] > 0 {
					break
				}
			}
		}
	}
	return a
}
