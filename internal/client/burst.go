package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spillway/spillway/api/restv1"
)

// WhatIf is what a forecast supposes; at most one of its fields is set.
type WhatIf struct {
	By         time.Time
	Allow      *float64
	OnPremOnly bool
}

// Forecast tells what becomes of a job.
func (c *Client) Forecast(ctx context.Context, id string, q WhatIf) (restv1.Prospect, error) {
	v := url.Values{}
	if !q.By.IsZero() {
		v.Set("by", q.By.Format(time.RFC3339))
	}
	if q.Allow != nil {
		v.Set("allow", strconv.FormatFloat(*q.Allow, 'g', -1, 64))
	}
	if q.OnPremOnly {
		v.Set("onPremOnly", "true")
	}
	return get[restv1.Prospect](ctx, c, "/jobs/"+url.PathEscape(id)+"/forecast", v)
}

// StopPools stops a pool, or all of them if none is named, or lets them go on. Repeating it is harmless.
func (c *Client) StopPools(ctx context.Context, id string, stop restv1.PoolStop) ([]restv1.Pool, error) {
	path := "/pools/stop"
	if id != "" {
		path = "/pools/" + url.PathEscape(id) + "/stop"
	}
	var l restv1.PoolList
	_, err := c.call(ctx, http.MethodPost, path, nil, "", stop, &l, true)
	return l.Pools, err
}
