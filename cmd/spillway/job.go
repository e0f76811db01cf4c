package main

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"time"

	"github.com/google/uuid"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/client"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/textview"
)

// JobCmd holds the commands for jobs. They take a job's id, the beginning of one, or a name that only one job has.
type JobCmd struct {
	Submit JobSubmitCmd `cmd:"" help:"Submit a job bundle or a template."`
	List   JobListCmd   `cmd:"" help:"List jobs, newest first."`
	Show   JobShowCmd   `cmd:"" help:"Show a job."`
	Log    JobLogCmd    `cmd:"" help:"Print or follow the output of a task."`
	Cancel JobCancelCmd `cmd:"" help:"Cancel jobs."`
	Retry  JobRetryCmd  `cmd:"" help:"Run failed and canceled tasks again."`
	Pause  JobPauseCmd  `cmd:"" help:"Start nothing new of jobs."`
	Resume JobResumeCmd `cmd:"" help:"End a pause."`
	Set    JobSetCmd    `cmd:"" help:"Change jobs while they run: priority, queue, bounds, deadline."`
	Order  JobOrderCmd  `cmd:"" help:"Change which tasks of a job start first, while it runs."`
	Why    JobWhyCmd    `cmd:"" help:"Explain what a job waits for."`

	Forecast JobForecastCmd `cmd:"" help:"Tell when a job will be done and what it will cost, as things are or if they were otherwise."`
}

// JobSubmitCmd submits a job.
type JobSubmitCmd struct {
	Bundle          string   `arg:"" name:"bundle" help:"Folder with template.yaml and spillway.yaml, or a template file."`
	Parameter       []string `short:"p" sep:"none" placeholder:"NAME=VALUE" help:"Value of a job parameter; may be repeated."`
	Frames          string   `placeholder:"DIALECT:LIST" help:"Frames, and their order, as deadline, opencue, openjd, maya or blender writes them."`
	FramesParameter string   `default:"Frames" placeholder:"NAME" help:"The job parameter that takes the frames."`
	Policy          string   `placeholder:"FILE" help:"The spillway.yaml to use instead of the bundle's."`
	Name            string   `help:"Name of the job, instead of the template's."`
	Project         string   `help:"Project the job belongs to."`
	Owner           string   `env:"USER" help:"Owner of the job."`
	After           []string `placeholder:"JOB" sep:"none" help:"Start it when this job has succeeded; may be repeated."`
	Key             string   `help:"Idempotency key: the same key never makes a second job."`
	Follow          bool     `short:"f" help:"Show what happens until the job is over; exit 1 if it does not succeed."`
}

// Run submits the job.
func (c *JobSubmitCmd) Run(ctx context.Context, g *Globals) error {
	s, err := c.submission()
	if err != nil {
		return err
	}
	remote, err := g.remote()
	if err != nil {
		return err
	}
	defer remote.Close()
	if c.Key == "" {
		c.Key = uuid.NewString()
	}
	for _, name := range c.After {
		before, err := remote.Find(ctx, name)
		if err != nil {
			return err
		}
		s.After = append(s.After, before.ID)
	}
	job, created, err := remote.Submit(ctx, s, c.Key)
	if err != nil {
		return err
	}
	if c.Follow {
		return follow(ctx, g, remote, job)
	}
	if g.JSON {
		return g.print(job)
	}
	did := "submitted"
	if !created {
		did = "was submitted before"
	}
	_, err = fmt.Fprintf(g.Out, "%s %s: %s\n  follow it with: spillway job log -f %s\n", job.ID, did, job.Name, job.ID)
	return err
}

func (c *JobSubmitCmd) submission() (restv1.Submission, error) {
	s, err := client.LoadBundle(c.Bundle)
	if err != nil {
		return s, err
	}
	here, err := os.Getwd()
	if err != nil {
		return s, err
	}
	for _, p := range c.Parameter {
		if err := client.SetParameter(&s, p, here); err != nil {
			return s, err
		}
	}
	if c.Frames != "" {
		if err := setFrames(&s, c.FramesParameter, c.Frames); err != nil {
			return s, err
		}
	}
	if c.Policy != "" {
		data, err := os.ReadFile(c.Policy)
		if err != nil {
			return s, fault.Wrap(fault.Invalid, err, "the policy")
		}
		s.Policy = string(data)
	}
	if c.Owner == "" { // no USER, as under cron
		if me, err := user.Current(); err == nil {
			c.Owner = me.Username
		}
	}
	s.Name, s.Owner, s.Project = c.Name, c.Owner, c.Project
	return s, nil
}

// JobListCmd lists jobs.
type JobListCmd struct {
	State string `enum:"active,paused,succeeded,failed,canceled," default:"" help:"Only jobs in this state: active, paused, succeeded, failed or canceled."`
	Limit int    `default:"50" help:"At most this many (up to 1000)."`
}

// Run lists jobs.
func (c *JobListCmd) Run(ctx context.Context, g *Globals) error {
	return show(g, func(r *client.Client) ([]restv1.Job, error) { return r.Jobs(ctx, c.State, c.Limit) },
		func(jobs []restv1.Job) error { return textview.Jobs(g.Out, jobs, time.Now()) })
}

// JobShowCmd shows a job.
type JobShowCmd struct {
	ID string `arg:"" help:"The job."`
}

// Run shows the job.
func (c *JobShowCmd) Run(ctx context.Context, g *Globals) error {
	var why *restv1.Why
	return show(g, func(r *client.Client) (restv1.Job, error) {
		job, err := r.Find(ctx, c.ID)
		if err == nil && !g.JSON && !client.Over(job) {
			w, err := r.Why(ctx, job.ID)
			why = &w
			return job, err
		}
		return job, err
	}, func(j restv1.Job) error { return textview.Job(g.Out, j, why, time.Now()) })
}

// JobLogCmd prints a log.
type JobLogCmd struct {
	ID      string `arg:"" help:"The job."`
	Task    *int64 `xor:"which" placeholder:"N" help:"The task: its frame number, else its index; the newest attempt of it."`
	Attempt string `xor:"which" placeholder:"ID" help:"The attempt."`
	Step    string `help:"The step, by name or position. Default: the first, or any without --task."`
	Follow  bool   `short:"f" help:"Go on until the attempt has ended. Without --task or --attempt: follow the whole job."`
	Tail    int64  `placeholder:"BYTES" help:"Only the end of the log."`
}

// Run prints the log.
func (c *JobLogCmd) Run(ctx context.Context, g *Globals) error {
	remote, err := g.remote()
	if err != nil {
		return err
	}
	defer remote.Close()
	job, err := remote.Find(ctx, c.ID)
	if err != nil {
		return err
	}
	attempt := restv1.Attempt{ID: c.Attempt}
	switch {
	case c.Attempt != "":
		attempt, err = remote.Attempt(ctx, c.Attempt)
	case c.Follow && c.Task == nil && c.Step == "" && !client.Over(job):
		return follow(ctx, g, remote, job)
	default:
		attempt, err = remote.Pick(ctx, job, client.Which{Step: c.Step, Task: c.Task})
	}
	if err != nil {
		return err
	}
	return remote.CopyLog(ctx, g.Out, attempt.ID, -c.Tail, c.Follow)
}

// JobWhyCmd explains a job.
type JobWhyCmd struct {
	ID string `arg:"" help:"The job."`
}

// Run explains the job.
func (c *JobWhyCmd) Run(ctx context.Context, g *Globals) error {
	return show(g, func(r *client.Client) (restv1.Why, error) {
		job, err := r.Find(ctx, c.ID)
		if err != nil {
			return restv1.Why{}, err
		}
		return r.Why(ctx, job.ID)
	}, func(w restv1.Why) error { return textview.Why(g.Out, w) })
}

// show loads a value and prints it, as JSON or for people.
func show[T any](g *Globals, load func(*client.Client) (T, error), text func(T) error) error {
	remote, err := g.remote()
	if err != nil {
		return err
	}
	defer remote.Close()
	v, err := load(remote)
	if err != nil {
		return err
	}
	if g.JSON {
		return g.print(v)
	}
	return text(v)
}
