package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/access"
)

// Ledger answers for who used what, and what it cost.
type Ledger interface {
	// Usage reports what the caller may see. Invalid: a time that ends before it begins, tasks without a job, an unknown zone.
	Usage(ctx context.Context, q UsageFilter) (restv1.Usage, error)
	// Budgets returns the budgets that the caller may see, by name.
	Budgets(ctx context.Context) ([]restv1.Budget, error)
	// SetBudget makes a budget or changes what is given of one. Invalid: a new one that does not say whose it is, or how much.
	SetBudget(ctx context.Context, id string, c restv1.BudgetChange) (restv1.Budget, error)
	// DeleteBudget removes a budget.
	DeleteBudget(ctx context.Context, id string) error
}

// UsageFilter narrows a report. The zero value of a field asks for nothing, but for By.
type UsageFilter struct {
	By                        string
	From, To                  time.Time
	Zone                      string
	Job, Project, Owner, Site string
}

type usageQuery struct {
	By      string    `query:"by" enum:"task,job,project,owner,queue,node,pool,site,day" default:"job" doc:"What there is a line for each of; task needs a job."`
	From    time.Time `query:"from" doc:"Attempts that ended in the hour of this time or later. None: from the beginning."`
	To      time.Time `query:"to" doc:"Attempts that ended in hours that began before. None: until now."`
	Zone    string    `query:"zone" maxLength:"64" example:"Europe/Berlin" doc:"Of days; UTC if empty."`
	Job     string    `query:"job" maxLength:"64"`
	Project string    `query:"project" maxLength:"200"`
	Owner   string    `query:"owner" maxLength:"200"`
	Site    string    `query:"site" maxLength:"200"`
}

func (s *server) usageRoutes(api huma.API) {
	endpoint(s, api, http.MethodGet, "/usage", "Who used what, and what it cost", func(ctx context.Context, in *usageQuery) (restv1.Usage, error) {
		u, err := s.Ledger.Usage(ctx, UsageFilter(*in))
		u.Lines = some(u.Lines)
		return u, err
	}, needs(access.SeeJobs))
}
