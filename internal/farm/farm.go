// Package farm is the domain: jobs, attempts, nodes and pools, and the scheduler over them. It does no I/O, has no clock
// and no goroutine; the same commands at the same times give the same farm.
//
// The owner (one goroutine) applies commands, lets Schedule assign work, writes what Changes returns in one transaction,
// and only then lets the effects out, which it derives from the Owed methods. After a commit that failed, or whose outcome
// is unknown, it throws the farm away and loads another one: there is no undo.
package farm

import (
	"container/heap"
	"time"

	"github.com/spillway/spillway/internal/fault"
)

// Farm is all state. It is not safe for concurrent use. Values it returns share nothing that it changes later.
type Farm struct {
	cfg Config
	seq uint64 // of the last event

	jobs      map[JobID]*job
	jobList   []*job // in the order of submission
	queue     []*job // those with something left to do, in the order in which they are served
	keys      map[string]JobID
	attempts  map[AttemptID]*attempt
	sessions  map[SessionID]*session
	nodes     map[NodeID]*node
	nodeList  []*node // those not deleted, by name
	pools     map[PoolID]*Pool
	shapes    map[PoolID]PoolShape
	primings  map[primingKey]*Priming
	decisions []Decision // oldest first, a ring
	backOffs  backOffs
	limits    map[LimitID]*limit
	limitList []*limit // by name
	queues    map[QueueID]*queue
	queueList []*queue // by name
	people    people
	uses      uses
	budgets   budgets
	shapesOf  map[string]*shape    // of work, by key
	fits      map[fitKey]*shortage // what unfit has found

	// What is owed, kept so that asking costs what is owed.
	warming     set[AttemptID]
	landing     set[AttemptID]
	deadMounts  set[NodeID] // nodes with mounts to be fenced
	creating    set[NodeID]
	deleting    set[NodeID] // nodes whose machine is to be deleted
	openPriming map[primingKey]struct{}
	orders      set[NodeID] // nodes whose orders changed

	// The scheduler's index of open nodes; see nodeindex.go.
	groups      map[groupKey]*group
	groupList   []*group // static ones first
	groupsEpoch uint64   // rises when groups come or go
	staleNodes  []*node
	supply      Amounts // of all nodes that are online or draining
	round       uint64  // of Schedule

	changes changes
	defect  error // an impossible transition was asked for
}

func empty(cfg Config) *Farm {
	f := &Farm{
		cfg: cfg.withDefaults(), jobs: map[JobID]*job{}, keys: map[string]JobID{}, attempts: map[AttemptID]*attempt{},
		sessions: map[SessionID]*session{}, nodes: map[NodeID]*node{}, pools: map[PoolID]*Pool{},
		shapes: map[PoolID]PoolShape{}, limits: map[LimitID]*limit{},
		queues: map[QueueID]*queue{}, shapesOf: map[string]*shape{}, groups: map[groupKey]*group{}, groupsEpoch: 1, primings: map[primingKey]*Priming{}, warming: set[AttemptID]{},
		landing: set[AttemptID]{}, deadMounts: set[NodeID]{}, creating: set[NodeID]{}, deleting: set[NodeID]{},
		people: newPeople(), uses: uses{rows: map[workKey]*Use{}}, budgets: newBudgets(), fits: map[fitKey]*shortage{}, openPriming: map[primingKey]struct{}{}, orders: set[NodeID]{}, changes: newChanges(),
	}
	for _, p := range cfg.Pools {
		f.shapes[p.ID] = p
	}
	return f
}

// New returns an empty farm.
func New(cfg Config) *Farm {
	f := empty(cfg)
	f.configurePools()
	f.addQueue(&queue{rec: Queue{ID: DefaultQueue, Weight: 1}})
	return f
}

// Apply validates and carries out a command; see each command for its result. An error leaves everything as it was, except
// one of Kind Internal: that is a defect, and the owner has to discard the farm as after a failed commit.
func (f *Farm) Apply(now time.Time, c Command) (any, error) {
	result, err := c.apply(f, instant(now))
	if f.defect != nil {
		return nil, f.defect
	}
	return result, err
}

// instant is a time as it comes back from the store: without monotonic reading, in UTC.
func instant(t time.Time) time.Time { return t.Round(0).UTC() }

// Seen notes a sign of life of a node. It changes no record.
func (f *Farm) Seen(now time.Time, id NodeID) {
	if n := f.nodes[id]; n != nil {
		n.seen = instant(now)
	}
}

// Tick finds nodes beyond their lease and ends back-offs. It reports whether anything changed.
func (f *Farm) Tick(now time.Time) bool {
	now = instant(now)
	changed := false
	for _, n := range f.nodeList {
		if limit := f.patience(n); limit > 0 && now.Sub(n.seen) > limit {
			f.giveUp(now, n)
			changed = true
		}
	}
	for len(f.backOffs) > 0 && !f.backOffs[0].until.After(now) {
		b := heap.Pop(&f.backOffs).(backOff)
		if b.unit == wholeStep {
			if b.step.rec.HeldUntil.Equal(b.until) {
				b.step.rec.HeldUntil = time.Time{}
				f.touchStep(b.step)
				changed = true
			}
			continue
		}
		if until, ok := b.step.rec.BackOff[b.unit]; ok && until.Equal(b.until) {
			delete(b.step.rec.BackOff, b.unit)
			if !b.step.waits.Contains(b.unit) {
				b.step.release(b.unit)
			}
			f.touchStep(b.step)
			changed = true
		}
	}
	spent := f.tickBudgets(now)
	return f.tickLimits(now) || changed || spent
}

// NextTick returns when Tick will have something to do if nothing else happens; zero: never.
func (f *Farm) NextTick() time.Time {
	var next time.Time
	earlier := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	if at := f.nextOfLimits(); !at.IsZero() {
		earlier(at)
	}
	if at := f.nextOfBudgets(); !at.IsZero() {
		earlier(at)
	}
	if len(f.backOffs) > 0 {
		earlier(f.backOffs[0].until)
	}
	for _, n := range f.nodeList {
		if limit := f.patience(n); limit > 0 {
			earlier(n.seen.Add(limit + 1))
		}
	}
	return next
}

// patience is how long the node may be silent in its state; 0: for ever.
func (f *Farm) patience(n *node) time.Duration {
	switch n.rec.State {
	case NodeOnline, NodeDraining:
		return f.cfg.Lease
	case NodeStarting:
		return f.cfg.StartTimeout
	default:
		return 0
	}
}

// fail notes a defect: an impossible transition.
func (f *Farm) fail(format string, args ...any) {
	if f.defect == nil {
		f.defect = fault.New(fault.Internal, format, args...)
	}
}

func (f *Farm) job(id JobID) (*job, error) {
	if j := f.jobs[id]; j != nil {
		return j, nil
	}
	return nil, fault.New(fault.NotFound, "no job %q", id)
}

func (f *Farm) node(id NodeID) (*node, error) {
	if n := f.nodes[id]; n != nil {
		return n, nil
	}
	return nil, fault.New(fault.NotFound, "no node %q", id)
}
