package main

import (
	"context"
	"time"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/client"
	"github.com/spillway/spillway/internal/textview"
)

// NodeCmd holds the commands for nodes.
type NodeCmd struct {
	List NodeListCmd `cmd:"" help:"List nodes by site."`
}

// NodeListCmd lists nodes.
type NodeListCmd struct {
	All bool `help:"Deleted ones too."`
}

// Run lists nodes.
func (c *NodeListCmd) Run(ctx context.Context, g *Globals) error {
	return show(g, func(r *client.Client) ([]restv1.Node, error) { return r.Nodes(ctx, c.All) },
		func(nodes []restv1.Node) error { return textview.Nodes(g.Out, nodes, time.Now()) })
}
