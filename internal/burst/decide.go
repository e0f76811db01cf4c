package burst

import (
	"cmp"
	"slices"
	"time"
)

// decide turns the searches' numbers into what is to be done with one pool now. A pool that has nodes gets more only if
// those there are would leave next to no margin (else hold), and gives some back only down to keep, which leaves a wide
// one: between the two, measurements may vary without consequence.
func (p *planner) decide(at int, need target, hold bool, keep int) Decision {
	pool := &p.in.Pools[at]
	d := Decision{Pool: pool.Name, Have: p.have(pool), Want: need.counts[at], Asked: need.asked[at], Cap: need.caps[at], Seen: p.seen(at, need)}
	if pool.Stopped {
		d.Cap = "stopped"
	}
	switch {
	case pool.Stopped:
	case d.Want < d.Have:
		d.Want = min(d.Have, max(d.Want, keep), max(pool.Max, 0))
	case d.Have > 0 && hold && d.Have >= pool.Min:
		d.Want, d.Cap = d.Have, ""
	}
	work := p.driver(at, need)
	if work != nil {
		d.Job = work.Job
	}
	switch {
	case d.Want > d.Have:
		p.grow(&d, at, need)
	case d.Want < d.Have:
		d.Release = p.victims(pool, d.Have-d.Want)
	}
	d.Reason = p.explain(pool, d, need, work)
	return d
}

// driver returns the work for which a pool has or gets nodes: the first that misses its goal without it and can run on
// it, or that the pool scouts for.
func (p *planner) driver(pool int, t target) *load {
	for _, i := range t.missed {
		if w := &p.work[i]; w.slots[len(p.in.Home)+pool] > 0 {
			return w
		}
	}
	if i := t.scout[pool]; i >= 0 {
		return &p.work[i]
	}
	return nil
}

// grow keeps draining nodes first, then makes new ones, but none before the assets of the works that need them are there.
func (p *planner) grow(d *Decision, at int, t target) {
	pool := &p.in.Pools[at]
	more := d.Want - d.Have
	needy := t.missed
	if t.scout != nil && t.scout[at] >= 0 {
		needy = append(slices.Clone(needy), t.scout[at])
	}
	anyWarm := len(needy) == 0 // nodes of the pool's minimum wait for nobody
	for _, i := range needy {
		w := &p.work[i]
		if w.slots[len(p.in.Home)+at] == 0 {
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
	draining := 0
	for _, n := range pool.Nodes {
		if n.State != Draining {
			continue
		}
		draining++
		if len(d.Resume) < more {
			d.Resume = append(d.Resume, n.Name)
		}
	}
	// A draining node that is not resumed still counts against the pool's maximum until it is gone.
	d.Create = max(0, min(more-len(d.Resume), pool.Max-d.Have-draining))
}

// victims names up to n nodes to give back: idle for long enough, and either there is no work that could use them or
// what they cost at least is used up. A node that only does work without a goal goes once it is used up. With the kill
// switch, or above the pool's maximum, any node may go.
func (p *planner) victims(pool *Pool, n int) []string {
	have := p.have(pool)
	forced := have - max(pool.Max, 0)
	if pool.Stopped {
		forced = have
	}
	work := p.anyWork(pool)
	var out []string
	for _, node := range p.byLoss(pool) {
		paid := p.now.Before(node.Created.Add(pool.MinBilling))
		idle := node.State == Online && !node.Idle.IsZero() && p.now.Sub(node.Idle) >= p.patience(pool, have-len(out))
		spare := idle && (!work || !paid) || p.goalless[node.Name] && !paid
		if len(out) < n && (spare || len(out) < forced) {
			out = append(out, node.Name)
		}
	}
	return out
}

// patience returns how long a node must be idle before it is given back while there are have of them.
func (p *planner) patience(pool *Pool, have int) time.Duration {
	idle := p.settings.IdleFor
	if pool.IdleFor > 0 {
		idle = pool.IdleFor
	}
	if have <= pool.KeepWarm {
		return max(idle, pool.WarmFor)
	}
	return idle
}

// byLoss lists a pool's nodes by how little is lost with them: idle ones, the longest idle first; those that start, the
// youngest first; then those that will have finished soonest.
func (p *planner) byLoss(pool *Pool) []Node {
	nodes := slices.Clone(p.nodesOf(pool))
	ease := func(n *Node) int {
		_, busy := p.busy[n.Name]
		switch {
		case n.State == Online && !busy && !n.Idle.IsZero():
			return 0
		case n.State == Starting:
			return 1
		}
		return 2
	}
	slices.SortStableFunc(nodes, func(a, b Node) int {
		kind := ease(&a)
		if c := cmp.Compare(kind, ease(&b)); c != 0 {
			return c
		}
		switch kind {
		case 0:
			return cmp.Or(a.Idle.Compare(b.Idle), cmp.Compare(a.Name, b.Name))
		case 1:
			return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(a.Name, b.Name))
		}
		return cmp.Or(cmp.Compare(p.busy[a.Name], p.busy[b.Name]), cmp.Compare(a.Name, b.Name))
	})
	return nodes
}

// anyWork reports whether there is, or will be, work that a pool's nodes could do.
func (p *planner) anyWork(pool *Pool) bool {
	at := p.supplies[pool.Name]
	for i := range p.work {
		if w := &p.work[i]; w.slots[at] > 0 && (w.Runnable > 0 || w.Later > 0 || len(w.Running) > 0) {
			return true
		}
	}
	return false
}

// idleLeft returns how long the next victim among a pool's idle nodes still has; false if none is idle.
func (p *planner) idleLeft(pool *Pool) (time.Duration, bool) {
	left, found := time.Duration(0), false
	for _, n := range p.nodesOf(pool) {
		if n.Idle.IsZero() || n.State != Online {
			continue
		}
		if l := p.patience(pool, p.have(pool)) - p.now.Sub(n.Idle); !found || l < left {
			left, found = l, true
		}
	}
	return max(left, 0), found
}
