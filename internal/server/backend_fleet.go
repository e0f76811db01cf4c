package server

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/server/rest"
)

var _ rest.Fleet = (*Server)(nil)

// Summary returns the farm at this moment.
func (s *Server) Summary(ctx context.Context) (restv1.Summary, error) {
	var jobs []farm.JobView
	var nodes, gone []farm.NodeView
	var last uint64
	err := s.loop.View(ctx, func(f *farm.Farm) {
		jobs, nodes, gone, last = f.Jobs(), f.Nodes(), f.GoneNodes(), f.LastSeq()
	})
	if err != nil {
		return restv1.Summary{}, err
	}
	now := time.Now()
	out := restv1.Summary{Name: s.config.Name, Version: s.config.Version, At: now.UTC(), Event: last, Currency: s.config.Currency}
	for i := range jobs {
		count(&out, &jobs[i])
	}
	out.Sites = siteSummaries(nodes)
	midnight := now.UTC().Truncate(24 * time.Hour)
	for _, n := range append(nodes, gone...) {
		out.Cost.Today += cost(&n.Node, midnight, now)
		if n.Price > 0 && n.State != farm.NodeDeleted && n.State != farm.NodeCreating {
			out.Cost.PerHour += n.Price
		}
	}
	return out, nil
}

func count(out *restv1.Summary, job *farm.JobView) {
	switch job.State {
	case farm.JobActive:
		out.Jobs.Active++
	case farm.JobPaused:
		out.Jobs.Paused++
	case farm.JobSucceeded:
		out.Jobs.Succeeded++
	case farm.JobFailed:
		out.Jobs.Failed++
	case farm.JobCanceled:
		out.Jobs.Canceled++
	}
	if job.State.Over() {
		return
	}
	for _, c := range job.Counts {
		w := wireCounts(c)
		u := &out.Units
		u.Pending, u.Assigned, u.Running = u.Pending+w.Pending, u.Assigned+w.Assigned, u.Running+w.Running
		u.Landing, u.Fencing = u.Landing+w.Landing, u.Fencing+w.Fencing
		u.Succeeded, u.Failed, u.Canceled = u.Succeeded+w.Succeeded, u.Failed+w.Failed, u.Canceled+w.Canceled
	}
}

func siteSummaries(nodes []farm.NodeView) []restv1.SiteSummary {
	bySite := map[farm.SiteID]*restv1.SiteSummary{}
	for i := range nodes {
		n := &nodes[i]
		sum := bySite[n.Site]
		if sum == nil {
			sum = &restv1.SiteSummary{Site: string(n.Site)}
			bySite[n.Site] = sum
		}
		sum.Nodes++
		if n.State == farm.NodeOnline || n.State == farm.NodeDraining {
			sum.Online++
			if len(n.Attempts) > 0 {
				sum.Busy++
			}
		}
	}
	out := []restv1.SiteSummary{}
	for _, sum := range bySite {
		out = append(out, *sum)
	}
	slices.SortFunc(out, func(a, b restv1.SiteSummary) int { return cmp.Compare(a.Site, b.Site) })
	return out
}

// cost returns what a rented node has cost since a moment; see farm.Node.Bill.
func cost(n *farm.Node, since, now time.Time) float64 {
	from, to := n.Bill(now)
	if from.Before(since) {
		from = since
	}
	return max(0, to.Sub(from).Hours()) * n.Price
}

// Attempt returns one attempt.
func (s *Server) Attempt(ctx context.Context, id string) (restv1.Attempt, error) {
	a, err := s.attempt(ctx, id)
	if err != nil {
		return restv1.Attempt{}, err
	}
	return s.wireAttempt(&a), nil
}

func (s *Server) attempt(ctx context.Context, id string) (farm.Attempt, error) {
	var a farm.Attempt
	known := false
	if err := s.loop.View(ctx, func(f *farm.Farm) { a, known = f.Attempt(farm.AttemptID(id)) }); err != nil {
		return a, err
	}
	if !known {
		return a, fault.New(fault.NotFound, "there is no attempt %s", id)
	}
	return a, nil
}

// Nodes lists nodes by site and name.
func (s *Server) Nodes(ctx context.Context, all bool) ([]restv1.Node, error) {
	var nodes []farm.NodeView
	work := map[farm.AttemptID]restv1.Work{}
	sees := s.sees(ctx)
	err := s.loop.View(ctx, func(f *farm.Farm) {
		nodes = f.Nodes()
		if all {
			nodes = append(nodes, f.GoneNodes()...)
		}
		for i := range nodes {
			for _, id := range nodes[i].Attempts {
				if a, ok := f.Attempt(id); ok && (sees == nil || sees(a.Unit.Job)) {
					job, _ := f.Spec(a.Unit.Job)
					work[id] = wireWork(&a, job.Name)
				}
			}
		}
	})
	if err != nil {
		return nil, err
	}
	out := make([]restv1.Node, 0, len(nodes))
	for i := range nodes {
		n := wireNode(&nodes[i])
		for _, id := range nodes[i].Attempts {
			if w, ok := work[id]; ok {
				w.Progress = s.progress(id)
				n.Work = append(n.Work, w)
			}
		}
		out = append(out, n)
	}
	slices.SortStableFunc(out, func(a, b restv1.Node) int { return cmp.Or(cmp.Compare(a.Site, b.Site), cmp.Compare(a.ID, b.ID)) })
	return out, nil
}

// ChangeNode drains, resumes or releases a node.
func (s *Server) ChangeNode(ctx context.Context, id, verb string) (restv1.Node, error) {
	commands := map[string]farm.Command{
		"drain":   farm.NodeDrain{Node: farm.NodeID(id), Reason: "drained by " + asker(ctx)},
		"resume":  farm.NodeResume{Node: farm.NodeID(id), Reason: "resumed by " + asker(ctx)},
		"release": farm.NodeRelease{Node: farm.NodeID(id), Reason: "released by " + asker(ctx)},
	}
	c := commands[verb]
	if c == nil {
		return restv1.Node{}, fault.New(fault.Invalid, "%q is none of drain, resume and release", verb)
	}
	if _, err := s.do(ctx, c); err != nil {
		return restv1.Node{}, err
	}
	s.planner.wake()
	nodes, err := s.Nodes(ctx, true)
	for _, n := range nodes {
		if n.ID == id {
			return n, nil
		}
	}
	return restv1.Node{}, cmp.Or(err, fault.New(fault.NotFound, "there is no node %s", id))
}

// Pools lists the elastic pools.
func (s *Server) Pools(ctx context.Context) ([]restv1.Pool, error) {
	var pools []farm.Pool
	actual := map[farm.PoolID]int{}
	err := s.loop.View(ctx, func(f *farm.Farm) {
		pools = f.Pools()
		for _, n := range f.Nodes() {
			if n.Pool != "" && n.State <= farm.NodeOnline {
				actual[n.Pool]++
			}
		}
	})
	if err != nil {
		return nil, err
	}
	out := []restv1.Pool{}
	for _, p := range pools {
		pool := restv1.Pool{
			ID: string(p.ID), Site: string(p.Site), Min: p.Min, Max: p.Max, Wanted: p.Wanted, Actual: actual[p.ID], Reason: p.Reason,
			Decided: p.Decided, Stopped: p.Stopped,
		}
		for i := range s.config.Pools {
			if s.config.Pools[i].Name == pool.ID {
				pool.Price = s.config.Pools[i].Price
			}
		}
		if scaler := s.scalers[pool.ID]; scaler != nil {
			pool.Autoscale = wireAutoscale(scaler.State())
		}
		out = append(out, pool)
	}
	return out, nil
}

// Decisions lists the newest decisions of the burst planner.
func (s *Server) Decisions(ctx context.Context, limit int) ([]restv1.Decision, error) {
	var all []farm.Decision
	if err := s.loop.View(ctx, func(f *farm.Farm) { all = f.Decisions() }); err != nil {
		return nil, err
	}
	out := []restv1.Decision{}
	for _, d := range all[:min(len(all), limit)] {
		out = append(out, restv1.Decision{
			ID: d.ID, At: d.At, Pool: string(d.Pool), Have: d.Have, Want: d.Want, Reason: d.Reason, Cap: d.Cap,
			Asked: d.Asked, Seen: restv1.Seen(d.Seen),
		})
	}
	return out, nil
}
