package burst

import (
	"math"
	"strings"
)

// Order says how many nodes a pool is to have, whatever the goals of the work need: a formula's target.
type Order struct {
	Nodes  int
	Reason string // for people
}

// obey sets the numbers of the pools that have an order. The farm's limits hold for them too; pools that plan by goals then
// count on their nodes.
func (p *planner) obey(t *target) {
	for i := range p.in.Pools {
		pool := &p.in.Pools[i]
		if pool.Order == nil || pool.Stopped {
			continue
		}
		n := max(pool.Order.Nodes, pool.Min, 0)
		limit, by := p.limit(t.counts, i, math.MaxInt)
		if n > limit && !p.free {
			n, t.caps[i] = limit, by
		}
		t.counts[i] = n
	}
}

// carryOut turns an order into a decision. Nodes that are too many are given back at once, those that do nothing first; a
// draining node finishes its tasks, so that no work is thrown away.
func (p *planner) carryOut(at int, t target) Decision {
	pool := &p.in.Pools[at]
	d := Decision{Pool: pool.Name, Have: p.have(pool), Want: t.counts[at], Asked: max(pool.Order.Nodes, 0), Cap: t.caps[at], Seen: p.seen(at, t)}
	if pool.Stopped {
		d.Cap = "stopped"
	}
	switch {
	case d.Want > d.Have:
		p.grow(&d, at, target{missed: p.waiting(at)})
	case d.Want < d.Have:
		for _, n := range p.byLoss(pool)[:d.Have-d.Want] {
			d.Release = append(d.Release, n.Name)
		}
	}
	d.Reason = p.tell(pool, d)
	return d
}

// waiting lists the works that a pool could start, by index.
func (p *planner) waiting(pool int) []int {
	var out []int
	for i := range p.work {
		if w := &p.work[i]; w.Runnable > 0 && w.slots[len(p.in.Home)+pool] > 0 {
			out = append(out, i)
		}
	}
	return out
}

// tell says in one sentence why a pool with an order gets what it gets.
func (p *planner) tell(pool *Pool, d Decision) string {
	parts := []string{pool.Order.Reason}
	if text := p.capText(pool, d.Cap); text != "" {
		parts = append(parts, text)
	}
	if d.Cap == "" && d.Want > pool.Order.Nodes {
		parts = append(parts, nodes(d.Want)+" is the pool's minimum")
	}
	if len(d.Prime) > 0 && d.Create == 0 && len(d.Resume) == 0 {
		parts = append(parts, "first assets are loaded at "+pool.Site)
	}
	if len(d.Release) > 0 {
		parts = append(parts, "gives back "+strings.Join(d.Release, ", "))
	}
	return strings.Join(parts, "; ")
}
