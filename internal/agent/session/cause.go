package session

import (
	"fmt"
	"regexp"
	"slices"
	"syscall"

	"github.com/spillway/spillway/internal/agent/process"
	"github.com/spillway/spillway/internal/fault"
)

// sign is a Sign that is looked for in the output of one action.
type sign struct {
	Sign
	text *regexp.Regexp // nil: any output
	line string         // the first that fits
}

func compileSigns(signs []Sign) ([]*sign, error) {
	var out []*sign
	for _, s := range signs {
		c := &sign{Sign: s}
		if s.Text != "" {
			var err error
			if c.text, err = regexp.Compile(s.Text); err != nil {
				return nil, fault.Wrap(fault.Invalid, err, "the sign of a failure")
			}
		}
		out = append(out, c)
	}
	return out, nil
}

// see takes in a line of output.
func (s *sign) see(line string) {
	if s.line == "" && s.text != nil && s.text.MatchString(line) {
		s.line = line
	}
}

// fits reports whether a failure with this exit status is what the sign stands for.
func (s *sign) fits(exit int) bool {
	return (s.text == nil || s.line != "") && (len(s.ExitCodes) == 0 || slices.Contains(s.ExitCodes, exit))
}

// exitKilled is what a shell says of a command that SIGKILL ended.
const exitKilled = 128 + int(syscall.SIGKILL)

// classify finds out why the action failed, if that is more than that it did: by the job's signs, then by what the kernel
// counted since before.
func (o outcome) classify(signs []*sign, before, after oomKills) outcome {
	if o.cause != TaskError || o.err == nil {
		return o
	}
	for _, s := range signs {
		if !s.fits(o.exit) {
			continue
		}
		if s.line != "" {
			return o.failed(s.Cause, fmt.Errorf("%w, having printed: %s", o.err, s.line))
		}
		return o.failed(s.Cause, o.err)
	}
	if after.own > before.own || o.exit == exitKilled && after.machine > before.machine {
		return o.failed(Memory, fmt.Errorf("ran out of memory: the kernel ended a process of it (the largest had %d MiB)", o.rss))
	}
	return o
}

// oomKills is how many processes the kernel has killed for memory.
type oomKills struct{ own, machine uint64 }

func countOOMKills(l *process.Leaf) oomKills {
	own, machine := process.OOMKills(l)
	return oomKills{own, machine}
}
