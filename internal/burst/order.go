package burst

import (
	"cmp"
	"fmt"
	"slices"
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
		limit, by := p.limit(t, pool)
		n := max(pool.Order.Nodes, pool.Min, 0)
		if n > limit {
			n, t.caps[pool.Name] = limit, by
		}
		t.counts[pool.Name] = n
	}
}

// carryOut turns an order into a decision. Nodes that are too many are given back at once, those that do nothing first; a
// draining node finishes its tasks, so that no work is thrown away.
func (p *planner) carryOut(pool *Pool, t target) Decision {
	standing := p.standing(pool)
	d := Decision{Pool: pool.Name, Have: len(standing), Want: t.counts[pool.Name], Cap: t.caps[pool.Name]}
	if pool.Stopped {
		d.Cap = "stopped"
	}
	switch {
	case d.Want > d.Have:
		p.grow(&d, pool, target{missed: p.waiting(pool)})
	case d.Want < d.Have:
		slices.SortStableFunc(standing, func(a, b Node) int {
			return cmp.Or(cmp.Compare(p.ease(a), p.ease(b)), a.Idle.Compare(b.Idle), cmp.Compare(a.Name, b.Name))
		})
		for _, n := range standing[:d.Have-d.Want] {
			d.Release = append(d.Release, n.Name)
		}
	}
	d.Reason = p.tell(pool, d)
	return d
}

// waiting lists the works that a pool could start, by index.
func (p *planner) waiting(pool *Pool) []int {
	var out []int
	for i, w := range p.work {
		if w.Runnable > 0 && w.Slots[pool.Name] > 0 {
			out = append(out, i)
		}
	}
	return out
}

// tell says in one sentence why a pool with an order gets what it gets.
func (p *planner) tell(pool *Pool, d Decision) string {
	parts := []string{pool.Order.Reason}
	switch d.Cap {
	case "stopped":
		parts = append(parts, "the operator has stopped this pool")
	case "max":
		parts = append(parts, "the pool has at most "+nodes(max(pool.Max, 0)))
	case "hourly":
		parts = append(parts, fmt.Sprintf("rented nodes may cost at most %.2f an hour", p.settings.MaxHourly))
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
