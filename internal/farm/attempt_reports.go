package farm

import (
	"cmp"
	"fmt"
	"time"

	"github.com/spillway/spillway/internal/fault"
)

func (c AttemptUpdate) apply(f *Farm, now time.Time) (any, error) {
	if err := c.valid(); err != nil {
		return nil, err
	}
	return f.update(now, &c), nil
}

func (c *AttemptUpdate) valid() error {
	if c.Phase < PhaseAccepted || c.Phase > PhaseEnded {
		return fault.New(fault.Invalid, "attempt %s: unknown phase %d", c.Attempt, c.Phase)
	}
	return nil
}

// update takes in a node's word on an attempt. It returns what the node has to drop, or nil.
func (f *Farm) update(now time.Time, c *AttemptUpdate) *Welcome {
	a := f.attempts[c.Attempt]
	if a == nil || a.rec.Node != c.Node || !a.rec.State.OnNode() {
		if c.Phase != PhaseEnded {
			return &Welcome{Cancel: []AttemptID{c.Attempt}}
		}
		if a != nil && a.rec.Node == c.Node && a.rec.State == AttemptFencing {
			f.endedInFence(now, a)
		}
		return nil
	}
	if a.rec.State == AttemptWarming { // not ordered yet: the node cannot know it
		return nil
	}
	switch c.Phase {
	case PhaseAccepted:
		if a.rec.State == AttemptOrdered {
			f.move(now, a, AttemptRunning, "accepted by "+string(c.Node))
		}
	case PhaseRunning:
		if a.rec.Started.IsZero() {
			a.rec.Started = now.Add(-c.Elapsed)
			f.touchAttempt(a)
		}
		if a.rec.State == AttemptOrdered {
			f.move(now, a, AttemptRunning, "running on "+string(c.Node))
		}
	case PhaseEnded:
		f.ended(now, a, &c.End)
	}
	return nil
}

// ended takes in how an attempt that occupies its node ended there.
func (f *Farm) ended(now time.Time, a *attempt, end *AttemptEnd) {
	r := &a.rec
	r.Ended, r.ExitCode, r.RunTime, r.CPUTime = now, end.ExitCode, end.RunTime, end.CPUTime
	r.MaxRSS, r.LogSize, r.Outputs = end.MaxRSS, end.LogSize, nil
	if r.Started.IsZero() && end.RunTime > 0 {
		r.Started = now.Add(-end.RunTime)
	}
	for _, o := range end.Outputs {
		o.Receipt = nil
		r.Outputs = append(r.Outputs, o)
	}
	message := end.Message
	switch {
	case end.Cause == CauseAgent && a.node.rec.Leaving && r.State != AttemptCanceling:
		f.finish(now, a, AttemptCanceled, CausePreempted, orElse(message, "its node went away"))
	case r.State == AttemptCanceling, end.Cause == CauseCanceled:
		f.finish(now, a, AttemptCanceled, cmp.Or(r.Cause, CauseCanceled), orElse(message, "canceled on the node"))
	case end.Cause != "":
		f.finish(now, a, AttemptFailed, end.Cause, orElse(message, fmt.Sprintf("%s, exit status %d", end.Cause, end.ExitCode)))
	case len(r.Outputs) == 0:
		f.finish(now, a, AttemptSucceeded, "", "done, without outputs to land")
	case !f.needsReceipts(a):
		r.Landed = now
		f.finish(now, a, AttemptSucceeded, "", fmt.Sprintf("done, %s written directly, without receipts", files(len(r.Outputs))))
	default:
		f.move(now, a, AttemptLanding, "waits until the storage has "+files(len(r.Outputs)))
	}
}

// needsReceipts reports whether one of an attempt's outputs is behind a filer.
func (f *Farm) needsReceipts(a *attempt) bool {
	for i := range a.rec.Outputs {
		if f.filerOf(a.rec.Site, a.rec.Outputs[i].Location) != "" {
			return true
		}
	}
	return false
}

// filerOf returns the filer through which a site reaches a location, or "".
func (f *Farm) filerOf(site SiteID, l Location) FilerID { return f.cfg.Sites[site].Storage[l] }

func (c WarmDone) apply(f *Farm, now time.Time) (any, error) {
	a := f.attempts[c.Attempt]
	if a == nil || a.rec.State != AttemptWarming {
		return nil, nil
	}
	reason := "its inputs are at the site"
	if c.Problem != "" {
		reason = "its inputs are read on demand: " + c.Problem
	}
	f.move(now, a, AttemptOrdered, reason)
	return nil, nil
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func files(n int) string {
	if n == 1 {
		return "1 file"
	}
	return fmt.Sprintf("%d files", n)
}
