package main

import (
	"context"
	"time"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/client"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/textview"
)

// UsageCmd reports who used what, and what it cost.
type UsageCmd struct {
	By      string `enum:"task,job,project,owner,queue,node,pool,site,day" default:"job" help:"A line for each of: task (of one job), job, project, owner, queue, node, pool, site or day."`
	Since   string `default:"30d" placeholder:"TIME" help:"What ended from this time on: 2026-11-01, 2026-11-24T18:00, or so long ago: 12h, 7d; all for everything."`
	Until   string `placeholder:"TIME" help:"Up to this time."`
	Zone    string `placeholder:"ZONE" help:"Time zone of days, such as Europe/Berlin; UTC if none is given."`
	Job     string `placeholder:"ID" help:"Only this job."`
	Project string `help:"Only this project."`
	Owner   string `help:"Only jobs of this owner."`
	Site    string `help:"Only nodes of this site."`
	CSV     bool   `name:"csv" help:"Print the lines as CSV, in seconds."`
}

// Run reports.
func (c *UsageCmd) Run(ctx context.Context, g *Globals) error {
	if c.CSV && g.JSON {
		return fault.New(fault.Invalid, "--csv and --json exclude each other")
	}
	if c.By == "task" && c.Job == "" {
		return fault.WithHint(fault.New(fault.Invalid, "usage by task is of one job"), "name it with --job")
	}
	q := client.UsageQuery{By: c.By, Zone: c.Zone, Job: c.Job, Project: c.Project, Owner: c.Owner, Site: c.Site}
	since := c.Since
	if since == "all" {
		since = ""
	}
	var err error
	if q.From, err = moment("--since", since, time.Now()); err != nil {
		return err
	}
	if q.To, err = moment("--until", c.Until, time.Now()); err != nil {
		return err
	}
	return show(g, func(r *client.Client) (restv1.Usage, error) { return r.Usage(ctx, q) }, func(u restv1.Usage) error {
		if c.CSV {
			return textview.UsageCSV(g.Out, u)
		}
		return textview.Usage(g.Out, u)
	})
}
