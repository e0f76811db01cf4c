package farm

import (
	"fmt"
	"time"
)

// A task that ran out of memory is tried again with more. Its step's tasks are alike, so all that start from then on ask for
// as much; what runs already holds what it was given.

const (
	defaultMemoryFactor = 1.5
	maxMemoryFactor     = 16
	leastMemory         = 512 // MiB, of a step that had not said what it needs
)

// setNeeds computes what the step's next task asks for.
func (f *Farm) setNeeds(s *step) {
	s.needs = s.rec.Needs
	s.needs.MemoryMiB = max(s.needs.MemoryMiB, s.rec.Raised)
	s.shape = f.shapeOf(&s.needs, s.rec.Limits)
}

// needs is what an attempt takes of its node.
func (a *attempt) needs() *Requirements {
	if a.rec.Raised == 0 {
		return &a.step.rec.Needs
	}
	r := a.step.rec.Needs
	r.MemoryMiB = a.rec.Raised
	return &r
}

// raise has a step ask for more memory than an attempt had that ran out of it, as far as there is a node that has so much. It
// returns what is said of it.
func (f *Farm) raise(now time.Time, a *attempt) string {
	s, had := a.step, a.needs().MemoryMiB
	factor := s.job.rec.Failing.MemoryFactor
	if factor == 0 {
		factor = defaultMemoryFactor
	}
	if factor <= 1 {
		return ""
	}
	if s.needs.MemoryMiB > had {
		return fmt.Sprintf(", with %s", amountOf(float64(s.needs.MemoryMiB), "MiB memory"))
	}
	want := max(uint64(float64(max(had, a.rec.MaxRSS))*factor), leastMemory)
	want = min(want, f.mostMemory(s))
	if want <= had {
		return fmt.Sprintf(", with %s again: no node has more", amountOf(float64(had), "MiB memory"))
	}
	s.rec.Raised = want
	f.setNeeds(s)
	f.emit(Event{
		At: now, Kind: "job", Job: s.job.rec.ID, Step: s.index,
		Reason: fmt.Sprintf("tasks of %s that start from now on ask for %s: task %d ran out of %s", s.rec.Name,
			amountOf(float64(want), "MiB memory"), a.rec.Unit.Unit, amountOf(float64(had), "MiB memory")),
	})
	return fmt.Sprintf(", with %s", amountOf(float64(want), "MiB memory"))
}

// mostMemory is the memory of the largest node, there or to be rented, that could run the step's tasks, MiB.
func (f *Farm) mostMemory(s *step) uint64 {
	most := uint64(0)
	look := func(c *Capacity) {
		if c.MemoryMiB > most && s.rec.Needs.unfit(c) == nil {
			most = c.MemoryMiB
		}
	}
	for _, n := range f.nodeList {
		look(&n.rec.Capacity)
	}
	for id := range f.shapes {
		p := f.shapes[id]
		look(&p.Capacity)
	}
	return most
}
