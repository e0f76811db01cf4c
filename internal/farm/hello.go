package farm

import (
	"cmp"
	"slices"
	"time"

	"github.com/spillway/spillway/internal/fault"
)

func (c NodeHello) apply(f *Farm, now time.Time) (any, error) {
	for i := range c.Attempts {
		if err := c.Attempts[i].valid(); err != nil {
			return nil, err
		}
	}
	n := f.nodes[c.Node]
	switch {
	case c.Node == "":
		return nil, fault.New(fault.Invalid, "a node needs a name")
	case n == nil && c.Pool != "":
		return nil, fault.New(fault.Conflict, "node %s of pool %s was not created by this farm", c.Node, c.Pool)
	case n == nil:
		n = &node{rec: Node{ID: c.Node, Site: c.Site, State: NodeOffline, Created: now, Reason: "new"}, seen: now}
		f.addNode(n)
	case n.rec.State == NodeDeleting || n.rec.State == NodeDeleted || n.rec.State == NodeLost && n.rec.Pool != "":
		return nil, fault.New(fault.Conflict, "node %s is given up: it is %s", c.Node, n.rec.State)
	}
	n.seen = now
	w := &Welcome{}
	restarted := c.Run == "" || n.rec.Run != c.Run
	rebooted := n.rec.BootID != "" && n.rec.BootID != c.BootID
	f.describe(n, &c)
	f.rejoin(now, n, restarted)
	lost := f.missing(n, &c, rebooted)
	f.matchMounts(n, &c, w, rebooted || len(lost) > 0 && len(c.Attempts) == 0)
	f.matchSessions(n, &c, w, lost)
	f.loseAttempts(now, lost, "node "+string(c.Node)+" came back without it")
	for _, a := range n.fencing { // the agent vouches that what it does not list has ended
		if a.rec.Ended.IsZero() && (rebooted || !c.lists(a.rec.ID)) {
			a.rec.Ended = now
			f.touchAttempt(a)
		}
	}
	f.fencesThrough(now, n)
	f.orders.add(n.rec.ID)
	for _, u := range c.Attempts {
		u.Node = c.Node
		if drop := f.update(now, &u); drop != nil {
			w.Cancel = append(w.Cancel, drop.Cancel...)
		}
	}
	f.emptied(now, n)
	return w, nil
}

// rejoin takes a node whose agent has said hello to its state. restarted: it is not the agent that was told to end.
func (f *Farm) rejoin(now time.Time, n *node, restarted bool) {
	switch n.rec.State {
	case NodeLost:
		n.rec.Returned = true
		f.touchNode(n)
	case NodeDraining:
		if restarted && n.rec.Leaving {
			f.setNode(now, n, NodeOnline, "is back")
		}
	case NodeOffline:
		if restarted || !n.rec.Stop { // else it is the agent that was told to end
			f.setNode(now, n, NodeOnline, "joined")
		}
	case NodeCreating, NodeStarting:
		n.rec.Billed = cmp.Or(n.rec.Billed, now)
		f.setNode(now, n, NodeOnline, "joined")
	default:
	}
}

func (c *NodeHello) lists(id AttemptID) bool {
	return slices.ContainsFunc(c.Attempts, func(u AttemptUpdate) bool { return u.Attempt == id })
}

// describe takes over what the agent says about its machine. An elastic node's site is its pool's.
func (f *Farm) describe(n *node, c *NodeHello) {
	r := &n.rec
	if r.Pool == "" {
		r.Site = c.Site
	}
	if c.Instance != "" {
		r.Instance = c.Instance
	}
	r.BootID, r.Run, r.Capacity, r.LastSeen, r.Killed = c.BootID, c.Run, c.Capacity, n.seen, false
	n.class = classOf(&r.Capacity)
	n.recount()
	f.touchNode(n)
}

// missing returns the attempts that occupy the node as far as the farm knows, and that the agent does not have. One that
// is ordered may not have reached it yet and is ordered again, unless the machine has been booted since.
func (f *Farm) missing(n *node, c *NodeHello, rebooted bool) []*attempt {
	var lost []*attempt
	for _, a := range n.live {
		switch a.rec.State {
		case AttemptRunning, AttemptCanceling:
			if !c.lists(a.rec.ID) {
				lost = append(lost, a)
			}
		case AttemptOrdered:
			if rebooted && !c.lists(a.rec.ID) {
				lost = append(lost, a)
			}
		default:
		}
	}
	return lost
}

// matchMounts compares the recorded mount sessions with those the agent uses. Those it does not list are over if all that
// ran is gone: a direct mount by the agent's word, others when they are fenced. An agent that has just started again may not
// have looked at its mounts yet.
func (f *Farm) matchMounts(n *node, c *NodeHello, w *Welcome, over bool) {
	for i := range n.rec.Mounts {
		m := &n.rec.Mounts[i]
		switch {
		case m.Dead || m.Fenced || slices.ContainsFunc(c.Mounts, m.same):
		case over:
			m.Dead = true
			m.Fenced = m.Filer == ""
		default:
			m.Away = true
		}
	}
	for _, m := range c.Mounts {
		if !f.addMount(n, m) {
			w.Remount = append(w.Remount, m.Location)
		}
	}
	f.touchNode(n)
	f.reindex(n)
}

func (m MountSession) same(o MountSession) bool {
	return m.Location == o.Location && m.Filer == o.Filer && m.ID == o.ID
}

// addMount notes a mount that is in use. It refuses one whose session is fenced or to be fenced. A direct mount has no
// session: that of a life that may not be over stays beside the new one until it is known to be dead.
func (f *Farm) addMount(n *node, m MountSession) bool {
	m.Dead, m.Fenced, m.Away = false, false, false
	for i, o := range n.rec.Mounts {
		switch {
		case !o.same(m):
		case !o.Dead && !o.Fenced:
			n.rec.Mounts[i].Away = false
			f.touchNode(n)
			return true
		case m.Filer != "":
			return false
		}
	}
	n.rec.Mounts = slices.DeleteFunc(n.rec.Mounts, func(o MountSession) bool { return o.Location == m.Location && o.Fenced })
	for i := range n.rec.Mounts {
		if o := &n.rec.Mounts[i]; o.Location == m.Location {
			o.Dead = true
		}
	}
	n.rec.Mounts = append(n.rec.Mounts, m)
	f.touchNode(n)
	f.reindex(n)
	return true
}

// matchSessions compares the recorded OpenJD sessions with those on the node.
func (f *Farm) matchSessions(n *node, c *NodeHello, w *Welcome, lost []*attempt) {
	for _, s := range slices.Clone(n.sessions) {
		if slices.Contains(c.Sessions, s.rec.ID) {
			continue
		}
		if s.attempt == nil || slices.Contains(lost, s.attempt) {
			f.forgetSession(s)
		}
	}
	for _, id := range c.Sessions {
		if s := f.sessions[id]; s == nil || s.node != n {
			w.EndSessions = append(w.EndSessions, id)
		}
	}
}

func (c MountReported) apply(f *Farm, now time.Time) (any, error) {
	n, err := f.node(c.Node)
	if err != nil {
		return nil, err
	}
	if n.rec.State == NodeDeleting || n.rec.State == NodeDeleted {
		return (*Welcome)(nil), nil
	}
	if c.Gone {
		for i := range n.rec.Mounts {
			m := &n.rec.Mounts[i]
			if m.Dead || m.Fenced || m.Location != c.Mount.Location {
				continue
			}
			if known := m.same(c.Mount); known || c.Mount.ID == 0 && !m.Away {
				m.Dead, m.Away = known, !known
				f.touchNode(n)
				f.emit(Event{At: now, Kind: "node", Node: n.rec.ID, Reason: orElse(c.Message, string(m.Location)+" is not mounted any more")})
			}
		}
		f.reindex(n)
		f.fencesThrough(now, n)
		return (*Welcome)(nil), nil
	}
	if !f.addMount(n, c.Mount) {
		return &Welcome{Remount: []Location{c.Mount.Location}}, nil
	}
	f.fencesThrough(now, n)
	return (*Welcome)(nil), nil
}
