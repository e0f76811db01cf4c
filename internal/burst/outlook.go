package burst

import (
	"math"
	"time"
)

// Outlook is what a number of nodes leads to.
type Outlook struct {
	Jobs   map[string]time.Time // when each job ends, with what must follow the work that could start now; absent: unknown or never
	Finish time.Time            // the last of them; zero: none
	Cost   float64              // of the rented nodes from now until nothing of the work runs on them
}

// Forecast returns when work ends and what it costs with the given number of nodes in each pool; a pool that is not
// named has none. Existing nodes are used first. Work that waits for other work counts as far as it is known how long it
// takes and one of the nodes can do it.
func Forecast(now time.Time, in Input, nodes map[string]int) Outlook {
	p := newPlanner(now, in, false)
	p.all = true
	r := p.try(p.numbers(nodes))
	return p.outlook(r)
}

func (p *planner) outlook(r result) Outlook {
	out := Outlook{Jobs: map[string]time.Time{}, Cost: r.cost}
	for i, end := range r.ends {
		w := &p.work[i]
		if !math.IsInf(end, 1) {
			at := p.now.Add(seconds(end))
			out.Jobs[w.Job] = latest(out.Jobs[w.Job], at)
			out.Finish = latest(out.Finish, at)
		}
	}
	for i, end := range r.ends {
		if math.IsInf(end, 1) {
			delete(out.Jobs, p.work[i].Job)
		}
	}
	return out
}

// numbers turns numbers of nodes by name into such by pool.
func (p *planner) numbers(nodes map[string]int) []int {
	out := make([]int, len(p.in.Pools))
	for i := range p.in.Pools {
		out[i] = nodes[p.in.Pools[i].Name]
	}
	return out
}

// result is what a trial number of nodes leads to.
type result struct {
	ends []float64 // seconds from now, by work; +Inf: never, or unknown
	cost float64
}

// try lays all work onto the studio's nodes and the given number of rented ones.
func (p *planner) try(counts []int) result {
	r := result{ends: make([]float64, len(p.work))}
	p.set(counts)
	for i := range p.work {
		r.ends[i] = p.layOut(&p.work[i])
	}
	r.cost = p.cost()
	return r
}

// set makes lanes of the studio's nodes and the given numbers of rented ones.
func (p *planner) set(counts []int) {
	lanes := append(p.bench.lanes[:0], p.homes...)
	for i, n := range counts {
		pool, more := &p.in.Pools[i], 0
		shelf := &p.shelves[i]
		lanes, _ = shelf.take(lanes, n)
		if more = n - shelf.nodes; more > 0 {
			lanes = append(lanes, lane{supply: len(p.in.Home) + i, fresh: true, nodes: float64(more), free: pool.StartUp.Seconds()})
		}
	}
	p.bench.lanes = lanes
}

// layOut places one work and returns when it ends.
func (p *planner) layOut(w *load) float64 {
	tasks := w.Runnable
	if p.all {
		tasks += w.Later
	}
	end, ok := p.bench.place(w, tasks)
	switch {
	case ok:
	case w.Runnable > 0:
		end = math.Inf(1)
	default:
		end = 0
	}
	if w.Runnable > 0 {
		end += w.slow // the last task may be a slow one
	}
	end = max(end, w.runsLeft)
	if p.all {
		end += w.Tail.Seconds()
	}
	return end
}

// inTime reports whether every goal is met with the given numbers of nodes, with a margin: a share of the time to the goal
// that is left over.
func (p *planner) inTime(counts []int, margin float64) bool {
	p.set(counts)
	for i := range p.last + 1 {
		w := &p.work[i]
		if end := p.layOut(w); w.wants() && end > w.goal*(1-margin) {
			return false
		}
	}
	return true
}

// cost returns what the rented nodes of the last trial cost from now on.
func (p *planner) cost() float64 {
	sum := 0.0
	for i := range p.bench.lanes {
		l := &p.bench.lanes[i]
		pool := p.poolAt(l.supply)
		if pool == nil {
			continue
		}
		until := l.free
		if l.fresh {
			until = max(until, pool.MinBilling.Seconds())
		}
		sum += l.nodes * until / 3600 * pool.Price
	}
	return sum
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func seconds(s float64) time.Duration {
	return time.Duration(min(s, 1e9) * float64(time.Second))
}
