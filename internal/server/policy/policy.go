// Package policy reads spillway.yaml, which says about a job what Open Job Description leaves out, and answers which files
// a task leaves and reads, as storage paths.
package policy

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/spillway/spillway/internal/config"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/verify"
)

// Policy is a spillway.yaml, or the same object as JSON.
type Policy struct {
	Queue    string    `yaml:"queue" json:"queue,omitempty"`
	Priority *int      `yaml:"priority" json:"priority,omitempty"` // 0 to 100; nil: 50
	Deadline time.Time `yaml:"deadline" json:"deadline,omitzero"`
	// DeadlineIn is the deadline counted from the submit.
	DeadlineIn config.Duration `yaml:"deadlineIn" json:"deadlineIn,omitzero"`
	// MaxWait is the goal of a job without a deadline: done so long after its submit.
	MaxWait  config.Duration `yaml:"maxWait" json:"maxWait,omitzero"`
	Cheapest bool            `yaml:"cheapest" json:"cheapest,omitempty"` // nothing is rented for it
	Retries  *int            `yaml:"retries" json:"retries,omitempty"`   // nil: 2
	MaxTasks int             `yaml:"maxTasks" json:"maxTasks,omitempty"` // that run at once; 0: any number
	MaxNodes int             `yaml:"maxNodes" json:"maxNodes,omitempty"` // that it uses at once; 0: any number
	Budget   *Budget         `yaml:"budget" json:"budget,omitempty"`
	Estimate float64         `yaml:"estimate" json:"estimate,omitempty"` // seconds a unit of the widest step
	After    []string        `yaml:"after" json:"after,omitempty"`       // jobs that must have succeeded
	Failures Failures        `yaml:"failures" json:"failures,omitzero"`
	Assets   []Pattern       `yaml:"assets" json:"assets,omitempty"` // shared by all tasks; files or folders
	Steps    map[string]Step `yaml:"steps" json:"steps,omitempty"`
}

// Budget is what rented nodes may cost for the job.
type Budget struct {
	Cap  *float64 `yaml:"cap" json:"cap"`             // in the farm's currency
	Warn float64  `yaml:"warn" json:"warn,omitempty"` // the share of it at which a warning is given; 0: 0.8
	Then string   `yaml:"then" json:"then,omitempty"` // warn, stop, cancel; empty: stop
}

// Validate says what the types don't; config.Decode calls it.
func (b *Budget) Validate() error {
	switch {
	case b.Cap == nil:
		return config.At("cap", fault.New(fault.Invalid, "a budget needs a cap"))
	case !(*b.Cap >= 0):
		return config.At("cap", fault.New(fault.Invalid, "the cap is negative"))
	case !(b.Warn >= 0) || b.Warn > 1:
		return config.At("warn", fault.New(fault.Invalid, "warn is a share of the cap, 0 to 1"))
	case b.Then != "" && b.Then != "warn" && b.Then != "stop" && b.Then != "cancel":
		return config.At("then", fault.New(fault.Invalid, "%q is none of warn, stop and cancel", b.Then))
	}
	return nil
}

// Step is what a policy says of one step. Its patterns may use task parameters.
type Step struct {
	Outputs  []Pattern    `yaml:"outputs" json:"outputs,omitempty"`
	Assets   []Pattern    `yaml:"assets" json:"assets,omitempty"`     // what one task reads and no other
	Check    Check        `yaml:"check" json:"check,omitzero"`        // of each output
	Estimate float64      `yaml:"estimate" json:"estimate,omitempty"` // seconds a unit, if known
	After    []Dependency `yaml:"after" json:"after,omitempty"`
	Order    *Order       `yaml:"order" json:"order,omitempty"` // nil: by number
	// NoProgress is how long a task may do nothing; 0: what the job says.
	NoProgress config.Duration `yaml:"noProgress" json:"noProgress,omitzero"`
	// Limits are the seats that each running task takes, by the name of the limit.
	Limits map[string]int `yaml:"limits" json:"limits,omitempty"`
}

// Dependency is what a step's tasks wait for beyond the template's own dependencies.
type Dependency struct {
	Job  string `yaml:"job" json:"job,omitempty"`   // its id; empty: this one
	Step string `yaml:"step" json:"step,omitempty"` // its name; empty: the whole job
	// FrameByFrame: a task waits only for the one of the same number plus Offset.
	FrameByFrame bool  `yaml:"frameByFrame" json:"frameByFrame,omitempty"`
	Offset       int64 `yaml:"offset" json:"offset,omitempty"`
}

// Validate says what the types don't; config.Decode calls it.
func (d *Dependency) Validate() error {
	switch {
	case d.Job == "" && d.Step == "":
		return config.At("step", fault.New(fault.Invalid, "a dependency names a step, a job, or both"))
	case d.FrameByFrame && d.Step == "":
		return config.At("frameByFrame", fault.New(fault.Invalid, "frame by frame is from step to step: name the step"))
	case d.Offset != 0 && !d.FrameByFrame:
		return config.At("offset", fault.New(fault.Invalid, "an offset needs frameByFrame: true"))
	}
	return nil
}

// Check says how the node looks at an output.
type Check struct {
	Kind   string `yaml:"kind" json:"kind,omitempty"` // image, exists, none; empty: image or exists, by the file's name
	Width  uint32 `yaml:"width" json:"width,omitempty"`
	Height uint32 `yaml:"height" json:"height,omitempty"`
	// Refuse are the flaws (package verify) that a picture must not have. nil: those refused by default.
	Refuse []string `yaml:"refuse" json:"refuse,omitzero"`
}

// Flaws returns the flaws that a picture must not have.
func (c *Check) Flaws() []string {
	if c.Refuse != nil || c.Kind == CheckExists || c.Kind == CheckNone {
		return c.Refuse
	}
	var out []string
	for _, f := range verify.DefaultFlaws() {
		out = append(out, string(f))
	}
	return out
}

// The kinds of check.
const (
	CheckImage  = "image"
	CheckExists = "exists"
	CheckNone   = "none"
	checkAuto   = "auto"
)

// KindOrAuto returns the kind, or the one that leaves it to the file's name.
func (c *Check) KindOrAuto() string {
	if c.Kind == "" {
		return checkAuto
	}
	return c.Kind
}

const (
	defaultPriority = 50
	defaultRetries  = 2
	maxRetries      = 100
	maxPatterns     = 1000
)

// Parse reads a policy; file is its name in errors, which are fault.Invalid and show line and column. An empty document is
// an empty policy.
func Parse(file string, data []byte) (*Policy, error) {
	p := &Policy{}
	if strings.TrimSpace(string(data)) == "" {
		return p, nil
	}
	if err := config.Decode(file, data, p); err != nil {
		return nil, err
	}
	return p, nil
}

// Decode reads the JSON that Encode wrote.
func Decode(stored []byte) (*Policy, error) {
	p := &Policy{}
	if len(stored) == 0 {
		return p, nil
	}
	if err := json.Unmarshal(stored, p); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "a stored policy")
	}
	return p, nil
}

// Encode returns the policy as it is stored.
func (p *Policy) Encode() ([]byte, error) {
	raw, err := json.Marshal(p)
	return raw, fault.Wrap(fault.Internal, err, "store a policy")
}

// PriorityOr50 returns the priority, or the middle if none is given.
func (p *Policy) PriorityOr50() int {
	if p.Priority == nil {
		return defaultPriority
	}
	return *p.Priority
}

// RetriesOr2 returns how often a unit may fail beyond its first attempt.
func (p *Policy) RetriesOr2() int {
	if p.Retries == nil {
		return defaultRetries
	}
	return *p.Retries
}

// DeadlineFrom returns the deadline of a job submitted now; zero: none.
func (p *Policy) DeadlineFrom(now time.Time) time.Time {
	if p.DeadlineIn != 0 {
		return now.Add(time.Duration(p.DeadlineIn)).UTC()
	}
	if p.Deadline.IsZero() {
		return time.Time{}
	}
	return p.Deadline.UTC()
}

// Validate says what the types don't; config.Decode calls it.
func (p *Policy) Validate() error {
	switch {
	case p.Priority != nil && (*p.Priority < 0 || *p.Priority > 100):
		return config.At("priority", fault.New(fault.Invalid, "priority %d is not between 0 and 100", *p.Priority))
	case p.Retries != nil && (*p.Retries < 0 || *p.Retries > maxRetries):
		return config.At("retries", fault.New(fault.Invalid, "retries %d is not between 0 and %d", *p.Retries, maxRetries))
	case p.DeadlineIn > 0 && !p.Deadline.IsZero():
		return config.At("deadlineIn", fault.New(fault.Invalid, "deadline and deadlineIn exclude each other"))
	case p.Cheapest && (p.MaxWait > 0 || p.DeadlineIn > 0 || !p.Deadline.IsZero()):
		return config.At("cheapest", fault.New(fault.Invalid, "nothing is rented for a job that is to be cheapest: it can have no maxWait and no deadline"))
	case p.MaxTasks < 0:
		return config.At("maxTasks", fault.New(fault.Invalid, "maxTasks is negative"))
	case p.MaxNodes < 0:
		return config.At("maxNodes", fault.New(fault.Invalid, "maxNodes is negative"))
	case p.Estimate < 0:
		return config.At("estimate", fault.New(fault.Invalid, "estimate is negative"))
	case len(p.Assets) > maxPatterns:
		return config.At("assets", tooMany(p.Assets))
	}
	return nil
}

// Validate says what the types don't; config.Decode calls it.
func (s *Step) Validate() error {
	switch {
	case s.Estimate < 0:
		return config.At("estimate", fault.New(fault.Invalid, "estimate is negative"))
	case len(s.Outputs) > maxPatterns:
		return config.At("outputs", tooMany(s.Outputs))
	case len(s.Assets) > maxPatterns:
		return config.At("assets", tooMany(s.Assets))
	}
	for name, seats := range s.Limits {
		if seats < 1 {
			return config.At("limits", fault.New(fault.Invalid, "a task takes at least 1 of limit %s, not %d", name, seats))
		}
	}
	return checkNoProgress(s.NoProgress)
}

// Validate says what the types don't; config.Decode calls it.
func (c *Check) Validate() error {
	switch c.Kind {
	case "", CheckImage, CheckExists, CheckNone:
	default:
		return config.At("kind", fault.New(fault.Invalid, "check kind %q is none of image, exists and none", c.Kind))
	}
	if c.Kind != CheckImage && (c.Width > 0 || c.Height > 0) {
		return config.At("kind", fault.New(fault.Invalid, "width and height are checked of images only: set kind: image"))
	}
	if len(c.Refuse) > 0 && (c.Kind == CheckExists || c.Kind == CheckNone) {
		return config.At("refuse", fault.New(fault.Invalid, "refuse is of images only: set kind: image"))
	}
	if _, err := verify.ParseFlaws(c.Refuse); err != nil {
		return config.At("refuse", err)
	}
	return nil
}

func tooMany(patterns []Pattern) error {
	return fault.New(fault.Invalid, "%d paths are more than %d: name folders instead", len(patterns), maxPatterns)
}
