package main

import (
	"context"
	"time"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/client"
	"github.com/spillway/spillway/internal/textview"
)

// PoolCmd holds the commands for elastic pools.
type PoolCmd struct {
	List      PoolListCmd      `cmd:"" help:"List elastic pools and what is wanted of them."`
	Stop      PoolStopCmd      `cmd:"" help:"Rent nothing for a pool any more, and let its nodes go when they have finished what they do."`
	Start     PoolStartCmd     `cmd:"" help:"End a stop."`
	Decisions PoolDecisionsCmd `cmd:"" help:"List what the burst planner decided, and why."`
	Autoscale PoolAutoscaleCmd `cmd:"" help:"Try the formulas that size pools."`
}

// PoolListCmd lists pools.
type PoolListCmd struct{}

// Run lists pools.
func (c *PoolListCmd) Run(ctx context.Context, g *Globals) error {
	return show(g, func(r *client.Client) ([]restv1.Pool, error) { return r.Pools(ctx) },
		func(pools []restv1.Pool) error { return textview.Pools(g.Out, pools, time.Now()) })
}
