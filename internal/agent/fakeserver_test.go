package agent_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	agentv1 "github.com/spillway/spillway/api/spillway/agent/v1"
	"github.com/spillway/spillway/api/spillway/agent/v1/agentv1connect"
	"github.com/spillway/spillway/internal/identity"
)

// fakeServer is the other side of the agent protocol, under a test's control.
type fakeServer struct {
	t     *testing.T
	ca    *identity.CA
	url   string
	token string

	mu       sync.Mutex // guards what follows
	cond     *sync.Cond
	epoch    uint64
	storage  []*agentv1.StorageLocation
	ack      bool
	conn     *connect.BidiStream[agentv1.Report, agentv1.Order]
	hang     context.CancelCauseFunc
	hellos   []*agentv1.Hello
	reports  []*agentv1.Report
	beats    int
	logs     map[string][]byte
	complete map[string]bool
	breakAt  int // UploadLog breaks once after so many bytes; 0: never
	renewals int
	ttl      time.Duration
}

func newFakeServer(t *testing.T) *fakeServer {
	t.Helper()
	ca, err := identity.CreateCA(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := &fakeServer{t: t, ca: ca, token: "spw_TEST", epoch: 1, ack: true, logs: make(map[string][]byte), complete: make(map[string]bool), ttl: time.Hour}
	s.cond = sync.NewCond(&s.mu)
	mux := http.NewServeMux()
	mux.Handle(agentv1connect.NewAgentServiceHandler(s))
	credentials, err := ca.Issue(identity.Subject{Role: identity.RoleServer, Name: "server"}, nil, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.url = "https://" + listener.Addr().String()
	server := &http.Server{Handler: mux, TLSConfig: credentials.ServerTLS(false), ErrorLog: log.New(io.Discard, "", 0)}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.ServeTLS(listener, "", "")
	}()
	t.Cleanup(func() {
		s.disconnect(func() {})
		_ = server.Close()
		<-served
	})
	return s
}

var _ agentv1connect.AgentServiceHandler = (*fakeServer)(nil)

func (s *fakeServer) Join(_ context.Context, r *connect.Request[agentv1.JoinRequest]) (*connect.Response[agentv1.JoinResponse], error) {
	if r.Msg.Token != s.token {
		return nil, connect.NewError(connect.CodeUnauthenticated, errors.New("unknown token"))
	}
	return s.sign(r.Msg.Csr, r.Msg.Name)
}

func (s *fakeServer) Renew(_ context.Context, r *connect.Request[agentv1.RenewRequest]) (*connect.Response[agentv1.JoinResponse], error) {
	s.mu.Lock()
	s.renewals++
	s.ttl = time.Hour
	s.cond.Broadcast()
	s.mu.Unlock()
	return s.sign(r.Msg.Csr, "n1")
}

func (s *fakeServer) sign(csr []byte, name string) (*connect.Response[agentv1.JoinResponse], error) {
	s.mu.Lock()
	ttl := s.ttl
	s.mu.Unlock()
	chain, err := s.ca.Sign(csr, identity.Subject{Role: identity.RoleAgent, Name: name}, ttl)
	if err != nil {
		return nil, connect.NewError(connect.CodeInvalidArgument, err)
	}
	return connect.NewResponse(&agentv1.JoinResponse{Certificates: chain, Ca: s.ca.DER(), Expires: timestamppb.New(time.Now().Add(ttl))}), nil
}

func (s *fakeServer) Connect(ctx context.Context, stream *connect.BidiStream[agentv1.Report, agentv1.Order]) error {
	first, err := stream.Receive()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s.mu.Lock()
	s.hellos = append(s.hellos, first.GetHello())
	s.conn, s.hang = stream, cancel
	err = stream.Send(&agentv1.Order{Epoch: s.epoch, Order: &agentv1.Order_Welcome{Welcome: &agentv1.Welcome{
		ServerVersion: "test", Heartbeat: durationpb.New(100 * time.Millisecond), Lease: durationpb.New(time.Second), Storage: s.storage}}})
	s.cond.Broadcast()
	s.mu.Unlock()
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() {
		for {
			r, err := stream.Receive()
			if err != nil {
				failed <- err
				return
			}
			s.take(stream, r)
		}
	}()
	select {
	case err = <-failed:
	case <-ctx.Done():
		err = connect.NewError(connect.CodeUnavailable, context.Cause(ctx))
	}
	s.mu.Lock()
	if s.conn == stream {
		s.conn = nil
	}
	s.mu.Unlock()
	return err
}

func (s *fakeServer) take(stream *connect.BidiStream[agentv1.Report, agentv1.Order], r *agentv1.Report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != stream {
		return // it was under way when the connection was broken
	}
	if r.GetHeartbeat() != nil {
		s.beats++
	} else {
		s.reports = append(s.reports, r)
		if s.ack {
			_ = stream.Send(&agentv1.Order{Epoch: s.epoch, Order: &agentv1.Order_Ack{Ack: &agentv1.Ack{Seq: r.Seq}}})
		}
	}
	s.cond.Broadcast()
}

func (s *fakeServer) UploadLog(_ context.Context, stream *connect.BidiStream[agentv1.LogChunk, agentv1.LogAck]) error {
	for {
		c, err := stream.Receive()
		if err != nil {
			return nil //nolint:nilerr // the agent has hung up
		}
		s.mu.Lock()
		have := s.logs[c.Attempt]
		if int(c.Offset) <= len(have) && int(c.Offset)+len(c.Data) > len(have) {
			s.logs[c.Attempt] = append(have, c.Data[len(have)-int(c.Offset):]...)
		}
		stored := len(s.logs[c.Attempt])
		breaks := s.breakAt > 0 && stored >= s.breakAt
		if breaks {
			s.breakAt = 0
			s.logs[c.Attempt] = s.logs[c.Attempt][:stored/2] // not everything had reached the disk
		}
		if c.Complete && !breaks {
			s.complete[c.Attempt] = true
		}
		s.cond.Broadcast()
		s.mu.Unlock()
		if breaks {
			return connect.NewError(connect.CodeUnavailable, errors.New("broken on purpose"))
		}
		if err := stream.Send(&agentv1.LogAck{Attempt: c.Attempt, Stored: uint64(stored)}); err != nil {
			return err
		}
	}
}

// disconnect breaks the agent's connection. Between its last report and the first of the next one, change is called
// under mu.
func (s *fakeServer) disconnect(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	if s.hang != nil {
		s.hang(errors.New("disconnected on purpose"))
		s.conn = nil
	}
}

// order sends an order on the present connection, waiting for one.
func (s *fakeServer) order(o *agentv1.Order) {
	s.t.Helper()
	s.wait("a connection", func() bool {
		if s.conn == nil {
			return false
		}
		if o.Epoch == 0 {
			o.Epoch = s.epoch
		}
		if err := s.conn.Send(o); err != nil {
			s.t.Error(err)
		}
		return true
	})
}

// wait waits until a condition holds. It is evaluated under mu.
func (s *fakeServer) wait(what string, holds func() bool) {
	s.t.Helper()
	deadline := time.AfterFunc(patience+time.Second, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.cond.Broadcast()
	})
	defer deadline.Stop()
	began := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for !holds() {
		if time.Since(began) > patience {
			s.t.Fatalf("waited in vain for %s; reports: %v", what, s.reports)
		}
		s.cond.Wait()
	}
}

// ended waits for the end of an attempt.
func (s *fakeServer) ended(attempt string) *agentv1.AttemptEnd {
	s.t.Helper()
	var end *agentv1.AttemptEnd
	s.wait("the end of "+attempt, func() bool {
		for _, r := range s.reports {
			if a := r.GetAttempt(); a != nil && a.Attempt == attempt && a.Phase == agentv1.AttemptPhase_ATTEMPT_PHASE_ENDED {
				end = a.End
			}
		}
		return end != nil
	})
	return end
}

// reached waits until an attempt has been reported in a phase.
func (s *fakeServer) reached(attempt string, phase agentv1.AttemptPhase) {
	s.t.Helper()
	s.wait(attempt+" in "+phase.String(), func() bool {
		for _, r := range s.reports {
			if a := r.GetAttempt(); a != nil && a.Attempt == attempt && a.Phase == phase {
				return true
			}
		}
		return false
	})
}

// log waits for the whole of an attempt's log.
func (s *fakeServer) log(attempt string) string {
	s.t.Helper()
	s.wait("the log of "+attempt, func() bool { return s.complete[attempt] })
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.logs[attempt])
}

func (s *fakeServer) caPEM() []byte { return s.ca.PEM() }
