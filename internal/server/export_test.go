package server

import (
	"context"

	"github.com/spillway/spillway/internal/farm"
)

// Command carries out a command of the farm.
func (s *Server) Command(ctx context.Context, c farm.Command) (any, error) { return s.loop.Do(ctx, c) }

// Plan has the burst planner look and decide once.
func (s *Server) Plan(ctx context.Context) error { return s.planner.plan(ctx) }
