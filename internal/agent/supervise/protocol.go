package supervise

import (
	"bufio"
	"encoding/json"
	"io"
	"time"

	"github.com/spillway/spillway/internal/agent/process"
	"github.com/spillway/spillway/internal/agent/session"
	"github.com/spillway/spillway/internal/fault"
)

const (
	// Version is the protocol's version.
	Version = 1
	// MaxLine bounds a line of the protocol, in bytes.
	MaxLine = 4 << 20
)

// Verb is what a Command asks for.
type Verb string

// The verbs.
const (
	Run    Verb = "run"    // Task is set
	Cancel Verb = "cancel" // Attempt, Cause, Reason and Grace are set
	End    Verb = "end"    // Reason is set
)

// Command is one line from the agent.
type Command struct {
	Version int           `json:"v"`
	Verb    Verb          `json:"do"`
	Task    *session.Task `json:"task,omitempty"`
	Attempt string        `json:"attempt,omitempty"`
	Cause   session.Cause `json:"cause,omitempty"`
	Reason  string        `json:"reason,omitempty"`
	Grace   time.Duration `json:"grace,omitempty"` // nanoseconds; 0: the action's own
}

// Message is one line from the supervisor: exactly one of the fields besides the version is set.
type Message struct {
	Version int           `json:"v"`
	Session *SessionState `json:"session,omitempty"`
	Attempt *AttemptState `json:"attempt,omitempty"`
}

// SessionState is where the session stands.
type SessionState struct {
	Session string `json:"session"`
	Ended   bool   `json:"ended"`
	Message string `json:"message,omitempty"` // why it ended, if not by command
}

// Phase is where an attempt stands in its session.
type Phase string

// The phases.
const (
	Queued  Phase = "queued" // or entering the session's environments
	Running Phase = "running"
	Over    Phase = "ended" // Result is set
)

// AttemptState is where an attempt stands.
type AttemptState struct {
	Attempt  string          `json:"attempt"`
	Phase    Phase           `json:"phase"`
	Progress float64         `json:"progress"` // 0 to 100; -1 unknown
	Status   string          `json:"status,omitempty"`
	Elapsed  time.Duration   `json:"elapsed"` // since the task's action was started, nanoseconds
	LogSize  int64           `json:"logSize"` // bytes of the log that may be read
	Result   *session.Result `json:"result,omitempty"`
}

// Record says which processes a session has. Whoever finds the supervisor dead kills the groups.
type Record struct {
	Version    int             `json:"v"`
	Supervisor process.Ident   `json:"supervisor"`
	Groups     []process.Ident `json:"groups"`
}

// Ended says that a session has ended in an orderly way.
type Ended struct {
	Message string `json:"message,omitempty"`
}

// ParseCommand reads a line from the agent. Errors are fault.Invalid.
func ParseCommand(line []byte) (Command, error) {
	var c Command
	if err := json.Unmarshal(line, &c); err != nil {
		return c, fault.Wrap(fault.Invalid, err, "command")
	}
	if c.Version != Version {
		return c, fault.New(fault.Invalid, "command has protocol version %d, want %d", c.Version, Version)
	}
	switch {
	case c.Verb == Run && c.Task != nil && c.Task.Attempt != "" && c.Task.Dir != "":
	case c.Verb == Cancel && c.Attempt != "" && c.Grace >= 0:
	case c.Verb == End:
	default:
		return c, fault.New(fault.Invalid, "command %.40q is unknown or incomplete", c.Verb)
	}
	return c, nil
}

// ParseMessage reads a line from the supervisor. Errors are fault.Invalid.
func ParseMessage(line []byte) (Message, error) {
	var m Message
	if err := json.Unmarshal(line, &m); err != nil {
		return m, fault.Wrap(fault.Invalid, err, "message")
	}
	if m.Version != Version {
		return m, fault.New(fault.Invalid, "message has protocol version %d, want %d", m.Version, Version)
	}
	if a := m.Attempt; a != nil && (a.Phase == Over) != (a.Result != nil) {
		return m, fault.New(fault.Invalid, "attempt %.80q in phase %.40q: its result does not fit", a.Attempt, a.Phase)
	}
	if (m.Session == nil) == (m.Attempt == nil) {
		return m, fault.New(fault.Invalid, "a message is about a session or an attempt")
	}
	return m, nil
}

// lines returns a scanner over the lines of a connection.
func lines(r io.Reader) *bufio.Scanner {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 0, 4<<10), MaxLine)
	return s
}
