package resttest

import (
	"context"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/server/rest"
)

// SetUsage sets what Usage answers.
func (f *Farm) SetUsage(u restv1.Usage) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.usage = u
}

// Usage implements rest.Ledger: it answers what was set, by and from as asked for.
func (f *Farm) Usage(ctx context.Context, q rest.UsageFilter) (restv1.Usage, error) {
	unlock, err := f.lock(ctx)
	if err != nil {
		return restv1.Usage{}, err
	}
	defer unlock()
	u := f.usage
	u.By, u.From, u.To = q.By, q.From, q.To
	return u, nil
}
