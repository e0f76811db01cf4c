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
	List    NodeListCmd    `cmd:"" help:"List nodes by site."`
	Drain   NodeDrainCmd   `cmd:"" help:"Give a node nothing new; what runs goes on."`
	Resume  NodeResumeCmd  `cmd:"" help:"Give a drained node work again."`
	Release NodeReleaseCmd `cmd:"" help:"End a node's quarantine, and forget what it failed."`
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

// theNode names the node that a command is about.
type theNode struct {
	ID string `arg:"" help:"The node."`
}

func (c *theNode) change(ctx context.Context, g *Globals, verb string) error {
	return show(g, func(r *client.Client) (restv1.Node, error) { return r.ChangeNode(ctx, c.ID, verb) },
		func(n restv1.Node) error { return textview.Nodes(g.Out, []restv1.Node{n}, time.Now()) })
}

// NodeDrainCmd drains a node.
type NodeDrainCmd struct{ theNode }

// Run drains the node.
func (c *NodeDrainCmd) Run(ctx context.Context, g *Globals) error { return c.change(ctx, g, "drain") }

// NodeResumeCmd resumes a node.
type NodeResumeCmd struct{ theNode }

// Run resumes the node.
func (c *NodeResumeCmd) Run(ctx context.Context, g *Globals) error { return c.change(ctx, g, "resume") }

// NodeReleaseCmd releases a node.
type NodeReleaseCmd struct{ theNode }

// Run releases the node.
func (c *NodeReleaseCmd) Run(ctx context.Context, g *Globals) error {
	return c.change(ctx, g, "release")
}
