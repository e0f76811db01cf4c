package farm

import (
	"fmt"
	"slices"
	"time"
)

// giveUp holds a node for lost, or deletes one that never joined.
func (f *Farm) giveUp(now time.Time, n *node) {
	if n.rec.State == NodeStarting {
		f.setNode(now, n, NodeDeleting, fmt.Sprintf("did not join within %s", f.cfg.StartTimeout))
		return
	}
	f.lose(now, n, fmt.Sprintf("no sign of life for %s", now.Sub(n.seen).Round(time.Second)))
}

// lose holds a node for dead: what ran there waits for the fence of its mount sessions.
func (f *Farm) lose(now time.Time, n *node, reason string) {
	f.setNode(now, n, NodeLost, reason)
	n.rec.Returned = false
	for i := range n.rec.Mounts {
		n.rec.Mounts[i].Dead = true
	}
	f.reindex(n)
	f.loseAttempts(now, slices.Clone(n.live), "node "+string(n.rec.ID)+" lost: "+reason)
	for _, s := range slices.Clone(n.sessions) {
		f.forgetSession(s)
	}
	f.fencesThrough(now, n)
}

// loseAttempts takes attempts that occupied a node to fencing. One that was never ordered has nothing to fence.
func (f *Farm) loseAttempts(now time.Time, attempts []*attempt, reason string) {
	for _, a := range attempts {
		if a.rec.State == AttemptWarming {
			f.finish(now, a, AttemptLost, CauseNodeLost, reason)
			continue
		}
		a.rec.Cause = CauseNodeLost
		f.move(now, a, AttemptFencing, reason)
	}
}

// endedInFence notes that a node which came back vouches for the end of a dead attempt.
func (f *Farm) endedInFence(now time.Time, a *attempt) {
	if a.rec.Ended.IsZero() {
		a.rec.Ended = now
		f.touchAttempt(a)
		f.fencesThrough(now, a.node)
	}
}

// fencesThrough lets a node's dead attempts go when nothing of the node can touch the storage any more, and then the node
// itself if it was lost.
func (f *Farm) fencesThrough(now time.Time, n *node) {
	vouched := n.rec.Killed || n.rec.State != NodeLost || n.rec.Returned
	for _, a := range n.fencing {
		vouched = vouched && (n.rec.Killed || !a.rec.Ended.IsZero())
	}
	for i := range n.rec.Mounts {
		if m := &n.rec.Mounts[i]; m.Filer == "" && m.Dead && !m.Fenced && vouched {
			m.Fenced = true
			f.touchNode(n)
		}
	}
	f.reindex(n)
	if n.unfenced() {
		return
	}
	for _, a := range slices.Clone(n.fencing) {
		to, cause := AttemptLost, CauseNodeLost
		if a.step.job.rec.State == JobCanceled {
			to, cause = AttemptCanceled, CauseCanceled
		}
		f.finish(now, a, to, cause, "fenced: "+a.rec.Reason)
	}
	if n.rec.State != NodeLost {
		return
	}
	if n.rec.Pool != "" {
		f.setNode(now, n, NodeDeleting, "fenced after it was lost")
		f.buried(now, n)
		return
	}
	f.setNode(now, n, NodeOffline, "lost and fenced")
	if n.rec.Returned {
		n.rec.Returned = false
		f.setNode(now, n, NodeOnline, "is back, its last life fenced")
	}
}

// unfenced reports whether a dead mount of the node is not fenced yet.
func (n *node) unfenced() bool {
	return slices.ContainsFunc(n.rec.Mounts, func(m MountSession) bool { return m.Dead && !m.Fenced })
}

func (c FenceDone) apply(f *Farm, now time.Time) (any, error) {
	n, err := f.node(c.Node)
	if err != nil {
		return nil, err
	}
	for _, done := range c.Mounts {
		for i := range n.rec.Mounts {
			m := &n.rec.Mounts[i]
			if m.Filer == "" || m.Filer != done.Filer || m.Location != done.Location || m.ID != done.ID || !m.Dead || m.Fenced {
				continue
			}
			m.Fenced = true
			f.touchNode(n)
			f.orders.add(n.rec.ID)
			f.emit(Event{
				At: now, Kind: "fence", Node: n.rec.ID,
				Reason: fmt.Sprintf("mount session %d of %s at filer %s is fenced", m.ID, m.Location, m.Filer),
			})
		}
	}
	f.noteRemoved(now, n, c.Removed)
	f.fencesThrough(now, n)
	return nil, nil
}

// noteRemoved records which unfinished files of dead attempts were taken away.
func (f *Farm) noteRemoved(now time.Time, n *node, removed []Removed) {
	for _, a := range n.fencing {
		for _, r := range removed {
			if slices.Contains(a.rec.Expected, r.StoragePath) && !slices.Contains(a.rec.Removed, r) {
				a.rec.Removed = append(slices.Clone(a.rec.Removed), r)
				f.touchAttempt(a)
				f.emit(Event{
					At: now, Kind: "fence", Job: a.rec.Unit.Job, Step: a.rec.Unit.Step, Unit: a.rec.Unit.Unit,
					Attempt: a.rec.ID, Node: n.rec.ID,
					Reason: fmt.Sprintf("unfinished %s:%s removed, it had %d bytes", r.Location, r.Path, r.Size),
				})
			}
		}
	}
}

func (c FenceWaits) apply(f *Farm, now time.Time) (any, error) {
	n, err := f.node(c.Node)
	if err != nil {
		return nil, err
	}
	reason := "waits for the fence of " + string(n.rec.ID) + ": " + c.Reason
	for _, a := range n.fencing {
		if a.rec.Reason != reason {
			a.rec.Reason = reason
			f.touchAttempt(a)
			f.emitAttempt(now, a, a.rec.State)
		}
	}
	return nil, nil
}
