package openjd

import "time"

// Action is a command that runs on a host (§5).
type Action struct {
	Command     FormatString   `json:"command"`
	Args        []FormatString `json:"args,omitempty"`
	Timeout     int64          `json:"timeout,omitempty"` // seconds; 0: the default of its role
	Cancelation *Cancelation   `json:"cancelation,omitempty"`
}

// Cancelation is a <CancelationMethod> (§5.3).
type Cancelation struct {
	Mode         CancelMode `json:"mode"`
	NotifyPeriod int64      `json:"notifyPeriodInSeconds,omitempty"` // seconds; 0: the default of the action's role
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
)

// String returns the key of the role in a template.
func (r Role) String() string {
	switch r {
	case OnEnter:
		return "onEnter"
	case OnExit:
		return "onExit"
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
}

// Defaults of §5 and §5.3.2.
const (
	exitTimeout       = 300 * time.Second
	runNotifyPeriod   = 120 * time.Second
	otherNotifyPeriod = 30 * time.Second
)

// Resolve returns the action with its format strings resolved and the defaults of its role.
func (a *Action) Resolve(role Role, s *Symbols) (Run, error) {
	run := Run{Cancel: Terminate, Timeout: time.Duration(a.Timeout) * time.Second}
	if a.Timeout == 0 && role == OnExit {
		run.Timeout = exitTimeout
	}
	if c := a.Cancelation; c != nil && c.Mode == NotifyThenTerminate {
		run.Cancel = c.Mode
		run.NotifyPeriod = time.Duration(c.NotifyPeriod) * time.Second
		if c.NotifyPeriod == 0 {
			run.NotifyPeriod = otherNotifyPeriod
			if role == OnRun {
				run.NotifyPeriod = runNotifyPeriod
			}
		}
	}
	var err error
	if run.Command, err = a.Command.Resolve(s); err != nil {
		return Run{}, err
	}
	for _, arg := range a.Args {
		text, err := arg.Resolve(s)
		if err != nil {
			return Run{}, err
		}
		run.Args = append(run.Args, text)
	}
	return run, nil
}

// EmbeddedFile is a text file written into the session's working directory before each action of its script (§6).
type EmbeddedFile struct {
	Name     string       `json:"name"`
	Type     string       `json:"type"` // TEXT
	Filename string       `json:"filename,omitempty"`
	Runnable bool         `json:"runnable,omitempty"`
	Data     FormatString `json:"data"`
}
