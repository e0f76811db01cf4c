package farm

import (
	"fmt"
	"slices"

	"github.com/spillway/spillway/internal/fault"
)

// follower is a step whose units wait for single units of another step: unit u for unit u+offset.
type follower struct {
	step   *step
	offset int64
}

// link enters a step's dependencies into the indexes. The jobs that it names must be there.
func (f *Farm) link(s *step) {
	for _, d := range s.rec.After {
		if t := f.target(s, d); d.EachUnit && t != nil {
			t.followers = append(t.followers, follower{s, d.Offset})
		}
	}
	s.rewait(f)
}

// target is the step that a dependency names; nil: a whole job.
func (f *Farm) target(s *step, d Dependency) *step {
	j := s.job
	if d.Job != "" {
		j = f.jobs[d.Job]
	}
	if j == nil || d.Step < 0 || d.Step >= len(j.steps) {
		return nil
	}
	return j.steps[d.Step]
}

// rewait computes which units wait for single others.
func (s *step) rewait(f *Farm) {
	s.waits.Clear()
	for _, d := range s.rec.After {
		t := f.target(s, d)
		if !d.EachUnit || t == nil {
			continue
		}
		var open UnitSet
		open.AddRange(max(0, -d.Offset), min(s.rec.Units, t.rec.Units-d.Offset)-1)
		for first, last := range t.rec.Succeeded.Runs {
			open.RemoveRange(first-d.Offset, last-d.Offset)
		}
		s.waits.AddSet(&open)
	}
}

// follow lets the units go that waited for a unit which has succeeded, unless they wait for others too.
func (f *Farm) follow(s *step, unit int64) {
	for _, w := range s.followers {
		u := unit - w.offset
		if u < 0 || u >= w.step.rec.Units || !w.step.waits.Contains(u) || !f.met(w.step, u) {
			continue
		}
		w.step.waits.Remove(u)
		if _, held := w.step.rec.BackOff[u]; !held && !w.step.settled(u) {
			w.step.release(u)
		}
	}
}

// met reports whether all single units have succeeded for which a unit waits.
func (f *Farm) met(s *step, u int64) bool {
	for _, d := range s.rec.After {
		if t := f.target(s, d); d.EachUnit && t != nil {
			if v := u + d.Offset; v >= 0 && v < t.rec.Units && !t.rec.Succeeded.Contains(v) {
				return false
			}
		}
	}
	return true
}

// settled reports whether the unit is in one of the record's sets.
func (s *step) settled(u int64) bool {
	return s.rec.Active.Contains(u) || s.rec.Succeeded.Contains(u) || s.rec.Failed.Contains(u) || s.rec.Canceled.Contains(u)
}

// afterMet reports whether the whole jobs and steps have succeeded for which a step waits.
func (s *step) afterMet(f *Farm) bool {
	for _, d := range s.rec.After {
		if !d.EachUnit && !f.over(s, d) {
			return false
		}
	}
	return true
}

// over reports whether what a whole dependency names has succeeded.
func (f *Farm) over(s *step, d Dependency) bool {
	if t := f.target(s, d); t != nil {
		return t.complete()
	}
	j := f.jobs[d.Job]
	return j == nil || j.rec.State == JobSucceeded
}

// hopeless are the pending units that wait for units of the same job which have failed or are canceled. That what another
// job failed to do may be done yet is up to that job.
func (s *step) hopeless(f *Farm) UnitSet {
	var lost UnitSet
	lose := func(broken *UnitSet, offset int64) {
		for first, last := range broken.Runs {
			lost.AddRange(max(0, first-offset), min(last-offset, s.rec.Units-1))
		}
		for _, set := range []*UnitSet{&s.rec.Active, &s.rec.Succeeded, &s.rec.Failed, &s.rec.Canceled} {
			for first, last := range set.Runs {
				lost.RemoveRange(first, last)
			}
		}
	}
	broken := func(t *step, further *UnitSet) *UnitSet {
		all := t.rec.Failed.Clone()
		all.AddSet(&t.rec.Canceled)
		all.AddSet(further)
		return &all
	}
	for _, d := range s.rec.After {
		if t := f.target(s, d); d.EachUnit && t != nil && t.job == s.job && t != s {
			further := t.hopeless(f)
			lose(broken(t, &further), d.Offset)
		}
	}
	for before := int64(-1); before < lost.Len(); { // what follows itself is lost with what it follows
		before = lost.Len()
		for _, d := range s.rec.After {
			if d.EachUnit && f.target(s, d) == s {
				all := chain(broken(s, &lost), d.Offset, s.rec.Units)
				lose(&all, d.Offset)
			}
		}
	}
	return lost
}

// chain adds to a set of units of a step that follows itself all that follow them, one after the other.
func chain(broken *UnitSet, offset, units int64) UnitSet {
	all := broken.Clone()
	for first, last := range broken.Runs {
		switch offset {
		case -1:
			all.AddRange(first, units-1)
		case 1:
			all.AddRange(0, last)
		default:
			for u := first; u <= last; u++ {
				for v := u - offset; v >= 0 && v < units && !all.Contains(v); v -= offset {
					all.Add(v)
				}
			}
		}
	}
	return all
}

// checkAfter refuses dependencies on what there is not.
func (f *Farm) checkAfter(c *SubmitJob, i int) error {
	s := &c.Steps[i]
	for _, d := range s.After {
		units, own := int64(0), d.Job == ""
		switch j := f.jobs[d.Job]; {
		case d.EachUnit && (d.Offset < -maxUnit || d.Offset > maxUnit):
			return fault.New(fault.Invalid, "step %s waits with an offset of %d", s.Name, d.Offset)
		case own && (d.Step < 0 || d.Step >= len(c.Steps)):
			return fault.New(fault.Invalid, "step %s waits for a step %d that there is not", s.Name, d.Step)
		case own && d.Step == i && (!d.EachUnit || d.Offset == 0):
			return fault.New(fault.Invalid, "step %s waits for itself", s.Name)
		case own:
		case j == nil:
			return fault.WithHint(fault.New(fault.Invalid, "step %s waits for job %q, which there is not", s.Name, d.Job), "see: spillway job list")
		case d.Step >= len(j.steps) || d.Step < 0 && d.EachUnit:
			return fault.New(fault.Invalid, "step %s waits for a step %d of job %s that there is not", s.Name, d.Step, d.Job)
		case d.Step >= 0:
			units = j.steps[d.Step].rec.Units
		}
		if d.EachUnit && !own && (d.Offset >= units || d.Offset <= -s.Units) {
			return fault.New(fault.Invalid, "no task of step %s has one to wait for: the offset of %d is too large", s.Name, d.Offset)
		}
	}
	return nil
}

// Needed names what an attempt at a unit finds done: a unit, or with Unit -1 a whole step.
type Needed struct {
	StepRef
	Unit int64
}

// Needs returns what a unit waited for by the step's own word, nearest first, without the template's dependencies.
func (f *Farm) Needs(ref UnitRef) []Needed {
	j := f.jobs[ref.Job]
	if j == nil || ref.Step < 0 || ref.Step >= len(j.steps) {
		return nil
	}
	s := j.steps[ref.Step]
	var out []Needed
	for _, d := range s.rec.After {
		t := f.target(s, d)
		switch {
		case t == nil:
			if o := f.jobs[d.Job]; o != nil {
				for _, st := range slices.Backward(o.steps) {
					out = append(out, Needed{st.ref(), -1})
				}
			}
		case !d.EachUnit:
			out = append(out, Needed{t.ref(), -1})
		default:
			if v := ref.Unit + d.Offset; v >= 0 && v < t.rec.Units {
				out = append(out, Needed{t.ref(), v})
			}
		}
	}
	return out
}

// whyAfter says for what the step waits by its own word.
func (f *Farm) whyAfter(s *step) []string {
	var lines []string
	for _, d := range s.rec.After {
		t, where := f.target(s, d), ""
		if d.Job != "" {
			where = " of job " + string(d.Job)
		}
		switch {
		case t == nil:
			if j := f.jobs[d.Job]; j != nil && !f.over(s, d) {
				lines = append(lines, fmt.Sprintf("waits for job %s (%s), which is %s", d.Job, j.rec.Name, j.rec.State))
			}
		case d.EachUnit:
			if n := s.waits.Len(); n > 0 {
				line := fmt.Sprintf("%d tasks wait for theirs in step %s%s: %d of %d done", n, t.rec.Name, where, t.rec.Succeeded.Len(), t.rec.Units)
				if bad := t.rec.Failed.Len() + t.rec.Canceled.Len(); bad > 0 {
					line += fmt.Sprintf(", %d failed or canceled", bad)
				}
				lines = append(lines, line)
			}
		case !t.complete():
			lines = append(lines, fmt.Sprintf("waits for step %s%s: %d of %d done", t.rec.Name, where, t.rec.Succeeded.Len(), t.rec.Units))
		}
	}
	return lines
}
