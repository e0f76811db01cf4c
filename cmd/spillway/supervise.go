package main

import (
	"context"

	"github.com/spillway/spillway/internal/agent"
)

// SuperviseCmd runs one session; the agent starts it.
type SuperviseCmd struct {
	Dir string `arg:"" type:"path" help:"The session's directory."`
}

// Run returns when the session has ended.
func (c *SuperviseCmd) Run(ctx context.Context, g *Globals) error {
	return agent.Supervise(ctx, c.Dir, g.Log)
}
