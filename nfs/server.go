package nfs

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/spillway/spillway/nfs/rpc"
)

// ErrServerClosed is what Serve returns after Shutdown or Close.
var ErrServerClosed = rpc.ErrServerClosed

// Limits bound what clients may take; zero fields take defaults.
type Limits = rpc.Limits

// Hooks tell about a server's work; nil ones are left out. They must not block.
type Hooks struct {
	// Done is called after a call has been served, with the time that took. Status is OK for procedures without one; in
	// and out are bytes of the call's and the reply's record.
	Done func(program, procedure uint32, status Status, took time.Duration, in, out int)
	// Opened and Closed tell about connections; cause is nil where the peer closed it between two requests.
	Opened func(conn uint64, addr net.Addr)
	Closed func(conn uint64, cause error)
}

// Server answers NFSv3 and MOUNT on the connections of its listeners. Its fields must not change after its first use.
type Server struct {
	NFS    Procedures
	Mount  MountProcedures
	Others []rpc.Program // answered on the same connections; their calls' Status is not one of NFS
	Limits Limits
	Hooks  Hooks
	// Quick are procedures of NFS that seldom wait, and call [Wait] before they do: they run without a goroutine of
	// their own.
	Quick []Proc

	once sync.Once
	rpc  *rpc.Server
}

// Serve accepts connections until ctx ends, the listener fails or the server is closed. It closes the listener, and
// returns after its connections have ended: ErrServerClosed, or why the listener failed. The end of ctx is a Shutdown
// with a second of grace.
func (s *Server) Serve(ctx context.Context, l net.Listener) error { return s.server().Serve(ctx, l) }

// Shutdown stops accepting and reading, lets the calls in flight finish and their replies go out, and closes all
// connections; when ctx ends it closes them at once and returns the context's cause.
func (s *Server) Shutdown(ctx context.Context) error { return s.server().Shutdown(ctx) }

// Close ends all connections at once, cancels the contexts of the calls in flight and waits for them to end.
func (s *Server) Close() error { return s.server().Close() }

func (s *Server) server() *rpc.Server {
	s.once.Do(func() {
		nfs, mount := s.NFS.table(), s.Mount.table()
		hooks := rpc.Hooks{Opened: s.Hooks.Opened, Closed: s.Hooks.Closed}
		if done := s.Hooks.Done; done != nil {
			hooks.Done = func(c *rpc.Call, took time.Duration, in, out int) {
				done(c.Program, c.Procedure, Status(c.Status), took, in, out)
			}
		}
		s.rpc = rpc.NewServer(append([]rpc.Program{
			{Number: Program, Low: Version, High: Version, Serve: nfs.serve, Quick: s.quick()},
			{Number: MountProgram, Low: MountVersion, High: MountVersion, Serve: mount.serve},
		}, s.Others...), s.Limits, hooks)
	})
	return s.rpc
}

// Wait announces that the call which is served with ctx is about to wait: the other calls of its connection go on. Quick
// procedures must announce it; for others, and for contexts that are no call's, it does nothing.
func Wait(ctx context.Context) { rpc.Wait(ctx) }

// quick returns the set of quick procedures. NULL is one wherever there are any.
func (s *Server) quick() func(uint32) bool {
	if len(s.Quick) == 0 {
		return nil
	}
	set := uint32(1) << ProcNull
	for _, p := range s.Quick {
		set |= 1 << p
	}
	return func(procedure uint32) bool { return procedure < 32 && set>>procedure&1 == 1 }
}

// table has the procedures of a program by number; nil is NULL.
type table []procedure

type procedure interface {
	serve(ctx context.Context, call *rpc.Call)
}

func (t table) serve(ctx context.Context, call *rpc.Call) {
	switch {
	case call.Procedure == 0: // NULL of both programs
	case call.Procedure >= uint32(len(t)):
		call.Refuse(rpc.ProcUnavail)
	default:
		t[call.Procedure].serve(ctx, call)
	}
}
