package farm

import (
	"fmt"
	"slices"
	"time"

	"github.com/spillway/spillway/internal/fault"
)

func (c CancelJob) apply(f *Farm, now time.Time) (any, error) {
	j, err := f.job(c.Job)
	if err != nil {
		return nil, err
	}
	if j.rec.State == JobCanceled {
		return nil, nil
	}
	if j.rec.State.Over() {
		return nil, fault.New(fault.Conflict, "job %s has ended: it is %s", c.Job, j.rec.State)
	}
	reason := orElse(c.Reason, "canceled")
	f.setJob(now, j, JobCanceled, reason)
	for _, s := range j.steps {
		s.cancelPending()
		f.touchStep(s)
	}
	for _, a := range slices.Clone(j.live) {
		switch a.rec.State {
		case AttemptWarming:
			f.finish(now, a, AttemptCanceled, CauseCanceled, reason)
		case AttemptOrdered, AttemptRunning:
			f.move(now, a, AttemptCanceling, reason)
		default:
		}
	}
	return nil, nil
}

// cancelPending makes all pending units canceled; it costs one run per gap between the others.
func (s *step) cancelPending() {
	s.rec.BackOff = nil
	var others UnitSet
	for _, set := range []*UnitSet{&s.rec.Active, &s.rec.Succeeded, &s.rec.Failed} {
		others.AddSet(set)
	}
	s.rec.Canceled.Clear()
	s.rec.Canceled.AddRange(0, s.rec.Units-1)
	for first, last := range others.Runs {
		s.rec.Canceled.RemoveRange(first, last)
	}
	s.retake()
}

func (c RetryJob) apply(f *Farm, now time.Time) (any, error) {
	j, err := f.job(c.Job)
	if err != nil {
		return nil, err
	}
	var units int64
	for _, s := range j.steps {
		units += s.rec.Failed.Len() + s.rec.Canceled.Len()
	}
	if units == 0 && j.rec.State != JobCanceled {
		return nil, fault.WithHint(fault.New(fault.Conflict, "job %s has no failed or canceled tasks", c.Job),
			"a job that succeeded is run again by submitting it again")
	}
	for _, s := range j.steps {
		s.rec.Failed.Clear()
		s.rec.Canceled.Clear()
		s.rec.Failures, s.rec.ByCause, s.rec.BackOff = nil, nil, nil
		s.rec.HeldUntil, s.rec.Denials = time.Time{}, 0
		s.retake()
		f.touchStep(s)
	}
	j.rec.Setbacks = nil
	f.pardon(j)
	f.reopenPrimings(now, j)
	state := JobActive
	if j.rec.State == JobPaused {
		state = JobPaused
	}
	f.setJob(now, j, state, orElse(c.Reason, "retried")+fmt.Sprintf(": %d tasks again", units))
	f.review(now, j)
	return units, nil
}

func (c PauseJob) apply(f *Farm, now time.Time) (any, error) {
	j, err := f.job(c.Job)
	if err != nil {
		return nil, err
	}
	switch j.rec.State {
	case JobPaused:
	case JobActive:
		f.setJob(now, j, JobPaused, orElse(c.Reason, "paused"))
	default:
		return nil, fault.New(fault.Conflict, "job %s has ended: it is %s", c.Job, j.rec.State)
	}
	return nil, nil
}

func (c ResumeJob) apply(f *Farm, now time.Time) (any, error) {
	j, err := f.job(c.Job)
	if err != nil {
		return nil, err
	}
	switch j.rec.State {
	case JobActive:
	case JobPaused:
		j.rec.Setbacks = nil
		f.setJob(now, j, JobActive, orElse(c.Reason, "resumed"))
	default:
		return nil, fault.New(fault.Conflict, "job %s has ended: it is %s", c.Job, j.rec.State)
	}
	return nil, nil
}
