package farm

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spillway/spillway/internal/fault"
)

// FailurePolicy says what the failures of a job's attempts lead to. The zero value is every default.
type FailurePolicy struct {
	// Retries are the failed attempts of one cause that a task may have beyond its first attempt; a cause that is not in it has
	// the job's MaxRetries.
	Retries map[Cause]int `json:"retries,omitempty"`
	// AvoidAfter is after how many failures in a row on one node the job avoids that node; 0: 3.
	AvoidAfter int `json:"avoidAfter,omitempty"`
	// StopAfter is after how many different tasks that failed in a row, on as many nodes as there are up to that number, the job
	// is paused; 0: 10, negative: never.
	StopAfter int `json:"stopAfter,omitempty"`
	// MemoryFactor is how many times the memory a task gets after it ran out of it; 0: 1.5, 1: as much as before.
	MemoryFactor float64 `json:"memoryFactor,omitempty"`
	// LicenceWait is the first wait after a program was denied a licence, ns; it doubles with each denial. 0: 30 s.
	LicenceWait time.Duration `json:"licenceWait,omitempty"`
}

// What a zero FailurePolicy stands for, and its bounds.
const (
	defaultAvoidAfter  = 3
	defaultStopAfter   = 10
	defaultLicenceWait = 30 * time.Second
	maxLicenceWait     = 10 * time.Minute
	maxStopAfter       = 1000
)

// Setback is a task that failed with no success of its job since, and where.
type Setback struct {
	Step int    `json:"step"`
	Unit int64  `json:"unit"`
	Node NodeID `json:"node"`
}

func (p *FailurePolicy) check() error {
	for cause, n := range p.Retries {
		switch {
		case !slices.Contains(Retried, cause):
			return fault.WithHint(fault.New(fault.Invalid, "%q is no cause that has retries", cause), "those that have: %s", joined(Retried))
		case n < 0 || n > maxRetries:
			return fault.New(fault.Invalid, "retries after %s: %d is not between 0 and %d", cause, n, maxRetries)
		}
	}
	switch {
	case p.AvoidAfter < 0:
		return fault.New(fault.Invalid, "a node is avoided after at least 1 failure, not %d", p.AvoidAfter)
	case p.StopAfter > maxStopAfter:
		return fault.New(fault.Invalid, "a job is paused after at most %d failures in a row, not %d", maxStopAfter, p.StopAfter)
	case p.MemoryFactor != 0 && !(p.MemoryFactor >= 1 && p.MemoryFactor <= maxMemoryFactor):
		return fault.New(fault.Invalid, "a memory factor of %g is not between 1 and %d", p.MemoryFactor, maxMemoryFactor)
	case p.LicenceWait < 0 || p.LicenceWait > maxLicenceWait:
		return fault.New(fault.Invalid, "the wait for a licence of %s is not between 0 and %s", p.LicenceWait, maxLicenceWait)
	}
	return nil
}

func joined[T ~string](list []T) string {
	words := make([]string, len(list))
	for i, x := range list {
		words[i] = string(x)
	}
	return strings.Join(words, ", ")
}

// budget is how many failed attempts of a cause a task may have beyond its first attempt.
func (j *job) budget(c Cause) int {
	if n, ok := j.rec.Failing.Retries[c]; ok {
		return n
	}
	return j.rec.MaxRetries
}

func (p *FailurePolicy) avoidAfter() int {
	if p.AvoidAfter == 0 {
		return defaultAvoidAfter
	}
	return p.AvoidAfter
}

func (p *FailurePolicy) stopAfter() int {
	if p.StopAfter == 0 {
		return defaultStopAfter
	}
	return p.StopAfter
}

// failed counts a failure of a unit by its cause: the unit waits and is tried again, or has failed for good.
func (f *Farm) failed(now time.Time, a *attempt, cause Cause, reason string) (UnitState, string) {
	s, unit := a.step, a.rec.Unit.Unit
	if cause == CauseLicence {
		s.release(unit)
		return UnitPending, f.denied(now, a) + ": " + reason
	}
	n, all := s.countFailure(unit, cause)
	f.blame(now, a, cause, reason)
	f.setback(now, a, cause, reason)
	budget := s.job.budget(cause)
	if n > budget {
		s.rec.Failed.Add(unit)
		if all == 1 {
			return UnitFailed, reason
		}
		if n == all {
			return UnitFailed, fmt.Sprintf("failed %d times, last: %s", n, reason)
		}
		return UnitFailed, fmt.Sprintf("failed %d times, %d of them by %s, last: %s", all, n, cause, reason)
	}
	more := ""
	if cause == CauseMemory {
		more = f.raise(now, a)
	}
	wait := f.cfg.MaxBackOff
	if all < 20 {
		wait = min(wait, f.cfg.BackOff<<(all-1))
	}
	f.holdBack(s, unit, now.Add(wait))
	return UnitPending, fmt.Sprintf("tried again in %s%s (%d of %d retries after %s): %s", wait, more, n, budget, cause, reason)
}

// countFailure returns how often a unit has failed by the cause, this time included, and how often in all.
func (s *step) countFailure(unit int64, cause Cause) (n, all int) {
	if s.rec.Failures == nil {
		s.rec.Failures = map[int64]int{}
	}
	if s.rec.ByCause == nil {
		s.rec.ByCause = map[int64]map[Cause]int{}
	}
	s.rec.Failures[unit]++
	causes := map[Cause]int{cause: 1} // a new map: copies of the record share the old one
	for c, n := range s.rec.ByCause[unit] {
		causes[c] += n
	}
	s.rec.ByCause[unit] = causes
	return causes[cause], s.rec.Failures[unit]
}

// setback notes a failure with which a job may show that nothing of it works, and pauses it then: one broken scene must not
// keep a farm busy.
func (f *Farm) setback(now time.Time, a *attempt, cause Cause, reason string) {
	j, most := a.step.job, a.step.job.rec.Failing.stopAfter()
	if most < 0 || cause == CauseStorage || cause == CauseAgent { // what the farm did
		return
	}
	back := Setback{a.rec.Unit.Step, a.rec.Unit.Unit, a.rec.Node}
	kept := slices.DeleteFunc(slices.Clone(j.rec.Setbacks), func(b Setback) bool { return b.Step == back.Step && b.Unit == back.Unit })
	j.rec.Setbacks = append(kept, back)
	if over := len(j.rec.Setbacks) - 2*most; over > 0 {
		j.rec.Setbacks = slices.Delete(j.rec.Setbacks, 0, over)
	}
	f.touchJob(j)
	if j.rec.State != JobActive || len(j.rec.Setbacks) < most {
		return
	}
	where := map[NodeID]bool{}
	for _, b := range j.rec.Setbacks {
		where[b.Node] = true
	}
	if len(where) < most && len(where) < f.couldRun(a.step) {
		return
	}
	f.setJob(now, j, JobPaused, fmt.Sprintf("%d tasks in a row failed, on %s; last: %s", len(j.rec.Setbacks), nodesOf(len(where)), reason))
	j.rec.Setbacks = nil
}

// couldRun is how many nodes that are there could run a task of the step.
func (f *Farm) couldRun(s *step) int {
	n := 0
	for _, o := range f.nodeList {
		if o.rec.State == NodeOnline && o.rec.Quarantined == "" && f.unfit(s, o) == nil {
			n++
		}
	}
	return n
}

func nodesOf(n int) string {
	if n == 1 {
		return "1 node"
	}
	return fmt.Sprintf("%d nodes", n)
}

// thrived notes that an attempt has succeeded: what was held against its job, its node and its licences is over.
func (f *Farm) thrived(now time.Time, a *attempt) {
	s, j, n := a.step, a.step.job, a.node
	if j.rec.Setbacks != nil {
		j.rec.Setbacks = nil
		f.touchJob(j)
	}
	if s.rec.Denials > 0 {
		s.rec.Denials = 0
	}
	for name := range s.rec.Limits {
		if l := f.limits[name]; l != nil && l.rec.Denials > 0 {
			l.rec.Denials = 0
			f.touchLimit(l)
		}
	}
	f.clearNode(n, j)
	for _, o := range j.avoids {
		if o != n {
			f.accuse(now, o, j)
		}
	}
}

// denied keeps back what needs the licence that a program did not get. It returns what is said of it.
func (f *Farm) denied(now time.Time, a *attempt) string {
	s := a.step
	first := s.job.rec.Failing.LicenceWait
	if first == 0 {
		first = defaultLicenceWait
	}
	wait := func(denials int) time.Duration { return min(maxLicenceWait, first<<min(denials, 10)) }
	if len(s.rec.Limits) == 0 {
		held := wait(s.rec.Denials)
		s.rec.Denials++
		f.holdStep(s, now.Add(held))
		return fmt.Sprintf("the step waits %s for a licence", held)
	}
	var said []string
	for _, l := range f.limitList {
		if s.rec.Limits[l.rec.ID] == 0 {
			continue
		}
		held := wait(l.rec.Denials)
		l.rec.Denials, l.rec.DeniedUntil = l.rec.Denials+1, now.Add(held)
		f.touchLimit(l)
		text := fmt.Sprintf("nothing new takes of limit %s for %s", l.rec.ID, held)
		f.emitLimit(now, l, text+": a program was denied a licence")
		said = append(said, text)
	}
	return strings.Join(said, ", ")
}
