package resttest

import (
	"context"
	"slices"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/fault"
)

// Limits implements rest.Sharing.
func (f *Farm) Limits(ctx context.Context) ([]restv1.Limit, error) {
	unlock, err := f.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	return slices.Clone(f.limits), nil
}

// SetLimit implements rest.Sharing.
func (f *Farm) SetLimit(ctx context.Context, id string, c restv1.LimitChange) (restv1.Limit, error) {
	unlock, err := f.lock(ctx)
	if err != nil {
		return restv1.Limit{}, err
	}
	defer unlock()
	l := f.limit(id)
	if l == nil {
		if c.Seats == nil {
			return restv1.Limit{}, fault.New(fault.Invalid, "there is no limit %s, and a new one needs a number of seats", id)
		}
		f.limits = append(f.limits, restv1.Limit{ID: id, Per: "task", Stale: "keep"})
		l = f.limit(id)
	}
	keep(&l.Seats, c.Seats)
	keep(&l.Per, c.Per)
	keep(&l.SettleSeconds, c.SettleSeconds)
	keep(&l.TTLSeconds, c.TTLSeconds)
	keep(&l.Stale, c.Stale)
	l.Free = l.Seats - l.Held - l.Outside
	f.record(restv1.Event{Kind: "limit", Reason: id + ": set"})
	return *l, nil
}

// keep takes a value over if there is one.
func keep[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

func (f *Farm) limit(id string) *restv1.Limit {
	if i := slices.IndexFunc(f.limits, func(l restv1.Limit) bool { return l.ID == id }); i >= 0 {
		return &f.limits[i]
	}
	return nil
}

// ReportLimit implements rest.Sharing.
func (f *Farm) ReportLimit(ctx context.Context, id string, r restv1.LimitReport) (restv1.Limit, error) {
	unlock, err := f.lock(ctx)
	if err != nil {
		return restv1.Limit{}, err
	}
	defer unlock()
	l := f.limit(id)
	if l == nil {
		return restv1.Limit{}, fault.New(fault.NotFound, "there is no limit %q", id)
	}
	keep(&l.Seats, r.Seats)
	l.Outside, l.Reported = r.Outside, f.now().UTC()
	l.Free = l.Seats - l.Held - l.Outside
	return *l, nil
}

// DeleteLimit implements rest.Sharing.
func (f *Farm) DeleteLimit(ctx context.Context, id string) error {
	unlock, err := f.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if f.limit(id) == nil {
		return fault.New(fault.NotFound, "there is no limit %q", id)
	}
	f.limits = slices.DeleteFunc(f.limits, func(l restv1.Limit) bool { return l.ID == id })
	return nil
}

// Queues implements rest.Sharing.
func (f *Farm) Queues(ctx context.Context) ([]restv1.Queue, error) {
	unlock, err := f.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	return slices.Clone(f.queues), nil
}

// SetQueue implements rest.Sharing.
func (f *Farm) SetQueue(ctx context.Context, id string, c restv1.QueueChange) (restv1.Queue, error) {
	unlock, err := f.lock(ctx)
	if err != nil {
		return restv1.Queue{}, err
	}
	defer unlock()
	i := slices.IndexFunc(f.queues, func(q restv1.Queue) bool { return q.ID == id })
	if i < 0 {
		i = len(f.queues)
		f.queues = append(f.queues, restv1.Queue{ID: id, Weight: 1})
	}
	q := &f.queues[i]
	keep(&q.Weight, c.Weight)
	keep(&q.Paused, c.Paused)
	keep(&q.Quota.VCPUs, c.VCPUs)
	keep(&q.Quota.MemoryMiB, c.MemoryMiB)
	keep(&q.Quota.GPUs, c.GPUs)
	keep(&q.Quota.Tasks, c.Tasks)
	f.record(restv1.Event{Kind: "queue", Reason: id + ": set"})
	return *q, nil
}

// DeleteQueue implements rest.Sharing.
func (f *Farm) DeleteQueue(ctx context.Context, id string) error {
	unlock, err := f.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	before := len(f.queues)
	f.queues = slices.DeleteFunc(f.queues, func(q restv1.Queue) bool { return q.ID == id })
	if len(f.queues) == before {
		return fault.New(fault.NotFound, "there is no queue %q", id)
	}
	return nil
}
