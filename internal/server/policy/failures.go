package policy

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spillway/spillway/internal/config"
	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
)

// Failures says what the failures of a job's attempts lead to.
type Failures struct {
	// Retries are the failed attempts of one cause that a task may have; a cause that is not named has the job's retries.
	Retries        map[string]int `yaml:"retries" json:"retries,omitempty"`
	MemoryFactor   float64        `yaml:"memoryFactor" json:"memoryFactor,omitempty"`     // after a task ran out of it; 0: 1.5
	AvoidNodeAfter int            `yaml:"avoidNodeAfter" json:"avoidNodeAfter,omitempty"` // failures in a row there; 0: 3
	// PauseAfter is after how many tasks that fail in a row the job is paused; nil: 10, 0: never.
	PauseAfter *int `yaml:"pauseAfter" json:"pauseAfter,omitempty"`
	// NoProgress is how long a task may print, compute, read and write nothing; 0: for ever.
	NoProgress  config.Duration `yaml:"noProgress" json:"noProgress,omitzero"`
	LicenceWait config.Duration `yaml:"licenceWait" json:"licenceWait,omitzero"` // the first; 0: 30 s
	Signs       []Sign          `yaml:"signs" json:"signs,omitempty"`
}

// Sign is by what a task's failure is known to have a certain cause. All that is given must fit.
type Sign struct {
	Cause     string `yaml:"cause" json:"cause"`
	ExitCodes []int  `yaml:"exitCodes" json:"exitCodes,omitempty"` // one of these
	Text      string `yaml:"text" json:"text,omitempty"`           // regular expression that a line of output fits
}

// causes are the names that causes have in spillway.yaml, of those that cost retries.
var causes = map[string]farm.Cause{
	"task": farm.CauseTask, "timeout": farm.CauseTimeout, "noProgress": farm.CauseNoProgress, "outOfMemory": farm.CauseMemory,
	"verification": farm.CauseVerification, "environment": farm.CauseEnvironment, "storage": farm.CauseStorage, "agent": farm.CauseAgent,
}

// signed are the causes that a sign may stand for.
var signed = map[string]farm.Cause{"licence": farm.CauseLicence, "outOfMemory": farm.CauseMemory}

const (
	maxSigns   = 100
	maxPattern = 1000
	// leastNoProgress is the shortest time of doing nothing that says anything.
	leastNoProgress = 10 * time.Second
)

// Validate says what the types don't; config.Decode calls it.
func (f *Failures) Validate() error {
	for _, name := range slices.Sorted(maps.Keys(f.Retries)) {
		if _, ok := causes[name]; !ok {
			err := fault.New(fault.Invalid, "%q is no cause that has retries", name)
			return config.At("retries", withHint(fault.WithHint(err, "those that have: %s", strings.Join(slices.Sorted(maps.Keys(causes)), ", "))))
		}
		if n := f.Retries[name]; n < 0 || n > maxRetries {
			return config.At("retries", fault.New(fault.Invalid, "retries %d is not between 0 and %d", n, maxRetries))
		}
	}
	switch {
	case f.MemoryFactor != 0 && !(f.MemoryFactor >= 1 && f.MemoryFactor <= 16):
		return config.At("memoryFactor", fault.New(fault.Invalid, "a memory factor of %g is not between 1 and 16", f.MemoryFactor))
	case f.AvoidNodeAfter < 0:
		return config.At("avoidNodeAfter", fault.New(fault.Invalid, "avoidNodeAfter is negative"))
	case f.PauseAfter != nil && (*f.PauseAfter < 0 || *f.PauseAfter > 1000):
		return config.At("pauseAfter", fault.New(fault.Invalid, "pauseAfter %d is not between 0 (never) and 1000", *f.PauseAfter))
	case f.LicenceWait < 0 || time.Duration(f.LicenceWait) > 10*time.Minute:
		return config.At("licenceWait", fault.New(fault.Invalid, "licenceWait %s is not between 0 and 10m", f.LicenceWait))
	case len(f.Signs) > maxSigns:
		return config.At("signs", fault.New(fault.Invalid, "%d signs are more than %d", len(f.Signs), maxSigns))
	}
	return checkNoProgress(f.NoProgress)
}

func checkNoProgress(d config.Duration) error {
	if d != 0 && time.Duration(d) < leastNoProgress {
		return config.At("noProgress", fault.New(fault.Invalid, "noProgress %s is less than %s", d, leastNoProgress))
	}
	return nil
}

// Validate says what the types don't; config.Decode calls it.
func (s *Sign) Validate() error {
	switch {
	case signed[s.Cause] == "":
		return config.At("cause", fault.New(fault.Invalid, "a sign stands for licence or outOfMemory, not for %q", s.Cause))
	case len(s.ExitCodes) == 0 && s.Text == "":
		return config.At("cause", fault.New(fault.Invalid, "a sign is known by exitCodes, by text, or by both"))
	case len(s.Text) > maxPattern:
		return config.At("text", fault.New(fault.Invalid, "the regular expression has %d bytes, more than %d", len(s.Text), maxPattern))
	}
	for _, code := range s.ExitCodes {
		if code < 1 || code > 255 {
			return config.At("exitCodes", fault.New(fault.Invalid, "%d is no exit status of a failure: they are 1 to 255", code))
		}
	}
	if _, err := regexp.Compile(s.Text); err != nil {
		return config.At("text", withHint(fault.WithHint(fault.Wrap(fault.Invalid, err, "text"), "the syntax is RE2's: https://github.com/google/re2/wiki/Syntax")))
	}
	return nil
}

// CauseOf returns what the sign stands for.
func (s *Sign) CauseOf() farm.Cause { return signed[s.Cause] }

// Farm returns the part of it that the farm decides by.
func (f *Failures) Farm() farm.FailurePolicy {
	out := farm.FailurePolicy{MemoryFactor: f.MemoryFactor, AvoidAfter: f.AvoidNodeAfter, LicenceWait: time.Duration(f.LicenceWait)}
	if len(f.Retries) > 0 {
		out.Retries = map[farm.Cause]int{}
	}
	for name, n := range f.Retries {
		out.Retries[causes[name]] = n
	}
	if f.PauseAfter != nil {
		if out.StopAfter = *f.PauseAfter; out.StopAfter == 0 {
			out.StopAfter = -1
		}
	}
	return out
}

// NoProgressOf is how long a task of the step may do nothing; 0: for ever.
func (p *Policy) NoProgressOf(step string) time.Duration {
	if own := p.Steps[step].NoProgress; own != 0 {
		return time.Duration(own)
	}
	return time.Duration(p.Failures.NoProgress)
}
