package farm

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// DefaultQueue is the queue of jobs that name none. It is always there.
const DefaultQueue QueueID = "default"

// queue is a Queue with its jobs and what they take.
type queue struct {
	rec   Queue
	jobs  []*job // those that are not over, in the order in which they are served
	epoch uint64 // rises when jobs changes
	used  Amounts
	// supply, of the last round, and load: the dominant share by weight.
	supply Amounts
	load   float64
}

// share is the largest part that the queue has of anything that the farm offers, 0 to 1.
func share(used, supply *Amounts) float64 {
	part := func(have, all float64) float64 {
		if all <= 0 {
			return 0
		}
		return have / all
	}
	return max(part(used.VCPUs, supply.VCPUs), part(float64(used.MemoryMiB), float64(supply.MemoryMiB)), part(float64(used.GPUs), float64(supply.GPUs)))
}

// weigh computes the queue's load for a round.
func (q *queue) weigh(supply *Amounts) {
	q.supply = *supply
	q.load = share(&q.used, supply) / q.rec.Weight
}

// taken is what a task counts for. One that does not say counts for one vcpu.
func (r *Requirements) taken() Amounts {
	a := Amounts{VCPUs: r.VCPUs, MemoryMiB: r.MemoryMiB, GPUs: uint64(r.GPUs), Tasks: 1}
	if a.VCPUs == 0 {
		a.VCPUs = 1
	}
	return a
}

// take counts a task that occupies a node, or with less one that does not any more.
func (q *queue) take(a Amounts, less bool) {
	if less {
		q.used.sub(a)
	} else {
		q.used.add(a)
	}
	q.load = share(&q.used, &q.supply) / q.rec.Weight
}

// over reports whether one task more would exceed the queue's quota.
func (q *queue) over(r *Requirements) bool {
	return q.rec.Quota != Amounts{} && q.overWhat(r) != ""
}

// overWhat says what of the quota one task more would exceed, or "".
func (q *queue) overWhat(r *Requirements) string {
	c, u, t := &q.rec.Quota, &q.used, r.taken()
	const dust = 1e-6
	switch {
	case c.Tasks > 0 && u.Tasks+t.Tasks > c.Tasks:
		return fmt.Sprintf("%d of %d tasks", u.Tasks, c.Tasks)
	case c.VCPUs > 0 && u.VCPUs+t.VCPUs > c.VCPUs+dust:
		return fmt.Sprintf("%s of %s vcpus", number(u.VCPUs), number(c.VCPUs))
	case c.MemoryMiB > 0 && u.MemoryMiB+t.MemoryMiB > c.MemoryMiB:
		return fmt.Sprintf("%s of %s", amountOf(float64(u.MemoryMiB), "MiB memory"), amountOf(float64(c.MemoryMiB), "MiB memory"))
	case c.GPUs > 0 && u.GPUs+t.GPUs > c.GPUs:
		return fmt.Sprintf("%d of %d GPUs", u.GPUs, c.GPUs)
	}
	return ""
}

// queueOf returns the job's queue. One of a name that is not recorded has the weight 1 and no quota: its record was
// deleted after its jobs had ended, and one of them runs again.
func (f *Farm) queueOf(j *job) *queue {
	if q := f.queues[j.rec.Queue]; q != nil {
		return q
	}
	q := &queue{rec: Queue{ID: j.rec.Queue, Weight: 1}}
	f.addQueue(q)
	f.touchQueue(q)
	return q
}

func (f *Farm) addQueue(q *queue) {
	f.queues[q.rec.ID] = q
	i, _ := slices.BinarySearchFunc(f.queueList, q.rec.ID, func(q *queue, id QueueID) int { return cmp.Compare(q.rec.ID, id) })
	f.queueList = slices.Insert(f.queueList, i, q)
}

// why says why nothing of the queue starts for a task's needs, or "".
func (q *queue) why(r *Requirements) string {
	if q.rec.Paused {
		return fmt.Sprintf("queue %s is paused", q.rec.ID)
	}
	if what := q.overWhat(r); what != "" {
		return fmt.Sprintf("queue %s has %s of its quota", q.rec.ID, what)
	}
	return ""
}

// behind says which queue is served before a queue whose tasks could start, or "".
func (f *Farm) behind(q *queue) string {
	for _, o := range f.queueList {
		o.weigh(&f.supply)
	}
	for _, o := range f.queueList {
		if o != q && !o.rec.Paused && before(o, q) && slices.ContainsFunc(o.jobs, f.eager) {
			return fmt.Sprintf("queue %s has %s of the farm for a weight of %s; queue %s, with %s for %s, is served first",
				q.rec.ID, percent(share(&q.used, &f.supply)), number(q.rec.Weight), o.rec.ID, percent(share(&o.used, &f.supply)), number(o.rec.Weight))
		}
	}
	return ""
}

// eager reports whether the job has tasks that are free to start.
func (f *Farm) eager(j *job) bool {
	return j.rec.State == JobActive && !j.capped() && slices.ContainsFunc(j.steps, func(s *step) bool { return s.free() > 0 && s.ready(f) })
}

func percent(x float64) string { return fmt.Sprintf("%.0f %%", 100*x) }

func (f *Farm) emitQueue(now time.Time, q *queue, reason string) {
	f.emit(Event{At: now, Kind: "queue", Reason: string(q.rec.ID) + ": " + reason})
}
