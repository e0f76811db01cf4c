package rest

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/access"
)

type budgetChange struct {
	ID   string `path:"id" maxLength:"64"`
	Body restv1.BudgetChange
}

func (c *budgetChange) told() any { return c.Body }

func (s *server) budgetRoutes(api huma.API) {
	endpoint(s, api, http.MethodGet, "/budgets", "List budgets and what is spent of them", func(ctx context.Context, _ *struct{}) (restv1.BudgetList, error) {
		list, err := s.Ledger.Budgets(ctx)
		return restv1.BudgetList{Budgets: some(list)}, err
	}, needs(access.SeeJobs))
	endpoint(s, api, http.MethodPut, "/budgets/{id}", "Make a budget or change one", func(ctx context.Context, in *budgetChange) (restv1.Budget, error) {
		return s.Ledger.SetBudget(ctx, in.ID, in.Body)
	}, needs(access.RunFarm), audited("budget set"))
	removal(s, api, "/budgets/{id}", "Delete a budget", func(ctx context.Context, in *limitPath) error {
		return s.Ledger.DeleteBudget(ctx, in.ID)
	}, needs(access.RunFarm), audited("budget delete"))
}
