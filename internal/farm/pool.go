package farm

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/spillway/spillway/internal/fault"
)

// decisionRing is how many decisions of the burst planner are kept.
const decisionRing = 200

// configurePools brings the pool records in line with the configuration.
func (f *Farm) configurePools() {
	for _, shape := range f.cfg.Pools {
		p := f.pools[shape.ID]
		if p == nil {
			p = &Pool{ID: shape.ID, Reason: "configured"}
			f.pools[shape.ID] = p
			f.touchPool(p)
		}
		if p.Site != shape.Site || p.Min != shape.Min || p.Max != shape.Max {
			p.Site, p.Min, p.Max = shape.Site, shape.Min, shape.Max
			f.touchPool(p)
		}
	}
	for id, p := range f.pools {
		if _, ok := f.shapes[id]; !ok && p.Max > 0 {
			p.Min, p.Max, p.Reason = 0, 0, "not configured any more"
			f.touchPool(p)
		}
	}
}

func (f *Farm) pool(id PoolID) (*Pool, error) {
	if p := f.pools[id]; p != nil {
		return p, nil
	}
	return nil, fault.New(fault.NotFound, "no pool %q", id)
}

func (c PoolPlanned) apply(f *Farm, now time.Time) (any, error) {
	p, err := f.pool(c.Pool)
	if err != nil {
		return nil, err
	}
	if c.Want < 0 {
		return nil, fault.New(fault.Invalid, "pool %s: %d nodes are wanted", c.Pool, c.Want)
	}
	c.Reason = orElse(c.Reason, "planned")
	want := min(c.Want, p.Max)
	if p.Stopped {
		want = 0
	}
	have := f.staying(p)
	if want != len(have) || want != p.Wanted || c.Cap != p.Cap {
		f.decide(now, p, Decision{Have: len(have), Want: want, Reason: c.Reason, Cap: c.Cap, Asked: c.Asked, Seen: c.Seen})
	}
	if want > 0 {
		for _, id := range c.Jobs {
			if j := f.jobs[id]; j != nil && !j.rec.State.Over() {
				f.primeSite(now, j, p.Site)
			}
		}
	}
	if want < len(have) {
		f.shrink(now, have, len(have)-want, c.Victims, c.Reason)
		return []NodeID(nil), nil
	}
	return f.grow(now, p, want-len(have), c.Reason), nil
}

// staying returns the pool's nodes that work, or are about to, by name.
func (f *Farm) staying(p *Pool) []*node {
	var have []*node
	for _, n := range f.nodeList {
		if n.rec.Pool == p.ID && n.rec.State <= NodeOnline {
			have = append(have, n)
		}
	}
	return have
}

// machines counts the pool's machines that may exist: those leaving are paid for until they are gone.
func (f *Farm) machines(p *Pool) int {
	count := 0
	for _, n := range f.nodeList {
		if n.rec.Pool == p.ID && !n.rec.Killed {
			count++
		}
	}
	return count
}

// decide records a decision of the burst planner.
func (f *Farm) decide(now time.Time, p *Pool, d Decision) {
	p.Wanted, p.Reason, p.Cap, p.Decided = d.Want, d.Reason, d.Cap, now
	f.touchPool(p)
	d.ID, d.At, d.Pool = f.cfg.NewID("d"), now, p.ID
	f.decisions = append(f.decisions, d)
	f.changes.decisions = append(f.changes.decisions, d)
	for len(f.decisions) > decisionRing {
		f.changes.oldDecisions = append(f.changes.oldDecisions, f.decisions[0].ID)
		f.decisions = slices.Delete(f.decisions, 0, 1)
	}
	f.emit(Event{At: now, Kind: "pool", Pool: p.ID, From: fmt.Sprint(d.Have), To: fmt.Sprint(d.Want), Reason: d.Reason})
}

// grow records new nodes, for the provider to create. The pool's maximum counts every machine that may exist.
func (f *Farm) grow(now time.Time, p *Pool, count int, reason string) []NodeID {
	shape := f.shapes[p.ID]
	var ids []NodeID
	for count = min(count, p.Max-f.machines(p)); count > 0; count-- {
		id := NodeID("")
		for id == "" || f.nodes[id] != nil {
			p.Created++
			id = NodeID(fmt.Sprintf("%s-%d", p.ID, p.Created))
		}
		n := &node{seen: now, rec: Node{
			ID: id, Site: p.Site, Pool: p.ID, State: NodeCreating, Reason: reason, Created: now, Capacity: shape.Capacity, Price: shape.Price, MinBilling: shape.Billing,
		}}
		f.addNode(n)
		f.reindex(n)
		f.touchNode(n)
		f.emit(Event{At: now, Kind: "node", Node: id, Pool: p.ID, To: NodeCreating.String(), Reason: reason})
		ids = append(ids, id)
	}
	if len(ids) > 0 {
		f.touchPool(p)
	}
	return ids
}

// shrink lets count of the nodes go: victims first, then those that have not joined, idle ones, and the youngest.
func (f *Farm) shrink(now time.Time, have []*node, count int, victims []NodeID, reason string) {
	rank := func(n *node) int {
		switch {
		case slices.Contains(victims, n.rec.ID):
			return 0
		case n.rec.State == NodeCreating:
			return 1
		case n.rec.State == NodeStarting:
			return 2
		case len(n.live) == 0:
			return 3
		}
		return 4
	}
	slices.SortStableFunc(have, func(a, b *node) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), b.rec.Created.Compare(a.rec.Created), cmp.Compare(b.rec.ID, a.rec.ID))
	})
	for _, n := range have[:count] {
		if n.rec.State == NodeOnline {
			n.rec.Stop = true
			f.drain(now, n, reason)
		} else {
			f.setNode(now, n, NodeDeleting, reason)
		}
	}
}

func (c PoolStop) apply(f *Farm, now time.Time) (any, error) {
	p, err := f.pool(c.Pool)
	if err != nil {
		return nil, err
	}
	if p.Stopped == c.Stopped {
		return p.ID, nil
	}
	p.Stopped = c.Stopped
	have := f.staying(p)
	reason := orElse(c.Reason, map[bool]string{true: "stopped", false: "no longer stopped"}[c.Stopped])
	if c.Stopped {
		f.decide(now, p, Decision{Have: len(have), Reason: reason, Cap: "stopped"})
		f.shrink(now, have, len(have), nil, reason)
	} else {
		f.decide(now, p, Decision{Have: len(have), Want: len(have), Reason: reason})
	}
	return p.ID, nil
}

func (c NodeCreated) apply(f *Farm, now time.Time) (any, error) {
	n, err := f.node(c.Node)
	if err != nil {
		return nil, err
	}
	if c.Instance != "" && n.rec.Instance != c.Instance {
		n.rec.Instance = c.Instance
		f.touchNode(n)
	}
	if n.rec.Billed.IsZero() && n.rec.State != NodeDeleted { // also if it is not wanted any more
		n.rec.Billed = now
		f.touchNode(n)
	}
	if n.rec.State == NodeCreating {
		n.seen = now
		f.setNode(now, n, NodeStarting, "created as "+orElse(c.Instance, "a machine")+", joins soon")
	}
	return nil, nil
}

func (c NodeCreateFailed) apply(f *Farm, now time.Time) (any, error) {
	n, err := f.node(c.Node)
	if err != nil {
		return nil, err
	}
	if n.rec.State != NodeCreating {
		return nil, nil
	}
	if c.Final {
		f.setNode(now, n, NodeDeleting, "could not be created: "+c.Reason)
	} else if c.Reason != "" && n.rec.Reason != c.Reason {
		n.rec.Reason = c.Reason
		f.touchNode(n)
		f.emitNode(now, n, n.rec.State)
	}
	return nil, nil
}

func (c NodeDeleteConfirmed) apply(f *Farm, now time.Time) (any, error) {
	n, err := f.node(c.Node)
	if err != nil {
		return nil, err
	}
	if n.rec.Pool == "" {
		return nil, fault.New(fault.Conflict, "node %s is not of a pool: an operator vouches for its end", c.Node)
	}
	if n.rec.Killed || n.rec.State == NodeDeleted {
		return nil, nil
	}
	n.rec.Killed = true
	f.touchNode(n)
	reason := orElse(c.Reason, "its machine is gone")
	switch n.rec.State {
	case NodeCreating, NodeStarting:
		f.setNode(now, n, NodeDeleting, reason)
	case NodeOnline, NodeDraining:
		f.lose(now, n, reason)
	default:
	}
	f.reindex(n)
	f.fencesThrough(now, n)
	f.buried(now, n)
	return nil, nil
}
