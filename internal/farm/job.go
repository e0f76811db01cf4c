package farm

import (
	"cmp"
	"container/heap"
	"fmt"
	"slices"
	"time"
)

// enqueue puts a job that is not over into the order in which the jobs of its queue are served: by priority, then age.
func (f *Farm) enqueue(j *job) {
	f.queue = drop(f.queue, j)
	if f.queues[j.rec.Queue] == nil && j.rec.State.Over() {
		return
	}
	q := f.queueOf(j)
	q.jobs = drop(q.jobs, j)
	q.epoch++
	if j.rec.State.Over() {
		return
	}
	i, _ := slices.BinarySearchFunc(f.queue, j, compareJobs)
	f.queue = slices.Insert(f.queue, i, j)
	i, _ = slices.BinarySearchFunc(q.jobs, j, compareJobs)
	q.jobs = slices.Insert(q.jobs, i, j)
}

func compareJobs(a, b *job) int {
	return cmp.Or(cmp.Compare(b.rec.Priority, a.rec.Priority), a.rec.Submitted.Compare(b.rec.Submitted), cmp.Compare(a.rec.ID, b.rec.ID))
}

// setJob takes a job to a state, which may be the one it is in, and says why.
func (f *Farm) setJob(now time.Time, j *job, to JobState, reason string) {
	from := j.rec.State
	j.rec.State, j.rec.Reason = to, reason
	if to.Over() {
		j.rec.Ended = now
	} else {
		j.rec.Ended = time.Time{}
	}
	f.touchJob(j)
	f.enqueue(j)
	f.emit(Event{At: now, Kind: "job", Job: j.rec.ID, From: from.String(), To: to.String(), Reason: reason})
	if to != JobActive {
		for _, s := range j.steps {
			f.endIdle(s.sessions)
		}
	}
	if to.Over() {
		f.pardon(j)
		f.closePrimings(now, j, "the job is "+to.String())
	}
}

// review derives the state of a job after one of its units has changed.
func (f *Farm) review(now time.Time, j *job) {
	if j.rec.State.Over() {
		return
	}
	complete, workable := true, false
	var failed []string
	for _, s := range j.steps {
		complete = complete && s.complete()
		if s.pending() > 0 && !s.doomed() {
			lost := s.hopeless(f)
			workable = workable || s.pending() > lost.Len()
		}
		if n := s.rec.Failed.Len(); n > 0 {
			failed = append(failed, fmt.Sprintf("%d of %d tasks of %s failed", n, s.rec.Units, s.rec.Name))
		}
	}
	switch {
	case complete:
		f.setJob(now, j, JobSucceeded, "every task succeeded")
	case len(j.live) == 0 && !workable && len(failed) > 0:
		reason := failed[0]
		if len(failed) > 1 {
			reason = fmt.Sprintf("%s, and of %d more steps", reason, len(failed)-1)
		}
		f.setJob(now, j, JobFailed, reason)
	}
}

// holdStep keeps all of a step from being assigned until a time.
func (f *Farm) holdStep(s *step, until time.Time) {
	s.rec.HeldUntil = until
	heap.Push(&f.backOffs, backOff{until, s, wholeStep})
}

// wholeStep stands in a back-off for all units of a step.
const wholeStep = -1

// holdBack keeps a pending unit from being assigned until a time.
func (f *Farm) holdBack(s *step, unit int64, until time.Time) {
	if s.rec.BackOff == nil {
		s.rec.BackOff = map[int64]time.Time{}
	}
	s.rec.BackOff[unit] = until
	s.taken.Add(unit)
	heap.Push(&f.backOffs, backOff{until, s, unit})
}
