package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/spillway/spillway/internal/agent/process"
	"github.com/spillway/spillway/internal/agent/session"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/openjd"
)

// OpenjdRunCmd runs a job in sessions on this machine, as an agent does.
type OpenjdRunCmd struct {
	jobFlags
	TaskParams      []string `name:"task-param" aliases:"task-params,tp" sep:"none" placeholder:"NAME=VALUE" help:"A parameter of the one task to run; needs --step. Repeated, once for each task parameter."`
	Tasks           string   `placeholder:"JSON|file://PATH" help:"The tasks to run: a list of mappings from task parameters to values; needs --step."`
	MaximumTasks    int64    `placeholder:"N" help:"Run at most this many tasks of a step; 0: all."`
	RunDependencies bool     `help:"With --step: run the steps it depends on before it."`
	PathRules       string   `name:"path-mapping-rules" placeholder:"JSON|file://PATH" help:"Path mapping rules, a pathmapping-1.0 document."`
	Preserve        bool     `help:"Keep the sessions' folder and say where it is."`
}

// runResult is what run prints at the end, and its JSON.
type runResult struct {
	Status   string          `json:"status"` // success or failed
	Message  string          `json:"message,omitempty"`
	Job      string          `json:"job_name"`
	Steps    []stepRunResult `json:"steps"`
	Duration float64         `json:"duration"` // seconds
}

type stepRunResult struct {
	Name  string `json:"name"`
	Tasks int64  `json:"tasks_run"`
}

// Run runs the tasks one after another and prints their output as it comes.
func (c *OpenjdRunCmd) Run(ctx context.Context, g *Globals) error {
	job, err := c.load(g)
	if err != nil {
		return err
	}
	if err := c.addDependencies(job); err != nil {
		return err
	}
	tasks, err := c.tasks(g, job)
	if err != nil {
		return err
	}
	r, err := c.runner(g, job)
	if err != nil {
		return err
	}
	fmt.Fprintf(r.out, "Running job '%s'\n", job.job.Name)
	began := time.Now()
	failed := r.runAll(ctx, tasks, c.MaximumTasks)
	if c.Preserve {
		fmt.Fprintf(g.Err, "the sessions' folder is kept: %s\n", r.dir)
	} else if err := os.RemoveAll(r.dir); err != nil && failed == nil {
		failed = fault.Wrap(fault.Internal, err, "remove the sessions' folder")
	}
	r.result.Status, r.result.Duration = "success", time.Since(began).Seconds()
	if failed != nil {
		r.result.Status, r.result.Message = "failed", failed.Error()
	}
	if format := c.format(g); format != "" {
		if err := printAs(g.Out, format, r.result); err != nil {
			return err
		}
	} else if failed == nil {
		fmt.Fprintln(g.Out, r.result.line())
	}
	return failed
}

func (r runResult) line() string {
	total := int64(0)
	for _, s := range r.Steps {
		total += s.Tasks
	}
	return fmt.Sprintf("%s: %s of %s succeeded", r.Job, plural(total, "task"), plural(int64(len(r.Steps)), "step"))
}

// addDependencies puts the steps that the wanted one depends on before it.
func (c *OpenjdRunCmd) addDependencies(j *localJob) error {
	if !c.RunDependencies {
		return nil
	}
	if c.Step == "" {
		return fault.WithHint(fault.New(fault.Invalid, "--run-dependencies needs --step"), "without --step every step runs")
	}
	wanted := make(map[int]bool)
	var need func(int)
	need = func(i int) {
		if !wanted[i] {
			wanted[i] = true
			for _, d := range j.job.Steps[i].DependsOn {
				need(d)
			}
		}
	}
	need(j.steps[0])
	j.steps = slices.DeleteFunc(j.template.Order(), func(i int) bool { return !wanted[i] })
	return nil
}

// tasks reads the chosen tasks of the chosen step; nil means all of every step.
func (c *OpenjdRunCmd) tasks(g *Globals, j *localJob) ([]map[string]string, error) {
	if len(c.TaskParams) == 0 && c.Tasks == "" {
		return nil, nil
	}
	if c.Step == "" {
		return nil, fault.WithHint(fault.New(fault.Invalid, "tasks are chosen within one step"), "add --step NAME")
	}
	if len(c.TaskParams) > 0 && c.Tasks != "" {
		return nil, fault.New(fault.Invalid, "--task-param and --tasks cannot be combined")
	}
	var list []map[string]string
	if c.Tasks != "" {
		src, name, ok, err := document(c.Tasks)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, fault.WithHint(fault.New(fault.Invalid, "--tasks %q is neither JSON nor file://PATH", c.Tasks), `write --tasks '[{"Frame": 1}, {"Frame": 2}]'`)
		}
		if list, err = openjd.ParseTaskList(src, name); err != nil {
			return nil, explain(g, err, "the tasks are wrong")
		}
	} else {
		one := make(map[string]string)
		for _, text := range c.TaskParams {
			name, value, ok := strings.Cut(text, "=")
			if !ok || name == "" {
				return nil, fault.WithHint(fault.New(fault.Invalid, "%q is not NAME=VALUE", text), "write --task-param Frame=5")
			}
			one[name] = value
		}
		list = append(list, one)
	}
	i, _ := j.template.Step(c.Step)
	for _, one := range list {
		if err := j.job.Steps[i].Tasks.Contains(one); err != nil {
			return nil, fault.Wrap(fault.Invalid, err, "step "+c.Step)
		}
	}
	return list, nil
}

// localRun runs tasks in sessions below one folder.
type localRun struct {
	spec   session.Spec
	job    *localJob
	chosen string
	dir    string
	out    io.Writer
	result runResult

	open    *session.Session
	opened  int // sessions so far
	entered []openjd.Environment
	number  uint32
}

func (c *OpenjdRunCmd) runner(g *Globals, j *localJob) (*localRun, error) {
	r := &localRun{job: j, chosen: c.Step, out: g.Out, result: runResult{Job: j.job.Name}}
	if c.format(g) != "" {
		r.out = g.Err
	}
	rules, err := c.rules()
	if err != nil {
		return nil, err
	}
	template, err := json.Marshal(j.template)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "encode the template")
	}
	r.spec = session.Spec{Session: "local", JobName: j.job.Name, Template: template, Parameters: j.job.Parameters.Texts(), Rules: rules, HideArguments: !g.Verbose}
	for _, e := range j.environments {
		src, err := json.Marshal(e)
		if err != nil {
			return nil, fault.Wrap(fault.Internal, err, "encode the environment template")
		}
		r.spec.Environments = append(r.spec.Environments, src)
	}
	if err := process.Adopt(); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "become the reaper of the tasks' processes")
	}
	if r.dir, err = os.MkdirTemp("", "spillway-openjd-"); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "make the sessions' folder")
	}
	return r, nil
}

func (c *OpenjdRunCmd) rules() ([]openjd.PathRule, error) {
	if c.PathRules == "" {
		return nil, nil
	}
	src, _, ok, err := document(c.PathRules)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fault.New(fault.Invalid, "--path-mapping-rules %q is neither JSON nor file://PATH", c.PathRules)
	}
	rules, err := openjd.ParsePathMapping(src)
	return rules, fault.Wrap(fault.Invalid, err, "--path-mapping-rules")
}

// runAll runs every wanted step to its end, or until something fails. Environments are left in any case.
func (r *localRun) runAll(ctx context.Context, tasks []map[string]string, most int64) (failed error) {
	defer func() {
		if err := r.close(); failed == nil {
			failed = err
		}
	}()
	for _, i := range r.job.steps {
		step := &r.job.job.Steps[i]
		if err := r.enter(step); err != nil {
			return err
		}
		r.result.Steps = append(r.result.Steps, stepRunResult{Name: step.Name})
		chosen := tasks
		if step.Name != r.chosen {
			chosen = nil
		}
		if err := r.runStep(ctx, step, chosen, most); err != nil {
			return err
		}
	}
	return nil
}

// enter opens a session, unless the open one has the step's environments already.
func (r *localRun) enter(step *openjd.Step) error {
	if r.open != nil && reflect.DeepEqual(r.entered, step.Environments) {
		return nil
	}
	if err := r.close(); err != nil {
		return err
	}
	spec := r.spec
	spec.Step = step.Name
	spec.Dir = filepath.Join(r.dir, fmt.Sprintf("session-%d", r.opened))
	r.opened++
	if err := os.MkdirAll(spec.Dir, 0o700); err != nil {
		return fault.Wrap(fault.Internal, err, "make the session's folder")
	}
	open, err := session.Open(spec, nil)
	if err != nil {
		return err
	}
	r.spec.Dir, r.open, r.entered = spec.Dir, open, step.Environments
	return nil
}

// close leaves the environments and prints what that printed. It does so also after the run was interrupted.
func (r *localRun) close() error {
	if r.open == nil {
		return nil
	}
	err := r.open.Close(context.Background())
	r.open = nil
	if copyErr := r.print(filepath.Join(r.spec.Dir, "session.log")); err == nil {
		err = copyErr
	}
	return err
}

func (r *localRun) print(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "read the session's log")
	}
	defer f.Close()
	_, err = io.Copy(r.out, f)
	return fault.Wrap(fault.Internal, err, "print the session's log")
}

func (r *localRun) runStep(ctx context.Context, step *openjd.Step, chosen []map[string]string, most int64) error {
	total := step.Tasks.Len()
	if chosen != nil {
		total = int64(len(chosen))
	}
	if most > 0 {
		total = min(total, most)
	}
	for i := range total {
		values := map[string]string(nil)
		if chosen != nil {
			values = chosen[i]
		} else {
			v, err := step.Tasks.At(i)
			if err != nil {
				return err
			}
			values = v.Texts()
		}
		if err := r.runTask(ctx, step.Name, i, values); err != nil {
			return err
		}
		r.result.Steps[len(r.result.Steps)-1].Tasks++
	}
	return nil
}

func (r *localRun) runTask(ctx context.Context, step string, index int64, values map[string]string) error {
	r.number++
	dir := filepath.Join(r.spec.Dir, fmt.Sprintf("task-%d", r.number))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fault.Wrap(fault.Internal, err, "make the task's folder")
	}
	fmt.Fprintf(r.out, "==== %s%s\n", step, taskText(values))
	task := session.Task{Attempt: fmt.Sprint(r.number), Number: r.number, Step: step, Index: index, Parameters: values, Dir: dir}
	follow := newLogPrinter(filepath.Join(dir, "log"), r.out)
	result := r.open.Run(ctx, task, follow)
	if err := follow.finish(); err != nil {
		return err
	}
	if result.Cause != session.Success {
		return fault.New(fault.Conflict, "step %s%s failed (%s): %s", step, taskText(values), result.Cause, result.Message)
	}
	return nil
}

func taskText(values map[string]string) string {
	var out strings.Builder
	for i, name := range slices.Sorted(maps.Keys(values)) {
		separator := ", "
		if i == 0 {
			separator = " "
		}
		out.WriteString(separator + name + "=" + values[name])
	}
	return out.String()
}
