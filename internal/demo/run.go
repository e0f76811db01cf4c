package demo

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/client"
	"github.com/spillway/spillway/internal/fault"
)

// run is a job that was rendered, as the server tells it.
type run struct {
	job      restv1.Job
	attempts []restv1.Attempt
	nodes    []restv1.Node // with those deleted
	gone     map[string]time.Time
	havoc    *havoc // what chaos did; nil without
}

// render submits the shot, tells what happens until it is done, and waits until the burst nodes are gone again.
func (f *farm) render(ctx context.Context, estimate, deadline time.Duration) (*run, error) {
	submission := restv1.Submission{
		Template: template,
		Policy:   shotPolicy(f.c, estimate, deadline),
		Parameters: map[string]string{
			"Scene": f.c.scene(), "Project": f.c.project(), "OutDir": f.c.outDir(),
			"Frames": "1-" + strconv.Itoa(f.c.Frames),
		},
	}
	job, _, err := f.api.Submit(ctx, submission, uuid.NewString())
	if err != nil {
		return nil, fmt.Errorf("submit: %w", err)
	}
	f.tell.say("job", "%s submitted: %d frames, then a movie and a contact sheet", job.ID, job.Steps[0].Units)

	r := &run{gone: map[string]time.Time{}}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	chaos := make(chan error, 1)
	if f.c.Chaos {
		r.havoc = &havoc{f: f, job: job.ID}
		go func() { chaos <- r.havoc.wreak(watching) }()
	}
	if err := f.follow(watching, job.ID, r); err != nil {
		return nil, err
	}
	stop()
	if f.c.Chaos {
		if err := <-chaos; err != nil {
			return nil, err
		}
	}
	if r.job, err = f.api.Job(ctx, job.ID); err != nil {
		return nil, err
	}
	if r.attempts, err = f.api.Attempts(ctx, job.ID, client.AttemptQuery{Step: -1, Unit: -1, Limit: 1000}); err != nil {
		return nil, err
	}
	if r.nodes, err = f.api.Nodes(ctx, true); err != nil {
		return nil, err
	}
	if r.job.State != "succeeded" {
		return nil, fault.WithHint(fault.New(fault.Internal, "the job ended as %s: %s", r.job.State, r.job.Reason), "logs are in %s", f.c.logs())
	}
	return r, nil
}

// patience bounds the whole job: many times what it takes on a loaded machine, so that a stuck farm is an error.
const patience = 20 * time.Minute

// errDone ends the event stream when all has been seen.
var errDone = errors.New("done")

// follow prints the farm's history until the job is over and every burst node has been deleted.
func (f *farm) follow(ctx context.Context, job string, r *run) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fault.New(fault.Unavailable, "the job was not done within %v", patience))
	defer cancel()
	var from uint64
	over, burst := false, map[string]bool{}
	err := f.api.Events(ctx, &from, 0, func(e restv1.Event) error {
		f.recount(e)
		switch {
		case e.Kind == "job" && e.Job == job && (e.To == "succeeded" || e.To == "failed" || e.To == "canceled"):
			over = true
		case e.Kind == "node" && e.To == "creating":
			burst[e.Node] = true
		case e.Kind == "node" && e.To == "deleted":
			r.gone[e.Node] = e.At
			delete(burst, e.Node)
		}
		if over && (len(burst) == 0 || f.c.Keep) {
			return errDone
		}
		return nil
	})
	switch {
	case errors.Is(err, errDone):
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return err
}

// recount prints one event of the farm, if people want to read it.
func (f *farm) recount(e restv1.Event) {
	switch e.Kind {
	case "pool":
		f.tell.say("burst", "%s", e.Reason)
	case "node":
		f.recountNode(e)
	case "priming":
		f.tell.say("priming", "%s", e.Reason)
	case "fence":
		f.tell.say("fence", "%s", e.Reason)
	case "attempt":
		f.recountAttempt(e)
	case "job":
		if e.To != "active" {
			f.tell.say("job", "%s: %s", e.To, e.Reason)
		}
	}
}

// recountNode leaves out why a node is made, which the planner has just said, and what lasts a moment only.
func (f *farm) recountNode(e restv1.Event) {
	switch e.To {
	case "creating":
		f.tell.say("node", "%s is asked for", e.Node)
	case "online":
		f.tell.say("node", "%s has joined", e.Node)
	case "lost", "offline":
		f.tell.say("node", "%s is %s: %s", e.Node, e.To, e.Reason)
	case "deleted":
		f.tell.say("node", "%s is gone", e.Node)
	}
}

func (f *farm) recountAttempt(e restv1.Event) {
	what := "the movie"
	if e.Step == 0 {
		what = fmt.Sprintf("frame %d", e.Unit+1)
	}
	switch e.To {
	case "running", "succeeded":
		f.tell.say("frames", "%s %s %s", what, map[string]string{"running": "renders on", "succeeded": "has landed, from"}[e.To], e.Node)
	case "failed", "lost", "fencing", "canceled":
		f.tell.say("frames", "%s %s on %s: %s", what, e.To, e.Node, e.Reason)
	}
}
