package server

import (
	"context"
	"time"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/burst"
	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/server/rest"
)

// Forecast tells what becomes of a job. Pools with a formula keep the size that they have.
func (s *Server) Forecast(ctx context.Context, id string, q rest.WhatIf) (restv1.Prospect, error) {
	asked := 0
	for _, one := range []bool{!q.By.IsZero(), q.Allow != nil, q.OnPremOnly} {
		if one {
			asked++
		}
	}
	if asked > 1 {
		return restv1.Prospect{}, fault.WithHint(fault.New(fault.Invalid, "by, allow and onPremOnly exclude each other"), "ask one after the other")
	}
	var job farm.JobView
	known := false
	if err := s.loop.View(ctx, func(f *farm.Farm) { job, known = f.Job(farm.JobID(id)) }); err != nil {
		return restv1.Prospect{}, err
	}
	switch {
	case !known:
		return restv1.Prospect{}, noJob(id)
	case job.State.Over():
		return restv1.Prospect{}, fault.New(fault.Conflict, "job %s is %s", id, job.State)
	case job.State == farm.JobPaused:
		return restv1.Prospect{}, fault.WithHint(fault.New(fault.Conflict, "job %s is paused", id), "spillway job resume %s", id)
	}
	now := time.Now()
	view, err := s.planner.look(ctx, now)
	if err != nil {
		return restv1.Prospect{}, err
	}
	for i := range view.input.Pools {
		if pool := &view.input.Pools[i]; s.scalers[pool.Name] != nil {
			pool.Order = &burst.Order{Nodes: view.wanted[pool.Name], Reason: "its formula"}
		}
	}
	a := burst.WhatIf(now, view.input, burst.Question{Job: id, By: q.By, Allow: q.Allow, HomeOnly: q.OnPremOnly})
	return restv1.Prospect{
		Job: id, Done: a.Done.UTC(), Known: a.Known, Late: a.Late, Nodes: a.Nodes, Cost: a.Cost, Extra: a.Extra, Cap: a.Cap, Currency: s.config.Currency,
	}, nil
}

// StopPools stops one pool, or all of them if none is named, or lets them go on.
func (s *Server) StopPools(ctx context.Context, id string, c restv1.PoolStop) ([]restv1.Pool, error) {
	var ids []farm.PoolID
	err := s.loop.View(ctx, func(f *farm.Farm) {
		for _, p := range f.Pools() {
			if id == "" || id == string(p.ID) {
				ids = append(ids, p.ID)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	if id != "" && len(ids) == 0 {
		return nil, fault.WithHint(fault.New(fault.NotFound, "there is no pool %s", id), "see: spillway pool list")
	}
	reason := c.Reason
	if reason != "" && c.Stopped {
		reason = "stopped: " + reason
	}
	for _, pool := range ids {
		if _, err := s.do(ctx, farm.PoolStop{Pool: pool, Stopped: c.Stopped, Reason: reason}); err != nil {
			return nil, err
		}
	}
	s.planner.changed()
	s.planner.wake()
	all, err := s.Pools(ctx)
	if err != nil || id == "" {
		return all, err
	}
	for _, p := range all {
		if p.ID == id {
			return []restv1.Pool{p}, nil
		}
	}
	return nil, nil
}
