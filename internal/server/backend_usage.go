package server

import (
	"context"
	"slices"
	"time"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/access"
	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/ledger"
	"github.com/spillway/spillway/internal/server/rest"
)

var _ rest.Ledger = (*Server)(nil)

// Usage reports who used what, and what it cost.
func (s *Server) Usage(ctx context.Context, q rest.UsageFilter) (restv1.Usage, error) {
	now := time.Now()
	query, err := usageQuery(ctx, &q, now)
	if err != nil {
		return restv1.Usage{}, err
	}
	var nodes []farm.Node
	var tasks []farm.TaskUse
	names := map[string]string{}
	err = s.loop.View(ctx, func(f *farm.Farm) {
		for _, n := range append(f.Nodes(), f.GoneNodes()...) {
			nodes = append(nodes, n.Node)
		}
		for _, j := range f.Jobs() {
			names[string(j.ID)] = j.Name
		}
		if q.Job != "" && query.By == ledger.ByTask {
			tasks = f.TaskUses(farm.JobID(q.Job))
		}
	})
	if err != nil {
		return restv1.Usage{}, err
	}
	if _, known := names[q.Job]; q.Job != "" && !known {
		return restv1.Usage{}, noJob(q.Job)
	}
	uses, err := s.store.Uses(ctx, time.Time{}, now.Add(time.Hour))
	if err != nil {
		return restv1.Usage{}, err
	}
	report := ledger.Make(query, uses, nodes, now)
	if query.By == ledger.ByTask {
		tasks = slices.DeleteFunc(tasks, func(t farm.TaskUse) bool {
			return t.Hour.Before(query.From) || !t.Hour.Before(query.To) || !query.Want(&t.Use)
		})
		report.Lines = ledger.Tasks(tasks, uses, nodes, now)
	}
	out := restv1.Usage{By: q.By, From: q.From, To: query.To, Currency: s.config.Currency, Total: wireUsage("", &report.Total)}
	for i := range report.Lines {
		l := wireUsage(report.Lines[i].Key, &report.Lines[i].Amounts)
		if query.By == ledger.ByJob {
			l.Name = names[l.Key]
		}
		out.Lines = append(out.Lines, l)
	}
	if c := access.CallerOf(ctx); c != nil {
		if _, all := c.Projects(access.SeeJobs); !all {
			return out, nil
		}
	}
	b := &report.Bills
	out.Bills = &restv1.Bills{Machines: b.Machines, NodeSeconds: b.Billed.Seconds(), Cost: b.Cost, Shared: b.Shared, Unused: b.Unused, Carried: b.Carried}
	return out, nil
}

// usageQuery makes the ledger's query: what is asked for, and the caller may see.
func usageQuery(ctx context.Context, q *rest.UsageFilter, now time.Time) (ledger.Query, error) {
	out := ledger.Query{By: ledger.By(q.By), From: q.From.Truncate(time.Hour), To: q.To}
	if q.To.IsZero() || q.To.After(now) {
		out.To = now
	}
	if out.To.Before(q.From) {
		return out, fault.New(fault.Invalid, "the time asked for ends before it begins")
	}
	if out.By == ledger.ByTask && q.Job == "" {
		return out, fault.New(fault.Invalid, "usage by task needs a job")
	}
	zone, err := time.LoadLocation(q.Zone)
	if err != nil {
		return out, fault.New(fault.Invalid, "there is no time zone %q", q.Zone)
	}
	out.Zone = zone
	caller := access.CallerOf(ctx)
	out.Want = func(u *farm.Use) bool {
		return (q.Job == "" || q.Job == string(u.Job)) && (q.Project == "" || q.Project == u.Project) &&
			(q.Owner == "" || q.Owner == u.Owner) && (q.Site == "" || q.Site == string(u.Site)) &&
			(caller == nil || caller.May(access.SeeJobs, u.Project, u.Owner))
	}
	return out, nil
}

func wireUsage(key string, a *ledger.Amounts) restv1.UsageLine {
	return restv1.UsageLine{
		Key: key, Attempts: a.Attempts, Seconds: a.Run.Seconds(), GoodSeconds: a.Good.Seconds(), CPUSeconds: a.CPU.Seconds(),
		LostSeconds: a.Lost.Seconds(), NodeSeconds: a.NodeShare, Cost: a.Cost,
	}
}
