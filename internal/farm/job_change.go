package farm

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/spillway/spillway/internal/fault"
)

// ChangeJob changes a job that is not over, while it runs. What is nil stays. What runs goes on, also beyond new bounds.
type ChangeJob struct {
	Job        JobID
	Priority   *int // 0 to 100
	Queue      *QueueID
	MaxTasks   *int
	MaxNodes   *int
	MaxRetries *int // what has failed for good stays so
	Deadline   *time.Time
	StopAfter  *int // FailurePolicy
	AvoidAfter *int // FailurePolicy
	Reason     string
}

func (c ChangeJob) apply(f *Farm, now time.Time) (any, error) {
	j, err := f.job(c.Job)
	if err != nil {
		return nil, err
	}
	if j.rec.State.Over() {
		return nil, fault.New(fault.Conflict, "job %s has ended: it is %s", c.Job, j.rec.State)
	}
	was, r := j.rec, j.rec
	r.Priority, r.MaxTasks, r.MaxNodes = given(c.Priority, r.Priority), given(c.MaxTasks, r.MaxTasks), given(c.MaxNodes, r.MaxNodes)
	r.MaxRetries, r.Queue = given(c.MaxRetries, r.MaxRetries), given(c.Queue, r.Queue)
	r.Failing.StopAfter, r.Failing.AvoidAfter = given(c.StopAfter, r.Failing.StopAfter), given(c.AvoidAfter, r.Failing.AvoidAfter)
	if c.Deadline != nil {
		r.Deadline = time.Time{}
		if !c.Deadline.IsZero() {
			r.Deadline = instant(*c.Deadline)
		}
	}
	if err := r.bounds(); err != nil {
		return nil, err
	}
	if f.queues[r.Queue] == nil {
		return nil, f.noQueue(r.Queue)
	}
	said := differences(&was, &r)
	if len(said) == 0 {
		return nil, nil
	}
	f.enterQueue(j, r.Queue)
	j.rec = r
	if was.Queue != r.Queue {
		f.recountQueues(now, was.Queue, r.Queue)
	}
	j.reoccupy()
	f.setJob(now, j, j.rec.State, orElse(c.Reason, "changed")+": "+strings.Join(said, ", "))
	return nil, nil
}

// recountQueues counts anew what is spent of the budgets of queues.
func (f *Farm) recountQueues(now time.Time, queues ...QueueID) {
	for _, q := range queues {
		for _, b := range f.budgets.byKey[budgetKey{BudgetQueue, string(q)}] {
			f.recount(now, b)
		}
	}
}

// differences says what has changed.
func differences(was, is *Job) []string {
	var out []string
	note := func(differ bool, format string, args ...any) {
		if differ {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	note(was.Priority != is.Priority, "priority %d instead of %d", is.Priority, was.Priority)
	note(was.Queue != is.Queue, "queue %s instead of %s", is.Queue, was.Queue)
	note(was.MaxTasks != is.MaxTasks, "at most %d tasks at once instead of %d (0: any number)", is.MaxTasks, was.MaxTasks)
	note(was.MaxNodes != is.MaxNodes, "at most %d nodes at once instead of %d (0: any number)", is.MaxNodes, was.MaxNodes)
	note(was.MaxRetries != is.MaxRetries, "%d retries instead of %d", is.MaxRetries, was.MaxRetries)
	note(was.Failing.StopAfter != is.Failing.StopAfter, "paused after %d failures in a row instead of %d (-1: never)", is.Failing.stopAfter(), was.Failing.stopAfter())
	note(was.Failing.AvoidAfter != is.Failing.AvoidAfter, "avoids a node after %d failures in a row instead of %d", is.Failing.avoidAfter(), was.Failing.avoidAfter())
	switch {
	case was.Deadline.Equal(is.Deadline):
	case is.Deadline.IsZero():
		out = append(out, "no deadline any more")
	default:
		out = append(out, "due at "+is.Deadline.Format(time.RFC3339))
	}
	return out
}

// bounds checks what a job may have.
func (j *Job) bounds() error {
	switch {
	case j.Priority < 0 || j.Priority > maxPriority:
		return fault.New(fault.Invalid, "priority %d is not between 0 and %d", j.Priority, maxPriority)
	case j.MaxRetries < 0 || j.MaxRetries > maxRetries:
		return fault.New(fault.Invalid, "retries %d is not between 0 and %d", j.MaxRetries, maxRetries)
	case j.MaxTasks < 0 || j.MaxNodes < 0:
		return fault.New(fault.Invalid, "a job runs at least 1 task on 1 node at once; 0 is any number")
	}
	return j.Failing.check()
}

// enterQueue moves a job, with what it takes, from its queue to another.
func (f *Farm) enterQueue(j *job, to QueueID) {
	if j.rec.Queue == to {
		return
	}
	from, next := f.queueOf(j), f.queues[to]
	from.jobs = drop(from.jobs, j)
	from.epoch++
	for _, a := range j.live {
		if a.rec.State.OnNode() {
			from.take(a.needs().taken(), true)
			next.take(a.needs().taken(), false)
		}
	}
}

// reoccupy counts anew which nodes the job occupies.
func (j *job) reoccupy() {
	j.running, j.nodes = 0, nil
	for _, a := range j.live {
		if a.rec.State.OnNode() {
			j.occupy(a.rec.Node, +1)
		}
	}
}

func (f *Farm) noQueue(id QueueID) error {
	return fault.WithHint(fault.New(fault.Invalid, "there is no queue %q", id), "%s; make one: spillway queue set NAME", f.queuesKnown())
}

// JobFilter says which jobs are meant: those that fit all that is given. One that gives nothing fits every job.
type JobFilter struct {
	Jobs    []JobID // one of these
	State   *JobState
	Owner   string
	Project string
	Queue   QueueID
	Name    string // a pattern as of path.Match
}

func (c *JobFilter) fits(r *Job) bool {
	if c.Name != "" {
		if ok, err := path.Match(c.Name, r.Name); !ok || err != nil {
			return false
		}
	}
	return (len(c.Jobs) == 0 || slices.Contains(c.Jobs, r.ID)) && (c.State == nil || *c.State == r.State) &&
		(c.Owner == "" || c.Owner == r.Owner) && (c.Project == "" || c.Project == r.Project) && (c.Queue == "" || c.Queue == r.Queue)
}

// Verb is what is done to many jobs at once.
type Verb string

// The verbs.
const (
	VerbCancel Verb = "cancel"
	VerbRetry  Verb = "retry"
	VerbPause  Verb = "pause"
	VerbResume Verb = "resume"
	VerbChange Verb = "change"
)

// ForJobs does something to every job that fits a filter, in one transaction. A job of which it is refused, as of one that
// has ended, is left out and told of. It returns a *JobsDone.
type ForJobs struct {
	Filter JobFilter
	Verb   Verb
	Change ChangeJob // with VerbChange; its Job and Reason do not count
	Reason string
	// DryRun changes nothing and tells which jobs fit.
	DryRun bool
	// Sees says which jobs there are for whoever asks, May whether they may do it to one; nil: all of them.
	Sees func(Belongs) bool
	May  func(Belongs) error
}

// JobsDone tells what became of the jobs that fitted.
type JobsDone struct {
	Done    []JobID // with DryRun: those that fit
	Skipped []JobSkipped
}

// JobSkipped is a job of which a change was refused.
type JobSkipped struct {
	Job JobID
	Why string
}

func (c ForJobs) apply(f *Farm, now time.Time) (any, error) {
	if _, err := path.Match(c.Filter.Name, ""); err != nil {
		return nil, fault.New(fault.Invalid, "%q is no pattern of names", c.Filter.Name)
	}
	if c.command("") == nil {
		return nil, fault.New(fault.Invalid, "%q is none of cancel, retry, pause, resume and change", c.Verb)
	}
	for _, id := range c.Filter.Jobs {
		if j, err := f.job(id); err != nil {
			return nil, err
		} else if c.Sees != nil && !c.Sees(j.rec.Belongs()) {
			return nil, fault.New(fault.NotFound, "no job %q", id)
		}
	}
	done := &JobsDone{}
	for _, j := range slices.Clone(f.jobList) {
		if !c.Filter.fits(&j.rec) || c.Sees != nil && !c.Sees(j.rec.Belongs()) {
			continue
		}
		if c.May != nil {
			if err := c.May(j.rec.Belongs()); err != nil {
				done.Skipped = append(done.Skipped, JobSkipped{j.rec.ID, err.Error()})
				continue
			}
		}
		if !c.DryRun {
			if _, err := c.command(j.rec.ID).apply(f, now); err != nil {
				done.Skipped = append(done.Skipped, JobSkipped{j.rec.ID, err.Error()})
				continue
			}
		}
		done.Done = append(done.Done, j.rec.ID)
	}
	return done, nil
}

// command is what is done to one job; nil: the verb is unknown.
func (c *ForJobs) command(id JobID) Command {
	switch c.Verb {
	case VerbCancel:
		return CancelJob{Job: id, Reason: c.Reason}
	case VerbRetry:
		return RetryJob{Job: id, Reason: c.Reason}
	case VerbPause:
		return PauseJob{Job: id, Reason: c.Reason}
	case VerbResume:
		return ResumeJob{Job: id, Reason: c.Reason}
	case VerbChange:
		change := c.Change
		change.Job, change.Reason = id, c.Reason
		return change
	}
	return nil
}
