package farm

import (
	"maps"
	"slices"
)

// Records returns all records of the farm, ordered. It shares nothing with the farm.
func (f *Farm) Records() Records {
	r := Records{LastSeq: f.seq, Decisions: slices.Clone(f.decisions), Pools: f.Pools(), Primings: f.Primings(), Users: f.Users(), APITokens: f.APITokens(), Uses: f.Uses()}
	for _, b := range f.budgets.list {
		r.Budgets = append(r.Budgets, b.rec)
	}
	for _, q := range f.queueList {
		r.Queues = append(r.Queues, q.rec)
	}
	for _, l := range f.limitList {
		r.Limits = append(r.Limits, cloneLimit(&l.rec))
	}
	for _, id := range slices.Sorted(maps.Keys(f.jobs)) {
		j := f.jobs[id]
		r.Specs = append(r.Specs, SpecRecord{id, j.rec.JobSpec})
		rec := j.rec
		rec.JobSpec = JobSpec{}
		r.Jobs = append(r.Jobs, rec)
		for _, s := range j.steps {
			r.Steps = append(r.Steps, StepRecord{s.ref(), cloneStep(&s.rec)})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(f.attempts)) {
		r.Attempts = append(r.Attempts, cloneAttempt(&f.attempts[id].rec))
	}
	for _, id := range slices.Sorted(maps.Keys(f.sessions)) {
		r.Sessions = append(r.Sessions, f.sessions[id].rec)
	}
	for _, id := range slices.Sorted(maps.Keys(f.nodes)) {
		r.Nodes = append(r.Nodes, cloneNode(&f.nodes[id].rec))
	}
	return r
}
