package server

import (
	"context"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/frames"
	"github.com/spillway/spillway/internal/server/catalog"
	"github.com/spillway/spillway/internal/server/policy"
)

// taskStates are the states that tasks may be chosen by.
var taskStates = map[string]farm.UnitState{
	"pending": farm.UnitPending, "running": farm.UnitAssigned, "failed": farm.UnitFailed, "canceled": farm.UnitCanceled,
}

// Tasks skips or requeues tasks of a job.
func (s *Server) Tasks(ctx context.Context, id string, t restv1.TaskChange) (restv1.TasksDone, error) {
	c := farm.ForTasks{Job: farm.JobID(id), Verb: farm.TaskVerb(t.Verb), Elsewhere: t.Elsewhere, DryRun: t.DryRun, Reason: taskReasons[t.Verb] + " by " + asker(ctx)}
	for _, name := range t.States {
		state, ok := taskStates[name]
		if !ok {
			return restv1.TasksDone{}, fault.New(fault.Invalid, "%q is none of pending, running, failed and canceled", name)
		}
		c.States = append(c.States, state)
	}
	e, err := s.entry(ctx, c.Job)
	if err != nil {
		return restv1.TasksDone{}, err
	}
	if t.Step != "" || t.Tasks != "" {
		step, err := stepNamed(e, t.Step)
		if err != nil {
			return restv1.TasksDone{}, err
		}
		c.Step = &step
		if c.Units, err = unitsOf(e, step, t.Tasks); err != nil {
			return restv1.TasksDone{}, err
		}
	}
	do := s.do
	if c.DryRun {
		do = s.loop.Do // nothing to audit
	}
	result, err := do(ctx, c)
	if err != nil {
		return restv1.TasksDone{}, err
	}
	s.planner.changed()
	s.planner.wake()
	done, ok := result.(*farm.TasksDone)
	if !ok {
		return restv1.TasksDone{}, fault.New(fault.Internal, "a command for tasks returned %T", result)
	}
	return restv1.TasksDone(*done), nil
}

var taskReasons = map[string]string{"skip": "skipped", "requeue": "requeued"}

// stepNamed returns the position of a step; "" is the only one.
func stepNamed(e *catalog.Entry, name string) (int, error) {
	if name == "" && len(e.Job.Steps) == 1 {
		return 0, nil
	}
	for i := range e.Job.Steps {
		if e.Job.Steps[i].Name == name {
			return i, nil
		}
	}
	err := fault.New(fault.Invalid, "the job has no step %q", name)
	if name == "" {
		err = fault.New(fault.Invalid, "single tasks need their step")
	}
	return 0, fault.WithHint(err, "its steps are: %v", stepNames(e.Template))
}

// unitsOf reads a list of frame numbers, or of indexes where a step does not count; nil: all tasks.
func unitsOf(e *catalog.Entry, step int, list string) (*farm.UnitSet, error) {
	if list == "" {
		return nil, nil
	}
	parsed, err := frames.Parse("openjd", list)
	if err != nil {
		return nil, err
	}
	tasks := e.Job.Steps[step].Tasks.Len()
	n := policy.Numbering{Every: 1}
	if c, err := counting(&e.Job.Steps[step]); err == nil {
		n = policy.Numbering{First: c.first, Every: c.every}
	}
	set := &farm.UnitSet{}
	for _, frame := range parsed.Frames() {
		u, ok := n.Unit(frame, tasks)
		if !ok {
			err := fault.New(fault.NotFound, "step %s has no task %d", e.Job.Steps[step].Name, frame)
			return nil, fault.WithHint(err, "its tasks are %d to %d by %d", n.First, n.First+(tasks-1)*n.Every, n.Every)
		}
		set.Add(u)
	}
	return set, nil
}
