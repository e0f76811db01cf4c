// Package ledger puts the two ledgers of a farm together: what jobs have used (attempt-seconds, by the agents' clocks) and
// what machines were paid for (node-seconds, from creation to confirmed deletion). A machine's whole bill, with its start
// and its idle time, is shared among the jobs that used it, by what they used of it; a machine that nobody used stays
// unshared. It computes, and neither keeps nor fetches.
package ledger

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spillway/spillway/internal/farm"
)

// By is what the lines of a report are about.
type By string

// What there may be a line for each of.
const (
	ByTask    By = "task" // of one job: see Report.Tasks
	ByJob     By = "job"
	ByProject By = "project"
	ByOwner   By = "owner"
	ByQueue   By = "queue"
	ByNode    By = "node"
	ByPool    By = "pool"
	BySite    By = "site"
	ByDay     By = "day"
)

// Query says what a report is about.
type Query struct {
	By       By
	From, To time.Time      // of the hours in which attempts ended; bills are cut off there
	Zone     *time.Location // of days; nil: UTC
	// Want says which uses count; nil: all.
	Want func(*farm.Use) bool
}

// Amounts are what was used, and what that cost.
type Amounts struct {
	Attempts  int64
	Run       time.Duration // attempt-seconds
	Good      time.Duration // of Run: of attempts that ended well
	CPU       time.Duration
	Lost      time.Duration // of attempts whose end no agent told
	NodeShare float64       // seconds of whole nodes
	Cost      float64       // with the share of start-up and idle time
}

// Line is a line of a report.
type Line struct {
	Key string
	Amounts
}

// Bills are what machines were paid for in the time of a report. Over all time Cost = Shared + Unused, and Carried is 0.
type Bills struct {
	Machines int
	Billed   time.Duration
	Cost     float64
	Shared   float64 // among uses of the time of the report
	Unused   float64 // of machines that no attempt used until now
	Carried  float64 // of the use before and after: Cost − Shared − Unused
}

// Report is who used what.
type Report struct {
	Lines []Line // the dearest first, then the longest
	Total Amounts
	Bills Bills // of all machines, whatever uses were wanted
}

// Make makes a report. uses has all uses of all time of the nodes that appear in it; nodes has those that were ever paid for.
func Make(q Query, uses []farm.Use, nodes []farm.Node, now time.Time) Report {
	rates := rates(uses, nodes, now)
	lines := map[string]*Line{}
	var r Report
	for i := range uses {
		u := &uses[i]
		if u.Hour.Before(q.From) || !u.Hour.Before(q.To) {
			continue
		}
		cost := u.Share * rates[u.Node]
		r.Bills.Shared += cost
		if q.Want != nil && !q.Want(u) {
			continue
		}
		key := q.key(u)
		l := lines[key]
		if l == nil {
			l = &Line{Key: key}
			lines[key] = l
		}
		l.add(u, cost)
		r.Total.add(u, cost)
	}
	for _, key := range slices.Sorted(maps.Keys(lines)) {
		r.Lines = append(r.Lines, *lines[key])
	}
	slices.SortStableFunc(r.Lines, dearest)
	if q.By == ByDay {
		slices.SortFunc(r.Lines, func(a, b Line) int { return cmp.Compare(a.Key, b.Key) })
	}
	r.Bills.add(&q, nodes, rates, now)
	return r
}

func dearest(a, b Line) int {
	return cmp.Or(-cmp.Compare(a.Cost, b.Cost), -cmp.Compare(a.Run+a.Lost, b.Run+b.Lost))
}

func (a *Amounts) add(u *farm.Use, cost float64) {
	a.Attempts += u.Attempts
	a.Run, a.Good, a.CPU, a.Lost = a.Run+u.Run, a.Good+u.Good, a.CPU+u.CPU, a.Lost+u.Lost
	a.NodeShare, a.Cost = a.NodeShare+u.Share, a.Cost+cost
}

func (q *Query) key(u *farm.Use) string {
	switch q.By {
	case ByProject:
		return u.Project
	case ByOwner:
		return u.Owner
	case ByQueue:
		return string(u.Queue)
	case ByNode:
		return string(u.Node)
	case ByPool:
		return string(u.Pool)
	case BySite:
		return string(u.Site)
	case ByDay:
		zone := q.Zone
		if zone == nil {
			zone = time.UTC
		}
		return u.Hour.In(zone).Format(time.DateOnly)
	case ByJob, ByTask:
	}
	return string(u.Job)
}

// rates are each node's price for a second of its whole use, which is dearer than a second of its time: it pays for all
// that was not used. A node that cost nothing, or that nobody used, has none.
func rates(uses []farm.Use, nodes []farm.Node, now time.Time) map[farm.NodeID]float64 {
	used := map[farm.NodeID]float64{}
	for i := range uses {
		used[uses[i].Node] += uses[i].Share
	}
	out := map[farm.NodeID]float64{}
	for i := range nodes {
		n := &nodes[i]
		if from, to := n.Bill(now); used[n.ID] > 0 {
			out[n.ID] = n.Price * to.Sub(from).Hours() / used[n.ID]
		}
	}
	return out
}

func (b *Bills) add(q *Query, nodes []farm.Node, rates map[farm.NodeID]float64, now time.Time) {
	for i := range nodes {
		n := &nodes[i]
		from, to := n.Bill(now)
		if from.Before(q.From) {
			from = q.From
		}
		if to.After(q.To) {
			to = q.To
		}
		if n.Price <= 0 || !from.Before(to) {
			continue
		}
		cost := n.Price * to.Sub(from).Hours()
		b.Machines++
		b.Billed += to.Sub(from)
		b.Cost += cost
		if _, used := rates[n.ID]; !used {
			b.Unused += cost
		}
	}
	b.Carried = b.Cost - b.Shared - b.Unused
}

// Tasks returns what the tasks of one job have used, by step and number. uses and nodes are as for Make.
func Tasks(tasks []farm.TaskUse, uses []farm.Use, nodes []farm.Node, now time.Time) []Line {
	rates := rates(uses, nodes, now)
	var out []Line
	at := map[string]int{}
	for i := range tasks {
		t := &tasks[i]
		key := fmt.Sprintf("%s %d", t.Step, t.Unit)
		n, known := at[key]
		if !known {
			n = len(out)
			at[key] = n
			out = append(out, Line{Key: key})
		}
		out[n].add(&t.Use, t.Share*rates[t.Node])
	}
	slices.SortStableFunc(out, dearest)
	return out
}
