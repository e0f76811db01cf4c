package server

import (
	"cmp"
	"context"
	"time"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/access"
	"github.com/spillway/spillway/internal/farm"
)

// Budgets lists the budgets of what the caller may see, by name. Those of queues are for those who see all projects.
func (s *Server) Budgets(ctx context.Context) ([]restv1.Budget, error) {
	var views []farm.BudgetView
	if err := s.loop.View(ctx, func(f *farm.Farm) { views = f.Budgets(time.Now()) }); err != nil {
		return nil, err
	}
	caller, all := access.CallerOf(ctx), true
	if caller != nil {
		_, all = caller.Projects(access.SeeJobs)
	}
	var out []restv1.Budget
	for i := range views {
		v := &views[i]
		mine := v.Of != farm.BudgetQueue && (v.Of == farm.BudgetOwner && caller != nil && v.Owner == caller.Name ||
			v.Of != farm.BudgetOwner && caller != nil && caller.May(access.SeeJobs, v.Project, v.Owner))
		if all || mine {
			out = append(out, s.wireBudget(v))
		}
	}
	return out, nil
}

// SetBudget makes a budget or changes one.
func (s *Server) SetBudget(ctx context.Context, id string, c restv1.BudgetChange) (restv1.Budget, error) {
	set := farm.SetBudget{Budget: farm.BudgetID(id), Name: c.Name, Cap: c.Cap, Warn: c.Warn, Since: c.Since}
	if c.Of != nil {
		set.Of = new(farm.BudgetOf(*c.Of))
	}
	if c.Then != nil {
		set.Then = new(farm.BudgetThen(*c.Then))
	}
	result, err := s.do(ctx, set)
	if err != nil {
		return restv1.Budget{}, err
	}
	s.planner.changed()
	s.planner.wake()
	view, _ := result.(farm.BudgetView)
	return s.wireBudget(&view), nil
}

// DeleteBudget removes a budget.
func (s *Server) DeleteBudget(ctx context.Context, id string) error {
	_, err := s.do(ctx, farm.DeleteBudget{Budget: farm.BudgetID(id)})
	s.planner.changed()
	return err
}

func (s *Server) wireBudget(v *farm.BudgetView) restv1.Budget {
	out := restv1.Budget{
		ID: string(v.ID), Of: string(v.Of), Name: v.Name, Cap: v.Cap, Warn: v.Warn, Then: string(v.Then), Since: v.Since,
		Level: cmp.Or(string(v.Level), "open"), Short: v.Short, Spent: v.Spent, Reserved: v.Reserved, Left: v.Cap - v.Spent, Currency: s.config.Currency,
	}
	if v.Then == farm.BudgetStop {
		out.Left -= v.Reserved
	}
	return out
}
