package openjd

import (
	"fmt"
	"strings"
	"time"
)

// Action is a command that runs on a host (§5).
type Action struct {
	Command     FormatString   `json:"command"`
	Args        []FormatString `json:"args,omitempty"`
	Timeout     *IntField      `json:"timeout,omitempty"` // seconds; nil: the default of its role
	Cancelation *Cancelation   `json:"cancelation,omitempty"`
}

// Cancelation is a <CancelationMethod> (§5.3).
type Cancelation struct {
	Mode         FormatString `json:"mode"`                            // a CancelMode
	NotifyPeriod *IntField    `json:"notifyPeriodInSeconds,omitempty"` // seconds; nil: the default of the action's role
}

// CancelMode is how an action is canceled.
type CancelMode string

// Cancelation modes (§5.3.1, §5.3.2).
const (
	Terminate           CancelMode = "TERMINATE"
	NotifyThenTerminate CancelMode = "NOTIFY_THEN_TERMINATE"
)

// Role is the place of an action, on which its defaults depend.
type Role uint8

// Roles.
const (
	OnRun Role = iota
	OnEnter
	OnExit
	OnWrapEnvEnter // extension WRAP_ACTIONS
	OnWrapTaskRun
	OnWrapEnvExit
)

// String returns the key of the role in a template.
func (r Role) String() string {
	switch r {
	case OnEnter:
		return "onEnter"
	case OnExit:
		return "onExit"
	case OnWrapEnvEnter:
		return "onWrapEnvEnter"
	case OnWrapTaskRun:
		return "onWrapTaskRun"
	case OnWrapEnvExit:
		return "onWrapEnvExit"
	}
	return "onRun"
}

// Run is an action ready to start: everything resolved, every default applied.
type Run struct {
	Command      string
	Args         []string
	Timeout      time.Duration // 0: none
	Cancel       CancelMode
	NotifyPeriod time.Duration // between SIGTERM and SIGKILL; 0 with Terminate
	OwnTimeout   bool          // the action gives its time-out, it is not the default
	OwnCancel    bool          // the action says how to cancel it
}

// Defaults of §5 and §5.3.2.
const (
	exitTimeout       = 300 * time.Second
	runNotifyPeriod   = 120 * time.Second
	otherNotifyPeriod = 30 * time.Second
)

// Resolve returns the action with its format strings resolved and the defaults of its role.
func (a *Action) Resolve(role Role, s *Symbols) (Run, error) {
	timeout, ok, err := a.Timeout.resolve(s, 1, maxTimeout)
	if err != nil {
		return Run{}, fmt.Errorf("timeout: %w", err)
	}
	run := Run{Timeout: time.Duration(timeout) * time.Second, OwnTimeout: ok}
	if !ok && (role == OnExit || role == OnWrapEnvExit) {
		run.Timeout = exitTimeout
	}
	if run.Cancel, run.NotifyPeriod, run.OwnCancel, err = a.Cancelation.resolve(role, s); err != nil {
		return Run{}, fmt.Errorf("cancelation: %w", err)
	}
	if run.Command, err = a.Command.Resolve(s); err != nil {
		return Run{}, err
	}
	for _, arg := range a.Args {
		texts, err := arg.ResolveList(s)
		if err != nil {
			return Run{}, err
		}
		run.Args = append(run.Args, texts...)
	}
	return run, nil
}

// resolve returns how to cancel, the time between SIGTERM and SIGKILL, and whether the action says so itself.
func (c *Cancelation) resolve(role Role, s *Symbols) (mode CancelMode, period time.Duration, own bool, err error) {
	if c == nil {
		return Terminate, 0, false, nil
	}
	text, own, err := c.Mode.resolveOptional(s, stringTarget)
	switch {
	case err != nil:
		return "", 0, false, err
	case !own || text == string(Terminate):
		return Terminate, 0, own, nil
	case text != string(NotifyThenTerminate):
		return "", 0, false, fmt.Errorf("mode %q is not one of %s, %s", clip(text), Terminate, NotifyThenTerminate)
	}
	seconds, ok, err := c.NotifyPeriod.resolve(s, 1, int64(base2023().notifyPeriod))
	switch {
	case err != nil:
		return "", 0, false, fmt.Errorf("notifyPeriodInSeconds: %w", err)
	case ok:
		return NotifyThenTerminate, time.Duration(seconds) * time.Second, true, nil
	case role == OnRun:
		return NotifyThenTerminate, runNotifyPeriod, true, nil
	}
	return NotifyThenTerminate, otherNotifyPeriod, true, nil
}

// EmbeddedFile is a text file written into the session's working directory before each action of its script (§6).
type EmbeddedFile struct {
	Name     string       `json:"name"`
	Type     string       `json:"type"` // TEXT
	Filename string       `json:"filename,omitempty"`
	Runnable bool         `json:"runnable,omitempty"`
	Data     FormatString `json:"data"`
	// EndOfLine is AUTO (the host's), LF or CRLF; empty: lines end as they do in Data.
	EndOfLine string `json:"endOfLine,omitempty"`
}

// Content returns what is to be written on a host of the format.
func (f *EmbeddedFile) Content(s *Symbols, host PathFormat) (string, error) {
	text, err := f.Data.Resolve(s)
	if err != nil || f.EndOfLine == "" {
		return text, err
	}
	text = strings.ReplaceAll(text, "\r\n", "\n")
	if f.EndOfLine == "CRLF" || f.EndOfLine == "AUTO" && host == Windows {
		text = strings.ReplaceAll(text, "\n", "\r\n")
	}
	return text, nil
}
