// Package catalog knows what jobs mean: their templates with parameters bound, their task spaces, and the files that their
// tasks leave and read. A job is compiled from its record when first asked for, and kept while it is in use.
package catalog

import (
	"encoding/json"

	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/server/policy"
	"github.com/spillway/spillway/openjd"
)

// Entry is a job, compiled. It is immutable.
type Entry struct {
	Template   *openjd.JobTemplate
	Parameters openjd.Parameters
	Job        *openjd.Job
	Policy     *policy.Policy
	rules      *policy.Rules
}

// Compile puts a template, its bound parameters and a policy together. Errors are fault.Invalid.
func Compile(t *openjd.JobTemplate, params openjd.Parameters, p *policy.Policy, l *policy.Locations) (*Entry, error) {
	job, err := t.CreateJob(params)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "the template")
	}
	steps := make([]string, len(job.Steps))
	for i := range job.Steps {
		steps[i] = job.Steps[i].Name
	}
	return &Entry{
		Template: t, Parameters: params, Job: job, Policy: p,
		rules: policy.NewRules(p, params.Texts(), steps, l),
	}, nil
}

// load compiles a stored job.
func load(spec farm.JobSpec, l *policy.Locations) (*Entry, error) {
	t, err := openjd.ParseJobTemplate(spec.Template, "")
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "a stored template")
	}
	params, err := t.BindParameters(spec.Parameters, openjd.BaseDirs{})
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "stored parameters")
	}
	p, err := policy.Decode(spec.Policy)
	if err != nil {
		return nil, err
	}
	return Compile(t, params, p, l)
}

// Spec returns the job's record of what never changes.
func (e *Entry) Spec(l *policy.Locations) (farm.JobSpec, error) {
	template, err := json.Marshal(e.Template)
	if err != nil {
		return farm.JobSpec{}, fault.Wrap(fault.Internal, err, "store the template")
	}
	stored, err := e.Policy.Encode()
	if err != nil {
		return farm.JobSpec{}, err
	}
	assets, err := policy.SharedAssets(e.Policy, e.Parameters.Texts(), l)
	return farm.JobSpec{Parameters: e.Parameters.Texts(), Template: template, Policy: stored, Assets: assets}, err
}

// Values returns a task's parameters.
func (e *Entry) Values(step int, unit int64) (map[string]string, error) {
	if step < 0 || step >= len(e.Job.Steps) {
		return nil, fault.New(fault.NotFound, "the job has no step %d", step)
	}
	values, err := e.Job.Steps[step].Tasks.At(unit)
	if err != nil {
		return nil, fault.Wrap(fault.NotFound, err, "no such task")
	}
	return values.Texts(), nil
}

// Outputs returns the files that a task must leave.
func (e *Entry) Outputs(step int, unit int64) ([]policy.Output, error) {
	values, err := e.Values(step, unit)
	if err != nil {
		return nil, err
	}
	return e.rules.Outputs(step, values)
}

// Inputs returns the files that a task reads and no other does.
func (e *Entry) Inputs(step int, unit int64) ([]farm.StoragePath, error) {
	values, err := e.Values(step, unit)
	if err != nil {
		return nil, err
	}
	return e.rules.Assets(step, values)
}

// Waits reports whether tasks of the step wait for anything else.
func (e *Entry) Waits(step int) bool {
	s := &e.Job.Steps[step]
	return len(s.DependsOn) > 0 || len(e.Policy.After) > 0 || len(e.Policy.Steps[s.Name].After) > 0
}

// HasOwn reports whether tasks of the step read files that no other task does.
func (e *Entry) HasOwn(step int) bool { return e.rules.HasOwn(step) }

// HasOutputs reports whether tasks of the step leave files by rule.
func (e *Entry) HasOutputs(step int) bool { return e.rules.HasOutputs(step) }
