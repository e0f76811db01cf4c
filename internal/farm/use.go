package farm

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Use is what one job has used of one node in the hour in which its attempts ended there. Uses are the ledger of work; the
// ledger of machines is in the nodes' records (see Node.Bill).
type Use struct {
	Hour     time.Time     `json:"hour"` // its begin, UTC
	Job      JobID         `json:"job"`
	Node     NodeID        `json:"node"`
	Project  string        `json:"project,omitempty"`
	Owner    string        `json:"owner,omitempty"`
	Queue    QueueID       `json:"queue,omitempty"`
	Site     SiteID        `json:"site"`
	Pool     PoolID        `json:"pool,omitempty"`
	Attempts int64         `json:"attempts"`
	Run      time.Duration `json:"run"`            // by the agents' monotonic clocks, ns
	Good     time.Duration `json:"good,omitempty"` // of Run: of attempts that ended well on their node
	CPU      time.Duration `json:"cpu,omitempty"`
	Lost     time.Duration `json:"lost,omitempty"` // of attempts that no agent told the end of: by the server's clock
	// Share is Run and Lost in seconds of the whole node: four tasks side by side, each with a quarter of what the node has
	// most asked for, take its whole time together.
	Share float64 `json:"share"`
}

type workKey struct {
	hour int64 // unix
	job  JobID
	node NodeID
}

func compareWork(a, b workKey) int {
	return cmp.Or(cmp.Compare(a.hour, b.hour), cmp.Compare(a.job, b.job), cmp.Compare(a.node, b.node))
}

// uses are those of the current hour; earlier ones do not change any more.
type uses struct {
	hour int64
	rows map[workKey]*Use
}

// useOf is what one attempt that has left its node has used of it, and whether it had begun at all.
func (a *attempt) useOf(now time.Time) (Use, bool) {
	r, j, n := &a.rec, &a.step.job.rec, a.node
	if r.RunTime <= 0 && r.Started.IsZero() {
		return Use{}, false
	}
	u := Use{
		Job: j.ID, Node: r.Node, Project: j.Project, Owner: j.Owner, Queue: j.Queue, Site: r.Site, Pool: n.rec.Pool,
		Attempts: 1, Run: max(0, r.RunTime), CPU: max(0, r.CPUTime),
	}
	switch {
	case r.State == AttemptLanding || r.State == AttemptSucceeded:
		u.Good = u.Run
	case u.Run == 0:
		end := r.Ended
		if end.IsZero() {
			end = now
		}
		u.Lost = max(0, end.Sub(r.Started))
	}
	u.Share = (u.Run + u.Lost).Seconds() * a.part()
	return u, true
}

// charge enters an attempt that has just left its node into the ledger of work.
func (f *Farm) charge(now time.Time, a *attempt) {
	u, begun := a.useOf(now)
	if !begun {
		return
	}
	f.worked(a, u.Share, now)
	if hour := now.Truncate(time.Hour).Unix(); hour > f.uses.hour { // a clock that goes back stays in the hour
		f.uses = uses{hour: hour, rows: map[workKey]*Use{}}
	}
	k := workKey{f.uses.hour, u.Job, u.Node}
	row := f.uses.rows[k]
	if row == nil {
		u.Hour = time.Unix(k.hour, 0).UTC()
		row = &u
		f.uses.rows[k] = row
	} else {
		row.add(&u)
	}
	f.changes.uses[k] = row
}

func (u *Use) add(o *Use) {
	u.Attempts += o.Attempts
	u.Run, u.Good, u.CPU, u.Lost = u.Run+o.Run, u.Good+o.Good, u.CPU+o.CPU, u.Lost+o.Lost
	u.Share += o.Share
}

// Uses returns the uses of the current hour, by job and node.
func (f *Farm) Uses() []Use {
	var out []Use
	for _, k := range slices.SortedFunc(maps.Keys(f.uses.rows), compareWork) {
		out = append(out, *f.uses.rows[k])
	}
	return out
}

// TaskUse is what the attempts at one task have used, of one node each.
type TaskUse struct {
	Use
	Step string
	Unit int64
}

// TaskUses returns what each of a job's attempts that have left their nodes has used, oldest first.
func (f *Farm) TaskUses(id JobID) []TaskUse {
	j := f.jobs[id]
	if j == nil {
		return nil
	}
	var out []TaskUse
	for _, a := range j.attempts {
		if a.rec.State.OnNode() {
			continue
		}
		if u, begun := a.useOf(a.rec.Ended); begun {
			u.Hour = a.rec.Ended.Truncate(time.Hour)
			out = append(out, TaskUse{u, a.step.rec.Name, a.rec.Unit.Unit})
		}
	}
	return out
}

func (f *Farm) loadUses(rows []Use) {
	for i := range rows {
		u := rows[i]
		hour := u.Hour.Unix()
		if hour > f.uses.hour {
			f.uses = uses{hour: hour, rows: map[workKey]*Use{}}
		}
		if hour == f.uses.hour {
			f.uses.rows[workKey{hour, u.Job, u.Node}] = &u
		}
	}
}

// Bill returns from when to when a machine is paid for: from its creation to its confirmed deletion, and at least as long
// as its provider bills. One that never came to be is paid for no time.
func (n *Node) Bill(now time.Time) (from, to time.Time) {
	if n.Billed.IsZero() {
		return time.Time{}, time.Time{}
	}
	to = now
	if n.State == NodeDeleted && !n.Gone.IsZero() {
		to = n.Gone
	}
	if least := n.Billed.Add(n.MinBilling); to.Before(least) {
		to = least
	}
	return n.Billed, to
}
