package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/spillway/spillway/api/restv1"
)

func get[T any](ctx context.Context, c *Client, path string, q url.Values) (T, error) {
	var out T
	_, err := c.call(ctx, http.MethodGet, path, q, "", nil, &out, true)
	return out, err
}

// Submit submits a job; created is false if the key (which must not be empty) has been used for it before.
func (c *Client) Submit(ctx context.Context, s restv1.Submission, key string) (job restv1.Job, created bool, err error) {
	status, err := c.call(ctx, http.MethodPost, "/jobs", nil, key, s, &job, key != "")
	return job, status == http.StatusCreated, err
}

// Cancel cancels a job. Repeating it is harmless.
func (c *Client) Cancel(ctx context.Context, id string) (restv1.Job, error) {
	var j restv1.Job
	_, err := c.call(ctx, http.MethodPost, "/jobs/"+url.PathEscape(id)+"/cancel", nil, "", nil, &j, true)
	return j, err
}

// Retry makes failed and canceled units of a job pending again.
func (c *Client) Retry(ctx context.Context, id string) (restv1.Job, error) {
	var j restv1.Job
	_, err := c.call(ctx, http.MethodPost, "/jobs/"+url.PathEscape(id)+"/retry", nil, "", nil, &j, false)
	return j, err
}

// Bulk does something to many jobs at once. Repeating it is harmless, but for a retry.
func (c *Client) Bulk(ctx context.Context, b restv1.Bulk) (restv1.BulkDone, error) {
	var done restv1.BulkDone
	_, err := c.call(ctx, http.MethodPost, "/jobs/bulk", nil, "", b, &done, b.Verb != "retry")
	return done, err
}

// Tasks skips or requeues tasks of a job.
func (c *Client) Tasks(ctx context.Context, id string, change restv1.TaskChange) (restv1.TasksDone, error) {
	var done restv1.TasksDone
	_, err := c.call(ctx, http.MethodPost, "/jobs/"+url.PathEscape(id)+"/tasks", nil, "", change, &done, false)
	return done, err
}

// Order changes the order of a job's tasks.
func (c *Client) Order(ctx context.Context, id string, change restv1.OrderChange) (restv1.Job, error) {
	var j restv1.Job
	_, err := c.call(ctx, http.MethodPost, "/jobs/"+url.PathEscape(id)+"/order", nil, "", change, &j, true)
	return j, err
}

// Jobs lists jobs, newest first; an empty state means all.
func (c *Client) Jobs(ctx context.Context, state string, limit int) ([]restv1.Job, error) {
	l, err := get[restv1.JobList](ctx, c, "/jobs", query("state", state, "limit", limit))
	return l.Jobs, err
}

// Job returns one job.
func (c *Client) Job(ctx context.Context, id string) (restv1.Job, error) {
	return get[restv1.Job](ctx, c, "/jobs/"+url.PathEscape(id), nil)
}

// Units returns the units of a step that are not pending.
func (c *Client) Units(ctx context.Context, id string, step int) (restv1.UnitPage, error) {
	all, err := get[restv1.UnitPage](ctx, c, "/jobs/"+url.PathEscape(id)+"/units", query("step", step))
	for err == nil && all.Next != nil {
		var page restv1.UnitPage
		page, err = get[restv1.UnitPage](ctx, c, "/jobs/"+url.PathEscape(id)+"/units", query("step", step, "from", *all.Next))
		page.Units = append(all.Units, page.Units...)
		all = page
	}
	return all, err
}

// AttemptQuery narrows Attempts; a negative Step or Unit means all.
type AttemptQuery struct {
	Step  int
	Unit  int64
	Limit int
}

// Attempts lists a job's attempts, newest first.
func (c *Client) Attempts(ctx context.Context, id string, q AttemptQuery) ([]restv1.Attempt, error) {
	v := query("limit", q.Limit)
	if q.Step >= 0 {
		v.Set("step", decimal(int64(q.Step)))
	}
	if q.Unit >= 0 {
		v.Set("unit", decimal(q.Unit))
	}
	l, err := get[restv1.AttemptList](ctx, c, "/jobs/"+url.PathEscape(id)+"/attempts", v)
	return l.Attempts, err
}

// Attempt returns one attempt.
func (c *Client) Attempt(ctx context.Context, id string) (restv1.Attempt, error) {
	return get[restv1.Attempt](ctx, c, "/attempts/"+url.PathEscape(id), nil)
}

// Why explains what a job waits for.
func (c *Client) Why(ctx context.Context, id string) (restv1.Why, error) {
	return get[restv1.Why](ctx, c, "/jobs/"+url.PathEscape(id)+"/why", nil)
}

// Pictures lists a job's landed pictures, newest first.
func (c *Client) Pictures(ctx context.Context, id string, limit int) ([]restv1.Picture, error) {
	l, err := get[restv1.PictureList](ctx, c, "/jobs/"+url.PathEscape(id)+"/pictures", query("limit", limit))
	return l.Pictures, err
}

// Nodes lists nodes; deleted ones too if all.
func (c *Client) Nodes(ctx context.Context, all bool) ([]restv1.Node, error) {
	l, err := get[restv1.NodeList](ctx, c, "/nodes", query("all", all))
	return l.Nodes, err
}

// ChangeNode does something to a node: drain, resume or release.
func (c *Client) ChangeNode(ctx context.Context, id, verb string) (restv1.Node, error) {
	var n restv1.Node
	_, err := c.call(ctx, http.MethodPost, "/nodes/"+url.PathEscape(id)+"/"+verb, nil, "", nil, &n, true)
	return n, err
}

// Pools lists elastic pools.
func (c *Client) Pools(ctx context.Context) ([]restv1.Pool, error) {
	l, err := get[restv1.PoolList](ctx, c, "/pools", nil)
	return l.Pools, err
}

// EvaluateAutoscale evaluates a formula for a pool; nothing is changed. A formula that is wrong is an answer too.
func (c *Client) EvaluateAutoscale(ctx context.Context, pool string, r restv1.AutoscaleRequest) (restv1.AutoscaleRun, error) {
	var run restv1.AutoscaleRun
	_, err := c.call(ctx, http.MethodPost, "/pools/"+url.PathEscape(pool)+"/autoscale/evaluate", nil, "", r, &run, true)
	return run, err
}

// AutoscaleSamples lists what has been measured for a pool's formula, oldest first.
func (c *Client) AutoscaleSamples(ctx context.Context, pool string) ([]restv1.AutoscaleSample, error) {
	l, err := get[restv1.AutoscaleSampleList](ctx, c, "/pools/"+url.PathEscape(pool)+"/autoscale/samples", nil)
	return l.Samples, err
}

// Decisions lists the planner's newest decisions, newest first.
func (c *Client) Decisions(ctx context.Context, limit int) ([]restv1.Decision, error) {
	l, err := get[restv1.DecisionList](ctx, c, "/decisions", query("limit", limit))
	return l.Decisions, err
}

// Filers returns the status of each filer.
func (c *Client) Filers(ctx context.Context) ([]restv1.Filer, error) {
	l, err := get[restv1.FilerList](ctx, c, "/filers", nil)
	return l.Filers, err
}

// MintToken makes a join token. It is not repeated: each call makes another one.
func (c *Client) MintToken(ctx context.Context, r restv1.TokenRequest) (restv1.Token, error) {
	var t restv1.Token
	_, err := c.call(ctx, http.MethodPost, "/tokens", nil, "", r, &t, false)
	return t, err
}

// Summary returns the farm now.
func (c *Client) Summary(ctx context.Context) (restv1.Summary, error) {
	return get[restv1.Summary](ctx, c, "/summary", nil)
}

// Version returns what answers; it needs no token.
func (c *Client) Version(ctx context.Context) (restv1.Version, error) {
	return get[restv1.Version](ctx, c, "/version", nil)
}
