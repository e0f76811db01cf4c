package main

import (
	"context"
	"strings"
	"time"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/client"
	"github.com/spillway/spillway/internal/config"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/textview"
)

// JobForecastCmd tells when a job will be done and what it will cost.
type JobForecastCmd struct {
	ID         string   `arg:"" help:"The job."`
	By         string   `xor:"if" placeholder:"TIME" help:"What if it is to be done by then: 09:00, 3h, or 2027-01-08T09:00:00+01:00."`
	Allow      *float64 `xor:"if" placeholder:"AMOUNT" help:"What if it may cost so much, and is to be done as soon as can be."`
	OnPremOnly bool     `xor:"if" help:"What if nothing is rented."`
}

// Run asks for the forecast.
func (c *JobForecastCmd) Run(ctx context.Context, g *Globals) error {
	now := time.Now()
	q := client.WhatIf{Allow: c.Allow, OnPremOnly: c.OnPremOnly}
	if c.Allow != nil && *c.Allow < 0 {
		return fault.New(fault.Invalid, "--allow: an amount is not negative")
	}
	if c.By != "" {
		by, err := clock(c.By, now)
		if err != nil {
			return err
		}
		q.By = by
	}
	return show(g, func(r *client.Client) (restv1.Prospect, error) {
		job, err := r.Find(ctx, c.ID)
		if err != nil {
			return restv1.Prospect{}, err
		}
		return r.Forecast(ctx, job.ID, q)
	}, func(p restv1.Prospect) error { return textview.Prospect(g.Out, p, now) })
}

// clock reads a moment as people say it: a time of day (the next one), a time from now, or a whole timestamp.
func clock(text string, now time.Time) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	if at, err := time.ParseInLocation("15:04", text, now.Location()); err == nil {
		next := time.Date(now.Year(), now.Month(), now.Day(), at.Hour(), at.Minute(), 0, 0, now.Location())
		if !next.After(now) {
			next = next.AddDate(0, 0, 1)
		}
		return next, nil
	}
	if d, err := config.ParseDuration(strings.TrimPrefix(text, "+")); err == nil {
		return now.Add(time.Duration(d)), nil
	}
	return time.Time{}, fault.WithHint(fault.New(fault.Invalid, "--by: %q is no time", text), "write it like 09:00, 3h, or 2027-01-08T09:00:00+01:00")
}
