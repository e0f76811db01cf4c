package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/fault"
)

// Which names the jobs that a command is about: by id or name, or by a filter.
type Which struct {
	IDs     []string `arg:"" optional:"" name:"id" help:"The jobs."`
	Owner   string   `group:"Which jobs" help:"All jobs of this owner."`
	Project string   `group:"Which jobs" help:"All jobs of this project."`
	Queue   string   `group:"Which jobs" help:"All jobs of this queue."`
	State   string   `group:"Which jobs" enum:"active,paused,succeeded,failed,canceled," default:"" help:"All jobs in this state: active, paused, succeeded, failed or canceled."`
	Named   string   `group:"Which jobs" placeholder:"PATTERN" help:"All jobs whose name fits, such as 'sh01*'."`
	All     bool     `group:"Which jobs" help:"Every job."`
	DryRun  bool     `group:"Which jobs" help:"Only show which jobs are meant."`
}

// do does something to the jobs, all at once. What is refused of one is told of, and makes the command fail in the end.
func (w *Which) do(ctx context.Context, g *Globals, verb, did string, change *restv1.JobChange) error {
	remote, err := g.remote()
	if err != nil {
		return err
	}
	defer remote.Close()
	b := restv1.Bulk{
		Verb: verb, Owner: w.Owner, Project: w.Project, Queue: w.Queue, State: w.State, Name: w.Named, All: w.All, DryRun: w.DryRun, Change: change,
	}
	for _, id := range w.IDs {
		job, err := remote.Find(ctx, id)
		if err != nil {
			return err
		}
		b.Jobs = append(b.Jobs, job.ID)
	}
	done, err := remote.Bulk(ctx, b)
	if err != nil {
		return err
	}
	if g.JSON {
		if err := g.print(done); err != nil {
			return err
		}
	} else {
		w.tell(g, done, did)
	}
	if n := len(done.Skipped); n > 0 {
		return fault.New(fault.Conflict, "%d of %d jobs are left as they were: %s: %s", n, n+len(done.Done), done.Skipped[0].Job, done.Skipped[0].Why)
	}
	return nil
}

// tell lists what was done.
func (w *Which) tell(g *Globals, done restv1.BulkDone, did string) {
	if w.DryRun {
		did = "fits"
	}
	for _, id := range done.Done {
		fmt.Fprintf(g.Out, "%s %s\n", id, did)
	}
	for _, s := range done.Skipped {
		fmt.Fprintf(g.Out, "%s left as it was: %s\n", s.Job, s.Why)
	}
	if len(done.Done)+len(done.Skipped) == 0 {
		fmt.Fprintln(g.Out, "no job fits")
	}
}

// JobCancelCmd cancels jobs.
type JobCancelCmd struct{ Which }

// Run cancels the jobs.
func (c *JobCancelCmd) Run(ctx context.Context, g *Globals) error {
	return c.do(ctx, g, "cancel", "canceled", nil)
}

// JobRetryCmd retries jobs.
type JobRetryCmd struct{ Which }

// Run retries the jobs.
func (c *JobRetryCmd) Run(ctx context.Context, g *Globals) error {
	return c.do(ctx, g, "retry", "runs again", nil)
}

// JobPauseCmd pauses jobs.
type JobPauseCmd struct{ Which }

// Run pauses the jobs.
func (c *JobPauseCmd) Run(ctx context.Context, g *Globals) error {
	return c.do(ctx, g, "pause", "paused", nil)
}

// JobResumeCmd resumes jobs.
type JobResumeCmd struct{ Which }

// Run resumes the jobs.
func (c *JobResumeCmd) Run(ctx context.Context, g *Globals) error {
	return c.do(ctx, g, "resume", "resumed", nil)
}

// JobSetCmd changes jobs while they run.
type JobSetCmd struct {
	Which
	Priority       *int    `placeholder:"N" help:"0 to 100, higher first."`
	ToQueue        *string `placeholder:"QUEUE" help:"Move them to this queue."`
	MaxTasks       *int    `placeholder:"N" help:"Tasks of each that run at once; 0: any number."`
	MaxNodes       *int    `placeholder:"N" help:"Nodes that each uses at once; 0: any number."`
	Retries        *int    `placeholder:"N" help:"Failed attempts of a task beyond its first."`
	AvoidNodeAfter *int    `placeholder:"N" help:"Avoid a node after so many failures in a row there."`
	PauseAfter     *int    `placeholder:"N" help:"Pause each after so many tasks that fail in a row; 0: never."`
	Deadline       string  `placeholder:"TIME" help:"When each is to be done, such as 2027-01-08T09:00:00+01:00, or none."`
}

// Run changes the jobs.
func (c *JobSetCmd) Run(ctx context.Context, g *Globals) error {
	change := restv1.JobChange{Priority: c.Priority, Queue: c.ToQueue, MaxTasks: c.MaxTasks, MaxNodes: c.MaxNodes, Retries: c.Retries,
		AvoidNodeAfter: c.AvoidNodeAfter, PauseAfter: c.PauseAfter}
	switch c.Deadline {
	case "":
	case "none":
		change.NoDeadline = true
	default:
		at, err := time.Parse(time.RFC3339, c.Deadline)
		if err != nil {
			return fault.WithHint(fault.New(fault.Invalid, "--deadline: %q is no time", c.Deadline), "write it like 2027-01-08T09:00:00+01:00, or none")
		}
		change.Deadline = &at
	}
	if change == (restv1.JobChange{}) {
		return fault.WithHint(fault.New(fault.Invalid, "nothing is to be changed"), "see: spillway job set --help")
	}
	return c.do(ctx, g, "change", "changed", &change)
}
