package main

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/client"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/textview"
)

// follow shows a job's life until it is over. With --json it prints each event on a line, then the job.
func follow(ctx context.Context, g *Globals, remote *client.Client, job restv1.Job) error {
	f := &follower{g: g, live: textview.Live{W: g.Out, Terminal: g.terminal() && !g.JSON}}
	job, err := remote.Watch(ctx, job.ID, f)
	f.live.End()
	if err != nil {
		return err
	}
	if g.JSON {
		if err := json.NewEncoder(g.Out).Encode(job); err != nil {
			return err
		}
	}
	if job.State == "succeeded" {
		if g.JSON {
			return nil
		}
		return f.live.Done(job)
	}
	return fault.WithHint(fault.New(fault.Conflict, "job %s (%s) %s: %s", job.ID, job.Name, job.State, job.Reason), "see: spillway job log %s", job.ID)
}

type follower struct {
	g    *Globals
	live textview.Live
}

// passing are attempt states that are not worth a line.
var passing = []string{"warming", "ordered", "landing"}

func (f *follower) Event(e restv1.Event, job restv1.Job) error {
	if f.g.JSON {
		return json.NewEncoder(f.g.Out).Encode(e)
	}
	over := e.Kind == "job" && client.Over(restv1.Job{State: e.To}) // told of at the end
	if over || e.Kind == "unit" || e.Kind == "receipt" || e.Kind == "attempt" && slices.Contains(passing, e.To) {
		return nil
	}
	step, frame := "", e.Unit
	if e.Step >= 0 && e.Step < len(job.Steps) {
		step, frame = job.Steps[e.Step].Name, client.TaskOf(job.Steps[e.Step], e.Unit)
	}
	if err := f.live.Event(e, step, frame); err != nil {
		return err
	}
	return f.live.Job(job, time.Now())
}

func (f *follower) Job(job restv1.Job) error { return f.live.Job(job, time.Now()) }
