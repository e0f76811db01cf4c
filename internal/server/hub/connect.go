package hub

import (
	"context"
	"errors"
	"fmt"
	"io"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/durationpb"

	agentv1 "github.com/spillway/spillway/api/spillway/agent/v1"
	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/identity"
)

// protocol is the version of the agent protocol that this server speaks.
const protocol = 1

// Connect serves one node for as long as its stream lasts.
func (h *Hub) Connect(ctx context.Context, stream *connect.BidiStream[agentv1.Report, agentv1.Order]) error {
	subject, err := caller(ctx, identity.RoleAgent)
	if err != nil {
		return wire(err)
	}
	defer h.interrupt(ctx)()
	first, err := stream.Receive()
	if err != nil {
		return err
	}
	hello := first.GetHello()
	if err := h.admit(subject, hello); err != nil {
		h.config.Log.Warn("node refused", "node", subject.Name, "error", err)
		return wire(err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	c := newConn(h, ctx, cancel, hello, stream)
	if err := h.enter(c); err != nil {
		return wire(err)
	}
	defer h.leave(c)
	if err := h.greet(ctx, c, first.GetSeq(), hello); err != nil {
		h.config.Log.Warn("node refused", "node", c.node, "error", err)
		return wire(err)
	}
	h.config.Log.Info("node connected", "node", c.node, "site", c.site)
	// The reader ends when this function has returned: its stream is closed then.
	go func() { cancel(h.listen(ctx, c, stream)) }()
	err = c.send(ctx)
	c.working.Wait()
	h.config.Log.Info("node disconnected", "node", c.node, "cause", err)
	if errors.Is(err, io.EOF) {
		return nil
	}
	return wire(err)
}

// admit checks a hello against the certificate and what its token allowed.
func (h *Hub) admit(subject identity.Subject, hello *agentv1.Hello) error {
	switch {
	case hello == nil:
		return fault.New(fault.Invalid, "the first report is no hello")
	case hello.GetNode() != subject.Name:
		return fault.New(fault.Denied, "%s calls itself %q", subject, clip(hello.GetNode()))
	case hello.GetEpoch() > h.config.Farm.Epoch():
		return fault.New(fault.Unavailable, "the node has seen epoch %d, this server leads under %d: another one has taken over",
			hello.GetEpoch(), h.config.Farm.Epoch())
	}
	m, known := h.config.Joins.Member(subject)
	switch {
	case !known:
		return fault.WithHint(fault.New(fault.Denied, "%s has not joined this farm", subject), "join with a token")
	case m.Site != "" && string(m.Site) != hello.GetSite():
		return fault.New(fault.Denied, "the token of %s was for site %q, not %q", subject, m.Site, clip(hello.GetSite()))
	case string(m.Pool) != hello.GetPool():
		return fault.New(fault.Denied, "the token of %s was for pool %q, not %q", subject, m.Pool, clip(hello.GetPool()))
	}
	return checkHello(hello)
}

// greet tells the farm of the node and leaves the first orders: welcome, what the node must drop, what is owed.
func (h *Hub) greet(ctx context.Context, c *conn, seq uint64, hello *agentv1.Hello) error {
	result, err := h.config.Farm.Do(ctx, nodeHello(hello))
	if err != nil {
		return err
	}
	welcome, ok := result.(*farm.Welcome)
	if !ok {
		return fault.New(fault.Internal, "the farm answered a hello with %T", result)
	}
	c.say(&agentv1.Order{Order: &agentv1.Order_Welcome{Welcome: &agentv1.Welcome{
		ServerVersion: h.config.Version, Heartbeat: durationpb.New(h.config.Heartbeat), Lease: durationpb.New(h.config.Lease),
		Storage: h.config.Storage(c.site),
	}}})
	for _, s := range welcome.EndSessions {
		c.say(endSession(s, "the farm does not know it any more"))
	}
	for _, a := range welcome.Cancel {
		c.say(cancelAttempt(a, "the farm has moved on from it"))
	}
	for _, l := range welcome.Remount {
		c.say(&agentv1.Order{Order: &agentv1.Order_Remount{Remount: &agentv1.Remount{Location: string(l), Reason: "its mount session is fenced"}}})
	}
	for _, a := range hello.GetAttempts() {
		c.note(a)
	}
	c.ack(seq)
	return h.config.Farm.View(ctx, func(f *farm.Farm) { c.owe(f.Owed(c.node)) })
}

// listen carries out a node's reports, in order, until the stream ends.
func (h *Hub) listen(ctx context.Context, c *conn, stream *connect.BidiStream[agentv1.Report, agentv1.Order]) error {
	for {
		r, err := stream.Receive()
		if err != nil {
			return err
		}
		h.config.Farm.Seen(ctx, c.node)
		if err := h.report(ctx, c, r); err != nil {
			return err
		}
	}
}

// report carries out one report. An error ends the stream: the node comes back and repeats what was not acknowledged.
func (h *Hub) report(ctx context.Context, c *conn, r *agentv1.Report) error {
	command, err := h.command(c, r)
	if err != nil {
		return err
	}
	if command != nil {
		_, err = h.config.Farm.Do(ctx, command)
		switch kind := fault.KindOf(err); {
		case err == nil:
		case kind == fault.Unavailable || kind == fault.Internal:
			return err
		default:
			// A report that the farm refuses would be refused for ever.
			h.config.Log.Warn("report refused", "node", c.node, "report", fmt.Sprintf("%T", r.GetReport()), "error", err)
		}
	}
	if a := r.GetAttempt(); a != nil {
		c.note(a)
	}
	c.ack(r.GetSeq())
	return nil
}

// command returns what a report means to the farm; nil: nothing.
func (h *Hub) command(c *conn, r *agentv1.Report) (farm.Command, error) {
	switch m := r.GetReport().(type) {
	case *agentv1.Report_Attempt:
		if err := checkAttempt(m.Attempt); err != nil {
			return nil, err
		}
		if !c.news(m.Attempt) {
			return nil, nil
		}
		return attemptUpdate(c.node, m.Attempt), nil
	case *agentv1.Report_Session:
		if m.Session.GetPhase() != agentv1.SessionPhase_SESSION_PHASE_ENDED {
			return nil, nil
		}
		return farm.SessionEnded{Node: c.node, Session: farm.SessionID(m.Session.GetSession()), Reason: clip(m.Session.GetMessage())}, nil
	case *agentv1.Report_Mount:
		return farm.MountReported{
			Node: c.node, Mount: mountSession(m.Mount), Message: clip(m.Mount.GetMessage()),
			Gone: m.Mount.GetPhase() != agentv1.MountPhase_MOUNT_PHASE_READY,
		}, nil
	case *agentv1.Report_Draining:
		return farm.NodeDrain{Node: c.node, ByNode: true, Reason: clip(m.Draining.GetReason())}, nil
	case *agentv1.Report_Hello:
		return nil, fault.New(fault.Invalid, "a second hello on one stream")
	}
	return nil, nil // a heartbeat, or what a later release says
}
