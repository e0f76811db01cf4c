package farm

import (
	"maps"
	"slices"
	"time"

	"github.com/spillway/spillway/internal/fault"
)

// Limits of what a job may be.
const (
	maxPriority = 100
	maxRetries  = 1000
	maxSteps    = 10_000
)

func (c SubmitJob) apply(f *Farm, now time.Time) (any, error) {
	if id, ok := f.keys[c.Key]; ok && c.Key != "" {
		return id, nil
	}
	if err := c.validate(); err != nil {
		return nil, err
	}
	for i := range c.Steps {
		if err := f.feasible(&c.Steps[i]); err != nil {
			return nil, err
		}
		if err := f.checkNeed(&c.Steps[i]); err != nil {
			return nil, err
		}
		if err := f.checkAfter(&c, i); err != nil {
			return nil, err
		}
	}
	if c.Queue == "" {
		c.Queue = DefaultQueue
	}
	if f.queues[c.Queue] == nil {
		return nil, f.noQueue(c.Queue)
	}
	j := &job{rec: Job{
		ID: JobID(f.cfg.NewID("j")), Name: c.Name, Owner: c.Owner, Project: c.Project, Queue: c.Queue, Priority: c.Priority,
		Submitted: now, Deadline: c.Deadline, Estimate: c.Estimate, MaxRetries: c.MaxRetries, MaxTasks: c.MaxTasks, MaxNodes: c.MaxNodes,
		Failing: c.Failing, Key: c.Key, JobSpec: c.Spec,
	}}
	if !c.Deadline.IsZero() {
		j.rec.Deadline = instant(c.Deadline)
	}
	for i, n := range c.Steps {
		s := &step{job: j, index: i, last: map[int64]*attempt{}, rec: Step{
			Name: n.Name, Units: n.Units, DependsOn: slices.Clone(n.DependsOn), After: slices.Clone(n.After), Needs: n.Needs, Expected: n.Estimate, HasOwn: n.HasOwn,
			Limits: maps.Clone(n.Limits), Order: n.Order,
		}}
		f.setNeeds(s)
		j.steps = append(j.steps, s)
	}
	f.jobs[j.rec.ID] = j
	f.jobList = append(f.jobList, j)
	if c.Key != "" {
		f.keys[c.Key] = j.rec.ID
	}
	for _, s := range j.steps {
		f.link(s)
		s.retake()
	}
	f.changes.specs.add(j.rec.ID)
	for _, s := range j.steps {
		f.touchStep(s)
	}
	f.setJob(now, j, JobActive, "submitted")
	f.give(now, j, c.Budget)
	return j.rec.ID, nil
}

func (c *SubmitJob) validate() error {
	switch {
	case c.Name == "":
		return fault.New(fault.Invalid, "a job needs a name")
	case c.Priority < 0 || c.Priority > maxPriority:
		return fault.New(fault.Invalid, "priority %d is not between 0 and %d", c.Priority, maxPriority)
	case c.MaxRetries < 0 || c.MaxRetries > maxRetries:
		return fault.New(fault.Invalid, "retries %d is not between 0 and %d", c.MaxRetries, maxRetries)
	case c.MaxTasks < 0 || c.MaxNodes < 0:
		return fault.New(fault.Invalid, "a job runs at least 1 task on 1 node at once; 0 is any number")
	case len(c.Steps) == 0:
		return fault.New(fault.Invalid, "a job needs a step")
	case len(c.Steps) > maxSteps:
		return fault.New(fault.Invalid, "a job of %d steps is too long, %d are allowed", len(c.Steps), maxSteps)
	}
	if err := c.Failing.check(); err != nil {
		return err
	}
	if err := c.Budget.check(); err != nil {
		return err
	}
	for i, s := range c.Steps {
		if err := s.Order.check(s.Units); err != nil {
			return fault.Wrap(fault.Invalid, err, "step "+s.Name)
		}
		if s.Units < 1 || s.Units > maxUnit {
			return fault.New(fault.Invalid, "step %s has %d tasks, not between 1 and %d", s.Name, s.Units, int64(maxUnit))
		}
		for _, d := range s.DependsOn {
			if d < 0 || d >= len(c.Steps) || d == i {
				return fault.New(fault.Invalid, "step %s depends on a step %d that it cannot depend on", s.Name, d)
			}
		}
	}
	if name := c.circle(); name != "" {
		return fault.New(fault.Invalid, "step %s depends on itself through other steps", name)
	}
	return nil
}

// circle returns the name of a step that depends on itself, or "". It takes away steps without open dependencies until
// none is left.
func (c *SubmitJob) circle() string {
	open := make([]int, len(c.Steps))
	users := make([][]int, len(c.Steps))
	var free []int
	for i, s := range c.Steps {
		open[i] = len(s.DependsOn)
		for _, d := range s.DependsOn {
			users[d] = append(users[d], i)
		}
		for _, d := range s.After {
			if d.Job == "" && d.Step >= 0 && d.Step < len(c.Steps) && d.Step != i {
				open[i]++
				users[d.Step] = append(users[d.Step], i)
			}
		}
		if open[i] == 0 {
			free = append(free, i)
		}
	}
	for len(free) > 0 {
		i := free[len(free)-1]
		free = free[:len(free)-1]
		for _, u := range users[i] {
			if open[u]--; open[u] == 0 {
				free = append(free, u)
			}
		}
	}
	for i, n := range open {
		if n > 0 {
			return c.Steps[i].Name
		}
	}
	return ""
}
