package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/client"
	"github.com/spillway/spillway/internal/config"
	"github.com/spillway/spillway/internal/textview"
)

// LimitCmd holds the commands for limits.
type LimitCmd struct {
	List   LimitListCmd   `cmd:"" help:"List limits and who takes of them."`
	Set    LimitSetCmd    `cmd:"" help:"Make a limit, or change one while jobs run."`
	Delete LimitDeleteCmd `cmd:"" help:"Delete limits that no job needs any more."`
	Report LimitReportCmd `cmd:"" help:"Report how much of a limit is taken outside the farm, as the licence server says."`
}

// LimitListCmd lists limits.
type LimitListCmd struct{}

// Run lists limits.
func (c *LimitListCmd) Run(ctx context.Context, g *Globals) error {
	return show(g, func(r *client.Client) ([]restv1.Limit, error) { return r.Limits(ctx) },
		func(limits []restv1.Limit) error { return textview.Limits(g.Out, limits, time.Now()) })
}

// LimitSetCmd makes or changes a limit.
type LimitSetCmd struct {
	Name   string           `arg:"" help:"The limit, as steps name it in spillway.yaml."`
	Seats  *int             `placeholder:"N" help:"How many may be taken at once."`
	Per    *string          `enum:"task,node" placeholder:"task|node" help:"Whether each task takes seats, or each node however many tasks it runs. A new limit: task."`
	Settle *config.Duration `placeholder:"TIME" help:"How long a seat that was given back is not given to another, such as 30s."`
	TTL    *config.Duration `name:"ttl" placeholder:"TIME" help:"How long a report of the use outside the farm counts, such as 5m; 0s: until the next one."`
	Stale  *string          `enum:"keep,ignore,hold" placeholder:"keep|ignore|hold" help:"After that: the last report counts on, only the farm's use counts, or nothing new is started. A new limit: keep."`
}

// Run makes or changes the limit.
func (c *LimitSetCmd) Run(ctx context.Context, g *Globals) error {
	change := restv1.LimitChange{Seats: c.Seats, Per: c.Per, SettleSeconds: inSeconds(c.Settle), TTLSeconds: inSeconds(c.TTL), Stale: c.Stale}
	return show(g, func(r *client.Client) (restv1.Limit, error) { return r.SetLimit(ctx, c.Name, change) }, g.limit)
}

// limit prints one limit.
func (g *Globals) limit(l restv1.Limit) error {
	return textview.Limits(g.Out, []restv1.Limit{l}, time.Now())
}

func inSeconds(d *config.Duration) *float64 {
	if d == nil {
		return nil
	}
	s := time.Duration(*d).Seconds()
	return &s
}

// LimitDeleteCmd deletes limits.
type LimitDeleteCmd struct {
	Names []string `arg:"" name:"name" help:"The limits."`
}

// Run deletes the limits. It stops at the first that cannot be deleted.
func (c *LimitDeleteCmd) Run(ctx context.Context, g *Globals) error {
	remote, err := g.remote()
	if err != nil {
		return err
	}
	defer remote.Close()
	for _, name := range c.Names {
		if err := remote.DeleteLimit(ctx, name); err != nil {
			return err
		}
		if !g.JSON {
			fmt.Fprintf(g.Out, "limit %s is deleted\n", name)
		}
	}
	if g.JSON {
		return g.print(c.Names)
	}
	return nil
}

// LimitReportCmd reports the use of a limit.
type LimitReportCmd struct {
	Name    string `arg:"" help:"The limit."`
	Outside int    `required:"" placeholder:"N" help:"Seats taken outside the farm: artists, other farms."`
	Seats   *int   `placeholder:"N" help:"How many there are in all, if that has changed."`
}

// Run reports.
func (c *LimitReportCmd) Run(ctx context.Context, g *Globals) error {
	report := restv1.LimitReport{Outside: c.Outside, Seats: c.Seats}
	return show(g, func(r *client.Client) (restv1.Limit, error) { return r.ReportLimit(ctx, c.Name, report) }, g.limit)
}
