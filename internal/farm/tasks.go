package farm

import (
	"fmt"
	"slices"
	"time"

	"github.com/spillway/spillway/internal/fault"
)

// TaskVerb is what is done to tasks.
type TaskVerb string

// The verbs.
const (
	// TaskSkip holds tasks for done, without a file of theirs; what waits for them goes on.
	TaskSkip TaskVerb = "skip"
	// TaskRequeue stops what runs of them and runs it again; failed and canceled ones get all their retries again.
	TaskRequeue TaskVerb = "requeue"
)

// ForTasks does something to those tasks of a job that fit all that is given. Tasks that have succeeded are left alone. It
// returns a *TasksDone.
type ForTasks struct {
	Job    JobID
	Verb   TaskVerb
	Step   *int        // nil: of all steps
	Units  *UnitSet    // nil: all; only with Step
	States []UnitState // pending, assigned, failed, canceled; none: all of these
	// Elsewhere: with TaskRequeue, the job avoids the nodes on which they run, or last ran, from now on.
	Elsewhere bool
	Reason    string
	DryRun    bool
}

// TasksDone tells how many tasks were meant.
type TasksDone struct {
	Pending, Running, Failed, Canceled int64
	Landing                            int64 // left alone: their files are on the way
}

// Sum is how many tasks the verb was done to.
func (d *TasksDone) Sum() int64 { return d.Pending + d.Running + d.Failed + d.Canceled }

var maskable = []UnitState{UnitPending, UnitAssigned, UnitFailed, UnitCanceled}

func (c *ForTasks) check(j *job) error {
	switch {
	case c.Verb != TaskSkip && c.Verb != TaskRequeue:
		return fault.New(fault.Invalid, "%q is none of skip and requeue", c.Verb)
	case c.Elsewhere && c.Verb != TaskRequeue:
		return fault.New(fault.Invalid, "elsewhere belongs to requeue")
	case c.Units != nil && c.Step == nil:
		return fault.New(fault.Invalid, "single tasks need their step")
	case c.Step != nil && (*c.Step < 0 || *c.Step >= len(j.steps)):
		return fault.New(fault.NotFound, "job %s has no step %d", j.rec.ID, *c.Step)
	case j.rec.State == JobCanceled:
		return fault.WithHint(fault.New(fault.Conflict, "job %s is canceled", j.rec.ID), "spillway job retry %s makes its tasks pending again", j.rec.ID)
	case j.rec.State == JobSucceeded:
		return fault.New(fault.Conflict, "job %s has succeeded", j.rec.ID)
	}
	for _, s := range c.States {
		if !slices.Contains(maskable, s) {
			return fault.New(fault.Invalid, "tasks that are %s are left alone; a filter is of pending, assigned, failed and canceled ones", s)
		}
	}
	if c.Units != nil {
		if last, ok := c.Units.last(); ok && last >= j.steps[*c.Step].rec.Units {
			return fault.New(fault.NotFound, "step %s has no task %d", j.steps[*c.Step].rec.Name, last)
		}
	}
	return nil
}

func (c ForTasks) apply(f *Farm, now time.Time) (any, error) {
	j, err := f.job(c.Job)
	if err != nil {
		return nil, err
	}
	if err := c.check(j); err != nil {
		return nil, err
	}
	done := &TasksDone{}
	var chosen []*choice
	for i, s := range j.steps {
		if c.Step == nil || *c.Step == i {
			chosen = append(chosen, c.choose(s, done))
		}
	}
	if c.DryRun || done.Sum() == 0 {
		return done, nil
	}
	for _, ch := range chosen {
		if ch.size() == 0 {
			continue
		}
		if c.Verb == TaskSkip {
			f.skip(now, ch, orElse(c.Reason, "skipped"))
		} else {
			f.requeue(now, ch, &c)
		}
	}
	said := fmt.Sprintf("%s: %d tasks", orElse(c.Reason, string(c.Verb)), done.Sum())
	if j.rec.State == JobFailed {
		f.reopenPrimings(now, j)
		f.setJob(now, j, JobActive, said)
	} else {
		f.emit(Event{At: now, Kind: "job", Job: j.rec.ID, Reason: said})
	}
	f.review(now, j)
	return done, nil
}

// choice are the tasks of a step that are meant, by state.
type choice struct {
	step                      *step
	pending, failed, canceled UnitSet
	running                   []*attempt
}

func (ch *choice) size() int64 {
	return ch.pending.Len() + ch.failed.Len() + ch.canceled.Len() + int64(len(ch.running))
}

func (c *ForTasks) choose(s *step, done *TasksDone) *choice {
	wanted := func(state UnitState) bool { return len(c.States) == 0 || slices.Contains(c.States, state) }
	var all UnitSet
	if c.Units != nil {
		all = c.Units.Clone()
	} else {
		all.AddRange(0, s.rec.Units-1)
	}
	ch := &choice{step: s}
	if wanted(UnitFailed) {
		ch.failed = all.And(&s.rec.Failed)
	}
	if wanted(UnitCanceled) {
		ch.canceled = all.And(&s.rec.Canceled)
	}
	if wanted(UnitPending) {
		ch.pending = all.Clone()
		for _, set := range []*UnitSet{&s.rec.Active, &s.rec.Succeeded, &s.rec.Failed, &s.rec.Canceled} {
			for first, last := range set.Runs {
				ch.pending.RemoveRange(first, last)
			}
		}
	}
	for _, a := range s.job.live {
		switch {
		case a.step != s || !all.Contains(a.rec.Unit.Unit):
		case a.rec.State == AttemptLanding:
			done.Landing++
		case a.rec.State.OnNode() && wanted(UnitAssigned):
			ch.running = append(ch.running, a)
		}
	}
	if c.Verb == TaskRequeue {
		ch.pending.Clear() // they are in the queue
	}
	done.Pending, done.Failed = done.Pending+ch.pending.Len(), done.Failed+ch.failed.Len()
	done.Canceled, done.Running = done.Canceled+ch.canceled.Len(), done.Running+int64(len(ch.running))
	return ch
}

// skip holds the chosen tasks for done.
func (f *Farm) skip(now time.Time, ch *choice, reason string) {
	s := ch.step
	for _, set := range []*UnitSet{&ch.pending, &ch.failed, &ch.canceled} {
		for first, last := range set.Runs {
			s.rec.Failed.RemoveRange(first, last)
			s.rec.Canceled.RemoveRange(first, last)
			s.rec.Succeeded.AddRange(first, last)
			s.rec.Skipped.AddRange(first, last)
		}
		s.forgive(set)
	}
	for _, a := range ch.running {
		s.rec.Skipped.Add(a.rec.Unit.Unit)
		f.stop(now, a, reason)
	}
	s.retake()
	f.touchStep(s)
	f.refollow(s)
}

// refollow computes anew which units of other steps wait for those of a step.
func (f *Farm) refollow(s *step) {
	for _, w := range s.followers {
		w.step.rewait(f)
		w.step.retake()
	}
}

// requeue runs the chosen tasks again.
func (f *Farm) requeue(now time.Time, ch *choice, c *ForTasks) {
	s := ch.step
	avoid := func(a *attempt) {
		if c.Elsewhere && a != nil {
			f.avoid(now, a.node, s.job, orElse(c.Reason, "its tasks are to run elsewhere"))
		}
	}
	for _, set := range []*UnitSet{&ch.failed, &ch.canceled} {
		for first, last := range set.Runs {
			s.rec.Failed.RemoveRange(first, last)
			s.rec.Canceled.RemoveRange(first, last)
			if c.Elsewhere {
				for u := first; u <= last; u++ {
					avoid(s.last[u])
				}
			}
		}
		s.forgive(set)
	}
	for _, a := range ch.running {
		avoid(a)
		f.stop(now, a, orElse(c.Reason, "to be run again"))
	}
	s.retake()
	f.touchStep(s)
}

// stop ends an attempt that occupies its node; its unit is pending again after that.
func (f *Farm) stop(now time.Time, a *attempt, reason string) {
	switch a.rec.State {
	case AttemptWarming:
		f.finish(now, a, AttemptCanceled, CauseCanceled, reason)
	case AttemptOrdered, AttemptRunning:
		f.move(now, a, AttemptCanceling, reason)
	default:
	}
}

// forgive forgets how often units have failed.
func (s *step) forgive(set *UnitSet) {
	for u := range s.rec.Failures {
		if set.Contains(u) {
			delete(s.rec.Failures, u)
			delete(s.rec.ByCause, u)
		}
	}
	for u := range s.rec.BackOff {
		if set.Contains(u) {
			delete(s.rec.BackOff, u)
		}
	}
}

// settleSkipped takes a unit that was skipped while an attempt had it to where it belongs when that has ended. It reports false
// if the unit is none of these.
func (f *Farm) settleSkipped(s *step, unit int64, succeeded bool) bool {
	if !s.rec.Skipped.Contains(unit) {
		return false
	}
	if succeeded {
		s.rec.Skipped.Remove(unit) // it came through all the same
		return false
	}
	s.rec.Succeeded.Add(unit)
	f.follow(s, unit)
	return true
}
