package farm

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/spillway/spillway/internal/fault"
)

// SetQueue makes a queue or changes one. What is nil keeps its value; a new queue has the weight 1 and no quota. What runs
// goes on, also when it is more than a smaller quota. It returns a QueueView.
type SetQueue struct {
	Queue                  QueueID
	Weight                 *float64
	Paused                 *bool
	VCPUs                  *float64 // of the quota; 0: no bound, as for the next three
	MemoryMiB, GPUs, Tasks *int64
	Reason                 string
}

// DeleteQueue removes a queue. While it has jobs that are not over it is a Conflict, and so is the default queue.
type DeleteQueue struct {
	Queue  QueueID
	Reason string
}

// QueueView is a queue as it stands.
type QueueView struct {
	Queue
	Jobs  int     // that are not over
	Used  Amounts // by running tasks
	Share float64 // of the farm: of what it has most of, 0 to 1
	Fair  float64 // what its weight gives it among the queues that have work, 0 to 1
}

const (
	maxWeight = 1e6
	maxQueues = 1000
	maxQuota  = 1 << 40
)

func (c SetQueue) apply(f *Farm, now time.Time) (any, error) {
	q := f.queues[c.Queue]
	r := Queue{ID: c.Queue, Weight: 1}
	if q != nil {
		r = q.rec
	}
	r.Weight, r.Paused, r.Quota.VCPUs = given(c.Weight, r.Weight), given(c.Paused, r.Paused), given(c.VCPUs, r.Quota.VCPUs)
	memory, gpus := given(c.MemoryMiB, int64(r.Quota.MemoryMiB)), given(c.GPUs, int64(r.Quota.GPUs))
	r.Quota.Tasks = given(c.Tasks, r.Quota.Tasks)
	switch {
	case !nameLike(string(r.ID)):
		return nil, fault.WithHint(fault.New(fault.Invalid, "%q is no name for a queue", r.ID), nameNeeded)
	case !(r.Weight > 0) || r.Weight > maxWeight || r.Weight < 1/maxWeight:
		return nil, fault.WithHint(fault.New(fault.Invalid, "a weight of %s is not between 0.000001 and 1000000", number(r.Weight)),
			"to start nothing of a queue, pause it")
	case !(r.Quota.VCPUs >= 0) || r.Quota.VCPUs > maxQuota || memory < 0 || memory > maxQuota || gpus < 0 || gpus > maxQuota || r.Quota.Tasks < 0 || r.Quota.Tasks > maxQuota:
		return nil, fault.New(fault.Invalid, "a quota is not negative; 0 is none")
	}
	r.Quota.MemoryMiB, r.Quota.GPUs, r.Quota.VCPUs = uint64(memory), uint64(gpus), even(r.Quota.VCPUs)
	if q == nil {
		if len(f.queues) >= maxQueues {
			return nil, fault.New(fault.Exhausted, "there are %d queues already", maxQueues)
		}
		q = &queue{}
		q.rec = r
		f.addQueue(q)
	}
	q.rec = r
	f.touchQueue(q)
	f.emitQueue(now, q, orElse(c.Reason, "set")+": "+r.String())
	return f.queueView(q), nil
}

// String describes a queue in a line.
func (r *Queue) String() string {
	parts := []string{"weight " + number(r.Weight)}
	if r.Quota.VCPUs > 0 {
		parts = append(parts, "at most "+number(r.Quota.VCPUs)+" vcpus")
	}
	if r.Quota.MemoryMiB > 0 {
		parts = append(parts, "at most "+amountOf(float64(r.Quota.MemoryMiB), "MiB memory"))
	}
	if r.Quota.GPUs > 0 {
		parts = append(parts, fmt.Sprintf("at most %d GPUs", r.Quota.GPUs))
	}
	if r.Quota.Tasks > 0 {
		parts = append(parts, fmt.Sprintf("at most %d tasks", r.Quota.Tasks))
	}
	if r.Paused {
		parts = append(parts, "paused")
	}
	return strings.Join(parts, ", ")
}

func (c DeleteQueue) apply(f *Farm, now time.Time) (any, error) {
	q := f.queues[c.Queue]
	switch {
	case q == nil:
		return nil, fault.WithHint(fault.New(fault.NotFound, "there is no queue %q", c.Queue), "%s", f.queuesKnown())
	case c.Queue == DefaultQueue:
		return nil, fault.New(fault.Conflict, "the queue %s is always there", DefaultQueue)
	case len(q.jobs) > 0 || q.used.Tasks > 0:
		return nil, fault.WithHint(fault.New(fault.Conflict, "queue %s has %d jobs that are not over", c.Queue, len(q.jobs)),
			"to start nothing more of it: spillway queue set %s --pause", c.Queue)
	}
	delete(f.queues, c.Queue)
	f.queueList = drop(f.queueList, q)
	f.changes.queues.drop(c.Queue)
	f.changes.oldQueues.add(c.Queue)
	f.emitQueue(now, q, orElse(c.Reason, "deleted"))
	return nil, nil
}

func (f *Farm) queuesKnown() string {
	names := make([]string, len(f.queueList))
	for i, q := range f.queueList {
		names[i] = string(q.rec.ID)
	}
	return "there are: " + strings.Join(names, ", ")
}

func (f *Farm) queueView(q *queue) QueueView {
	f.refile()
	v := QueueView{Queue: q.rec, Jobs: len(q.jobs), Used: q.used, Share: share(&q.used, &f.supply)}
	sum := 0.0
	for _, o := range f.queueList {
		if len(o.jobs) > 0 || o == q {
			sum += o.rec.Weight
		}
	}
	v.Fair = math.Round(q.rec.Weight/sum*1e6) / 1e6
	return v
}

// Queues returns all queues, by name.
func (f *Farm) Queues() []QueueView {
	out := make([]QueueView, 0, len(f.queueList))
	for _, q := range f.queueList {
		out = append(out, f.queueView(q))
	}
	return out
}
