package farm

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Schedule assigns pending units to nodes, at most budget of them, and returns how many: always of the queue that has least
// of its share; of a queue the jobs by priority, then age; of a job the steps in their order; of a step the lowest units.
//
// It looks at steps, not at units: a step with ten million free units costs what one unit costs. Steps of equal
// requirements that found no room are not looked at again.
func (f *Farm) Schedule(now time.Time, budget int) int {
	now = instant(now)
	f.refile()
	if len(f.groupList) == 0 {
		return 0
	}
	f.round++
	lanes := f.lanes()
	assigned := 0
	for tries := 0; tries < budget && len(lanes) > 0 && f.defect == nil; {
		l := lanes[0]
		s := f.next(l)
		if s == nil {
			lanes = lanes[1:]
			continue
		}
		n := f.pick(now, s)
		if n == nil {
			s.skip = f.round
			continue
		}
		tries++
		if f.assign(now, s, n) {
			assigned++
			f.refile()
			lanes = settleFirst(lanes)
		}
	}
	return assigned
}

// lane is a queue on its way through its jobs in one round.
type lane struct {
	queue *queue
	job   int // position in queue.jobs
	step  int
	at    *job   // the job there
	epoch uint64 // of queue.jobs
}

// lanes returns a lane for each queue that may start something, the one with least of its share first.
func (f *Farm) lanes() []*lane {
	var lanes []*lane
	for _, q := range f.queueList {
		if len(q.jobs) > 0 && !q.rec.Paused {
			q.weigh(&f.supply)
			lanes = append(lanes, &lane{queue: q, epoch: q.epoch})
		}
	}
	slices.SortStableFunc(lanes, func(a, b *lane) int { return cmp.Compare(a.queue.load, b.queue.load) })
	return lanes
}

// settleFirst moves the first lane, whose queue has just got more, to where it belongs.
func settleFirst(lanes []*lane) []*lane {
	l := lanes[0]
	i := 1
	for i < len(lanes) && before(lanes[i].queue, l.queue) {
		lanes[i-1] = lanes[i]
		i++
	}
	lanes[i-1] = l
	return lanes
}

func before(a, b *queue) bool {
	return a.load < b.load || a.load == b.load && a.rec.ID < b.rec.ID
}

// next returns the lane's next step of which a task could start, as far as that can be told without looking at nodes.
func (f *Farm) next(l *lane) *step {
	q := l.queue
	if l.epoch != q.epoch && l.at != nil { // the list has changed: go on from where the job is, or was
		l.job, _ = slices.BinarySearchFunc(q.jobs, l.at, compareJobs)
		l.epoch = q.epoch
	}
	for ; l.job < len(q.jobs); l.job, l.step = l.job+1, 0 {
		j := q.jobs[l.job]
		if l.at != j {
			l.at, l.step = j, 0
		}
		if j.rec.State != JobActive || j.capped() {
			continue
		}
		for ; l.step < len(j.steps); l.step++ {
			s := j.steps[l.step]
			if s.skip != f.round && s.shape.full != f.round && s.free() > 0 && s.ready(f) && f.exhausted(s) == nil && !q.over(&s.needs) {
				return s
			}
		}
	}
	return nil
}

// pick returns the open node that is best for the next task of a step, or nil: one that is paid for anyway before a rented
// one; one with an open session of the step before others; then the one that does least. Nodes that hold the seats
// already which the task needs come before all. A site that has to be primed for the job first is asked to be, and left
// out until it is.
func (f *Farm) pick(now time.Time, s *step) *node {
	may := func(n *node) bool {
		return f.admits(s, n.rec.ID) && !f.barred(n, s) && s.job.admits(n) && f.pays(now, s, n)
	}
	if n := f.pickHolder(now, s, may); n != nil {
		return n
	}
	room := false // on some node whose limits admit the task
	for _, elastic := range []bool{false, true} {
		if n := f.pickSession(now, s, elastic, may); n != nil {
			return n
		}
		var best *node
		for _, g := range f.fitting(s) {
			if g.elastic != elastic {
				continue
			}
			if elastic && !f.pays(now, s, g.buckets[0].nodes[0]) { // on the emptiest it is the dearest
				room = true // for others
				continue
			}
			primed, asked := false, false
			for _, b := range g.buckets {
				if best != nil && best.bucket.use.live <= b.use.live || !b.nodes[0].room(&s.needs) {
					continue
				}
				if !asked {
					primed, asked = f.primeSite(now, s.job, g.site), true
				}
				n := b.first(func(n *node) bool {
					fits := f.admits(s, n.rec.ID)
					room = room || fits
					return fits && primed && may(n)
				})
				if n != nil {
					best = n
				}
			}
		}
		if best != nil {
			return best
		}
	}
	if !room {
		s.shape.full = f.round
	}
	return nil
}

// pays reports whether the budgets let a task of the step start on a node, and notes if not.
func (f *Farm) pays(now time.Time, s *step, n *node) bool {
	b, cost := f.unpaid(now, s, n)
	if b != nil {
		f.short(now, b, cost)
	}
	return b == nil
}

// pickSession returns an open node of a kind with an idle session of the step, or nil.
func (f *Farm) pickSession(now time.Time, s *step, elastic bool, may func(*node) bool) *node {
	var best *node
	for _, ses := range s.idle {
		n := ses.node
		if n.bucket == nil || n.bucket.group.elastic != elastic || !n.room(&s.needs) || f.unfit(s, n) != nil {
			continue
		}
		if may(n) && f.primeSite(now, s.job, n.rec.Site) {
			if len(s.idle) > manySessions {
				return n
			}
			if best == nil || compareLoad(n, best) < 0 {
				best = n
			}
		}
	}
	return best
}

// manySessions is how many idle sessions of a step are compared; of more the first is taken.
const manySessions = 16

func compareLoad(a, b *node) int {
	return cmp.Or(cmp.Compare(len(a.live), len(b.live)), cmp.Compare(a.rec.ID, b.rec.ID))
}

// pickHolder returns an open node that holds seats which the step needs, counted per node, and can take a task more.
func (f *Farm) pickHolder(now time.Time, s *step, may func(*node) bool) *node {
	var best *node
	for name := range s.rec.Limits {
		l := f.limits[name]
		if l == nil || !l.rec.PerNode {
			continue
		}
		try := func(id NodeID) {
			n := f.nodes[id]
			if n == nil || n.bucket == nil || f.unfit(s, n) != nil || !n.room(&s.needs) || !may(n) || !f.primeSite(now, s.job, n.rec.Site) {
				return
			}
			if best == nil || cmp.Or(cmp.Compare(f.wants(s, n.rec.ID), f.wants(s, best.rec.ID)), cmp.Compare(rank(n), rank(best)), compareLoad(n, best)) < 0 {
				best = n
			}
		}
		for id := range l.nodes {
			try(id)
		}
		for i := range l.rec.Settling {
			try(l.rec.Settling[i].Node)
		}
	}
	return best
}

func rank(n *node) int {
	if n.rec.Pool == "" {
		return 0
	}
	return 1
}

// spent reports whether a node has no vcpu left for anything.
func (n *node) spent() bool { return n.used.VCPUs >= n.rec.Capacity.VCPUs }

// fitting returns the groups of open nodes that have what the step needs, in their order.
func (f *Farm) fitting(s *step) []*group {
	sh := s.shape
	if sh.epoch != f.groupsEpoch {
		sh.epoch, sh.groups = f.groupsEpoch, sh.groups[:0]
		for _, g := range f.groupList {
			if f.unfit(s, g.buckets[0].nodes[0]) == nil {
				sh.groups = append(sh.groups, g)
			}
		}
	}
	return sh.groups
}

// assign gives the step's next free unit to a node. It reports false if the unit has failed instead, because its paths
// cannot be told.
func (f *Farm) assign(now time.Time, s *step, n *node) bool {
	j := s.job
	unit, ok := s.nextUnit()
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
	state, reason := AttemptOrdered, "assigned to "+string(n.rec.ID)
	if s.rec.HasOwn && len(inputs) > 0 && f.cfg.Sites[n.rec.Site].Prime {
		state, reason = AttemptWarming, fmt.Sprintf("its %s are loaded for %s", files(len(inputs)), n.rec.ID)
	} else {
		inputs = nil
	}
	a := &attempt{step: s, node: n, rec: Attempt{
		ID: AttemptID(f.cfg.NewID("a")), Unit: UnitRef{s.ref(), unit}, Number: number, Node: n.rec.ID, Site: n.rec.Site,
		Session: ses.rec.ID, State: state, Reason: reason, Epoch: f.cfg.Epoch, Assigned: now, Expected: outputs, Inputs: inputs,
		Raised: s.rec.Raised,
	}}
	s.rec.Active.Add(unit)
	s.taken.Add(unit)
	f.touchStep(s)
	f.reserve(now, s, n)
	f.addAttempt(a)
	f.takeSeats(a)
	f.touchAttempt(a)
	f.emit(Event{
		At: now, Kind: "attempt", Job: j.rec.ID, Step: s.index, Unit: unit, Attempt: a.rec.ID, Node: n.rec.ID,
		To: state.String(), Reason: reason,
	})
	f.emitUnit(now, s, unit, UnitPending, UnitAssigned, reason)
	if s.pending() == 0 {
		f.endIdle(slices.Clone(s.idle))
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

// capped reports whether the job may start nothing on any node, because as many of its tasks run as may.
func (j *job) capped() bool {
	return j.rec.MaxTasks > 0 && j.running >= int64(j.rec.MaxTasks)
}

// admits reports whether the job may use the node: one that it uses already, or one more.
func (j *job) admits(n *node) bool {
	return j.rec.MaxNodes == 0 || len(j.nodes) < j.rec.MaxNodes || j.nodes[n.rec.ID] > 0
}

// occupy notes that one more, or one less, attempt of the job occupies a node.
func (j *job) occupy(id NodeID, by int) {
	j.running += int64(by)
	if j.rec.MaxNodes == 0 {
		return
	}
	if j.nodes == nil {
		j.nodes = map[NodeID]int{}
	}
	if j.nodes[id] += by; j.nodes[id] == 0 {
		delete(j.nodes, id)
	}
}
