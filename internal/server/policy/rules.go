package policy

import (
	"fmt"

	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
)

// Rules are a job's policy with its parameters: they answer for each task.
type Rules struct {
	params    map[string]string
	locations *Locations
	steps     []Step
}

// Output is a file that a task must leave.
type Output struct {
	farm.StoragePath
	Check Check
}

// NewRules prepares the rules of a job: its parameters in the submitter's spelling and the names of its steps in order.
func NewRules(p *Policy, params map[string]string, steps []string, l *Locations) *Rules {
	r := &Rules{params: params, locations: l, steps: make([]Step, len(steps))}
	for i, name := range steps {
		r.steps[i] = p.Steps[name]
	}
	return r
}

// HasOutputs reports whether tasks of the step leave files by rule.
func (r *Rules) HasOutputs(step int) bool { return len(r.steps[step].Outputs) > 0 }

// HasOwn reports whether tasks of the step read files that no other task does.
func (r *Rules) HasOwn(step int) bool { return len(r.steps[step].Assets) > 0 }

// Outputs returns the files that a task must leave.
func (r *Rules) Outputs(step int, task map[string]string) ([]Output, error) {
	s := r.steps[step]
	var out []Output
	for _, p := range s.Outputs {
		at, err := r.resolve(p, task)
		if err != nil {
			return nil, err
		}
		out = append(out, Output{at, s.Check})
	}
	return out, nil
}

// Assets returns the files that a task reads and no other does.
func (r *Rules) Assets(step int, task map[string]string) ([]farm.StoragePath, error) {
	var out []farm.StoragePath
	for _, p := range r.steps[step].Assets {
		at, err := r.resolve(p, task)
		if err != nil {
			return nil, err
		}
		out = append(out, at)
	}
	return out, nil
}

func (r *Rules) resolve(p Pattern, task map[string]string) (farm.StoragePath, error) {
	path, err := p.Expand(r.params, task)
	if err != nil {
		return farm.StoragePath{}, err
	}
	return r.locations.Map(path)
}

// SharedAssets returns the files and folders that all tasks of a job may read, each once.
func SharedAssets(p *Policy, params map[string]string, l *Locations) ([]farm.StoragePath, error) {
	var out []farm.StoragePath
	seen := map[farm.StoragePath]bool{}
	for i, pattern := range p.Assets {
		path, err := pattern.Expand(params, nil)
		var at farm.StoragePath
		if err == nil {
			at, err = l.Map(path)
		}
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, err, fmt.Sprintf("assets[%d]", i))
		}
		if !seen[at] {
			seen[at] = true
			out = append(out, at)
		}
	}
	return out, nil
}
