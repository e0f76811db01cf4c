package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/spillway/spillway/internal/agent"
	"github.com/spillway/spillway/internal/agent/process"
	"github.com/spillway/spillway/internal/config"
	"github.com/spillway/spillway/internal/fault"
)

// AgentCmd runs a node's agent.
type AgentCmd struct {
	Dir           string       `required:"" type:"path" help:"The node's own directory, on a local disk."`
	Name          string       `required:"" help:"The node's name, unique in the farm."`
	Site          string       `required:"" help:"The site that the node is at."`
	Pool          string       `help:"The elastic pool that the node belongs to."`
	Instance      string       `help:"The provider's name of this machine."`
	TokenFile     string       `type:"path" help:"File with a one-time join token; needed until the node has joined."`
	VCPUs         float64      `name:"vcpus" default:"1" help:"CPUs that the node offers."`
	Memory        config.Bytes `default:"4GiB" help:"Memory that the node offers."`
	CPUList       string       `name:"cpu-list" help:"Keep to these CPUs, such as 0 or 0-3,8."`
	Mount         string       `enum:"auto,kernel,fuse" default:"auto" help:"How storage is mounted: auto, kernel or fuse."`
	MountCache    config.Bytes `placeholder:"SIZE" help:"Keep so much of the files that are read through FUSE mounts on the node's disk, in the node's directory."`
	Metadata      string       `placeholder:"URL" help:"Address of Azure's instance metadata service, http://169.254.169.254: leave in good order before this machine is taken away."`
	StopWithAgent bool         `help:"On SIGTERM end what runs and detach the storage, instead of leaving both to the next agent."`
}

// Run works until it is told to stop.
func (c *AgentCmd) Run(ctx context.Context, g *Globals) error {
	cpus, err := process.ParseCPUList(c.CPUList)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return fault.Wrap(fault.Internal, err, "find this program")
	}
	token, err := c.token()
	if err != nil {
		return err
	}
	var ca []byte
	if g.CA != "" {
		if ca, err = os.ReadFile(g.CA); err != nil {
			return fault.WithHint(fault.Wrap(fault.Invalid, err, "the farm's CA"), "copy ca.pem from the server and give it with --ca")
		}
	}
	return agent.Run(ctx, agent.Config{
		Server: g.Server, Dir: c.Dir, Name: c.Name, Site: c.Site, Pool: c.Pool, Instance: c.Instance, Token: token, CA: ca,
		VCPUs: c.VCPUs, MemoryMiB: uint64(c.Memory) >> 20, CPUs: cpus, Mount: agent.MountKind(c.Mount), MountCache: int64(c.MountCache),
		Metadata: c.Metadata, StopWithAgent: c.StopWithAgent, Version: version, Command: []string{self},
		Ready: func() {
			line, _ := json.Marshal(map[string]any{"node": c.Name, "site": c.Site, "pid": os.Getpid()})
			fmt.Fprintf(g.Out, "ready %s\n", line)
		},
	}, g.Log)
}

// token reads the join token. No file is no error: a node that has joined needs none.
func (c *AgentCmd) token() (string, error) {
	if c.TokenFile == "" {
		return "", nil
	}
	data, err := os.ReadFile(c.TokenFile)
	if err != nil {
		return "", fault.Wrap(fault.Invalid, err, "the join token")
	}
	return strings.TrimSpace(string(data)), nil
}
