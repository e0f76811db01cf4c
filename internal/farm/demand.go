package farm

import (
	"maps"
	"slices"
	"time"
)

// Demand is one job's work that is left, for the burst planner.
type Demand struct {
	Job       JobID
	Priority  int
	Submitted time.Time
	Deadline  time.Time
	Paused    bool
	Steps     []StepDemand
}

// StepDemand is what is left of a step.
type StepDemand struct {
	Step      int
	Name      string
	Units     int64
	DependsOn []int
	Needs     Requirements
	Runnable  int64 // pending, dependencies met, not in back-off, and limits, quotas and bounds allow it
	Rented    int64 // of Runnable: that budgets let start on rented nodes
	Broke     bool  // they let none
	Waiting   int64 // pending, but in back-off or behind a dependency or a limit, quota or bound
	Active    []ActiveUnit
	// Expected seconds a unit as the submitter says; 0: unknown.
	Expected float64
	Estimate Estimate // measured, all sites together
	BySite   map[SiteID]Estimate
}

// ActiveUnit is a unit that is being worked on.
type ActiveUnit struct {
	Unit    int64
	Node    NodeID
	Site    SiteID
	Started time.Time // of its action; zero: not started
	State   AttemptState
}

// Demand returns the work that is left, by job, in the order in which it is served.
func (f *Farm) Demand(now time.Time) []Demand {
	pay := f.payables(now)
	var out []Demand
	for _, j := range f.queue {
		d := Demand{
			Job: j.rec.ID, Priority: j.rec.Priority, Submitted: j.rec.Submitted, Deadline: j.rec.Deadline,
			Paused: j.rec.State == JobPaused,
		}
		for _, s := range j.steps {
			sd := f.demandOf(s)
			sd.Rented, sd.Broke = pay.tasks(s, sd.Runnable)
			d.Steps = append(d.Steps, sd)
		}
		active := map[int][]ActiveUnit{}
		for _, a := range j.live {
			i := a.rec.Unit.Step
			active[i] = append(active[i], ActiveUnit{a.rec.Unit.Unit, a.rec.Node, a.rec.Site, a.rec.Started, a.rec.State})
		}
		for i := range d.Steps {
			d.Steps[i].Active = active[i]
		}
		out = append(out, d)
	}
	return out
}

// allowed is how many tasks of the step its queue and its job would let start now, at most n.
func (f *Farm) allowed(s *step, n int64) int64 {
	q, j := f.queueOf(s.job), s.job
	if q.rec.Paused {
		return 0
	}
	if j.rec.MaxTasks > 0 {
		n = min(n, int64(j.rec.MaxTasks)-j.running)
	}
	c, u, t := &q.rec.Quota, &q.used, s.needs.taken()
	fit := func(quota, used, each float64) {
		if quota > 0 && each > 0 {
			n = min(n, int64((quota-used)/each+1e-9))
		}
	}
	fit(float64(c.Tasks), float64(u.Tasks), 1)
	fit(c.VCPUs, u.VCPUs, t.VCPUs)
	fit(float64(c.MemoryMiB), float64(u.MemoryMiB), float64(t.MemoryMiB))
	fit(float64(c.GPUs), float64(u.GPUs), float64(t.GPUs))
	return max(0, n)
}

func (f *Farm) demandOf(s *step) StepDemand {
	d := StepDemand{
		Step: s.index, Name: s.rec.Name, Units: s.rec.Units, DependsOn: slices.Clone(s.rec.DependsOn), Needs: s.needs,
		Expected: s.rec.Expected, Estimate: s.rec.Estimate, BySite: maps.Clone(s.rec.BySite),
	}
	if s.ready(f) {
		d.Runnable = f.allowed(s, f.seatsFor(s, s.free()))
	}
	if !s.doomed() {
		lost := s.hopeless(f)
		d.Waiting = s.pending() - d.Runnable - lost.Len()
	}
	return d
}
