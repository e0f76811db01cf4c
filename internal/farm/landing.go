package farm

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

func (c LandingDone) apply(f *Farm, now time.Time) (any, error) {
	a := f.attempts[c.Attempt]
	if a == nil || a.rec.State != AttemptLanding {
		return nil, nil
	}
	a.rec.Outputs = slices.Clone(a.rec.Outputs)
	f.touchAttempt(a)
	for _, l := range c.Receipts {
		i := slices.IndexFunc(a.rec.Outputs, func(o Output) bool { return o.StoragePath == l.StoragePath })
		if i < 0 || a.rec.Outputs[i].Receipt != nil {
			continue
		}
		o, r := &a.rec.Outputs[i], l.Receipt
		if r.Size != o.Size || !strings.EqualFold(r.SHA256, o.SHA256) {
			f.finish(now, a, AttemptFailed, CauseStorage, fmt.Sprintf(
				"the storage has another %s than the task wrote: %d bytes with digest %.12s instead of %d bytes with %.12s",
				o.Path, r.Size, r.SHA256, o.Size, o.SHA256))
			return nil, nil
		}
		o.Receipt = &r
		f.emit(Event{
			At: now, Kind: "receipt", Job: a.rec.Unit.Job, Step: a.rec.Unit.Step, Unit: a.rec.Unit.Unit, Attempt: a.rec.ID,
			Node: a.rec.Node, Reason: fmt.Sprintf("%s:%s is on the storage, %d bytes, says %s", o.Location, o.Path, r.Size, r.Filer),
		})
	}
	if len(f.unlanded(a)) == 0 {
		a.rec.Landed = now
		f.finish(now, a, AttemptSucceeded, "", files(len(a.rec.Outputs))+" on the storage")
	}
	return nil, nil
}

// unlanded returns the outputs of an attempt that a filer still owes a receipt for.
func (f *Farm) unlanded(a *attempt) []StoragePath {
	var paths []StoragePath
	for i := range a.rec.Outputs {
		if o := &a.rec.Outputs[i]; o.Receipt == nil && f.filerOf(a.rec.Site, o.Location) != "" {
			paths = append(paths, o.StoragePath)
		}
	}
	return paths
}

func (c LandingFailed) apply(f *Farm, now time.Time) (any, error) {
	a := f.attempts[c.Attempt]
	if a == nil || a.rec.State != AttemptLanding {
		return nil, nil
	}
	c.Reason = orElse(c.Reason, "the storage did not take its outputs")
	switch c.Outcome {
	case LandingFails:
		f.finish(now, a, AttemptFailed, CauseStorage, c.Reason)
	case LandingLost:
		f.finish(now, a, AttemptLost, CauseStorageLost, c.Reason)
	default:
		if a.rec.Reason != c.Reason {
			a.rec.Reason = c.Reason
			f.touchAttempt(a)
			f.emitAttempt(now, a, a.rec.State)
		}
	}
	return nil, nil
}
