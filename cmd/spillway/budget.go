package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/client"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/textview"
)

// BudgetCmd holds the commands for budgets.
type BudgetCmd struct {
	List   BudgetListCmd   `cmd:"" help:"List budgets and what is spent of them."`
	Set    BudgetSetCmd    `cmd:"" help:"Make a budget, or change one while jobs run."`
	Delete BudgetDeleteCmd `cmd:"" help:"Delete budgets."`
}

// BudgetListCmd lists budgets.
type BudgetListCmd struct{}

// Run lists budgets.
func (c *BudgetListCmd) Run(ctx context.Context, g *Globals) error {
	return show(g, func(r *client.Client) ([]restv1.Budget, error) { return r.Budgets(ctx) },
		func(budgets []restv1.Budget) error { return textview.Budgets(g.Out, budgets) })
}

// BudgetSetCmd makes or changes a budget.
type BudgetSetCmd struct {
	Name    string   `arg:"" help:"The budget."`
	Project *string  `xor:"of" help:"Of this project's jobs."`
	Owner   *string  `xor:"of" help:"Of this owner's jobs."`
	Queue   *string  `xor:"of" help:"Of this queue's jobs."`
	Job     *string  `xor:"of" placeholder:"ID" help:"Of this job."`
	Cap     *float64 `placeholder:"AMOUNT" help:"What rented nodes may cost for these."`
	Warn    *float64 `placeholder:"SHARE" help:"The share of it at which a warning is given, 0 to 1. A new budget: 0.8."`
	Then    *string  `enum:"warn,stop,cancel" placeholder:"warn|stop|cancel" help:"When it is used up: warn only, start nothing more on rented nodes, or take back what runs there too. A new budget: stop."`
	Since   string   `placeholder:"TIME" help:"Count what ended from this time on: 2026-12-01, 7d; all for everything."`
}

// Run makes or changes the budget.
func (c *BudgetSetCmd) Run(ctx context.Context, g *Globals) error {
	change := restv1.BudgetChange{Cap: c.Cap, Warn: c.Warn, Then: c.Then}
	for of, name := range map[string]*string{"project": c.Project, "owner": c.Owner, "queue": c.Queue, "job": c.Job} {
		if name != nil {
			change.Of, change.Name = &of, name
		}
	}
	switch {
	case c.Since == "all":
		change.Since = &time.Time{}
	case c.Since != "":
		since, err := moment("--since", c.Since, time.Now())
		if err != nil {
			return err
		}
		change.Since = &since
	}
	if change == (restv1.BudgetChange{}) {
		return fault.WithHint(fault.New(fault.Invalid, "nothing is to be different"), "say what: spillway budget set --help")
	}
	return show(g, func(r *client.Client) (restv1.Budget, error) { return r.SetBudget(ctx, c.Name, change) },
		func(b restv1.Budget) error { return textview.Budgets(g.Out, []restv1.Budget{b}) })
}

// BudgetDeleteCmd deletes budgets.
type BudgetDeleteCmd struct {
	Names []string `arg:"" name:"name" help:"The budgets."`
}

// Run deletes the budgets. It stops at the first that cannot be deleted.
func (c *BudgetDeleteCmd) Run(ctx context.Context, g *Globals) error {
	remote, err := g.remote()
	if err != nil {
		return err
	}
	defer remote.Close()
	for _, name := range c.Names {
		if err := remote.DeleteBudget(ctx, name); err != nil {
			return err
		}
		if !g.JSON {
			fmt.Fprintf(g.Out, "budget %s is deleted\n", name)
		}
	}
	if g.JSON {
		return g.print(c.Names)
	}
	return nil
}
