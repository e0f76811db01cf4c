package main

import (
	"context"
	"os"

	"github.com/spillway/spillway/internal/agent"
)

// NodeHelperCmd does one thing that may hang with the storage; the agent starts it.
type NodeHelperCmd struct{}

// Run reads the request from standard input and writes the answer to standard output.
func (*NodeHelperCmd) Run(ctx context.Context, _ *Globals) error {
	return agent.Help(ctx, os.Stdin, os.Stdout)
}
