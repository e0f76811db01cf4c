package resttest

import (
	"context"
	"path"
	"slices"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/fault"
)

// Bulk implements rest.Jobs.
func (f *Farm) Bulk(ctx context.Context, b restv1.Bulk) (restv1.BulkDone, error) {
	unlock, err := f.lock(ctx)
	if err != nil {
		return restv1.BulkDone{}, err
	}
	defer unlock()
	var done restv1.BulkDone
	for _, j := range f.jobs {
		named, err := path.Match(b.Name, j.Name)
		if err != nil {
			return restv1.BulkDone{}, fault.New(fault.Invalid, "%q is no pattern of names", b.Name)
		}
		if b.Name != "" && !named || len(b.Jobs) > 0 && !slices.Contains(b.Jobs, j.ID) || b.State != "" && b.State != j.State ||
			b.Owner != "" && b.Owner != j.Owner || b.Project != "" && b.Project != j.Project || b.Queue != "" && b.Queue != j.Queue {
			continue
		}
		if b.DryRun {
			done.Done = append(done.Done, j.ID)
			continue
		}
		if over := j.State != "active" && j.State != "paused"; over && b.Verb != "retry" {
			done.Skipped = append(done.Skipped, restv1.Skipped{Job: j.ID, Why: "it has ended: it is " + j.State})
			continue
		}
		switch b.Verb {
		case "pause":
			j.State = "paused"
		case "cancel":
			j.State = "canceled"
		case "change":
			keep(&j.Priority, b.Change.Priority)
			keep(&j.Queue, b.Change.Queue)
		default:
			j.State = "active"
		}
		done.Done = append(done.Done, j.ID)
		f.record(restv1.Event{Kind: "job", Job: j.ID, To: j.State, Reason: b.Verb})
	}
	return done, nil
}
