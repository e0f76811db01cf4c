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
	result, err := s.do(ctx, c)
	if err != nil {
		return restv1.Limit{}, err
	}
	s.planner.changed()
	view, _ := result.(farm.LimitView)
	return wireLimit(&view), nil
}

// DeleteLimit removes a limit.
func (s *Server) DeleteLimit(ctx context.Context, id string) error {
	_, err := s.do(ctx, farm.DeleteLimit{Limit: farm.LimitID(id)})
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

// Queues lists queues by name.
func (s *Server) Queues(ctx context.Context) ([]restv1.Queue, error) {
	var views []farm.QueueView
	if err := s.loop.View(ctx, func(f *farm.Farm) { views = f.Queues() }); err != nil {
		return nil, err
	}
	out := make([]restv1.Queue, 0, len(views))
	for i := range views {
		out = append(out, wireQueue(&views[i]))
	}
	return out, nil
}

// SetQueue makes a queue or changes one.
func (s *Server) SetQueue(ctx context.Context, id string, c restv1.QueueChange) (restv1.Queue, error) {
	result, err := s.do(ctx, farm.SetQueue{
		Queue: farm.QueueID(id), Weight: c.Weight, Paused: c.Paused, VCPUs: c.VCPUs, MemoryMiB: c.MemoryMiB, GPUs: c.GPUs, Tasks: c.Tasks,
	})
	if err != nil {
		return restv1.Queue{}, err
	}
	s.planner.changed()
	view, _ := result.(farm.QueueView)
	return wireQueue(&view), nil
}

// DeleteQueue removes a queue.
func (s *Server) DeleteQueue(ctx context.Context, id string) error {
	_, err := s.do(ctx, farm.DeleteQueue{Queue: farm.QueueID(id)})
	return err
}

func wireQueue(v *farm.QueueView) restv1.Queue {
	return restv1.Queue{
		ID: string(v.ID), Weight: v.Weight, Paused: v.Paused, Quota: wireAmounts(v.Quota), Used: wireAmounts(v.Used), Jobs: v.Jobs,
		Share: v.Share, Fair: v.Fair,
	}
}

func wireAmounts(a farm.Amounts) restv1.Amounts {
	return restv1.Amounts{VCPUs: a.VCPUs, MemoryMiB: int64(a.MemoryMiB), GPUs: int64(a.GPUs), Tasks: a.Tasks} //nolint:gosec // sums of real machines
}
