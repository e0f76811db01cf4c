package farm

import (
	"cmp"
	"maps"
	"slices"
)

// set is a set of keys that is read in order.
type set[K cmp.Ordered] map[K]struct{}

func (s set[K]) add(k K)      { s[k] = struct{}{} }
func (s set[K]) drop(k K)     { delete(s, k) }
func (s set[K]) has(k K) bool { _, ok := s[k]; return ok }
func (s set[K]) ordered() []K { return slices.Sorted(maps.Keys(s)) }
func (s set[K]) put(k K, in bool) {
	if in {
		s.add(k)
	} else {
		s.drop(k)
	}
}

// changes notes which records differ from what was last drained.
type changes struct {
	specs        set[JobID]
	jobs         set[JobID]
	steps        map[StepRef]struct{}
	attempts     []*attempt // each once: see attempt.changed
	sessions     set[SessionID]
	ended        set[SessionID]
	nodes        set[NodeID]
	pools        set[PoolID]
	primings     map[primingKey]struct{}
	limits       set[LimitID]
	oldLimits    set[LimitID]
	queues       set[QueueID]
	oldQueues    set[QueueID]
	budgets      set[BudgetID]
	oldBudgets   set[BudgetID]
	people       peopleChanges
	uses         map[workKey]*Use
	decisions    []Decision
	oldDecisions []string
	events       []Event
}

func newChanges() changes {
	return changes{
		specs: set[JobID]{}, jobs: set[JobID]{}, steps: map[StepRef]struct{}{},
		sessions: set[SessionID]{}, ended: set[SessionID]{}, nodes: set[NodeID]{}, pools: set[PoolID]{},
		primings: map[primingKey]struct{}{}, limits: set[LimitID]{}, oldLimits: set[LimitID]{}, queues: set[QueueID]{}, oldQueues: set[QueueID]{},
		budgets: set[BudgetID]{}, oldBudgets: set[BudgetID]{}, people: newPeopleChanges(), uses: map[workKey]*Use{},
	}
}

func (f *Farm) touchJob(j *job)   { f.changes.jobs.add(j.rec.ID) }
func (f *Farm) touchStep(s *step) { f.changes.steps[s.ref()] = struct{}{} }

func (f *Farm) touchAttempt(a *attempt) {
	if !a.changed {
		a.changed = true
		f.changes.attempts = append(f.changes.attempts, a)
	}
}

func (f *Farm) touchSession(s *session) { f.changes.sessions.add(s.rec.ID) }
func (f *Farm) touchNode(n *node)       { f.changes.nodes.add(n.rec.ID); f.stale(n) }
func (f *Farm) touchPool(p *Pool)       { f.changes.pools.add(p.ID) }
func (f *Farm) touchQueue(q *queue) {
	f.changes.queues.add(q.rec.ID)
	f.changes.oldQueues.drop(q.rec.ID)
}
func (f *Farm) touchLimit(l *limit) {
	f.changes.limits.add(l.rec.ID)
	f.changes.oldLimits.drop(l.rec.ID)
}
func (f *Farm) touchPriming(p *Priming) {
	f.changes.primings[primingKey{p.Job, p.Filer}] = struct{}{}
}

// emit appends an event with the next sequence number.
func (f *Farm) emit(e Event) {
	f.seq++
	e.Seq = f.seq
	f.changes.events = append(f.changes.events, e)
}

// Changes returns what changed since its last call.
func (f *Farm) Changes() Batch {
	c := f.changes
	var b Batch
	for _, id := range c.specs.ordered() {
		b.Specs = append(b.Specs, SpecRecord{id, f.jobs[id].rec.JobSpec})
	}
	for _, id := range c.jobs.ordered() {
		rec := f.jobs[id].rec
		rec.JobSpec = JobSpec{}
		b.Jobs = append(b.Jobs, rec)
	}
	for _, ref := range slices.SortedFunc(maps.Keys(c.steps), compareSteps) {
		b.Steps = append(b.Steps, StepRecord{ref, cloneStep(&f.jobs[ref.Job].steps[ref.Step].rec)})
	}
	slices.SortFunc(c.attempts, func(a, b *attempt) int { return cmp.Compare(a.rec.ID, b.rec.ID) })
	for _, a := range c.attempts {
		a.changed = false
		b.Attempts = append(b.Attempts, cloneAttempt(&a.rec))
	}
	for _, id := range c.sessions.ordered() {
		if s := f.sessions[id]; s != nil {
			b.Sessions = append(b.Sessions, s.rec)
		}
	}
	for _, id := range c.nodes.ordered() {
		b.Nodes = append(b.Nodes, cloneNode(&f.nodes[id].rec))
	}
	for _, id := range c.pools.ordered() {
		b.Pools = append(b.Pools, *f.pools[id])
	}
	for _, k := range slices.SortedFunc(maps.Keys(c.primings), comparePrimings) {
		b.Primings = append(b.Primings, *f.primings[k])
	}
	for _, id := range c.limits.ordered() {
		b.Limits = append(b.Limits, cloneLimit(&f.limits[id].rec))
	}
	b.OldLimits = c.oldLimits.ordered()
	for _, id := range c.queues.ordered() {
		b.Queues = append(b.Queues, f.queues[id].rec)
	}
	b.OldQueues = c.oldQueues.ordered()
	for _, id := range c.budgets.ordered() {
		b.Budgets = append(b.Budgets, f.budgets.byID[id].rec)
	}
	b.OldBudgets = c.oldBudgets.ordered()
	f.drainPeople(&b)
	for _, k := range slices.SortedFunc(maps.Keys(c.uses), compareWork) {
		b.Uses = append(b.Uses, *c.uses[k])
	}
	b.EndedSessions, b.Decisions, b.OldDecisions, b.Events = c.ended.ordered(), c.decisions, c.oldDecisions, c.events
	b.LastSeq = f.seq
	f.changes = newChanges()
	f.changes.events = make([]Event, 0, min(len(b.Events), keepRoom))
	return b
}

func compareSteps(a, b StepRef) int {
	return cmp.Or(cmp.Compare(a.Job, b.Job), cmp.Compare(a.Step, b.Step))
}

func comparePrimings(a, b primingKey) int {
	return cmp.Or(cmp.Compare(a.job, b.job), cmp.Compare(a.filer, b.filer))
}

// keepRoom is for how many events room is kept ready.
const keepRoom = 4096

// What is written once (names, needs, expected paths) is shared between copies.

func cloneStep(s *Step) Step {
	c := *s
	c.Active, c.Succeeded, c.Failed, c.Canceled = s.Active.Clone(), s.Succeeded.Clone(), s.Failed.Clone(), s.Canceled.Clone()
	c.Skipped = s.Skipped.Clone()
	c.Failures, c.BackOff, c.BySite = maps.Clone(s.Failures), maps.Clone(s.BackOff), maps.Clone(s.BySite)
	c.ByCause = maps.Clone(s.ByCause)
	return c
}

func cloneAttempt(a *Attempt) Attempt {
	c := *a
	c.Outputs, c.Removed = slices.Clone(a.Outputs), slices.Clone(a.Removed)
	return c
}

func cloneNode(n *Node) Node {
	c := *n
	c.Mounts = slices.Clone(n.Mounts)
	c.Blocked, c.Failures = maps.Clone(n.Blocked), maps.Clone(n.Failures)
	return c
}
