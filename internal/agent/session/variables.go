package session

import (
	"os"
	"slices"
	"strings"

	"github.com/spillway/spillway/openjd"
)

// entered is an environment that the session has entered, or tried to.
type entered struct {
	env *openjd.Environment
	// symbols are what its scripts see: a step's environment sees the step's let bindings.
	symbols *openjd.Symbols
	set     map[string]string // the environment's variables and its openjd_env messages
	unset   map[string]bool   // wins over set (§4)
	dir     string            // of its embedded files
	// redacted says that openjd_redacted_env sets variables: its template has the extension. It hides values in any case.
	redacted bool
}

func (e *entered) apply(changes []environmentSet) {
	for _, c := range changes {
		switch {
		case c.unset:
			e.unset[c.name] = true
		case !c.redacted || e.redacted:
			e.set[c.name] = c.value
		}
	}
}

// variables returns what an action's process gets: the host's variables, the session's, then those of each environment
// in the order of entry.
func (s *Session) variables() []string {
	values := make(map[string]string)
	var order []string
	put := func(name, value string) {
		if _, known := values[name]; !known {
			order = append(order, name)
		}
		values[name] = value
	}
	for _, list := range [][]string{hostVariables(), s.spec.Env, {"OPENJD_SESSION_WORKING_DIR=" + s.workDir, Mark(s.spec.Session)}} {
		for _, entry := range list {
			if name, value, ok := strings.Cut(entry, "="); ok {
				put(name, value)
			}
		}
	}
	for _, e := range s.entered {
		for name, value := range e.set {
			put(name, value)
		}
		for name := range e.unset {
			delete(values, name)
		}
	}
	out := make([]string, 0, len(order))
	for _, name := range order {
		if value, ok := values[name]; ok {
			out = append(out, name+"="+value)
		}
	}
	return out
}

// Mark is the environment entry that every process of a session carries; with it they are found even after they left
// their process group and lost their supervisor.
func Mark(session string) string { return "SPILLWAY_SESSION=" + session }

// hostVariables are this process's own, without what is secret.
func hostVariables() []string {
	return slices.DeleteFunc(os.Environ(), func(entry string) bool { return strings.HasPrefix(entry, "SPILLWAY_TOKEN=") })
}
