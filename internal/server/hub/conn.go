package hub

import (
	"context"
	"sync"
	"time"

	"connectrpc.com/connect"

	agentv1 "github.com/spillway/spillway/api/spillway/agent/v1"
	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/server/catalog"
)

// conn is one node's stream. Its sender goroutine alone uses sent, jobs and stream.
type conn struct {
	hub     *Hub
	node    farm.NodeID
	site    farm.SiteID
	ctx     context.Context
	cancel  context.CancelCauseFunc
	stream  *connect.BidiStream[agentv1.Report, agentv1.Order]
	kick    chan struct{} // something below has changed
	working sync.WaitGroup

	sent map[string]bool               // orders that went out on this stream and are owed still
	jobs map[farm.JobID]*catalog.Entry // whose JobSpec went out

	// running has the attempts whose start was reported on this stream; the reader's goroutine alone uses it.
	running map[string]bool

	// mu guards what follows.
	mu     sync.Mutex
	owed   farm.NodeOrders
	acked  uint64           // to be told
	once   []*agentv1.Order // to be sent once, in order
	fresh  map[farm.AttemptID]*refresh
	logged map[farm.AttemptID]uint64 // ended attempts to be forgotten when so many bytes of log are stored
}

// refresh is the looking anew that an attempt waits for before it is ordered.
type refresh struct {
	done  bool
	paths []farm.StoragePath
}

func newConn(h *Hub, ctx context.Context, cancel context.CancelCauseFunc, hello *agentv1.Hello, stream *connect.BidiStream[agentv1.Report, agentv1.Order]) *conn {
	return &conn{
		hub: h, node: farm.NodeID(hello.GetNode()), site: farm.SiteID(hello.GetSite()), ctx: ctx, cancel: cancel, stream: stream,
		kick: make(chan struct{}, 1), sent: map[string]bool{}, jobs: map[farm.JobID]*catalog.Entry{}, running: map[string]bool{},
		fresh: map[farm.AttemptID]*refresh{}, logged: map[farm.AttemptID]uint64{},
	}
}

func (c *conn) wake() {
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// owe replaces what the node must be told. It never blocks.
func (c *conn) owe(o farm.NodeOrders) {
	c.mu.Lock()
	c.owed = o
	c.mu.Unlock()
	c.wake()
}

// ack notes that reports up to seq are durable.
func (c *conn) ack(seq uint64) {
	if seq == 0 {
		return
	}
	c.mu.Lock()
	c.acked = max(c.acked, seq)
	c.mu.Unlock()
	c.wake()
}

// say has an order sent once.
func (c *conn) say(o *agentv1.Order) {
	c.mu.Lock()
	c.once = append(c.once, o)
	c.mu.Unlock()
	c.wake()
}

// news keeps an attempt's progress and reports whether the farm must hear of the update.
func (c *conn) news(a *agentv1.AttemptUpdate) bool {
	id := a.GetAttempt()
	if a.GetPhase() == agentv1.AttemptPhase_ATTEMPT_PHASE_RUNNING {
		c.hub.setProgress(farm.AttemptID(id), Progress{Percent: a.GetProgress(), Status: clip(a.GetStatus())})
		known := c.running[id]
		c.running[id] = true
		return !known
	}
	if a.GetPhase() == agentv1.AttemptPhase_ATTEMPT_PHASE_ENDED {
		delete(c.running, id)
	}
	return true
}

// note remembers an ended attempt whose spool the node may drop once its log is stored.
func (c *conn) note(a *agentv1.AttemptUpdate) {
	if a.GetPhase() != agentv1.AttemptPhase_ATTEMPT_PHASE_ENDED {
		return
	}
	c.mu.Lock()
	c.logged[farm.AttemptID(a.GetAttempt())] = a.GetEnd().GetLogSize()
	c.mu.Unlock()
	c.wake()
}

// grown wakes the sender if the attempt's end waits for its log.
func (c *conn) grown(a farm.AttemptID) {
	c.mu.Lock()
	_, waits := c.logged[a]
	c.mu.Unlock()
	if waits {
		c.wake()
	}
}

// sendWithin is how long a node may take to accept one order.
const sendWithin = 30 * time.Second

// send tells the node what there is to tell until the stream ends.
func (c *conn) send(ctx context.Context) error {
	for {
		select {
		case <-c.kick:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if err := c.flush(ctx); err != nil {
			return err
		}
	}
}

// take empties what is to be said, acknowledgements last: what they cover has been answered before.
func (c *conn) take() (once []*agentv1.Order, owed farm.NodeOrders) {
	c.mu.Lock()
	defer c.mu.Unlock()
	once, c.once = c.once, nil
	if c.acked > 0 {
		once = append(once, &agentv1.Order{Order: &agentv1.Order_Ack{Ack: &agentv1.Ack{Seq: c.acked}}})
		c.acked = 0
	}
	return once, c.owed
}

func (c *conn) flush(ctx context.Context) error {
	once, owed := c.take()
	for _, o := range once {
		if err := c.put(o); err != nil {
			return err
		}
	}
	if err := c.orders(ctx, owed); err != nil {
		return err
	}
	return c.forget(ctx)
}

// put sends one order under the leader's epoch.
func (c *conn) put(o *agentv1.Order) error {
	o.Epoch = c.hub.config.Farm.Epoch()
	if w, ok := c.ctx.Value(writerKey{}).(writer); ok {
		_ = w.SetWriteDeadline(time.Now().Add(sendWithin)) // not every transport has deadlines
		defer func() { _ = w.SetWriteDeadline(time.Time{}) }()
	}
	return c.stream.Send(o)
}
