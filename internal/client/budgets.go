package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/spillway/spillway/api/restv1"
)

// Budgets lists budgets by name, with what is spent of them.
func (c *Client) Budgets(ctx context.Context) ([]restv1.Budget, error) {
	l, err := get[restv1.BudgetList](ctx, c, "/budgets", nil)
	return l.Budgets, err
}

// SetBudget makes a budget or changes one. Repeating it is harmless.
func (c *Client) SetBudget(ctx context.Context, id string, change restv1.BudgetChange) (restv1.Budget, error) {
	var b restv1.Budget
	_, err := c.call(ctx, http.MethodPut, "/budgets/"+url.PathEscape(id), nil, "", change, &b, true)
	return b, err
}

// DeleteBudget removes a budget.
func (c *Client) DeleteBudget(ctx context.Context, id string) error {
	_, err := c.call(ctx, http.MethodDelete, "/budgets/"+url.PathEscape(id), nil, "", nil, nil, false)
	return err
}
