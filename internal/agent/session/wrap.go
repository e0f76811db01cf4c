package session

import (
	"slices"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/openjd"
)

// checkWraps refuses a session in which two environments wrap actions, before any is entered (Template Schemas §4.3).
func (s *Session) checkWraps() error {
	found := ""
	for _, env := range s.environments() {
		switch {
		case !env.Wraps():
		case found != "":
			return fault.New(fault.Invalid, "the environments %s and %s both wrap actions, in one session at most one may", found, env.Name)
		default:
			found = env.Name
		}
	}
	return nil
}

// wrapper returns the entered environment that wraps the actions within it, nil if none does. except is the environment
// whose own action is about to run: a wrapper's own actions are never wrapped.
func (s *Session) wrapper(except *entered) *entered {
	i := slices.IndexFunc(s.entered, func(e *entered) bool { return e.env.Wraps() && e != except })
	if i < 0 || except != nil && slices.Index(s.entered, except) < i {
		return nil
	}
	return s.entered[i]
}

// wrapTask returns what runs instead of a task's action, or the action itself.
func (s *Session) wrapTask(run openjd.Run, step *openjd.StepTemplate) (openjd.Run, openjd.Role, error) {
	w := s.wrapper(nil)
	if w == nil {
		return run, openjd.OnRun, nil
	}
	out, _, err := s.prepare(w, w.env.Script.Actions.OnWrapTaskRun, openjd.OnWrapTaskRun, func(symbols *openjd.Symbols) {
		symbols.SetWrapped(run, s.defined())
		symbols.Set("WrappedStep.Name", step.Name)
	})
	return out, openjd.OnWrapTaskRun, err
}

// wrapEnvironment returns what runs instead of an environment's action, or the action itself.
func (s *Session) wrapEnvironment(e *entered, run openjd.Run, role openjd.Role) (openjd.Run, openjd.Role, error) {
	w := s.wrapper(e)
	if w == nil {
		return run, role, nil
	}
	hook, wrapped := w.env.Script.Actions.OnWrapEnvEnter, openjd.OnWrapEnvEnter
	if role == openjd.OnExit {
		hook, wrapped = w.env.Script.Actions.OnWrapEnvExit, openjd.OnWrapEnvExit
	}
	out, _, err := s.prepare(w, hook, wrapped, func(symbols *openjd.Symbols) {
		symbols.SetWrapped(run, s.defined())
		symbols.Set("WrappedEnv.Name", e.env.Name)
	})
	return out, wrapped, err
}

// defined are the variables that the session's environments have set, NAME=value, sorted.
func (s *Session) defined() []string {
	values := make(map[string]string)
	for _, e := range s.entered {
		for name, value := range e.set {
			values[name] = value
		}
		for name := range e.unset {
			delete(values, name)
		}
	}
	out := make([]string, 0, len(values))
	for name, value := range values {
		out = append(out, name+"="+value)
	}
	slices.Sort(out)
	return out
}
