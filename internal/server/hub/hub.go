// Package hub is the server's side of the agent protocol: joining, one stream per node, and the upload of logs.
//
// Reports go to the farm one after the other and are acknowledged when they are durable. Orders are what the farm's records
// owe a node; the loop leaves the newest word for each node and never waits, and the node's own goroutine sends what has not
// been sent on this connection. A slow node so delays nobody but itself.
//
// Hub.mu guards the table of connections; conn.mu guards one connection's newest word. Neither is held while anything is
// sent, called or awaited; Hub.mu may be held when conn.mu is taken.
package hub

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"connectrpc.com/connect"

	agentv1 "github.com/spillway/spillway/api/spillway/agent/v1"
	"github.com/spillway/spillway/api/spillway/agent/v1/agentv1connect"
	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/identity"
	"github.com/spillway/spillway/internal/server/catalog"
	"github.com/spillway/spillway/internal/server/joblog"
	"github.com/spillway/spillway/internal/server/join"
)

// Farm is what the hub needs of the commit loop.
type Farm interface {
	Do(ctx context.Context, c farm.Command) (any, error)
	View(ctx context.Context, fn func(*farm.Farm)) error
	Seen(ctx context.Context, n farm.NodeID)
	Epoch() uint64
}

// Config is what a hub works with.
type Config struct {
	Farm    Farm
	Catalog *catalog.Catalog
	CA      *identity.CA
	Joins   *join.Table
	Logs    *joblog.Store
	// Storage returns what a site's nodes mount.
	Storage func(farm.SiteID) []*agentv1.StorageLocation
	// Refresh has a site's filers look up anew what the dependencies of a unit left, and returns the paths whose names
	// the node must forget. It returns an error if a filer does not answer; it is tried again.
	Refresh func(ctx context.Context, site farm.SiteID, unit farm.UnitRef) ([]farm.StoragePath, error)

	Heartbeat, Lease time.Duration
	// CertLife is how long an agent's or filer's certificate is valid.
	CertLife time.Duration
	Version  string
	Log      *slog.Logger
}

// Hub serves agents.
type Hub struct {
	config Config

	// mu guards what follows.
	mu       sync.Mutex
	conns    map[farm.NodeID]*conn
	closing  chan struct{} // closed by Close
	progress map[farm.AttemptID]Progress
}

// Progress is what a node last said of a running attempt. It is kept in memory only.
type Progress struct {
	Percent float64 // 0 to 100; -1 unknown
	Status  string
}

var _ agentv1connect.AgentServiceHandler = (*Hub)(nil)

// maxMessage bounds a message of an agent: a hello with all its attempts and their outputs.
const maxMessage = 4 << 20

// New returns a hub without connections.
func New(c Config) *Hub {
	return &Hub{config: c, conns: map[farm.NodeID]*conn{}, progress: map[farm.AttemptID]Progress{}, closing: make(chan struct{})}
}

// Handler returns the path and the handler of the service. It must be served over TLS.
func (h *Hub) Handler() (string, http.Handler) {
	path, handler := agentv1connect.NewAgentServiceHandler(h, connect.WithReadMaxBytes(maxMessage))
	return path, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := context.WithValue(r.Context(), writerKey{}, writer(http.NewResponseController(w)))
		if r.TLS != nil {
			ctx = context.WithValue(ctx, tlsKey{}, *r.TLS)
		}
		r = r.WithContext(ctx)
		handler.ServeHTTP(w, r)
	})
}

// What a handler finds in its context.
type (
	tlsKey    struct{} // tls.ConnectionState
	writerKey struct{} // writer
	writer    interface {
		SetReadDeadline(time.Time) error
		SetWriteDeadline(time.Time) error
	}
)

// caller returns whose certificate the call came with.
func caller(ctx context.Context, roles ...identity.Role) (identity.Subject, error) {
	state, _ := ctx.Value(tlsKey{}).(tls.ConnectionState)
	return identity.Demand(state, roles...)
}

// Publish takes over what the farm owes nodes after a commit. It runs in the loop and does not block.
func (h *Hub) Publish(f *farm.Farm, batch *farm.Batch) {
	for i := range batch.Nodes {
		if n := &batch.Nodes[i]; n.State == farm.NodeLost || n.State == farm.NodeDeleted {
			if c := h.conn(n.ID); c != nil {
				c.cancel(errGivenUp)
			}
		}
	}
	for _, id := range f.OwedNodes() {
		if c := h.conn(id); c != nil {
			c.owe(f.Owed(id))
		}
	}
}

// Connected returns the nodes that have a stream.
func (h *Hub) Connected(n farm.NodeID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.conns[n] != nil
}

// Progress returns what is known of a running attempt.
func (h *Hub) Progress(a farm.AttemptID) (Progress, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p, ok := h.progress[a]
	return p, ok
}

func (h *Hub) setProgress(a farm.AttemptID, p Progress) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.progress[a] = p
}

// Over forgets what is kept of an attempt that has ended for good.
func (h *Hub) Over(a farm.AttemptID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.progress, a)
}

// Close ends all streams and refuses new ones. Agents come back to whoever leads next.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case <-h.closing:
		return
	default:
		close(h.closing)
	}
	for _, c := range h.conns {
		c.cancel(errClosing)
	}
}

var (
	errClosing  = fault.New(fault.Unavailable, "the server is stopping")
	errGivenUp  = fault.New(fault.Unavailable, "the farm has given the node up: it must say hello anew")
	errReplaced = fault.New(fault.Conflict, "the node has opened another connection")
)

// enter makes c its node's connection; an older one ends.
func (h *Hub) enter(c *conn) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case <-h.closing:
		return errClosing
	default:
	}
	if old := h.conns[c.node]; old != nil {
		old.cancel(errReplaced)
	}
	h.conns[c.node] = c
	return nil
}

func (h *Hub) leave(c *conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.conns[c.node] == c {
		delete(h.conns, c.node)
	}
}

func (h *Hub) conn(n farm.NodeID) *conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.conns[n]
}

// interrupt ends the reading of a stream when the hub closes. The result is called when the stream has ended.
func (h *Hub) interrupt(ctx context.Context) (stop func()) {
	w, ok := ctx.Value(writerKey{}).(writer)
	if !ok {
		return func() {}
	}
	done := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		select {
		case <-h.closing:
			_ = w.SetReadDeadline(time.Unix(1, 0)) // not every transport has deadlines
		case <-done:
		}
	})
	return func() { close(done); watching.Wait() }
}

// codes maps kinds of error to the protocol's.
var codes = map[fault.Kind]connect.Code{
	fault.Internal: connect.CodeInternal, fault.Invalid: connect.CodeInvalidArgument, fault.NotFound: connect.CodeNotFound,
	fault.Conflict: connect.CodeFailedPrecondition, fault.Exhausted: connect.CodeResourceExhausted,
	fault.Unavailable: connect.CodeUnavailable, fault.Denied: connect.CodePermissionDenied,
}

// wire makes an error what agents see.
func wire(err error) error {
	if err == nil {
		return nil
	}
	return connect.NewError(codes[fault.KindOf(err)], err)
}
