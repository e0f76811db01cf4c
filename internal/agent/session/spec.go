package session

import (
	"encoding/json"
	"time"

	"github.com/spillway/spillway/openjd"
)

// Spec is what a session is opened with. It is stored as JSON in the session's directory.
type Spec struct {
	Session  string          `json:"session"`
	Job      string          `json:"job"`
	JobName  string          `json:"jobName"`
	Template json.RawMessage `json:"template"` // the job template, JSON
	// Environments are environment templates, JSON, entered before the job's own environments, in this order.
	Environments []json.RawMessage `json:"environments,omitempty"`
	Parameters   map[string]string `json:"parameters"` // all job parameters, in the submitter's spelling
	Step         string            `json:"step"`       // whose environments the session has besides the job's
	Rules        []openjd.PathRule `json:"rules"`
	Dir          string            `json:"dir"`              // holds the working directory and the session's own log
	Env          []string          `json:"env"`              // environment variables for every action, NAME=value
	Cgroup       string            `json:"cgroup,omitempty"` // directory of the session's slot; empty: process groups only
	LogCap       int64             `json:"logCap"`           // bytes; 0: the default
	// HideArguments keeps the arguments of commands out of the log.
	HideArguments bool `json:"hideArguments,omitempty"`
}

// Task is one task to run in a session.
type Task struct {
	Attempt    string            `json:"attempt"`
	Number     uint32            `json:"number"` // 1, 2, …
	Step       string            `json:"step"`
	Index      int64             `json:"index"`
	Parameters map[string]string `json:"parameters"`
	Dir        string            `json:"dir"` // the attempt's directory: its log is written there
	// NoProgress is how long it may print, compute, read and write nothing, nanoseconds; 0: for ever.
	NoProgress time.Duration `json:"noProgress,omitempty"`
	Signs      []Sign        `json:"signs,omitempty"` // the first that fits a failure names its cause
}

// Sign is by what a task's failure is known to have a certain cause. All that is given must fit.
type Sign struct {
	Cause     Cause  `json:"cause"`
	ExitCodes []int  `json:"exitCodes,omitempty"` // one of these; empty: any but 0
	Text      string `json:"text,omitempty"`      // regular expression that a line of output fits; empty: any output
}

// Cause says how a task ended.
type Cause string

// The causes. Verification and storage failures are found by the agent; a session reports storage only if it was
// canceled for it.
const (
	Success     Cause = "success"
	TaskError   Cause = "task"
	Timeout     Cause = "timeout"
	Canceled    Cause = "canceled"
	Environment Cause = "environment"
	Storage     Cause = "storage"
	Agent       Cause = "agent"
	NoProgress  Cause = "noProgress"
	Memory      Cause = "memory"
	Licence     Cause = "licence"
)

// Result is how a task's action ended.
type Result struct {
	Attempt  string        `json:"attempt"`
	Cause    Cause         `json:"cause"`
	ExitCode int           `json:"exitCode"` // of the task's action; 128+n for signal n; -1 if it was never started
	Message  string        `json:"message"`
	RunTime  time.Duration `json:"runTime"`    // of the task's action, nanoseconds
	CPU      float64       `json:"cpuSeconds"` // of the task's action and the children it waited for
	MaxRSS   uint64        `json:"maxRssMib"`
	Saved    []string      `json:"saved"` // files that the program said it wrote, as it spelled them
	LogSize  int64         `json:"logSize"`
}

// Cancel is the cause of a context that ends a running action before its time.
type Cancel struct {
	Cause  Cause
	Reason string
	Grace  time.Duration // at most this long between SIGTERM and SIGKILL; 0: the action's own method
}

// Error returns the reason.
func (c *Cancel) Error() string { return c.Reason }

// Observer is told what happens while a task runs. Its methods are called by several goroutines, must not block, and
// must not call the session.
type Observer interface {
	// Started says that the task's own action runs.
	Started()
	// Progress passes on how far the action is (negative: unknown) and its status (empty: unchanged).
	Progress(percent float64, status string)
	// LogGrew says how many bytes of the attempt's log may be read.
	LogGrew(size int64)
}
