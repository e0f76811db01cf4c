package main

import (
	"context"
	"fmt"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/client"
	"github.com/spillway/spillway/internal/config"
	"github.com/spillway/spillway/internal/textview"
)

// QueueCmd holds the commands for queues.
type QueueCmd struct {
	List   QueueListCmd   `cmd:"" help:"List queues and what they have of the farm."`
	Set    QueueSetCmd    `cmd:"" help:"Make a queue, or change one while its jobs run."`
	Delete QueueDeleteCmd `cmd:"" help:"Delete queues that have no jobs any more."`
}

// QueueListCmd lists queues.
type QueueListCmd struct{}

// Run lists queues.
func (c *QueueListCmd) Run(ctx context.Context, g *Globals) error {
	return show(g, func(r *client.Client) ([]restv1.Queue, error) { return r.Queues(ctx) },
		func(queues []restv1.Queue) error { return textview.Queues(g.Out, queues) })
}

// QueueSetCmd makes or changes a queue.
type QueueSetCmd struct {
	Name   string        `arg:"" help:"The queue, as spillway.yaml names it."`
	Weight *float64      `placeholder:"N" help:"Its share against other queues: one of weight 3 gets three times what one of weight 1 gets. A new queue: 1."`
	Pause  *bool         `negatable:"" help:"Start nothing new of it; --no-pause ends that."`
	VCPUs  *float64      `name:"vcpus" placeholder:"N" help:"Quota: what its tasks take at most at once; 0 for any amount."`
	Memory *config.Bytes `placeholder:"SIZE" help:"Quota of memory, such as 512GiB; 0 for any amount."`
	GPUs   *int64        `name:"gpus" placeholder:"N" help:"Quota of GPUs; 0 for any number."`
	Tasks  *int64        `placeholder:"N" help:"Quota of running tasks; 0 for any number."`
}

// Run makes or changes the queue.
func (c *QueueSetCmd) Run(ctx context.Context, g *Globals) error {
	change := restv1.QueueChange{Weight: c.Weight, Paused: c.Pause, VCPUs: c.VCPUs, GPUs: c.GPUs, Tasks: c.Tasks}
	if c.Memory != nil {
		mib := int64(*c.Memory) >> 20
		change.MemoryMiB = &mib
	}
	return show(g, func(r *client.Client) (restv1.Queue, error) { return r.SetQueue(ctx, c.Name, change) },
		func(q restv1.Queue) error { return textview.Queues(g.Out, []restv1.Queue{q}) })
}

// QueueDeleteCmd deletes queues.
type QueueDeleteCmd struct {
	Names []string `arg:"" name:"name" help:"The queues."`
}

// Run deletes the queues. It stops at the first that cannot be deleted.
func (c *QueueDeleteCmd) Run(ctx context.Context, g *Globals) error {
	remote, err := g.remote()
	if err != nil {
		return err
	}
	defer remote.Close()
	for _, name := range c.Names {
		if err := remote.DeleteQueue(ctx, name); err != nil {
			return err
		}
		if !g.JSON {
			fmt.Fprintf(g.Out, "queue %s is deleted\n", name)
		}
	}
	if g.JSON {
		return g.print(c.Names)
	}
	return nil
}
