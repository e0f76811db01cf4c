package agent

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	agentv1 "github.com/spillway/spillway/api/spillway/agent/v1"
	"github.com/spillway/spillway/api/spillway/agent/v1/agentv1connect"
	"github.com/spillway/spillway/internal/agent/nodehelper"
	"github.com/spillway/spillway/internal/agent/notice"
	"github.com/spillway/spillway/internal/agent/process"
	"github.com/spillway/spillway/internal/agent/session"
	"github.com/spillway/spillway/internal/agent/supervise"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/identity"
)

const (
	// settleTimeout is how long a stopping agent waits for the server to have every end and every log.
	settleTimeout = 30 * time.Second
	// shutdownGrace is what running tasks get when the machine goes.
	shutdownGrace = 5 * time.Second
	// slotPrefix begins the name of every slot; an empty one that old belongs to nobody.
	slotPrefix = "spillway-"
	staleSlot  = time.Hour
	// endTimeout bounds the end of sessions, with their environments, when the agent stops.
	endTimeout = 60 * time.Second
)

// Run is the agent: it joins the farm if need be and works until ctx ends or the server orders it to stop. Errors are
// those that keep it from working at all: fault.Invalid configuration, fault.Denied by the server, fault.Conflict with
// another agent.
func Run(ctx context.Context, c Config, log *slog.Logger) error {
	if err := c.Validate(); err != nil {
		return err
	}
	if err := c.CPUs.Bind(); err != nil {
		return err
	}
	h, err := openHome(c.Dir)
	if err != nil {
		return err
	}
	defer h.close()
	identityDir := h.path("identity")
	creds, err := credentials(ctx, c, identityDir, log)
	if err != nil {
		return err
	}
	keys, err := identity.NewKeyring(creds)
	if err != nil {
		return err
	}
	http := newHTTPClient(keys.ClientTLS(identity.RoleServer))
	defer http.CloseIdleConnections()
	client := agentv1connect.NewAgentServiceClient(http, strings.TrimRight(c.Server, "/"))

	// What is under way goes on while the agent stops in an orderly way; base ends last.
	base, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	n := newNode(base, c, h, log)
	n.mounts.load()
	n.adopt()
	var links sync.WaitGroup
	links.Go(func() { n.stayConnected(base, client, rand.Text()) })
	links.Go(func() { n.uploads.run(base, client) })
	links.Go(func() { renew(base, keys, client, identityDir, log) })
	cloud := notice.NewAzure(c.Metadata, log)
	defer cloud.Close()
	if c.Metadata != "" {
		links.Go(func() { n.hear(base, cloud) })
	}

	n.waitForEnd(ctx, cloud)
	end()
	links.Wait()
	n.work.Wait()
	n.mounts.work.Wait()
	return nil
}

func newNode(ctx context.Context, c Config, h *home, log *slog.Logger) *node {
	n := &node{
		config: c, home: h, out: newOutbox(), uploads: newUploads(log), log: log, ctx: ctx, hierarchy: hierarchy(),
		attempts: make(map[string]*attempt), sessions: make(map[string]*sessionHandle), forgotten: make(map[string]bool),
		stop: make(chan struct{}), changed: make(chan struct{}), heard: make(chan struct{}),
	}
	n.mounts = &mounts{
		config: c, home: h, out: n.out, log: log, lost: n.storageLost, ctx: ctx,
		helper: nodehelper.Caller{Command: append(slices.Clone(c.Command), "node-helper"), Env: n.environment()},
		points: make(map[string]*point), changed: make(chan struct{}),
	}
	return n
}

// hierarchy returns the cgroup for slots, swept of those that killed machines have left.
func hierarchy() string {
	dir := process.FindHierarchy()
	if dir != "" {
		process.SweepSlots(dir, slotPrefix, staleSlot)
	}
	return dir
}

// environment is what supervisors, mounts and helpers get: the agent's own without what is secret, and the marks.
func (n *node) environment() []string {
	own := slices.DeleteFunc(os.Environ(), func(entry string) bool { return strings.HasPrefix(entry, "SPILLWAY_TOKEN=") })
	return append(own, n.marks()...)
}

// waitForEnd returns when the agent is to end: after a signal with what runs left alone, or after everything has ended.
func (n *node) waitForEnd(ctx context.Context, cloud *notice.Azure) {
	select {
	case <-n.stop:
		n.log.Info("draining: what runs is finished, then the agent ends")
		n.await(ctx, func() bool { return n.idle() || n.warned() })
	case <-n.heard:
	case <-ctx.Done():
		if !n.config.StopWithAgent {
			n.log.Info("the agent ends; sessions and mounts stay for the next one")
			return
		}
	}
	if n.warned() {
		n.leave(cloud)
		return
	}
	n.tearDown("the agent stops")
}

// tearDown ends what runs, leaves the sessions, lets the server know everything and detaches the storage.
func (n *node) tearDown(reason string) {
	n.mu.Lock()
	n.draining = true
	n.mu.Unlock()
	n.sayDraining(reason, settleTimeout)
	n.cancelAll(&session.Cancel{Cause: session.Agent, Reason: "the node is stopped", Grace: shutdownGrace})
	ctx, cancel := context.WithTimeout(n.ctx, endTimeout)
	defer cancel()
	n.await(ctx, n.idle)
	n.endSessions()
	n.await(ctx, func() bool { n.mu.Lock(); defer n.mu.Unlock(); return len(n.sessions) == 0 })
	ctx, cancel = context.WithTimeout(n.ctx, settleTimeout)
	defer cancel()
	n.mounts.removeAll()
	n.await(ctx, func() bool { return n.out.empty() && n.uploads.idle() })
}

func (n *node) endSessions() {
	n.mu.Lock()
	handles := make([]*sessionHandle, 0, len(n.sessions))
	for _, h := range n.sessions {
		handles = append(handles, h)
	}
	n.mu.Unlock()
	for _, h := range handles {
		h.markEnding()
		h.send(supervise.Command{Verb: supervise.End, Reason: "the node is stopped"})
	}
}

// idle reports whether no attempt runs.
func (n *node) idle() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, a := range n.attempts {
		if a.end == nil {
			return false
		}
	}
	return true
}

// await waits until a condition holds or ctx ends.
func (n *node) await(ctx context.Context, holds func() bool) {
	tick := time.NewTicker(50 * time.Millisecond) // acknowledgements and uploads have no bell of their own
	defer tick.Stop()
	for !holds() {
		n.mu.Lock()
		changed := n.changed
		n.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-tick.C:
		}
	}
}

// drain takes the order to finish. With stop, the agent ends then.
func (n *node) drain(o *agentv1.Drain) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.draining {
		n.log.Info("draining", "reason", o.Reason, "stop", o.Stop)
	}
	n.draining = true
	if o.Stop {
		n.stopOnce.Do(func() { close(n.stop) })
	}
}

// Supervise is the process of one session; see package supervise.
func Supervise(ctx context.Context, dir string, log *slog.Logger) error {
	return supervise.Serve(ctx, dir, log)
}

// Help is a helper process; see package nodehelper.
func Help(ctx context.Context, in, out *os.File) error {
	if in == nil || out == nil {
		return fault.Wrap(fault.Internal, errors.New("no standard input or output"), "helper")
	}
	return nodehelper.Serve(ctx, in, out)
}
