package farm

import (
	"maps"
	"slices"
	"time"

	"github.com/spillway/spillway/internal/fault"
)

// Counts are a step's units by state.
type Counts struct {
	Pending   int64 `json:"pending"`
	Assigned  int64 `json:"assigned"`
	Running   int64 `json:"running"` // of the assigned: acknowledged by their node
	Landing   int64 `json:"landing"`
	Fencing   int64 `json:"fencing"`
	Succeeded int64 `json:"succeeded"`
	Failed    int64 `json:"failed"`
	Canceled  int64 `json:"canceled"`
	Skipped   int64 `json:"skipped,omitempty"` // of the succeeded: held for done by a user
}

// JobView is a job as it stands, with the counts of its steps.
type JobView struct {
	Job             // Steps carry no unit sets
	Counts []Counts `json:"counts"`
}

// UnitView is a unit about which something is known.
type UnitView struct {
	Unit         int64        `json:"unit"`
	State        UnitState    `json:"state"`
	Attempt      AttemptID    `json:"attempt,omitempty"` // the last
	Attempts     int          `json:"attempts,omitempty"`
	AttemptState AttemptState `json:"attemptState"`
	Node         NodeID       `json:"node,omitempty"`
	Site         SiteID       `json:"site,omitempty"`
	Started      time.Time    `json:"started,omitzero"`
	Ended        time.Time    `json:"ended,omitzero"`
	Reason       string       `json:"reason,omitempty"`
	Skipped      bool         `json:"skipped,omitempty"` // a user held it for done
}

// NodeView is a node with what it is doing.
type NodeView struct {
	Node
	Used     Capacity    `json:"used"`
	Attempts []AttemptID `json:"attempts"` // on the node, oldest first
}

// Job returns a job with its counts.
func (f *Farm) Job(id JobID) (JobView, bool) {
	j := f.jobs[id]
	if j == nil {
		return JobView{}, false
	}
	return j.view(), true
}

func (j *job) view() JobView {
	v := JobView{Job: j.rec}
	for _, s := range j.steps {
		v.Steps = append(v.Steps, s.static())
		v.Counts = append(v.Counts, s.counts())
	}
	return v
}

// static is the step without its units.
func (s *step) static() Step {
	r := &s.rec
	return Step{
		Name: r.Name, Units: r.Units, DependsOn: r.DependsOn, After: r.After, Needs: s.needs, Estimate: r.Estimate, BySite: maps.Clone(r.BySite),
		Expected: r.Expected, HasOwn: r.HasOwn, Limits: r.Limits, Order: r.Order,
	}
}

// Jobs returns all jobs, newest first.
func (f *Farm) Jobs() []JobView {
	views := make([]JobView, 0, len(f.jobList))
	for _, j := range slices.Backward(f.jobList) {
		views = append(views, j.view())
	}
	return views
}

// Spec returns a job without its steps: what is needed to run its tasks. The immutable parts are shared.
func (f *Farm) Spec(id JobID) (Job, bool) {
	j := f.jobs[id]
	if j == nil {
		return Job{}, false
	}
	return j.rec, true
}

// Units returns the units of a step, from unit `from` on and at most limit, about which something is known: every other
// unit is pending. next is where to go on, or -1.
func (f *Farm) Units(id JobID, index int, from int64, limit int) (units []UnitView, next int64, err error) {
	j, err := f.job(id)
	if err != nil {
		return nil, -1, err
	}
	if index < 0 || index >= len(j.steps) {
		return nil, -1, fault.New(fault.NotFound, "job %s has no step %d", id, index)
	}
	if from < 0 || limit < 1 {
		return nil, -1, fault.New(fault.Invalid, "units from %d, at most %d", from, limit)
	}
	s := j.steps[index]
	for u := from; ; u++ {
		var ok bool
		if u, ok = s.taken.Next(u); !ok {
			return units, -1, nil
		}
		if len(units) == limit {
			return units, u, nil
		}
		units = append(units, s.unit(u))
	}
}

// unit returns what is known about a unit.
func (s *step) unit(u int64) UnitView {
	v := UnitView{Unit: u}
	switch {
	case s.rec.Succeeded.Contains(u):
		v.State, v.Skipped = UnitSucceeded, s.rec.Skipped.Contains(u)
	case s.rec.Failed.Contains(u):
		v.State = UnitFailed
	case s.rec.Canceled.Contains(u):
		v.State = UnitCanceled
	}
	a := s.last[u]
	if a == nil {
		return v
	}
	if s.rec.Active.Contains(u) {
		v.State = unitStateOf(a.rec.State)
	}
	v.Attempt, v.Attempts, v.AttemptState, v.Node, v.Site = a.rec.ID, a.rec.Number, a.rec.State, a.rec.Node, a.rec.Site
	v.Started, v.Ended, v.Reason = a.rec.Started, a.rec.Ended, a.rec.Reason
	return v
}

// Attempts returns a job's attempts, oldest first.
func (f *Farm) Attempts(id JobID) []Attempt {
	j := f.jobs[id]
	if j == nil {
		return nil
	}
	out := make([]Attempt, 0, len(j.attempts))
	for _, a := range j.attempts {
		out = append(out, cloneAttempt(&a.rec))
	}
	return out
}

// Attempt returns an attempt.
func (f *Farm) Attempt(id AttemptID) (Attempt, bool) {
	a := f.attempts[id]
	if a == nil {
		return Attempt{}, false
	}
	return cloneAttempt(&a.rec), true
}

// Node returns a node with what it is doing.
func (f *Farm) Node(id NodeID) (NodeView, bool) {
	n := f.nodes[id]
	if n == nil {
		return NodeView{}, false
	}
	return n.view(), true
}

func (n *node) view() NodeView {
	v := NodeView{Node: cloneNode(&n.rec), Used: n.used, Attempts: []AttemptID{}}
	v.Used.Amounts = maps.Clone(n.used.Amounts)
	v.LastSeen = n.seen
	for _, a := range n.live {
		v.Attempts = append(v.Attempts, a.rec.ID)
	}
	return v
}

// Nodes returns all nodes that are not deleted, ordered by name.
func (f *Farm) Nodes() []NodeView {
	out := make([]NodeView, 0, len(f.nodeList))
	for _, n := range f.nodeList {
		out = append(out, n.view())
	}
	return out
}

// GoneNodes returns the nodes that are deleted, ordered by name.
func (f *Farm) GoneNodes() []NodeView {
	out := []NodeView{}
	for _, id := range slices.Sorted(maps.Keys(f.nodes)) {
		if n := f.nodes[id]; n.rec.State == NodeDeleted {
			out = append(out, n.view())
		}
	}
	return out
}

// Pools returns the pools, ordered by name.
func (f *Farm) Pools() []Pool {
	out := make([]Pool, 0, len(f.pools))
	for _, id := range slices.Sorted(maps.Keys(f.pools)) {
		out = append(out, *f.pools[id])
	}
	return out
}

// Primings returns all primings, by job and filer.
func (f *Farm) Primings() []Priming {
	out := make([]Priming, 0, len(f.primings))
	for _, k := range slices.SortedFunc(maps.Keys(f.primings), comparePrimings) {
		out = append(out, *f.primings[k])
	}
	return out
}

// Decisions returns the last decisions of the burst planner, newest first.
func (f *Farm) Decisions() []Decision {
	out := slices.Clone(f.decisions)
	slices.Reverse(out)
	return out
}

// LastSeq returns the sequence number of the newest event.
func (f *Farm) LastSeq() uint64 { return f.seq }
