package client

import (
	"context"
	"net/url"
	"time"

	"github.com/spillway/spillway/api/restv1"
)

// UsageQuery narrows a report of usage; the zero value of a field asks for nothing.
type UsageQuery struct {
	By, Zone                  string
	From, To                  time.Time
	Job, Project, Owner, Site string
}

// Usage returns who used what, and what it cost.
func (c *Client) Usage(ctx context.Context, q UsageQuery) (restv1.Usage, error) {
	v := url.Values{}
	for name, text := range map[string]string{"by": q.By, "zone": q.Zone, "job": q.Job, "project": q.Project, "owner": q.Owner, "site": q.Site} {
		if text != "" {
			v.Set(name, text)
		}
	}
	for name, at := range map[string]time.Time{"from": q.From, "to": q.To} {
		if !at.IsZero() {
			v.Set(name, at.UTC().Format(time.RFC3339Nano))
		}
	}
	return get[restv1.Usage](ctx, c, "/usage", v)
}
