package server

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/server/catalog"
	"github.com/spillway/spillway/internal/server/policy"
	"github.com/spillway/spillway/openjd"
)

// after returns what a step waits for beyond the template: whole jobs, and what spillway.yaml says of the step.
func (s *Server) after(ctx context.Context, e *catalog.Entry, step int) ([]farm.Dependency, error) {
	var out []farm.Dependency
	for _, id := range e.Policy.After {
		out = append(out, farm.Dependency{Job: farm.JobID(id), Step: -1})
	}
	name := e.Job.Steps[step].Name
	for _, d := range e.Policy.Steps[name].After {
		dep, err := s.dependency(ctx, e, step, d)
		if err != nil {
			return nil, fault.Wrap(fault.KindOf(err), err, fmt.Sprintf("spillway.yaml: steps.%s.after", name))
		}
		out = append(out, dep)
	}
	return out, nil
}

func (s *Server) dependency(ctx context.Context, e *catalog.Entry, step int, d policy.Dependency) (farm.Dependency, error) {
	out := farm.Dependency{Job: farm.JobID(d.Job), Step: -1, EachUnit: d.FrameByFrame}
	other := e
	if d.Job != "" {
		var err error
		if other, err = s.entry(ctx, out.Job); err != nil {
			return out, err
		}
	}
	if d.Step == "" {
		return out, nil
	}
	var names []string
	for i := range other.Job.Steps {
		names = append(names, other.Job.Steps[i].Name)
		if other.Job.Steps[i].Name == d.Step {
			out.Step = i
		}
	}
	if out.Step < 0 {
		return out, fault.WithHint(fault.New(fault.Invalid, "there is no step %q", d.Step), "the steps are: %s", strings.Join(names, ", "))
	}
	if !d.FrameByFrame {
		return out, nil
	}
	mine, err := counting(&e.Job.Steps[step])
	if err != nil {
		return out, err
	}
	theirs, err := counting(&other.Job.Steps[out.Step])
	if err != nil {
		return out, err
	}
	distance := mine.first + d.Offset - theirs.first
	if mine.every != theirs.every && e.Job.Steps[step].Tasks.Len() > 1 && other.Job.Steps[out.Step].Tasks.Len() > 1 {
		return out, fault.New(fault.Invalid, "%s counts by %d and %s by %d: frame by frame they must count alike",
			e.Job.Steps[step].Name, mine.every, d.Step, theirs.every)
	}
	every := theirs.every
	if other.Job.Steps[out.Step].Tasks.Len() == 1 {
		every = mine.every
	}
	if distance%every != 0 {
		return out, fault.New(fault.Invalid, "no frame of %s is one of %s, %+d", d.Step, e.Job.Steps[step].Name, d.Offset)
	}
	out.Offset = distance / every
	return out, nil
}

// numbers says how a step's tasks count: task i has the number first + i × every.
type numbers struct{ first, every int64 }

// mostCounted bounds how many tasks are looked at to find out whether they count evenly.
const mostCounted = 1_000_000

// counting tells how a step's tasks count. Invalid: they do not count evenly through one integer parameter.
func counting(step *openjd.Step) (numbers, error) {
	n := step.Tasks.Len()
	if n > mostCounted {
		return numbers{}, fault.New(fault.Invalid, "step %s has %d tasks; frame by frame %d are allowed", step.Name, n, mostCounted)
	}
	out := numbers{every: 1}
	for i := range n {
		x, ok := numberOf(step, i)
		switch {
		case !ok:
			return out, fault.New(fault.Invalid, "step %s does not count through one integer parameter; frame by frame needs that", step.Name)
		case i == 0:
			out.first = x
		case i == 1:
			out.every = x - out.first
		case x != out.first+i*out.every:
			return out, fault.New(fault.Invalid, "step %s does not count evenly; frame by frame needs that", step.Name)
		}
	}
	return out, nil
}

// numberOf returns the only parameter of a task, if it has one and that is an integer.
func numberOf(step *openjd.Step, i int64) (int64, bool) {
	values, err := step.Tasks.At(i)
	if err != nil || len(values) != 1 {
		return 0, false
	}
	for _, v := range values {
		x, err := strconv.ParseInt(v.Text, 10, 64)
		return x, v.Type == openjd.Int && err == nil
	}
	return 0, false
}
