package server

import (
	"context"
	"time"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/server/rest"
)

var _ rest.Sharing = (*Server)(nil)

// Limits lists limits by name.
func (s *Server) Limits(ctx context.Context) ([]restv1.Limit, error) {
	var views []farm.LimitView
	if err := s.loop.View(ctx, func(f *farm.Farm) { views = f.Limits() }); err != nil {
		return nil, err
	}
	out := make([]restv1.Limit, 0, len(views))
	for i := range views {
		out = append(out, wireLimit(&views[i]))
	}
	return out, nil
}

// SetLimit makes a limit or changes one.
func (s *Server) SetLimit(ctx context.Context, id string, c restv1.LimitChange) (restv1.Limit, error) {
	set := farm.SetLimit{Limit: farm.LimitID(id), Seats: c.Seats, Settle: seconds(c.SettleSeconds), TTL: seconds(c.TTLSeconds)}
	if c.Per != nil {
		perNode := *c.Per == "node"
		set.PerNode = &perNode
	}
	if c.Stale != nil {
		stale := farm.StalePolicy(*c.Stale)
		set.Stale = &stale
	}
	return s.limit(ctx, set)
}

// ReportLimit takes in how much of a limit is taken outside the farm.
func (s *Server) ReportLimit(ctx context.Context, id string, r restv1.LimitReport) (restv1.Limit, error) {
	return s.limit(ctx, farm.ReportLimit{Limit: farm.LimitID(id), External: r.Outside, Seats: r.Seats})
}

// limit carries out a command that returns a limit.
func (s *Server) limit(ctx context.Context, c farm.Command) (restv1.Limit, error) {
	result, err := s.loop.Do(ctx, c)
	if err != nil {
		return restv1.Limit{}, err
	}
	s.planner.changed()
	view, _ := result.(farm.LimitView)
	return wireLimit(&view), nil
}

// DeleteLimit removes a limit.
func (s *Server) DeleteLimit(ctx context.Context, id string) error {
	_, err := s.loop.Do(ctx, farm.DeleteLimit{Limit: farm.LimitID(id)})
	return err
}

// seconds returns a span of time, or nil for none.
func seconds(x *float64) *time.Duration {
	if x == nil {
		return nil
	}
	d := time.Duration(*x * float64(time.Second))
	return &d
}

func wireLimit(v *farm.LimitView) restv1.Limit {
	out := restv1.Limit{
		ID: string(v.ID), Seats: v.Seats, Per: "task", SettleSeconds: v.Settle.Seconds(), TTLSeconds: v.TTL.Seconds(), Stale: string(v.Stale),
		Held: v.Held, Settling: v.SettlingSeats, Outside: v.Outside, Free: v.Seats - v.Held - v.SettlingSeats - v.Outside,
		Reported: v.Reported, Overdue: v.Overdue, Closed: v.Closed,
	}
	if v.PerNode {
		out.Per = "node"
	}
	for _, n := range v.Nodes {
		out.Nodes = append(out.Nodes, string(n))
	}
	return out
}
