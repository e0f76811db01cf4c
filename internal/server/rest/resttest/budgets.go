package resttest

import (
	"context"
	"slices"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/fault"
)

// Budgets implements rest.Ledger.
func (f *Farm) Budgets(ctx context.Context) ([]restv1.Budget, error) {
	unlock, err := f.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	return slices.Clone(f.budgets), nil
}

// SetBudget implements rest.Ledger.
func (f *Farm) SetBudget(ctx context.Context, id string, c restv1.BudgetChange) (restv1.Budget, error) {
	unlock, err := f.lock(ctx)
	if err != nil {
		return restv1.Budget{}, err
	}
	defer unlock()
	i := slices.IndexFunc(f.budgets, func(b restv1.Budget) bool { return b.ID == id })
	if i < 0 {
		if c.Of == nil || c.Cap == nil {
			return restv1.Budget{}, fault.New(fault.Invalid, "there is no budget %s, and a new one needs to know whose it is", id)
		}
		i = len(f.budgets)
		f.budgets = append(f.budgets, restv1.Budget{ID: id, Warn: 0.8, Then: "stop", Level: "open"})
	}
	b := &f.budgets[i]
	keep(&b.Of, c.Of)
	keep(&b.Name, c.Name)
	keep(&b.Cap, c.Cap)
	keep(&b.Warn, c.Warn)
	keep(&b.Then, c.Then)
	keep(&b.Since, c.Since)
	b.Left = b.Cap - b.Spent - b.Reserved
	f.record(restv1.Event{Kind: "budget", Reason: id + ": set"})
	return *b, nil
}

// DeleteBudget implements rest.Ledger.
func (f *Farm) DeleteBudget(ctx context.Context, id string) error {
	unlock, err := f.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	before := len(f.budgets)
	f.budgets = slices.DeleteFunc(f.budgets, func(b restv1.Budget) bool { return b.ID == id })
	if len(f.budgets) == before {
		return fault.New(fault.NotFound, "there is no budget %q", id)
	}
	return nil
}
