package session

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/spillway/spillway/internal/agent/process"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/openjd"
)

// environment is one that the session enters, with the extensions of the template that defines it.
type environment struct {
	*openjd.Environment
	extensions []string
	symbols    *openjd.Symbols // nil: the session's
}

// environments are the session's, in the order of entry: those from outside, the job's, then the step's.
func (s *Session) environments() []environment {
	out := slices.Clone(s.outside)
	for i := range s.template.Environments {
		out = append(out, environment{&s.template.Environments[i], s.template.Extensions, s.symbols})
	}
	for i := range s.step.Environments {
		out = append(out, environment{&s.step.Environments[i], s.template.Extensions, s.stepSyms})
	}
	return out
}

func (s *Session) enterAll(ctx context.Context, watch Observer, log io.Writer, grew func()) (Cause, error) {
	for _, env := range s.environments() {
		if cause, err := s.enter(ctx, env, watch, log, grew); err != nil {
			return cause, fmt.Errorf("environment %s could not be entered: %w", env.Name, err)
		}
	}
	return "", nil
}

// enter runs an environment's onEnter. The environment counts as entered even if that fails, so that it is left.
func (s *Session) enter(ctx context.Context, env environment, watch Observer, log io.Writer, grew func()) (Cause, error) {
	if env.symbols == nil {
		env.symbols = s.symbols
	}
	e := &entered{symbols: env.symbols, env: env.Environment, redacted: slices.Contains(env.extensions, openjd.RedactedEnvVars), unset: make(map[string]bool), dir: filepath.Join(s.workDir, "env-files-"+strconv.Itoa(len(s.entered)))}
	variables, err := env.ResolveVariables(env.symbols)
	if err != nil {
		return Environment, fault.Wrap(fault.Invalid, err, "variables")
	}
	e.set = variables
	s.entered = append(s.entered, e)
	if env.Script == nil || env.Script.Actions.OnEnter == nil {
		return "", nil
	}
	run, cause, err := s.prepare(e, env.Script.Actions.OnEnter, openjd.OnEnter, nil)
	if err != nil {
		return cause, err
	}
	run, role, err := s.wrapEnvironment(e, run, openjd.OnEnter)
	if err != nil {
		return Environment, err
	}
	watch.Progress(-1, "entering environment "+env.Name)
	o := s.perform(ctx, action{run: run, role: role, leaf: s.slot.Environment, log: log, grew: grew, watch: watch})
	e.apply(o.out.set)
	if o.err == nil {
		return "", nil
	}
	if o.cause == TaskError || o.cause == Timeout {
		return Environment, o.explain("onEnter")
	}
	return o.cause, o.err
}

// prepare writes an environment's files and resolves one of its actions; more adds what only that action sees.
func (s *Session) prepare(e *entered, a *openjd.Action, role openjd.Role, more func(*openjd.Symbols)) (openjd.Run, Cause, error) {
	symbols := e.symbols.Clone()
	locate(e.env.Script.Files, e.dir, symbols.SetEnvFile)
	if err := e.env.Script.Bind(symbols); err != nil {
		return openjd.Run{}, Environment, err
	}
	if more != nil {
		more(symbols)
	}
	if err := writeFiles(e.env.Script.Files, e.dir, symbols); err != nil {
		return openjd.Run{}, Agent, err
	}
	run, err := a.Resolve(role, symbols)
	return run, Environment, err
}

// leaveAll runs the onExit of every environment that was entered, the last first. Each runs although others fail.
func (s *Session) leaveAll(ctx context.Context) error {
	var first error
	for len(s.entered) > 0 {
		e := s.entered[len(s.entered)-1]
		if err := s.leave(ctx, e); err != nil && first == nil {
			first = fmt.Errorf("environment %s could not be left: %w", e.env.Name, err)
		}
		s.entered = s.entered[:len(s.entered)-1]
	}
	return first
}

func (s *Session) leave(ctx context.Context, e *entered) error {
	if e.env.Script == nil || e.env.Script.Actions.OnExit == nil {
		return nil
	}
	run, _, err := s.prepare(e, e.env.Script.Actions.OnExit, openjd.OnExit, nil)
	if err != nil {
		return err
	}
	run, role, err := s.wrapEnvironment(e, run, openjd.OnExit)
	if err != nil {
		return err
	}
	o := s.perform(ctx, action{run: run, role: role, leaf: s.slot.Environment, log: s.ownLog, grew: func() {}, watch: nobody{}})
	if o.err == nil {
		return nil
	}
	return o.explain("onExit")
}

// endDaemons ends what onEnter actions have left running: everything below this process.
func (s *Session) endDaemons() {
	tree := process.Everything(s.slot.Environment)
	a := action{log: s.ownLog, grew: func() {}, watch: nobody{}}
	if left, _ := tree.Left(); len(left) > 0 {
		s.note(a, "ending %d processes of the environments", len(left))
		s.endLeft(a, tree)
	}
	for _, pipe := range s.pipes {
		_ = pipe.Close()
	}
	s.drains.Wait()
}

// drain reads what daemons print, into the session's own log, so that they never block on a full pipe.
func (s *Session) drain(reader *os.File) {
	_ = reader.SetReadDeadline(time.Time{})
	s.pipes = append(s.pipes, reader)
	s.drains.Go(func() {
		out := &output{role: openjd.OnExit, log: s.ownLog, redactor: s.redactor, observer: nobody{}, grew: func() {}, abort: func(error) {}}
		_, _ = io.Copy(out, reader)
	})
}

// nobody observes nothing.
type nobody struct{}

func (nobody) Started()                 {}
func (nobody) Progress(float64, string) {}
func (nobody) LogGrew(int64)            {}
