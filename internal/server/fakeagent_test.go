package server_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/durationpb"

	agentv1 "github.com/spillway/spillway/api/spillway/agent/v1"
	"github.com/spillway/spillway/api/spillway/agent/v1/agentv1connect"
	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/identity"
)

func poolID(name string) farm.PoolID { return farm.PoolID(name) }

// fakeAgent is a node that speaks the real protocol over the real transport and runs nothing.
type fakeAgent struct {
	t         testing.TB
	name      string
	site      string
	pool      string
	mounts    []*agentv1.MountUpdate
	boot      string
	client    agentv1connect.AgentServiceClient
	transport *http.Transport

	mu sync.Mutex // guards what follows
	// work decides how an ordered task goes; nil: the agent says that it runs, and then nothing.
	work     func(*agentv1.RunTask) *agentv1.AttemptEnd
	stream   *connect.BidiStreamForClient[agentv1.Report, agentv1.Order]
	seq      uint64
	acked    uint64
	epoch    uint64
	attempts map[string]*agentv1.AttemptUpdate // alive, or ended and not to be forgotten yet
	orders   []*agentv1.Order
	specs    map[string]*agentv1.JobSpec
	silent   bool // no heartbeats
	cancel   context.CancelFunc
	done     sync.WaitGroup
}

// newAgent joins a node to the farm.
func (w *world) newAgent(name, site, pool string) *fakeAgent {
	w.t.Helper()
	a := &fakeAgent{
		t: w.t, name: name, site: site, pool: pool, boot: "boot-1", attempts: map[string]*agentv1.AttemptUpdate{}, specs: map[string]*agentv1.JobSpec{},
		mounts: []*agentv1.MountUpdate{{Location: "nas", Phase: agentv1.MountPhase_MOUNT_PHASE_READY, Kind: "direct"}},
		work:   succeed,
	}
	w.must(a.join(w, w.token(identity.RoleAgent, name, pool)))
	w.t.Cleanup(a.leave)
	return a
}

// succeed is the end of a task that leaves all its outputs, with the path as content.
func succeed(task *agentv1.RunTask) *agentv1.AttemptEnd {
	end := &agentv1.AttemptEnd{Cause: agentv1.EndCause_END_CAUSE_SUCCESS, RunTime: durationpb.New(time.Second)}
	for _, o := range task.GetOutputs() {
		sum := sha256.Sum256([]byte(o.GetPath()))
		end.Outputs = append(end.Outputs, &agentv1.Output{Location: o.GetLocation(), Path: o.GetPath(), Size: uint64(len(o.GetPath())), Sha256: sum[:]})
	}
	return end
}

// join trades a token for a certificate and dials with it from then on.
func (a *fakeAgent) join(w *world, token string) error {
	trust, err := identity.TrustTLS(w.CA().PEM(), identity.RoleServer)
	if err != nil {
		return err
	}
	stranger := &http.Transport{TLSClientConfig: trust, ForceAttemptHTTP2: true}
	defer stranger.CloseIdleConnections()
	key, csr, err := identity.NewKeyAndCSR()
	if err != nil {
		return err
	}
	res, err := agentv1connect.NewAgentServiceClient(&http.Client{Transport: stranger}, w.URL()).
		Join(context.Background(), connect.NewRequest(&agentv1.JoinRequest{Token: token, Csr: csr, Name: a.name, Role: "agent"}))
	if err != nil {
		return err
	}
	mine, err := identity.NewCredentials(key, res.Msg.GetCertificates(), res.Msg.GetCa())
	if err != nil {
		return err
	}
	a.transport = &http.Transport{TLSClientConfig: mine.ClientTLS(identity.RoleServer), ForceAttemptHTTP2: true}
	a.client = agentv1connect.NewAgentServiceClient(&http.Client{Transport: a.transport}, w.URL())
	return nil
}

// connect opens the stream and serves it; it returns when the node has been welcomed.
func (a *fakeAgent) connect() {
	a.t.Helper()
	if err := a.dial(); err != nil {
		a.t.Fatalf("%s is not welcome: %v", a.name, err)
	}
}

func (a *fakeAgent) dial() error {
	a.leave()
	ctx, cancel := context.WithCancel(context.Background())
	stream := a.client.Connect(ctx)
	a.mu.Lock()
	a.stream, a.cancel, a.seq, a.acked, a.silent = stream, cancel, 1, 0, false
	a.done.Add(1) // whoever makes it leave from now on waits until it has arrived, or failed to
	defer a.done.Done()
	hello := &agentv1.Hello{
		Node: a.name, Site: a.site, Pool: a.pool, Protocol: 1, BootId: a.boot, AgentRun: fmt.Sprint(time.Now().UnixNano()), Epoch: a.epoch,
		Capacity: &agentv1.Capacity{Vcpus: 1, MemoryMib: 4096, OsFamily: "linux", CpuArch: "x86_64"}, Mounts: a.mounts,
	}
	sessions := map[string]bool{}
	for _, u := range a.attempts {
		hello.Attempts = append(hello.Attempts, u)
		if !sessions[u.GetSession()] {
			sessions[u.GetSession()] = true
			hello.Sessions = append(hello.Sessions, &agentv1.SessionUpdate{Session: u.GetSession(), Phase: agentv1.SessionPhase_SESSION_PHASE_OPEN})
		}
	}
	a.mu.Unlock()
	if err := stream.Send(&agentv1.Report{Seq: 1, Report: &agentv1.Report_Hello{Hello: hello}}); err != nil {
		cancel()
		return err
	}
	first, err := stream.Receive()
	if err != nil {
		cancel()
		return err
	}
	a.note(first)
	a.done.Go(func() { a.listen(stream) })
	a.done.Go(func() { a.beat(ctx) })
	return nil
}

func (a *fakeAgent) listen(stream *connect.BidiStreamForClient[agentv1.Report, agentv1.Order]) {
	for {
		order, err := stream.Receive()
		if err != nil {
			return
		}
		a.note(order)
		switch m := order.GetOrder().(type) {
		case *agentv1.Order_RunTask:
			a.run(m.RunTask)
		case *agentv1.Order_CancelAttempt:
			a.end(m.CancelAttempt.GetAttempt(), &agentv1.AttemptEnd{Cause: agentv1.EndCause_END_CAUSE_CANCELED})
		case *agentv1.Order_EndSession:
			a.report(&agentv1.Report{Report: &agentv1.Report_Session{Session: &agentv1.SessionUpdate{
				Session: m.EndSession.GetSession(), Phase: agentv1.SessionPhase_SESSION_PHASE_ENDED,
			}}})
		}
	}
}

func (a *fakeAgent) note(o *agentv1.Order) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.epoch = max(a.epoch, o.GetEpoch())
	a.orders = append(a.orders, o)
	switch m := o.GetOrder().(type) {
	case *agentv1.Order_Ack:
		a.acked = max(a.acked, m.Ack.GetSeq())
	case *agentv1.Order_JobSpec:
		a.specs[m.JobSpec.GetJob()] = m.JobSpec
	case *agentv1.Order_Forget:
		delete(a.attempts, m.Forget.GetAttempt())
	}
}

func (a *fakeAgent) run(task *agentv1.RunTask) {
	a.mu.Lock()
	_, known := a.attempts[task.GetAttempt()]
	work := a.work
	a.mu.Unlock()
	if known {
		return // an order is idempotent by its id
	}
	a.update(&agentv1.AttemptUpdate{Attempt: task.GetAttempt(), Session: task.GetSession(), Phase: agentv1.AttemptPhase_ATTEMPT_PHASE_RUNNING, Progress: 50})
	if work == nil {
		return
	}
	if end := work(task); end != nil {
		a.end(task.GetAttempt(), end)
	}
}

// end reports the end of an attempt.
func (a *fakeAgent) end(attempt string, end *agentv1.AttemptEnd) {
	a.mu.Lock()
	old := a.attempts[attempt]
	a.mu.Unlock()
	a.update(&agentv1.AttemptUpdate{Attempt: attempt, Session: old.GetSession(), Phase: agentv1.AttemptPhase_ATTEMPT_PHASE_ENDED, End: end})
}

func (a *fakeAgent) update(u *agentv1.AttemptUpdate) {
	a.mu.Lock()
	a.attempts[u.GetAttempt()] = u
	a.mu.Unlock()
	a.report(&agentv1.Report{Report: &agentv1.Report_Attempt{Attempt: u}})
}

// report sends what wants an acknowledgement. A broken stream loses it: the next hello says it again.
func (a *fakeAgent) report(r *agentv1.Report) uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seq++
	r.Seq = a.seq
	_ = a.stream.Send(r)
	return r.Seq
}

func (a *fakeAgent) beat(ctx context.Context) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			a.mu.Lock()
			if !a.silent {
				_ = a.stream.Send(&agentv1.Report{Report: &agentv1.Report_Heartbeat{Heartbeat: &agentv1.Heartbeat{}}})
			}
			a.mu.Unlock()
		case <-ctx.Done():
			return
		}
	}
}

// become changes how tasks go from now on.
func (a *fakeAgent) become(work func(*agentv1.RunTask) *agentv1.AttemptEnd) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.work = work
}

// hush stops the heartbeats, as a frozen machine does.
func (a *fakeAgent) hush() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.silent = true
}

// leave breaks the stream, as a dead process does.
func (a *fakeAgent) leave() {
	a.mu.Lock()
	cancel, stream := a.cancel, a.stream
	a.cancel = nil
	a.mu.Unlock()
	if cancel != nil {
		cancel()
		_ = stream.CloseRequest() // a blocked read of the request's body does not see the context
		a.done.Wait()
	}
	if a.transport != nil {
		a.transport.CloseIdleConnections()
	}
}

// tasks returns the RunTask orders so far.
func (a *fakeAgent) tasks() []*agentv1.RunTask {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []*agentv1.RunTask
	for _, o := range a.orders {
		if t := o.GetRunTask(); t != nil {
			out = append(out, t)
		}
	}
	return out
}

// ackedUpTo returns the highest acknowledged report.
func (a *fakeAgent) ackedUpTo() uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.acked
}
