package resttest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/server/rest"
)

// Summary implements rest.Fleet.
func (f *Farm) Summary(ctx context.Context) (restv1.Summary, error) {
	unlock, err := f.lock(ctx)
	if err != nil {
		return restv1.Summary{}, err
	}
	defer unlock()
	s := restv1.Summary{At: f.now().UTC(), Event: uint64(len(f.events)), Currency: "EUR"}
	for _, j := range f.jobs {
		*map[string]*int{
			"active": &s.Jobs.Active, "paused": &s.Jobs.Paused, "succeeded": &s.Jobs.Succeeded, "failed": &s.Jobs.Failed, "canceled": &s.Jobs.Canceled,
		}[j.State]++
		if j.State != "active" && j.State != "paused" {
			continue
		}
		for _, st := range f.view(j).Steps {
			for _, state := range []string{"pending", "assigned", "running", "landing", "fencing", "succeeded", "failed", "canceled"} {
				*count(&s.Units, state) += *count(&st.Counts, state)
			}
		}
	}
	for _, n := range f.list(false) {
		if len(s.Sites) == 0 || s.Sites[len(s.Sites)-1].Site != n.Site {
			s.Sites = append(s.Sites, restv1.SiteSummary{Site: n.Site})
		}
		site := &s.Sites[len(s.Sites)-1]
		site.Nodes++
		if n.State == "online" || n.State == "draining" {
			site.Online++
			s.Cost.PerHour += n.Price
		}
		if len(n.Work) > 0 {
			site.Busy++
		}
	}
	s.Cost.Today = s.Cost.PerHour / 7
	return s, nil
}

// Attempt implements rest.Fleet.
func (f *Farm) Attempt(ctx context.Context, id string) (restv1.Attempt, error) {
	unlock, err := f.lock(ctx)
	if err != nil {
		return restv1.Attempt{}, err
	}
	defer unlock()
	a, err := f.attempt(id)
	if err != nil {
		return restv1.Attempt{}, err
	}
	return a.Attempt, nil
}

// Nodes implements rest.Fleet.
func (f *Farm) Nodes(ctx context.Context, all bool) ([]restv1.Node, error) {
	unlock, err := f.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	return f.list(all), nil
}

func (f *Farm) list(all bool) []restv1.Node {
	var list []restv1.Node
	for _, n := range f.nodes {
		if n.State == "deleted" && !all {
			continue
		}
		v := *n
		for _, id := range f.order {
			a := f.attempts[id]
			if a.Node != n.ID || a.State != "running" {
				continue
			}
			name := ""
			if j, err := f.find(a.Job); err == nil {
				name = j.Name
			}
			v.Work = append(v.Work, restv1.Work{Attempt: id, Job: a.Job, JobName: name, Step: a.Step, Unit: a.Unit, State: a.State, Since: a.Started, Progress: a.Progress})
		}
		list = append(list, v)
	}
	slices.SortFunc(list, func(a, b restv1.Node) int {
		// Home first: static nodes' sites come before those of pools.
		return cmp.Or(cmp.Compare(a.Pool, b.Pool), cmp.Compare(a.Site, b.Site), cmp.Compare(a.ID, b.ID))
	})
	return list
}

// MintToken implements rest.Fleet. The secret tells which call made it.
func (f *Farm) MintToken(ctx context.Context, r restv1.TokenRequest) (restv1.Token, error) {
	unlock, err := f.lock(ctx)
	if err != nil {
		return restv1.Token{}, err
	}
	defer unlock()
	f.tokens++
	life := time.Duration(r.LifeSeconds) * time.Second
	return restv1.Token{
		Secret: fmt.Sprintf("spw_%d", f.tokens), Role: r.Role, Names: r.Names, Site: r.Site, Uses: max(r.Uses, 1), Expires: f.now().UTC().Add(cmp.Or(life, 24*time.Hour)),
	}, nil
}

// Pools implements rest.Fleet.
func (f *Farm) Pools(ctx context.Context) ([]restv1.Pool, error) {
	unlock, err := f.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	pools := slices.Clone(f.pools)
	for i := range pools {
		for _, n := range f.nodes {
			if n.Pool == pools[i].ID && n.State != "deleted" && n.State != "deleting" {
				pools[i].Actual++
			}
		}
	}
	return pools, nil
}

// EvaluateAutoscale implements rest.Fleet. Every formula but the empty one is right and wants what is wanted already.
func (f *Farm) EvaluateAutoscale(ctx context.Context, pool string, r restv1.AutoscaleRequest) (restv1.AutoscaleRun, error) {
	p, err := f.formulaPool(ctx, pool)
	if err != nil {
		return restv1.AutoscaleRun{}, err
	}
	if r.Formula == "" {
		return restv1.AutoscaleRun{}, fault.New(fault.Invalid, "pool %s has no formula", pool)
	}
	return restv1.AutoscaleRun{Timestamp: f.now().UTC(), Results: fmt.Sprintf("$TargetDedicatedNodes=%d", p.Wanted), Nodes: p.Wanted}, nil
}

// AutoscaleSamples implements rest.Fleet.
func (f *Farm) AutoscaleSamples(ctx context.Context, pool string) ([]restv1.AutoscaleSample, error) {
	_, err := f.formulaPool(ctx, pool)
	return nil, err
}

func (f *Farm) formulaPool(ctx context.Context, id string) (restv1.Pool, error) {
	unlock, err := f.lock(ctx)
	if err != nil {
		return restv1.Pool{}, err
	}
	defer unlock()
	i := slices.IndexFunc(f.pools, func(p restv1.Pool) bool { return p.ID == id })
	if i < 0 {
		return restv1.Pool{}, fault.New(fault.NotFound, "there is no pool %s", id)
	}
	return f.pools[i], nil
}

// Decisions implements rest.Fleet.
func (f *Farm) Decisions(ctx context.Context, limit int) ([]restv1.Decision, error) {
	unlock, err := f.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	list := slices.Clone(f.decisions)
	slices.Reverse(list)
	return list[:min(limit, len(list))], nil
}

// Forecast implements rest.Fleet. Every job takes an hour, costs 3 with one node of every pool, and what it may.
func (f *Farm) Forecast(ctx context.Context, id string, q rest.WhatIf) (restv1.Prospect, error) {
	unlock, err := f.lock(ctx)
	if err != nil {
		return restv1.Prospect{}, err
	}
	defer unlock()
	j, err := f.find(id)
	if err != nil {
		return restv1.Prospect{}, err
	}
	at := f.now().UTC().Add(time.Hour)
	p := restv1.Prospect{Job: j.ID, Done: at, Known: true, Late: !q.By.IsZero() && at.After(q.By), Nodes: map[string]int{}, Cost: 3, Extra: 3}
	for i := range f.pools {
		p.Nodes[f.pools[i].ID] = 1
	}
	if q.OnPremOnly {
		p.Nodes, p.Cost, p.Extra = map[string]int{}, 0, 0
	}
	if q.Allow != nil {
		p.Cost, p.Extra, p.Cap = *q.Allow, *q.Allow, "budget"
	}
	return p, nil
}

// StopPools implements rest.Fleet.
func (f *Farm) StopPools(ctx context.Context, id string, c restv1.PoolStop) ([]restv1.Pool, error) {
	unlock, err := f.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	var out []restv1.Pool
	for i := range f.pools {
		if id == "" || f.pools[i].ID == id {
			f.pools[i].Stopped, f.pools[i].Reason = c.Stopped, c.Reason
			out = append(out, f.pools[i])
		}
	}
	if id != "" && len(out) == 0 {
		return nil, fault.New(fault.NotFound, "there is no pool %s", id)
	}
	return out, nil
}

// Filers implements rest.Fleet.
func (f *Farm) Filers(ctx context.Context) ([]restv1.Filer, error) {
	unlock, err := f.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	return slices.Clone(f.filers), nil
}

// ChangeNode drains, resumes or releases a node.
func (f *Farm) ChangeNode(ctx context.Context, id, verb string) (restv1.Node, error) {
	unlock, err := f.lock(ctx)
	if err != nil {
		return restv1.Node{}, err
	}
	defer unlock()
	n := f.nodes[id]
	if n == nil {
		return restv1.Node{}, fault.New(fault.NotFound, "no node %q", id)
	}
	switch {
	case verb == "drain" && n.State == "online":
		n.State = "draining"
	case verb == "resume" && n.State == "draining":
		n.State = "online"
	case verb == "release" && n.Quarantined != "":
		n.Quarantined, n.Avoided = "", nil
	default:
		return restv1.Node{}, fault.New(fault.Conflict, "node %s is %s", id, n.State)
	}
	f.record(restv1.Event{Kind: "node", Node: id, To: n.State, Reason: verb})
	return *n, nil
}
