package client

import (
	"context"
	"errors"
	"time"

	"github.com/spillway/spillway/api/restv1"
)

// lookEvery bounds how often a watched job is loaded while events come.
const lookEvery = 500 * time.Millisecond

// Watcher is told what happens to a job.
type Watcher interface {
	// Event is called for each event of the job, and of nodes and pools.
	Event(e restv1.Event, job restv1.Job) error
	// Job is called with the job's state now and then, and at last when it is over.
	Job(job restv1.Job) error
}

var errOver = errors.New("the job is over")

// Watch tells w of a job until the job is over, and returns it as it ended.
func (c *Client) Watch(ctx context.Context, id string, w Watcher) (restv1.Job, error) {
	for {
		job, err := c.watch(ctx, id, w)
		if !errors.Is(err, ErrGap) {
			return job, err
		}
	}
}

func (c *Client) watch(ctx context.Context, id string, w Watcher) (job restv1.Job, err error) {
	now, err := c.Summary(ctx)
	if err != nil {
		return job, err
	}
	var looked time.Time
	look := func() error {
		if job, err = c.Job(ctx, id); err != nil {
			return err
		}
		looked = time.Now()
		if err := w.Job(job); err != nil {
			return err
		}
		if Over(job) {
			return errOver
		}
		return nil
	}
	if err := look(); err != nil {
		return job, unlessOver(err)
	}
	err = c.Events(ctx, &now.Event, 0, func(e restv1.Event) error {
		mine := e.Job == id
		if mine || e.Kind == "node" || e.Kind == "pool" {
			if err := w.Event(e, job); err != nil {
				return err
			}
		}
		if mine && (e.Kind == "job" || time.Since(looked) > lookEvery) {
			return look()
		}
		return nil
	})
	return job, unlessOver(err)
}

// Over reports whether a job will not change any more by itself.
func Over(j restv1.Job) bool {
	return j.State == "succeeded" || j.State == "failed" || j.State == "canceled"
}

func unlessOver(err error) error {
	if errors.Is(err, errOver) {
		return nil
	}
	return err
}
