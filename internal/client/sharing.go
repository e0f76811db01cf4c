package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/spillway/spillway/api/restv1"
)

// Limits lists limits by name.
func (c *Client) Limits(ctx context.Context) ([]restv1.Limit, error) {
	l, err := get[restv1.LimitList](ctx, c, "/limits", nil)
	return l.Limits, err
}

// SetLimit makes a limit or changes one. Repeating it is harmless.
func (c *Client) SetLimit(ctx context.Context, id string, change restv1.LimitChange) (restv1.Limit, error) {
	var l restv1.Limit
	_, err := c.call(ctx, http.MethodPut, "/limits/"+url.PathEscape(id), nil, "", change, &l, true)
	return l, err
}

// ReportLimit tells how much of a limit is taken outside the farm.
func (c *Client) ReportLimit(ctx context.Context, id string, r restv1.LimitReport) (restv1.Limit, error) {
	var l restv1.Limit
	_, err := c.call(ctx, http.MethodPost, "/limits/"+url.PathEscape(id)+"/report", nil, "", r, &l, true)
	return l, err
}

// DeleteLimit removes a limit.
func (c *Client) DeleteLimit(ctx context.Context, id string) error {
	_, err := c.call(ctx, http.MethodDelete, "/limits/"+url.PathEscape(id), nil, "", nil, nil, false)
	return err
}

// Queues lists queues by name.
func (c *Client) Queues(ctx context.Context) ([]restv1.Queue, error) {
	l, err := get[restv1.QueueList](ctx, c, "/queues", nil)
	return l.Queues, err
}

// SetQueue makes a queue or changes one. Repeating it is harmless.
func (c *Client) SetQueue(ctx context.Context, id string, change restv1.QueueChange) (restv1.Queue, error) {
	var q restv1.Queue
	_, err := c.call(ctx, http.MethodPut, "/queues/"+url.PathEscape(id), nil, "", change, &q, true)
	return q, err
}

// DeleteQueue removes a queue.
func (c *Client) DeleteQueue(ctx context.Context, id string) error {
	_, err := c.call(ctx, http.MethodDelete, "/queues/"+url.PathEscape(id), nil, "", nil, nil, false)
	return err
}
