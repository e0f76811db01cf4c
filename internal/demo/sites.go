package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spillway/spillway/internal/client"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/provider"
	"github.com/spillway/spillway/internal/provider/process"
)

// Names of the WAN's relays.
const (
	edgeRelay        = "edge"
	edgeControlRelay = "edge-control"
	serverRelay      = "server"
	cloudRelay       = "cloud-control"
)

// startServer starts the control plane at the studio, and opens the API to it.
func (f *farm) startServer(ctx context.Context) error {
	path, err := f.writeConfig("farm.yaml", f.farmYAML())
	if err != nil {
		return err
	}
	p, err := f.start(ctx, "server", "server", "--config", path, "--dir", f.c.serverDir())
	if err != nil {
		return err
	}
	f.ca = filepath.Join(f.c.serverDir(), "ca.pem")
	token, err := os.ReadFile(filepath.Join(f.c.serverDir(), "admin.token"))
	if err != nil {
		return fault.Wrap(fault.Internal, err, "the server's admin token")
	}
	f.token = string(bytes.TrimSpace(token))
	f.api, err = client.New(client.Config{Server: f.url(f.at.server), Token: f.token, CA: f.ca})
	if err != nil {
		return err
	}
	f.tell.say("studio", "server at %s (web page: %s/#token=%s)", p.said("url"), f.url(f.at.server), f.token)
	return nil
}

// startLink starts the emulated WAN: everything that the sites say to each other crosses it.
func (f *farm) startLink(ctx context.Context) error {
	_, err := f.start(ctx, "wan", "wan", "--rtt", f.c.RTT.String(), "--bandwidth", f.c.Bandwidth, "--status", f.at.wanStatus,
		"--relay", f.at.serverWAN+"="+f.at.server+","+serverRelay,
		"--relay", f.at.edgeWAN+"="+f.at.edge+","+edgeRelay,
		"--relay", f.at.edgeControlWAN+"="+f.at.edgeControl+","+edgeControlRelay,
		"--relay", f.at.cloudControlWAN+"="+f.at.cloudControl+","+cloudRelay+",reverse")
	if err == nil {
		f.tell.say("link", "emulated WAN between the sites: %v round trip, %s each way", f.c.RTT, f.c.Bandwidth)
	}
	return err
}

// farmYAML is the server's configuration. Its url is how rented nodes reach it: across the link. Leases are short, so that a lost node is noticed within the demo's patience.
func (f *farm) farmYAML() string {
	return fmt.Sprintf(`name: demo
listen: %s
url: %q
currency: USD
lease: %s
heartbeat: 1s
planner: {interval: 2s}
storage:
  - name: nas
    path: %q
    sources: [{path: %q}]
    sites:
      %s: {filer: edge}
      %s: {filer: cloud}
filers:
  - {name: edge, control: %q, nfs: %q, export: /nas}
  - {name: cloud, control: %q, nodeControl: %q, nfs: %q, export: /nas, parent: edge}
tokens:
  - {role: filer, names: edge, site: %s, file: %q}
  - {role: filer, names: cloud, site: %s, file: %q}
  - {role: agent, names: ws-01, site: %s, file: %q}
`,
		f.at.server, f.url(f.at.serverWAN), lease, f.c.nas(), f.c.nas(), homeSite, cloudSite,
		f.url(f.at.edgeControl), f.at.edge, f.url(f.at.cloudControlWAN), f.url(f.at.cloudControl), f.at.cloud,
		homeSite, f.joinToken("edge"), cloudSite, f.joinToken("cloud"), homeSite, f.joinToken("ws-01")) + f.poolYAML()
}

// lease is the silence after which the demo's nodes are held for lost.
const lease = 8 * time.Second

// joinToken is the file in which the server leaves the one-time token of a filer or node.
func (f *farm) joinToken(name string) string { return filepath.Join(f.c.serverDir(), name+".token") }

// homeNode is the studio's node.
const homeNode = "ws-01"

// pool is the burst pool's name.
const pool = "burst"

// agentCommand starts a node's agent; the provider fills the variables in. Each node offers one vcpu and is bound to it.
func (f *farm) agentCommand() []string {
	return []string{f.c.Binary, "agent", "--server", "${server}", "--ca", "${ca}", "--token-file", "${token}", "--dir", "${dir}/agent",
		"--name", "${name}", "--site", "${site}", "--vcpus", "1", "--memory", "4GiB", "--cpu-list", "${cpu}"}
}

// poolYAML is the burst pool.
func (f *farm) poolYAML() string {
	if f.c.BurstMax == 0 {
		return ""
	}
	command := append(f.agentCommand(), "--pool", "${pool}", "--instance", "${name}")
	quoted, _ := json.Marshal(command) // strings always do
	return fmt.Sprintf(`pools:
  - name: %s
    site: %s
    provider: process
    command: %s
    cpus: [1, 0]
    max: %d
    capacity: {vcpus: 1, memory: 4GiB}
    price: %g
    boot: 5s
    idle: 5s
`, pool, cloudSite, quoted, f.c.BurstMax, f.c.Price)
}

// startEdge starts the filer next to the NAS.
func (f *farm) startEdge(ctx context.Context) error {
	path, err := f.writeConfig("edge.yaml", fmt.Sprintf(`name: edge
site: %s
listen: %s
control: %s
cacheDir: %q
cacheSize: 4GiB
server: {url: %q, ca: %q, tokenFile: %q}
exports:
  - {path: /nas, origin: %q}
`, homeSite, f.at.edge, f.at.edgeControl, f.cacheDir("edge-filer"), f.url(f.at.server), f.ca, f.joinToken("edge"), "posix:"+f.c.nas()))
	if err != nil {
		return err
	}
	if _, err := f.start(ctx, "edge-filer", "filer", "--config", path); err != nil {
		return err
	}
	f.tell.say("studio", "edge filer at %s exports the NAS folder", f.at.edge)
	return nil
}

// startCloud starts the filer next to the rented nodes. All it knows of the studio lies beyond the link.
func (f *farm) startCloud(ctx context.Context) error {
	path, err := f.writeConfig("cloud.yaml", fmt.Sprintf(`name: cloud
site: %s
listen: %s
control: %s
cacheDir: %q
cacheSize: 4GiB
server: {url: %q, ca: %q, tokenFile: %q}
exports:
  - {path: /nas, origin: %q, parentControl: %q}
`, cloudSite, f.at.cloud, f.at.cloudControl, f.cacheDir("cloud-filer"), f.url(f.at.serverWAN), f.ca, f.joinToken("cloud"),
		"nfs:"+f.at.edgeWAN+"/nas", f.url(f.at.edgeControlWAN)))
	if err != nil {
		return err
	}
	if _, err := f.start(ctx, "cloud-filer", "filer", "--config", path); err != nil {
		return err
	}
	f.tell.say("cloud", "filer at %s, with the edge filer across the link as its origin", f.at.cloud)
	return nil
}

func (f *farm) cacheDir(name string) string { return filepath.Join(f.c.part(name), "cache") }

// startHome starts the studio's node.
func (f *farm) startHome(ctx context.Context) error {
	token, err := os.ReadFile(f.joinToken(homeNode))
	if err != nil {
		return fault.Wrap(fault.Internal, err, "the join token of "+homeNode)
	}
	ca, err := os.ReadFile(f.ca)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "the farm's CA")
	}
	f.home, err = process.New(process.Config{Dir: f.c.part("home-nodes"), Command: f.agentCommand(), CPUs: []int{0}, Env: []string{marker + "=" + f.c.Dir}})
	if err != nil {
		return err
	}
	if f.burst, err = process.New(process.Config{Dir: filepath.Join(f.c.serverDir(), "pools", pool)}); err != nil {
		return err
	}
	if _, err := f.home.Create(ctx, provider.Spec{Name: homeNode, Site: homeSite, Server: f.url(f.at.server), Token: string(bytes.TrimSpace(token)), CA: ca}); err != nil {
		return err
	}
	return f.waitOnline(ctx, homeNode)
}

// waitOnline waits until a node has joined.
func (f *farm) waitOnline(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyWithin, fault.WithHint(
		fault.New(fault.Unavailable, "node %s did not join within %v", name, readyWithin), "see the logs in %s", f.c.part("home-nodes")))
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		nodes, err := f.api.Nodes(ctx, false)
		if err == nil {
			for _, n := range nodes {
				if n.ID == name && n.State == "online" {
					return nil
				}
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
