package main

import (
	"context"
	"time"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/client"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/textview"
)

// AuditCmd holds the commands for the audit.
type AuditCmd struct {
	List AuditListCmd `cmd:"" help:"List who changed what, when, and from where; newest first."`
}

// AuditListCmd lists the audit.
type AuditListCmd struct {
	Who   string `placeholder:"USER" help:"Only what this user did."`
	Did   string `placeholder:"VERB" help:"Only this, such as 'job cancel', or all of 'job'."`
	On    string `placeholder:"ID" help:"Only what was done to this job, queue, user, …"`
	Since string `placeholder:"TIME" help:"From this time on: 2026-11-24, 2026-11-24T18:00, or so long ago: 12h, 7d."`
	Until string `placeholder:"TIME" help:"Up to this time."`
	Limit int    `default:"100" placeholder:"N" help:"At most so many lines."`
}

// Run lists the audit.
func (c *AuditListCmd) Run(ctx context.Context, g *Globals) error {
	q := client.DeedQuery{Who: c.Who, Did: c.Did, On: c.On, Limit: c.Limit}
	if c.Limit < 1 {
		return fault.New(fault.Invalid, "--limit: %d lines are none", c.Limit)
	}
	var err error
	if q.Since, err = moment("--since", c.Since, time.Now()); err != nil {
		return err
	}
	if q.Until, err = moment("--until", c.Until, time.Now()); err != nil {
		return err
	}
	return show(g, func(r *client.Client) ([]restv1.Deed, error) { return r.Deeds(ctx, q) },
		func(deeds []restv1.Deed) error { return textview.Deeds(g.Out, deeds) })
}
