package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/spillway/spillway/internal/agent/process"
	"github.com/spillway/spillway/internal/agent/spool"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/openjd"
)

// Session is one session on this host. Run and Close are called by one goroutine.
type Session struct {
	spec     Spec
	template *openjd.JobTemplate
	outside  []environment // entered before the job's own
	step     *openjd.StepTemplate
	mapper   *openjd.PathMapper
	symbols  *openjd.Symbols // what every script of the session sees
	stepSyms *openjd.Symbols // what the step's environments see besides
	workDir  string
	starter  *process.Starter
	slot     *process.Slot
	redactor *sharedRedactor
	ownLog   *spool.Log // of what belongs to no attempt: leaving environments, daemons
	groups   func([]process.Ident)
	oomKills func(*process.Leaf) oomKills

	entered []*entered
	ready   bool // all environments have been entered
	over    error

	pipes  []*os.File // of daemons that environments left running
	drains sync.WaitGroup
	mu     sync.Mutex // guards alive
	alive  []process.Ident
}

// Open prepares a session: its working directory, its path mapping file. It starts no process. groups is called with
// the process groups that are alive whenever they change, before an action's first output is read; it may be nil. A
// template that does not parse and parameters that do not fit are fault.Invalid.
func Open(spec Spec, groups func([]process.Ident)) (_ *Session, err error) {
	s := &Session{spec: spec, workDir: filepath.Join(spec.Dir, "work"), redactor: new(sharedRedactor), groups: groups, oomKills: countOOMKills}
	if s.groups == nil {
		s.groups = func([]process.Ident) {}
	}
	if err := s.parse(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(s.workDir, 0o700); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "make the session's working directory")
	}
	rules, err := json.Marshal(s.mapper)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "encode the path mapping rules")
	}
	rulesFile := filepath.Join(s.workDir, "path_mapping_rules.json")
	if err := os.WriteFile(rulesFile, rules, 0o600); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "write the path mapping rules")
	}
	s.symbols.SetSession(s.workDir, rulesFile, s.mapper)
	if s.stepSyms, err = s.step.HostSymbols(s.symbols); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "step "+s.step.Name)
	}
	if err := s.checkWraps(); err != nil {
		return nil, err
	}
	if s.ownLog, err = spool.Create(filepath.Join(spec.Dir, "session.log"), 1<<20); err != nil {
		return nil, err
	}
	if spec.Cgroup != "" {
		if s.slot, err = process.OpenSlot(spec.Cgroup); err != nil {
			s.slot = nil // the process groups remain
		}
	}
	if s.slot == nil {
		s.slot = new(process.Slot)
	}
	s.starter = process.NewStarter()
	return s, nil
}

func (s *Session) parse() error {
	template, err := openjd.ParseJobTemplate(s.spec.Template, s.spec.JobName)
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "job template")
	}
	i, ok := template.Step(s.spec.Step)
	if !ok {
		return fault.New(fault.Invalid, "the job has no step %q", s.spec.Step)
	}
	s.template, s.step = template, &template.Steps[i]
	environments, err := s.parseEnvironments()
	if err != nil {
		return err
	}
	definitions, err := openjd.MergeParameters(template, environments...)
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "job parameters")
	}
	parameters, err := openjd.Bind(definitions, s.spec.Parameters, openjd.BaseDirs{})
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "job parameters")
	}
	if s.mapper, err = openjd.NewPathMapper(s.spec.Rules, openjd.Posix); err != nil {
		return fault.Wrap(fault.Invalid, err, "path mapping")
	}
	if s.symbols, err = template.HostSymbols(parameters, s.mapper); err != nil {
		return fault.Wrap(fault.Invalid, err, "job name")
	}
	return nil
}

func (s *Session) parseEnvironments() ([]*openjd.EnvironmentTemplate, error) {
	var out []*openjd.EnvironmentTemplate
	for i, src := range s.spec.Environments {
		t, err := openjd.ParseEnvironmentTemplate(src, fmt.Sprintf("environment %d", i+1))
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, err, "environment template")
		}
		out = append(out, t)
		s.outside = append(s.outside, environment{&t.Environment, t.Extensions, nil})
	}
	return out, nil
}

// Over returns why the session takes no more tasks, or nil.
func (s *Session) Over() error { return s.over }

// Run enters the environments if that has not been done yet, runs one task and returns how it ended. Everything it
// prints goes to the log in the task's directory. It ends when the task's processes have, also when ctx ends first; the
// cause of ctx may be a *Cancel.
func (s *Session) Run(ctx context.Context, task Task, watch Observer) Result {
	result := Result{Attempt: task.Attempt, ExitCode: -1}
	log, err := spool.Create(filepath.Join(task.Dir, "log"), s.spec.LogCap)
	if err != nil {
		return s.refuse(result, Agent, err)
	}
	grew := func() { watch.LogGrew(log.Size()) }
	result = s.run(ctx, task, watch, log, grew, result)
	if err := log.Close(); err != nil && result.Cause == Success {
		result.Cause, result.Message = Agent, err.Error()
	}
	result.LogSize = log.Size()
	watch.LogGrew(result.LogSize)
	return result
}

func (s *Session) refuse(r Result, cause Cause, err error) Result {
	r.Cause, r.Message = cause, err.Error()
	if s.over == nil {
		s.over = err
	}
	return r
}

func (s *Session) run(ctx context.Context, task Task, watch Observer, log io.Writer, grew func(), r Result) Result {
	step, err := s.stepOf(task)
	if err != nil {
		return s.refuse(r, Agent, err)
	}
	if err := context.Cause(ctx); err != nil {
		return s.refuse(r, canceled(err).Cause, err)
	}
	if !s.ready {
		if cause, err := s.enterAll(ctx, watch, log, grew); err != nil {
			return s.refuse(r, cause, err)
		}
		s.ready = true
	}
	symbols, err := s.taskSymbols(step, task)
	if err != nil {
		return s.refuse(r, TaskError, err)
	}
	files := filepath.Join(s.workDir, "task-files")
	locate(step.Script.Files, files, symbols.SetTaskFile)
	if err := step.Script.Bind(symbols); err != nil {
		return s.refuse(r, TaskError, err)
	}
	if err := writeFiles(step.Script.Files, files, symbols); err != nil {
		return s.refuse(r, Agent, err)
	}
	run, err := step.Script.Actions.OnRun.Resolve(openjd.OnRun, symbols)
	if err != nil {
		return s.refuse(r, TaskError, err)
	}
	run, role, err := s.wrapTask(run, step)
	if err != nil {
		return s.refuse(r, TaskError, err)
	}
	signs, err := compileSigns(task.Signs)
	if err != nil {
		return s.refuse(r, TaskError, err)
	}
	o := s.perform(ctx, action{run: run, role: role, leaf: s.slot.Task, log: log, grew: grew, watch: watch, started: watch.Started,
		signs: signs, idle: task.NoProgress})
	r.ExitCode, r.RunTime, r.CPU, r.MaxRSS, r.Saved = o.exit, o.elapsed, o.cpu, o.rss, o.out.saved
	if o.err == nil {
		r.Cause = Success
		return r
	}
	return s.refuse(r, o.cause, o.explain("the command"))
}

// explain prefers what the action itself said about its failure.
func (o outcome) explain(what string) error {
	if _, ok := errors.AsType[*malformed](o.err); ok {
		return o.err
	}
	switch {
	case o.cause == Licence, o.cause == Memory, o.cause == NoProgress:
		return fmt.Errorf("%s %w", what, o.err)
	case o.cause == TaskError && o.out.fail != "":
		return fmt.Errorf("%s", o.out.fail)
	case o.cause == TaskError, o.cause == Timeout:
		return fmt.Errorf("%s %w", what, o.err)
	}
	return o.err
}

// stepOf returns the step of a task. A task of another step fits if both have no environments of their own, or equal
// ones (How Jobs Are Run, Sessions).
func (s *Session) stepOf(task Task) (*openjd.StepTemplate, error) {
	if s.over != nil {
		return nil, fault.Wrap(fault.Conflict, s.over, "the session has ended")
	}
	i, ok := s.template.Step(task.Step)
	if !ok {
		return nil, fault.New(fault.Invalid, "the job has no step %q", task.Step)
	}
	step := &s.template.Steps[i]
	if !reflect.DeepEqual(step.Environments, s.step.Environments) {
		return nil, fault.New(fault.Invalid, "step %q has other environments than the session, which was opened for step %q", task.Step, s.spec.Step)
	}
	return step, nil
}

func (s *Session) taskSymbols(step *openjd.StepTemplate, task Task) (*openjd.Symbols, error) {
	symbols, err := step.HostSymbols(s.symbols)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "step "+step.Name)
	}
	values := make(openjd.TaskValues)
	if step.Space != nil {
		for _, p := range step.Space.Parameters {
			text, ok := task.Parameters[p.Name]
			if !ok {
				return nil, fault.New(fault.Invalid, "the task has no value for its parameter %s", p.Name)
			}
			values[p.Name] = openjd.Value{Type: p.Type, Text: text}
		}
	}
	values.AddTo(symbols, s.mapper)
	return symbols, nil
}

// Close leaves the environments in reverse order, ends every process of the session and removes the working directory.
// The error is that of the first environment that could not be left properly; everything is torn down nevertheless.
func (s *Session) Close(ctx context.Context) error {
	if s.over == nil {
		s.over = fault.New(fault.Conflict, "the session is closed")
	}
	err := s.leaveAll(ctx)
	s.endDaemons()
	s.starter.Close()
	_ = s.ownLog.Close()
	if s.slot.Task != nil {
		_ = process.RemoveSlot(s.spec.Cgroup)
	}
	if removeErr := os.RemoveAll(s.workDir); err == nil && removeErr != nil {
		err = fault.Wrap(fault.Internal, removeErr, "remove the session's working directory")
	}
	return err
}

func (s *Session) writeCancelInfo(end time.Time) error {
	data, err := json.Marshal(map[string]string{"NotifyEnd": end.UTC().Format("2006-01-02T15:04:05Z")})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.workDir, "cancel_info.json"), data, 0o600)
}

// track notes a process group for whoever must kill it if this process dies.
func (s *Session) track(pid int) {
	id := process.Identify(pid)
	s.changeAlive(func(list []process.Ident) []process.Ident { return append(list, id) })
}

func (s *Session) untrack(pid int) {
	s.changeAlive(func(list []process.Ident) []process.Ident {
		return slices.DeleteFunc(list, func(id process.Ident) bool { return id.PID == pid })
	})
}

func (s *Session) changeAlive(change func([]process.Ident) []process.Ident) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alive = change(s.alive)
	s.groups(slices.Clone(s.alive))
}
