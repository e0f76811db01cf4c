package server

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/server/catalog"
	"github.com/spillway/spillway/internal/server/policy"
	"github.com/spillway/spillway/openjd"
)

// lookWithin bounds the look at a submitted path: a hanging mount must not keep a submit.
const lookWithin = 3 * time.Second

// Submit checks a submission wholly, then adds the job.
func (s *Server) Submit(ctx context.Context, sub restv1.Submission, key string) (restv1.Job, bool, error) {
	now := time.Now()
	entry, err := s.compile(ctx, sub)
	if err != nil {
		return restv1.Job{}, false, err
	}
	command, err := s.submitJob(ctx, entry, sub, now)
	if err != nil {
		return restv1.Job{}, false, err
	}
	command.Key = key
	before := farm.JobID(newID("j"))
	result, err := s.do(ctx, command)
	if err != nil {
		return restv1.Job{}, false, err
	}
	id, _ := result.(farm.JobID)
	created := id > before
	if !created && !s.same(ctx, id, &command) {
		err := fault.New(fault.Conflict, "the idempotency key %q was used for another submission, job %s", key, id)
		return restv1.Job{}, false, fault.WithHint(err, "use a new key for a new job")
	}
	if created {
		s.planner.changed()
		s.planner.wake()
	}
	job, err := s.Job(ctx, string(id))
	return job, created, err
}

// same reports whether the job is what the command would have made.
func (s *Server) same(ctx context.Context, id farm.JobID, c *farm.SubmitJob) bool {
	same := false
	err := s.loop.View(ctx, func(f *farm.Farm) {
		job, ok := f.Spec(id)
		same = ok && job.Name == c.Name && job.Owner == c.Owner && job.Project == c.Project &&
			bytes.Equal(job.Template, c.Spec.Template) && bytes.Equal(job.Policy, c.Spec.Policy)
		for name, value := range c.Spec.Parameters {
			same = same && job.Parameters[name] == value
		}
	})
	return err == nil && same
}

// compile reads the template, the parameters and the policy of a submission and checks them against each other and the
// storage.
func (s *Server) compile(ctx context.Context, sub restv1.Submission) (*catalog.Entry, error) {
	t, err := openjd.ParseJobTemplate([]byte(sub.Template), "template.yaml")
	if err != nil {
		return nil, templateFault("the template is not valid", err)
	}
	params, err := t.BindParameters(sub.Parameters, openjd.BaseDirs{})
	if err != nil {
		return nil, templateFault("the job parameters do not fit the template", err)
	}
	p, err := policy.Parse("spillway.yaml", []byte(sub.Policy))
	if err != nil {
		return nil, err
	}
	p.After = append(p.After, sub.After...)
	for name := range p.Steps {
		if _, ok := t.Step(name); !ok {
			err := fault.New(fault.Invalid, "spillway.yaml: steps: the template has no step %q", name)
			return nil, fault.WithHint(err, "its steps are: %s", strings.Join(stepNames(t), ", "))
		}
	}
	entry, err := catalog.Compile(t, params, p, s.locations)
	if err != nil {
		var wrong openjd.Errors
		if errors.As(err, &wrong) {
			return nil, templateFault("the template does not make a job with these parameters", wrong)
		}
		return nil, err
	}
	if err := checkRules(entry); err != nil {
		return nil, err
	}
	if sub.Order != nil {
		order, err := policyOrder(*sub.Order)
		if err != nil {
			return nil, err
		}
		if err := orderSteps(entry, order); err != nil {
			return nil, err
		}
	}
	return entry, s.checkPaths(ctx, t, params)
}

func templateFault(what string, err error) error {
	var wrong openjd.Errors
	if errors.As(err, &wrong) {
		return fault.New(fault.Invalid, "%s:\n%s", what, strings.TrimRight(wrong.Report(), "\n"))
	}
	return fault.Wrap(fault.Invalid, err, what)
}

func stepNames(t *openjd.JobTemplate) []string {
	names := make([]string, len(t.Steps))
	for i := range t.Steps {
		names[i] = t.Steps[i].Name
	}
	return names
}

// checkRules resolves the file patterns of each step's first, second and last task: what can be wrong with them is wrong there.
func checkRules(e *catalog.Entry) error {
	for i, step := range e.Job.Steps {
		var first []policy.Output
		for _, unit := range []int64{0, 1, step.Tasks.Len() - 1} {
			if unit >= step.Tasks.Len() {
				continue
			}
			outputs, err := e.Outputs(i, unit)
			if err != nil {
				return fault.Wrap(fault.Invalid, err, fmt.Sprintf("spillway.yaml: steps.%s.outputs", step.Name))
			}
			if unit == 0 {
				first = outputs
			} else if unit == 1 && len(first) > 0 && samePaths(first, outputs) {
				err := fault.New(fault.Invalid, "spillway.yaml: steps.%s.outputs: all %d tasks would write %s", step.Name, step.Tasks.Len(), first[0].Path)
				return fault.WithHint(err, "put a task parameter into the name, such as {{Task.Param.Frame:04}}")
			}
			if _, err := e.Inputs(i, unit); err != nil {
				return fault.Wrap(fault.Invalid, err, fmt.Sprintf("spillway.yaml: steps.%s.assets", step.Name))
			}
		}
	}
	return nil
}

func samePaths(a, b []policy.Output) bool {
	return slices.EqualFunc(a, b, func(x, y policy.Output) bool { return x.StoragePath == y.StoragePath })
}

// checkPaths finds PATH parameters that lie outside the storage, and input files that are not there.
func (s *Server) checkPaths(ctx context.Context, t *openjd.JobTemplate, params openjd.Parameters) error {
	if len(s.config.Storage) == 0 {
		return nil
	}
	for _, p := range t.Parameters {
		if p.Type != openjd.Path || p.DataFlow == "" || p.DataFlow == openjd.FlowNone || params[p.Name].Text == "" {
			continue
		}
		at, err := s.locations.Map(params[p.Name].Text)
		if err != nil {
			return fault.Wrap(fault.Invalid, err, "parameter "+p.Name)
		}
		if p.DataFlow == openjd.FlowOut {
			continue
		}
		if local := s.config.localPath(at.Location); local != "" && missing(ctx, filepath.Join(local, filepath.FromSlash(at.Path))) {
			err := fault.New(fault.Invalid, "parameter %s: %s is not there", p.Name, params[p.Name].Text)
			return fault.WithHint(err, "storage location %s has no %s", at.Location, at.Path)
		}
	}
	return nil
}

// missing reports whether a path certainly does not exist; a look that takes too long leaves it open.
func missing(ctx context.Context, path string) bool {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	gone := make(chan bool, 1)
	go func() {
		_, err := os.Stat(path)
		gone <- errors.Is(err, fs.ErrNotExist)
	}()
	select {
	case m := <-gone:
		return m
	case <-ctx.Done():
		return false
	}
}

// submitJob makes the farm's command of a checked submission.
func (s *Server) submitJob(ctx context.Context, e *catalog.Entry, sub restv1.Submission, now time.Time) (farm.SubmitJob, error) {
	spec, err := e.Spec(s.locations)
	if err != nil {
		return farm.SubmitJob{}, err
	}
	c := farm.SubmitJob{
		Name: e.Job.Name, Owner: sub.Owner, Project: sub.Project, Queue: farm.QueueID(e.Policy.Queue),
		Priority: e.Policy.PriorityOr50(), Deadline: e.Policy.DeadlineFrom(now), Estimate: e.Policy.Estimate,
		MaxRetries: e.Policy.RetriesOr2(), MaxTasks: e.Policy.MaxTasks, MaxNodes: e.Policy.MaxNodes,
		Failing: e.Policy.Failures.Farm(), Spec: spec,
	}
	setDefault(&c.Queue, "default")
	if b := e.Policy.Budget; b != nil {
		c.Budget = &farm.NewBudget{Cap: *b.Cap, Warn: b.Warn, Then: cmp.Or(farm.BudgetThen(b.Then), farm.BudgetStop)}
	}
	if sub.Name != "" {
		c.Name = sub.Name
	}
	widest := widestStep(e.Job)
	for i, step := range e.Job.Steps {
		n := farm.NewStep{
			Name: step.Name, Units: step.Tasks.Len(), DependsOn: step.DependsOn, Needs: needs(step.Requirements),
			HasOwn: e.HasOwn(i), Estimate: e.Policy.Steps[step.Name].Estimate,
			Limits: limitsOf(e.Policy.Steps[step.Name].Limits),
		}
		if n.Order, err = orderOf(e, i, e.Policy.Steps[step.Name].Order); err != nil {
			return c, fault.Wrap(fault.KindOf(err), err, fmt.Sprintf("spillway.yaml: steps.%s.order", step.Name))
		}
		if n.After, err = s.after(ctx, e, i); err != nil {
			return c, err
		}
		if n.Estimate == 0 && i == widest {
			n.Estimate = e.Policy.Estimate
		}
		c.Steps = append(c.Steps, n)
	}
	return c, nil
}

func limitsOf(needs map[string]int) map[farm.LimitID]int {
	if len(needs) == 0 {
		return nil
	}
	out := make(map[farm.LimitID]int, len(needs))
	for name, seats := range needs {
		out[farm.LimitID(name)] = seats
	}
	return out
}

func widestStep(job *openjd.Job) int {
	widest := 0
	for i := range job.Steps {
		if job.Steps[i].Tasks.Len() > job.Steps[widest].Tasks.Len() {
			widest = i
		}
	}
	return widest
}
