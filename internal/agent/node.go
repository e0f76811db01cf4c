package agent

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	agentv1 "github.com/spillway/spillway/api/spillway/agent/v1"
	"github.com/spillway/spillway/internal/agent/notice"
	"github.com/spillway/spillway/internal/agent/session"
)

// node is what runs on this machine, independent of any connection.
type node struct {
	config    Config
	home      *home
	out       *outbox
	mounts    *mounts
	uploads   *uploads
	log       *slog.Logger
	hierarchy string          // the cgroup under which slots are made; empty: there is none
	ctx       context.Context // ends with the agent; what supervisors do goes on
	work      sync.WaitGroup
	once      sync.Once
	stopOnce  sync.Once

	// mu guards what follows.
	mu        sync.Mutex
	attempts  map[string]*attempt
	sessions  map[string]*sessionHandle
	forgotten map[string]bool // attempts that the server let go; a late order must not run them again
	draining  bool
	stop      chan struct{} // closed when a Drain order says stop
	heard     chan struct{} // closed when the cloud is about to take the machine away, after event was set
	event     notice.Event
	changed   chan struct{} // closed and replaced when an attempt or session ends
}

// attempt is one attempt on this node. node.mu guards its fields.
type attempt struct {
	order    *agentv1.RunTask
	dir      string
	cancel   context.CancelCauseFunc
	phase    agentv1.AttemptPhase
	progress float64
	status   string
	started  time.Time // when its action was started; zero: not yet
	end      *agentv1.AttemptEnd
	result   chan session.Result // receives one, from its supervisor
}

// update describes the attempt.
func (a *attempt) update() *agentv1.AttemptUpdate {
	u := &agentv1.AttemptUpdate{Attempt: a.order.Attempt, Session: a.order.Session, Phase: a.phase, Progress: a.progress, Status: a.status, End: a.end}
	switch {
	case a.end != nil:
		u.Elapsed = a.end.RunTime
	case !a.started.IsZero():
		u.Elapsed = durationpb.New(time.Since(a.started))
	}
	return u
}

// report sends the attempt's state. The caller holds node.mu.
func (n *node) report(a *attempt) {
	key := "attempt/" + a.order.Attempt
	if a.end != nil {
		key = ""
	}
	n.out.put(key, &agentv1.Report{Report: &agentv1.Report_Attempt{Attempt: a.update()}})
}

// change changes an attempt's state and reports it.
func (n *node) change(a *attempt, f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
	n.report(a)
	if a.end != nil {
		n.noteChange()
	}
}

// noteChange wakes who waits for attempts or sessions to end. The caller holds mu.
func (n *node) noteChange() {
	close(n.changed)
	n.changed = make(chan struct{})
}

// storageLost ends all attempts that run: every session has the path mapping of every location.
func (n *node) storageLost(reason string) {
	n.cancelAll(&session.Cancel{Cause: session.Storage, Reason: reason, Grace: time.Second})
}

func (n *node) cancelAll(c *session.Cancel) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, a := range n.attempts {
		if a.end == nil {
			a.cancel(c)
		}
	}
}

// hello describes everything that is on the node.
func (n *node) hello(run string) *agentv1.Report {
	h := &agentv1.Hello{
		Node: n.config.Name, Site: n.config.Site, Pool: n.config.Pool, Instance: n.config.Instance,
		AgentVersion: n.config.Version, Protocol: 1, BootId: n.home.bootID(), AgentRun: run, Epoch: n.home.epoch(),
		Capacity: n.config.capacity(), Mounts: n.mounts.updates(),
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, a := range n.attempts {
		h.Attempts = append(h.Attempts, a.update())
	}
	for _, s := range n.sessions {
		h.Sessions = append(h.Sessions, &agentv1.SessionUpdate{Session: s.id, Phase: agentv1.SessionPhase_SESSION_PHASE_OPEN})
	}
	return &agentv1.Report{Report: &agentv1.Report_Hello{Hello: h}}
}
