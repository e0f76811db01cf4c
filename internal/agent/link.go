package agent

import (
	"context"
	"errors"
	"time"

	"connectrpc.com/connect"

	agentv1 "github.com/spillway/spillway/api/spillway/agent/v1"
	"github.com/spillway/spillway/api/spillway/agent/v1/agentv1connect"
	"github.com/spillway/spillway/internal/fault"
)

const (
	// welcomeTimeout is how long a server may take to answer Hello.
	welcomeTimeout = 20 * time.Second
	// defaultHeartbeat is used if the server does not say.
	defaultHeartbeat = 5 * time.Second
	minHeartbeat     = 50 * time.Millisecond
)

// stream is the node's connection.
type stream = connect.BidiStreamForClient[agentv1.Report, agentv1.Order]

// stayConnected keeps the node connected until ctx ends, with one connection after another.
func (n *node) stayConnected(ctx context.Context, client agentv1connect.AgentServiceClient, run string) {
	wait := newBackoff()
	for ctx.Err() == nil {
		welcomed, err := n.converse(ctx, client, run)
		if ctx.Err() != nil {
			return
		}
		if welcomed {
			wait = newBackoff()
		}
		n.log.Warn("no connection to the server", "server", n.config.Server, "error", err)
		if wait.pause(ctx) != nil {
			return
		}
	}
}

// converse holds one connection until it breaks. welcomed says whether it was a useful one.
func (n *node) converse(ctx context.Context, client agentv1connect.AgentServiceClient, run string) (welcomed bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s := client.Connect(ctx)
	defer func() { _ = s.CloseResponse() }()
	// If the stream has broken, Receive says why.
	if err := s.Send(n.hello(run)); err != nil {
		if _, receiveErr := s.Receive(); receiveErr != nil {
			return false, receiveErr
		}
		return false, err
	}
	impatience := time.AfterFunc(welcomeTimeout, func() {
		cancel(fault.New(fault.Unavailable, "the server did not answer within %s", welcomeTimeout))
	})
	first, err := s.Receive()
	impatience.Stop()
	if err != nil {
		return false, errors.Join(err, context.Cause(ctx))
	}
	welcome := first.GetWelcome()
	if welcome == nil {
		return false, fault.New(fault.Invalid, "the server's first order is not Welcome")
	}
	if err := n.home.admit(first.Epoch); err != nil {
		return false, err
	}
	n.welcome(welcome)
	sent := make(chan error, 1)
	go func() {
		err := n.send(ctx, s, welcome.Heartbeat.AsDuration())
		_ = s.CloseRequest() // else the transport waits for more to send, and Receive with it, though ctx has ended
		sent <- err
	}()
	err = n.receive(s)
	cancel(err)
	return true, errors.Join(err, <-sent)
}

// welcome takes the server's settings.
func (n *node) welcome(w *agentv1.Welcome) {
	n.log.Info("connected", "server", n.config.Server, "version", w.ServerVersion)
	n.mounts.apply(w.Storage)
	n.once.Do(func() {
		if n.config.Ready != nil {
			n.config.Ready()
		}
	})
}

// send writes reports and heartbeats until the connection ends: one goroutine, as a stream demands.
func (n *node) send(ctx context.Context, s *stream, every time.Duration) error {
	if every <= 0 {
		every = defaultHeartbeat
	}
	tick := time.NewTicker(max(every, minHeartbeat))
	defer tick.Stop()
	g := &gauge{cpus: n.config.CPUs}
	n.out.rewind()
	for {
		for r := n.out.take(); r != nil; r = n.out.take() {
			if err := s.Send(r); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-n.out.wake:
		case <-tick.C:
			if err := s.Send(&agentv1.Report{Report: &agentv1.Report_Heartbeat{Heartbeat: g.heartbeat()}}); err != nil {
				return err
			}
		}
	}
}

// receive carries out orders until the connection ends or the server turns out to be superseded.
func (n *node) receive(s *stream) error {
	for {
		o, err := s.Receive()
		if err != nil {
			return err
		}
		if err := n.home.admit(o.Epoch); err != nil {
			return err
		}
		n.obey(o)
	}
}

// obey carries out one order. Orders are repeated by the server, so each is idempotent; none blocks.
func (n *node) obey(o *agentv1.Order) {
	switch o := o.Order.(type) {
	case *agentv1.Order_Welcome:
		n.mounts.apply(o.Welcome.Storage)
	case *agentv1.Order_Ack:
		n.out.ack(o.Ack.Seq)
	case *agentv1.Order_JobSpec:
		n.saveJob(o.JobSpec)
	case *agentv1.Order_RunTask:
		n.accept(o.RunTask)
	case *agentv1.Order_CancelAttempt:
		n.cancelAttempt(o.CancelAttempt)
	case *agentv1.Order_EndSession:
		n.endSession(o.EndSession.Session)
	case *agentv1.Order_Drain:
		n.drain(o.Drain)
	case *agentv1.Order_Remount:
		n.mounts.order(o.Remount)
	case *agentv1.Order_Forget:
		n.forget(o.Forget.Attempt)
	default:
		n.log.Warn("an order that this version does not know was ignored")
	}
}
