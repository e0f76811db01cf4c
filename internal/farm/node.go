package farm

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spillway/spillway/internal/fault"
)

// addNode puts a node, new or loaded, into the lists.
func (f *Farm) addNode(n *node) {
	f.nodes[n.rec.ID] = n
	f.stale(n)
	n.class = classOf(&n.rec.Capacity)
	if n.rec.State == NodeDeleted {
		return
	}
	i, _ := slices.BinarySearchFunc(f.nodeList, n.rec.ID, func(n *node, id NodeID) int { return cmp.Compare(n.rec.ID, id) })
	f.nodeList = slices.Insert(f.nodeList, i, n)
}

// reindex brings what is owed to or about a node up to date with its record.
func (f *Farm) reindex(n *node) {
	id, state := n.rec.ID, n.rec.State
	f.creating.put(id, state == NodeCreating)
	f.deleting.put(id, !n.rec.Killed && (state == NodeDeleting || state == NodeLost && n.rec.Pool != ""))
	f.deadMounts.put(id, slices.ContainsFunc(n.rec.Mounts, func(m MountSession) bool {
		return m.Dead && !m.Fenced && m.Filer != ""
	}))
}

// setNode takes a node to another state.
func (f *Farm) setNode(now time.Time, n *node, to NodeState, reason string) {
	from := n.rec.State
	if !slices.Contains(nodeMoves[from], to) {
		f.fail("node %s cannot go from %s to %s", n.rec.ID, from, to)
		return
	}
	n.rec.State, n.rec.Reason, n.rec.LastSeen = to, reason, n.seen
	switch to {
	case NodeLost, NodeOffline, NodeDeleted:
		n.rec.Gone = now
	case NodeOnline:
		n.rec.Joined, n.rec.Gone, n.rec.Stop = cmp.Or(n.rec.Joined, now), time.Time{}, false
		n.rec.Leaving = false
	default:
	}
	f.touchNode(n)
	f.reindex(n)
	f.orders.add(n.rec.ID)
	f.emitNode(now, n, from)
	if to == NodeDeleted {
		f.unblock(n)
		f.settleBill(now, n)
		f.nodeList = drop(f.nodeList, n)
	}
}

func (f *Farm) emitNode(now time.Time, n *node, from NodeState) {
	f.emit(Event{
		At: now, Kind: "node", Node: n.rec.ID, Pool: n.rec.Pool, From: from.String(), To: n.rec.State.String(), Reason: n.rec.Reason,
	})
}

// emptied lets a draining node go when nothing runs there and its sessions have ended.
func (f *Farm) emptied(now time.Time, n *node) {
	if n.rec.State != NodeDraining || !n.rec.Stop || len(n.live) > 0 || len(n.sessions) > 0 {
		return
	}
	if n.rec.Pool != "" {
		f.setNode(now, n, NodeDeleting, "drained: "+n.rec.Reason)
	} else {
		f.setNode(now, n, NodeOffline, "drained: "+n.rec.Reason)
	}
}

// buried ends the record of an elastic node whose machine is known to be gone.
func (f *Farm) buried(now time.Time, n *node) {
	if n.rec.State != NodeDeleting || !n.rec.Killed {
		return
	}
	f.setNode(now, n, NodeDeleted, orElse(n.rec.Reason, "deleted"))
	for i := range n.rec.Mounts { // nothing waits for these, but they shall not stay open
		n.rec.Mounts[i].Dead = true
	}
	f.reindex(n)
}

func (c NodeDrain) apply(f *Farm, now time.Time) (any, error) {
	c.Reason = orElse(c.Reason, "asked to drain")
	n, err := f.node(c.Node)
	if err != nil {
		return nil, err
	}
	if c.ByNode && n.rec.State != NodeOnline && n.rec.State != NodeDraining {
		return nil, nil // it is given up already
	}
	stop := c.Stop || c.ByNode
	switch n.rec.State {
	case NodeOnline:
		n.rec.Stop, n.rec.Leaving = stop, c.ByNode
		f.drain(now, n, c.Reason)
	case NodeDraining:
		n.rec.Leaving = n.rec.Leaving || c.ByNode
		f.touchNode(n)
		if stop && !n.rec.Stop {
			n.rec.Stop = true
			f.orders.add(n.rec.ID)
			f.emptied(now, n)
		}
	case NodeCreating, NodeStarting:
		if n.rec.Pool != "" && c.Stop {
			f.setNode(now, n, NodeDeleting, c.Reason)
			return nil, nil
		}
		return nil, fault.New(fault.Conflict, "node %s has not joined yet", c.Node)
	default:
		return nil, fault.New(fault.Conflict, "node %s is %s", c.Node, n.rec.State)
	}
	return nil, nil
}

// drain gives an online node nothing new. What it has not accepted yet is taken back.
func (f *Farm) drain(now time.Time, n *node, reason string) {
	f.setNode(now, n, NodeDraining, reason)
	for _, a := range slices.Clone(n.live) {
		switch a.rec.State {
		case AttemptWarming:
			f.finish(now, a, AttemptLost, CausePreempted, "node "+string(n.rec.ID)+" drains")
		case AttemptOrdered:
			a.rec.Cause = CausePreempted
			f.move(now, a, AttemptCanceling, "taken back: node "+string(n.rec.ID)+" drains")
		default:
		}
	}
	f.endIdle(n.sessions)
	f.emptied(now, n)
}

func (c NodeResume) apply(f *Farm, now time.Time) (any, error) {
	n, err := f.node(c.Node)
	if err != nil {
		return nil, err
	}
	if n.rec.State != NodeDraining {
		return nil, fault.New(fault.Conflict, "node %s is %s, not draining", c.Node, n.rec.State)
	}
	if n.rec.Leaving || n.told() {
		return nil, fault.New(fault.Conflict, "the agent of node %s ends already", c.Node)
	}
	f.setNode(now, n, NodeOnline, orElse(c.Reason, "resumed"))
	return nil, nil
}

func (c NodeGone) apply(f *Farm, now time.Time) (any, error) {
	n, err := f.node(c.Node)
	if err != nil {
		return nil, err
	}
	switch n.rec.State {
	case NodeOnline, NodeDraining:
		f.lose(now, n, orElse(c.Reason, "held for dead on request"))
	case NodeLost:
	default:
		return nil, fault.New(fault.Conflict, "node %s is %s: nothing waits for its end", c.Node, n.rec.State)
	}
	if n.rec.State == NodeLost { // an operator's word counts for direct mounts, but a provider deletes its machine itself
		for i := range n.rec.Mounts {
			if n.rec.Mounts[i].Filer == "" {
				n.rec.Mounts[i].Fenced = true
			}
		}
		f.touchNode(n)
		f.fencesThrough(now, n)
	}
	return nil, nil
}

// ready reports whether a node can be given work at all.
func (f *Farm) ready(n *node) bool {
	if n.rec.State != NodeOnline || n.rec.Quarantined != "" {
		return false
	}
	for l := range f.cfg.Sites[n.rec.Site].Storage {
		if !n.mounted(l) {
			return false
		}
	}
	return true
}

func (n *node) mounted(l Location) bool {
	for i := range n.rec.Mounts {
		if m := &n.rec.Mounts[i]; m.Location == l && !m.Dead && !m.Fenced && !m.Away {
			return true
		}
	}
	return false
}

// usable says why a node is not ready, or "".
func (f *Farm) usable(n *node) string {
	if n.rec.Quarantined != "" {
		return "quarantined"
	}
	if n.rec.State != NodeOnline {
		return n.rec.State.String()
	}
	for _, l := range slices.Sorted(maps.Keys(f.cfg.Sites[n.rec.Site].Storage)) {
		if !n.mounted(l) {
			return fmt.Sprintf("%s is not mounted", l)
		}
	}
	return ""
}
