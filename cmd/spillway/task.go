package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/fault"
)

// TaskCmd holds the commands for tasks.
type TaskCmd struct {
	Skip    TaskSkipCmd    `cmd:"" help:"Hold tasks for done, without their files; what waits for them goes on."`
	Requeue TaskRequeueCmd `cmd:"" help:"Stop tasks and run them again; failed ones with all their retries."`
}

// Tasks names the tasks that a command is about.
type Tasks struct {
	ID     string   `arg:"" name:"job" help:"The job."`
	Step   string   `group:"Which tasks" help:"Of this step, by name."`
	Tasks  string   `group:"Which tasks" placeholder:"LIST" help:"Frame numbers, else indexes, such as 5,10-20:2."`
	State  []string `group:"Which tasks" enum:"pending,running,failed,canceled" help:"In these states: pending, running, failed, canceled."`
	All    bool     `group:"Which tasks" help:"Every task that has not succeeded."`
	DryRun bool     `group:"Which tasks" help:"Only show how many tasks are meant."`
}

func (t *Tasks) do(ctx context.Context, g *Globals, verb string, elsewhere bool) error {
	if t.Step == "" && t.Tasks == "" && len(t.State) == 0 && !t.All {
		return fault.WithHint(fault.New(fault.Invalid, "no task is named, and no filter given"), "to mean every task of the job, say --all")
	}
	remote, err := g.remote()
	if err != nil {
		return err
	}
	defer remote.Close()
	job, err := remote.Find(ctx, t.ID)
	if err != nil {
		return err
	}
	done, err := remote.Tasks(ctx, job.ID, restv1.TaskChange{
		Verb: verb, Step: t.Step, Tasks: t.Tasks, States: t.State, Elsewhere: elsewhere, DryRun: t.DryRun,
	})
	if err != nil {
		return err
	}
	if g.JSON {
		return g.print(done)
	}
	_, err = fmt.Fprintln(g.Out, tasksText(verb, done))
	return err
}

// tasksText says how many tasks were meant: "skip: 3 failed, 1 running".
func tasksText(verb string, d restv1.TasksDone) string {
	var parts []string
	for _, p := range []struct {
		n    int64
		what string
	}{{d.Failed, "failed"}, {d.Canceled, "canceled"}, {d.Running, "running"}, {d.Pending, "pending"}, {d.Landing, "landing, left alone"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	if len(parts) == 0 {
		return verb + ": no task fits"
	}
	return verb + ": " + strings.Join(parts, ", ")
}

// TaskSkipCmd skips tasks.
type TaskSkipCmd struct{ Tasks }

// Run skips the tasks.
func (c *TaskSkipCmd) Run(ctx context.Context, g *Globals) error { return c.do(ctx, g, "skip", false) }

// TaskRequeueCmd requeues tasks.
type TaskRequeueCmd struct {
	Tasks
	Elsewhere bool `help:"The job avoids the nodes where they run, or last ran, from now on."`
}

// Run requeues the tasks.
func (c *TaskRequeueCmd) Run(ctx context.Context, g *Globals) error {
	return c.do(ctx, g, "requeue", c.Elsewhere)
}
