package burst

import (
	"cmp"
	"slices"
	"time"
)

// decide turns the searches' numbers into what is to be done with one pool now. A pool that has nodes gets more only if
// less than hold of them would leave next to no margin, and gives some back only down to keep, which leaves a wide one:
// between the two, measurements may vary without consequence.
func (p *planner) decide(pool *Pool, need target, hold, keep int) Decision {
	standing := p.standing(pool)
	d := Decision{Pool: pool.Name, Have: len(standing), Want: need.counts[pool.Name], Cap: need.caps[pool.Name]}
	if pool.Stopped {
		d.Cap = "stopped"
	}
	switch {
	case pool.Stopped:
	case d.Want < d.Have:
		d.Want = min(d.Have, max(d.Want, keep), max(pool.Max, 0))
	case d.Have > 0 && hold <= d.Have:
		d.Want, d.Cap = d.Have, ""
	}
	work := p.driver(pool, need)
	if work != nil {
		d.Job = work.Job
	}
	switch {
	case d.Want > d.Have:
		p.grow(&d, pool, need)
	case d.Want < d.Have:
		d.Release = p.victims(pool, standing, d.Have-d.Want)
	}
	d.Reason = p.explain(pool, d, need, work)
	return d
}

// driver returns the work for which a pool has or gets nodes: the first that misses its goal without it and can run on
// it, or that the pool scouts for.
func (p *planner) driver(pool *Pool, t target) *Work {
	for _, i := range t.missed {
		if p.work[i].Slots[pool.Name] > 0 {
			return p.work[i]
		}
	}
	if i, ok := t.scout[pool.Name]; ok {
		return p.work[i]
	}
	return nil
}

// grow keeps draining nodes first, then makes new ones, but none before the assets of the works that need them are there.
func (p *planner) grow(d *Decision, pool *Pool, t target) {
	more := d.Want - d.Have
	needy := t.missed
	if i, ok := t.scout[pool.Name]; ok {
		needy = append(slices.Clone(needy), i)
	}
	anyWarm := len(needy) == 0 // nodes of the pool's minimum wait for nobody
	for _, i := range needy {
		w := p.work[i]
		if w.Slots[pool.Name] == 0 {
			continue
		}
		if w.cold(pool) {
			d.Prime = append(d.Prime, w.Job)
		} else {
			anyWarm = true
		}
	}
	slices.Sort(d.Prime)
	d.Prime = slices.Compact(d.Prime)
	if !anyWarm {
		return
	}
	for _, n := range pool.Nodes {
		if n.State == Draining && len(d.Resume) < more {
			d.Resume = append(d.Resume, n.Name)
		}
	}
	// A draining node that is not resumed still counts against the pool's maximum until it is gone.
	room := pool.Max - d.Have - p.draining(pool)
	d.Create = max(0, min(more-len(d.Resume), room))
}

func (p *planner) draining(pool *Pool) int {
	n := 0
	for _, node := range pool.Nodes {
		if node.State == Draining {
			n++
		}
	}
	return n
}

// victims names up to n nodes to give back: idle for long enough, and either there is no work that could use them or
// what they cost at least is used up; the longest idle first. A node that only does work without a goal goes once it is
// used up. With the kill switch, or above the pool's maximum, any node may go.
func (p *planner) victims(pool *Pool, standing []Node, n int) []string {
	forced := len(standing) - max(pool.Max, 0)
	if pool.Stopped {
		forced = len(standing)
	}
	work := p.anyWork(pool)
	order := slices.Clone(standing)
	slices.SortStableFunc(order, func(a, b Node) int {
		return cmp.Or(cmp.Compare(p.ease(a), p.ease(b)), a.Idle.Compare(b.Idle), cmp.Compare(a.Name, b.Name))
	})
	var out []string
	for _, node := range order {
		paid := p.now.Before(node.Created.Add(pool.MinBilling))
		idle := node.State == Online && !node.Idle.IsZero() && p.now.Sub(node.Idle) >= p.settings.IdleFor
		spare := idle && (!work || !paid) || p.goalless[node.Name] && !paid
		if len(out) < n && (spare || len(out) < forced) {
			out = append(out, node.Name)
		}
	}
	return out
}

// ease ranks nodes by how little is lost with them.
func (p *planner) ease(n Node) int {
	_, busy := p.busy[n.Name]
	switch {
	case n.State == Online && !busy && !n.Idle.IsZero():
		return 0
	case n.State == Starting:
		return 1
	}
	return 2
}

// anyWork reports whether there is, or will be, work that a pool's nodes could do.
func (p *planner) anyWork(pool *Pool) bool {
	for _, w := range p.work {
		if w.Slots[pool.Name] > 0 && (w.Runnable > 0 || w.Later > 0 || len(w.Running) > 0) {
			return true
		}
	}
	return false
}

// idleLeft returns how long the next victim among a pool's idle nodes still has; false if none is idle.
func (p *planner) idleLeft(standing []Node) (time.Duration, bool) {
	left, found := time.Duration(0), false
	for _, n := range standing {
		if n.Idle.IsZero() || n.State != Online {
			continue
		}
		if l := p.settings.IdleFor - p.now.Sub(n.Idle); !found || l < left {
			left, found = l, true
		}
	}
	return max(left, 0), found
}
