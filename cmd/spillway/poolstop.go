package main

import (
	"context"
	"time"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/client"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/textview"
)

// PoolStopCmd is the kill switch.
type PoolStopCmd struct {
	Which  poolChoice `embed:""`
	Reason string     `placeholder:"TEXT" help:"Why, for those who wonder."`
}

// Run stops pools.
func (c *PoolStopCmd) Run(ctx context.Context, g *Globals) error {
	return c.Which.stop(ctx, g, restv1.PoolStop{Stopped: true, Reason: c.Reason})
}

// PoolStartCmd lets stopped pools go on.
type PoolStartCmd struct {
	Which poolChoice `embed:""`
}

// Run lets pools go on.
func (c *PoolStartCmd) Run(ctx context.Context, g *Globals) error {
	return c.Which.stop(ctx, g, restv1.PoolStop{})
}

type poolChoice struct {
	Pool string `arg:"" optional:"" help:"The pool."`
	All  bool   `help:"All pools."`
}

func (p poolChoice) stop(ctx context.Context, g *Globals, stop restv1.PoolStop) error {
	if (p.Pool == "") != p.All {
		return fault.WithHint(fault.New(fault.Invalid, "name a pool, or say --all"), "see: spillway pool list")
	}
	return show(g, func(r *client.Client) ([]restv1.Pool, error) { return r.StopPools(ctx, p.Pool, stop) },
		func(pools []restv1.Pool) error { return textview.Pools(g.Out, pools, time.Now()) })
}

// PoolDecisionsCmd lists what the burst planner decided.
type PoolDecisionsCmd struct {
	Limit int `default:"20" help:"How many."`
}

// Run lists decisions.
func (c *PoolDecisionsCmd) Run(ctx context.Context, g *Globals) error {
	return show(g, func(r *client.Client) ([]restv1.Decision, error) { return r.Decisions(ctx, c.Limit) },
		func(list []restv1.Decision) error { return textview.Decisions(g.Out, list, time.Now()) })
}
