package nfs

import (
	"context"
	"errors"
	"net"
	"time"
)

// ErrServerClosed is what Serve returns after Shutdown or Close.
var ErrServerClosed = errors.New("nfs: server closed")

// Server answers NFSv3 and MOUNT on the connections of its listeners. Its fields must not change after Serve.
type Server struct {
	NFS    Procedures
	Mount  MountProcedures
	Limits Limits
	Hooks  Hooks
}

// Limits bound what clients may take. A zero field takes the default in brackets.
type Limits struct {
	MaxRecord   int           // bytes of one request (1 MiB + 64 KiB); a longer one closes its connection
	InFlight    int           // requests of one connection that run at the same time (64)
	Payload     int64         // bytes of all requests that run at the same time (256 MiB)
	Connections int           // connections at the same time (1024)
	Idle        time.Duration // after which a connection without requests is closed (never)
	Slow        time.Duration // for a started request to arrive, and for a reply to make headway (60 s)
	Sendfile    int           // bytes of a FileRange from which it goes by sendfile (32 KiB)
}

// Hooks tell about a server's work; nil ones are left out. They must not block.
type Hooks struct {
	// Done is called after a call has been answered, with the time its procedure took. Status is OK for procedures
	// without one; in and out are bytes of the call's and the reply's record.
	Done func(program, procedure uint32, status Status, took time.Duration, in, out int)
	// Opened and Closed tell about connections; cause is nil where the peer closed it between two requests.
	Opened func(conn uint64, addr net.Addr)
	Closed func(conn uint64, cause error)
}

// Serve accepts connections until ctx ends, the listener fails or the server is closed. It closes the listener, and
// returns after its connections have ended. The end of ctx is a Shutdown with a second of grace.
func (s *Server) Serve(ctx context.Context, l net.Listener) error { return ErrServerClosed }

// Shutdown stops accepting and reading, lets the calls in flight finish and their replies go out, and closes all
// connections; when ctx ends it closes them at once and returns the context's cause.
func (s *Server) Shutdown(ctx context.Context) error { return nil }

// Close ends all connections at once and cancels the contexts of the calls in flight.
func (s *Server) Close() error { return nil }

type requestBuffers struct{}

func (b *requestBuffers) get(n int) []byte { return make([]byte, n) }
