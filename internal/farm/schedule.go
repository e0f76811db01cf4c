package farm

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Schedule assigns pending units to nodes, at most budget of them, and returns how many: jobs by priority, then age; of a
// job the steps in their order; of a step the lowest units.
//
// It looks at steps, not at units: a step with ten million free units costs what one unit costs. Steps of equal
// requirements that found no room are not looked at again.
func (f *Farm) Schedule(now time.Time, budget int) int {
	now = instant(now)
	var open []*node
	looked := false
	full := map[string]bool{} // shapes for which no open node has room
	assigned := 0
	for _, j := range f.queue {
		if assigned >= budget || looked && len(open) == 0 {
			break
		}
		if j.rec.State != JobActive {
			continue
		}
		for _, s := range j.steps {
			if s.free() == 0 || full[s.shape] || !s.ready() || f.exhausted(s) != nil {
				continue
			}
			if !looked {
				open, looked = f.openNodes(), true
			}
			n, left := f.fill(now, s, open, budget-assigned)
			assigned += n
			full[s.shape] = !left
			if assigned >= budget {
				break
			}
			if n > 0 {
				open = slices.DeleteFunc(open, func(n *node) bool { return n.spent() })
			}
		}
		if f.defect != nil {
			break
		}
	}
	return assigned
}

// openNodes returns the nodes that can be given work, by name.
func (f *Farm) openNodes() []*node {
	var open []*node
	for _, n := range f.nodeList {
		if !n.spent() && f.ready(n) {
			open = append(open, n)
		}
	}
	return open
}

// spent reports whether a node has no vcpu left for anything.
func (n *node) spent() bool { return n.used.VCPUs >= n.rec.Capacity.VCPUs }

// fill assigns units of one step to open nodes, the best node first. It returns how many, and whether an open node still
// has room for tasks of the step's shape.
func (f *Farm) fill(now time.Time, s *step, open []*node, budget int) (assigned int, left bool) {
	fit := f.candidates(now, s, open)
	compare := f.nodeOrder(s)
	for len(fit) > 0 {
		if assigned == budget || s.free() == 0 || s.job.rec.State != JobActive || f.defect != nil {
			return assigned, true
		}
		n := fit[0]
		fit = fit[1:]
		if !f.admits(s, n.rec.ID) { // the seats went to nodes before it
			continue
		}
		if f.assign(now, s, n) {
			assigned++
		}
		if n.room(&s.rec.Needs) {
			i, _ := slices.BinarySearchFunc(fit, n, compare)
			fit = slices.Insert(fit, i, n)
		}
	}
	return assigned, slices.ContainsFunc(open, func(n *node) bool {
		return f.unfit(s, n) == nil && n.room(&s.rec.Needs) && f.admits(s, n.rec.ID)
	})
}

// candidates returns the open nodes that may run tasks of the step, best first. A site that has to be primed for the job
// first is asked to be, and left out until it is.
func (f *Farm) candidates(now time.Time, s *step, open []*node) []*node {
	var fit []*node
	for _, n := range open {
		if f.unfit(s, n) == nil && n.room(&s.rec.Needs) && !f.barred(n, s) && f.admits(s, n.rec.ID) && f.primeSite(now, s.job, n.rec.Site) {
			fit = append(fit, n)
		}
	}
	slices.SortFunc(fit, f.nodeOrder(s))
	return fit
}

// nodeOrder is compareNodes for a step, with those before all others that hold the seats already which its tasks need.
func (f *Farm) nodeOrder(s *step) func(a, b *node) int {
	if len(s.rec.Limits) == 0 {
		return s.compareNodes
	}
	return func(a, b *node) int {
		return cmp.Or(cmp.Compare(f.wants(s, a.rec.ID), f.wants(s, b.rec.ID)), s.compareNodes(a, b))
	}
}

// compareNodes orders nodes for the step: those that are paid for anyway first, then those with an open session of the step,
// then those that do least.
func (s *step) compareNodes(a, b *node) int {
	return cmp.Or(
		cmp.Compare(rank(a), rank(b)), -cmp.Compare(idle(a, s), idle(b, s)), cmp.Compare(len(a.live), len(b.live)),
		cmp.Compare(a.rec.ID, b.rec.ID),
	)
}

func rank(n *node) int {
	if n.rec.Pool == "" {
		return 0
	}
	return 1
}

func idle(n *node, s *step) int {
	if n.idleSession(s) != nil {
		return 1
	}
	return 0
}

// barred reports whether a node is blocked for the step's job. A block holds only while another node could do the work:
// else the units' own retries decide.
func (f *Farm) barred(n *node, s *step) bool {
	if n.rec.Blocked[s.job.rec.ID] == "" {
		return false
	}
	return slices.ContainsFunc(f.nodeList, func(o *node) bool {
		return o.rec.Blocked[s.job.rec.ID] == "" && (o.rec.State == NodeOnline || o.rec.State == NodeStarting) &&
			f.unfit(s, o) == nil
	})
}

// assign gives the step's next free unit to a node. It reports false if the unit has failed instead, because its paths
// cannot be told.
func (f *Farm) assign(now time.Time, s *step, n *node) bool {
	j := s.job
	unit, ok := NextMissing(0, s.rec.Units, &s.taken)
	if !ok {
		return false
	}
	outputs, inputs, err := f.cfg.Paths(&j.rec, s.index, unit)
	if err != nil {
		f.refuse(now, s, unit, err)
		return false
	}
	if j.rec.Started.IsZero() {
		j.rec.Started, j.rec.Reason = now, "has started"
		f.touchJob(j)
		f.emit(Event{At: now, Kind: "job", Job: j.rec.ID, From: j.rec.State.String(), To: j.rec.State.String(), Reason: j.rec.Reason})
	}
	ses := n.idleSession(s)
	if ses == nil {
		f.endIdle(n.sessions)
		ses = f.openSession(now, n, s)
	}
	number := 1
	if last := s.last[unit]; last != nil {
		number = last.rec.Number + 1
	}
	state, reason := AttemptOrdered, fmt.Sprintf("assigned to %s", n.rec.ID)
	if s.rec.HasOwn && len(inputs) > 0 && f.cfg.Sites[n.rec.Site].Prime {
		state, reason = AttemptWarming, fmt.Sprintf("its %s are loaded for %s", files(len(inputs)), n.rec.ID)
	} else {
		inputs = nil
	}
	a := &attempt{step: s, node: n, rec: Attempt{
		ID: AttemptID(f.cfg.NewID("a")), Unit: UnitRef{s.ref(), unit}, Number: number, Node: n.rec.ID, Site: n.rec.Site,
		Session: ses.rec.ID, State: state, Reason: reason, Epoch: f.cfg.Epoch, Assigned: now, Expected: outputs, Inputs: inputs,
	}}
	s.rec.Active.Add(unit)
	s.taken.Add(unit)
	f.touchStep(s)
	f.addAttempt(a)
	f.takeSeats(a)
	f.touchAttempt(a)
	f.emit(Event{
		At: now, Kind: "attempt", Job: j.rec.ID, Step: s.index, Unit: unit, Attempt: a.rec.ID, Node: n.rec.ID,
		To: state.String(), Reason: reason,
	})
	f.emitUnit(now, s, unit, UnitPending, UnitAssigned, reason)
	if s.pending() == 0 {
		f.endIdle(s.sessions)
	}
	return true
}

// refuse fails a unit that cannot be ordered at all.
func (f *Farm) refuse(now time.Time, s *step, unit int64, err error) {
	s.rec.Failed.Add(unit)
	s.taken.Add(unit)
	f.touchStep(s)
	f.emitUnit(now, s, unit, UnitPending, UnitFailed, "its paths cannot be told: "+err.Error())
	f.review(now, s.job)
}
