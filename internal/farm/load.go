package farm

import (
	"cmp"
	"container/heap"
	"slices"
	"time"

	"github.com/spillway/spillway/internal/fault"
)

// Load returns the farm that the records describe. Every node gets a whole lease from now to say hello. Records that do not
// belong together are an Internal error.
func Load(cfg Config, now time.Time, r *Records) (*Farm, error) {
	f := empty(cfg)
	f.seq = r.LastSeq
	f.addQueue(&queue{rec: Queue{ID: DefaultQueue, Weight: 1}})
	for _, rec := range r.Queues {
		if q := f.queues[rec.ID]; q != nil {
			q.rec = rec
		} else {
			f.addQueue(&queue{rec: rec})
		}
	}
	for i := range r.Limits {
		f.addLimit(&limit{rec: cloneLimit(&r.Limits[i]), nodes: map[NodeID]*holding{}})
	}
	f.loadPeople(r)
	f.loadUses(r.Uses)
	if err := f.loadJobs(r); err != nil {
		return nil, err
	}
	f.loadNodes(instant(now), r.Nodes)
	if err := f.loadAttempts(r); err != nil {
		return nil, err
	}
	for _, l := range f.limitList {
		f.recountLimit(l)
	}
	for i := range r.Pools {
		p := r.Pools[i]
		f.pools[p.ID] = &p
	}
	for i := range r.Primings {
		p := r.Primings[i]
		f.primings[primingKey{p.Job, p.Filer}] = &p
		if !p.State.Over() {
			f.openPriming[primingKey{p.Job, p.Filer}] = struct{}{}
		}
	}
	f.decisions = slices.Clone(r.Decisions)
	slices.SortFunc(f.decisions, func(a, b Decision) int { return cmp.Compare(a.ID, b.ID) })
	f.configurePools()
	f.loadBudgets(instant(now), r.Budgets)
	return f, nil
}

func (f *Farm) loadJobs(r *Records) error {
	for i := range r.Jobs {
		j := &job{rec: r.Jobs[i]}
		f.jobs[j.rec.ID] = j
		f.jobList = append(f.jobList, j)
		if j.rec.Key != "" {
			f.keys[j.rec.Key] = j.rec.ID
		}
	}
	slices.SortFunc(f.jobList, func(a, b *job) int {
		return cmp.Or(a.rec.Submitted.Compare(b.rec.Submitted), cmp.Compare(a.rec.ID, b.rec.ID))
	})
	for _, s := range r.Specs {
		if j := f.jobs[s.Job]; j != nil {
			j.rec.JobSpec = s.JobSpec
		}
	}
	steps := slices.Clone(r.Steps)
	slices.SortFunc(steps, func(a, b StepRecord) int { return compareSteps(a.StepRef, b.StepRef) })
	for _, s := range steps {
		j := f.jobs[s.Job]
		if j == nil || s.StepRef.Step != len(j.steps) {
			return fault.New(fault.Internal, "the store has a step %d of job %s that does not belong there", s.StepRef.Step, s.Job)
		}
		st := &step{job: j, index: s.StepRef.Step, rec: cloneStep(&s.Step), last: map[int64]*attempt{}}
		f.setNeeds(st)
		j.steps = append(j.steps, st)
		if !st.rec.HeldUntil.IsZero() {
			f.holdStep(st, st.rec.HeldUntil)
		}
		for unit, until := range st.rec.BackOff {
			heap.Push(&f.backOffs, backOff{until, st, unit})
		}
	}
	for _, j := range f.jobList {
		for _, st := range j.steps {
			f.link(st)
			st.retake()
		}
	}
	for _, j := range f.jobList {
		if len(j.steps) == 0 {
			return fault.New(fault.Internal, "the store has job %s without its steps", j.rec.ID)
		}
		for _, st := range j.steps {
			for _, d := range st.rec.DependsOn {
				if d < 0 || d >= len(j.steps) {
					return fault.New(fault.Internal, "the store has a step of job %s that depends on none", j.rec.ID)
				}
			}
		}
		f.enqueue(j)
	}
	return nil
}

func (f *Farm) loadNodes(now time.Time, records []Node) {
	for i := range records {
		n := &node{rec: cloneNode(&records[i]), seen: now}
		f.addNode(n)
		f.reindex(n)
		f.reavoid(n)
		f.orders.add(n.rec.ID)
	}
}

func (f *Farm) loadAttempts(r *Records) error {
	records := slices.Clone(r.Sessions)
	slices.SortFunc(records, func(a, b Session) int { return cmp.Compare(a.ID, b.ID) })
	for _, rec := range records {
		n, j := f.nodes[rec.Node], f.jobs[rec.Step.Job]
		if n == nil || j == nil || rec.Step.Step >= len(j.steps) {
			return fault.New(fault.Internal, "the store has a session %s of an unknown node or step", rec.ID)
		}
		f.addSession(&session{rec: rec, node: n, step: j.steps[rec.Step.Step]})
	}
	attempts := slices.Clone(r.Attempts)
	slices.SortFunc(attempts, func(a, b Attempt) int { return cmp.Compare(a.ID, b.ID) })
	for i := range attempts {
		rec := cloneAttempt(&attempts[i])
		n, j := f.nodes[rec.Node], f.jobs[rec.Unit.Job]
		if n == nil || j == nil || rec.Unit.Step < 0 || rec.Unit.Step >= len(j.steps) {
			return fault.New(fault.Internal, "the store has an attempt %s of an unknown node or step", rec.ID)
		}
		f.addAttempt(&attempt{rec: rec, step: j.steps[rec.Unit.Step], node: n})
	}
	return nil
}
