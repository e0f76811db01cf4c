// Package farm is the domain: jobs, attempts, nodes and pools, and the scheduler over them. It does no I/O, has no clock
// and no goroutine; the same commands at the same times give the same farm.
//
// The owner (one goroutine) applies commands, lets Schedule assign work, writes what Changes returns in one transaction,
// and only then lets the effects out, which it derives from the Owed methods. After a commit that failed, or whose outcome
// is unknown, it throws the farm away and loads another one: there is no undo.
package farm

import "time"

// Farm is all state. It is not safe for concurrent use. Values it returns share nothing that it changes later.
type Farm struct{}

// New returns an empty farm.
func New(cfg Config) *Farm { return nil }

// Load returns the farm that the records describe. Every node gets a whole lease from now to say hello.
func Load(cfg Config, now time.Time, r *Records) (*Farm, error) { return nil, nil }

// Apply validates and carries out a command; see each command for its result. An error leaves everything as it was.
func (f *Farm) Apply(now time.Time, c Command) (any, error) { return nil, nil }

// Seen notes a sign of life of a node. It changes no record.
func (f *Farm) Seen(now time.Time, n NodeID) {}

// Tick finds nodes beyond their lease and ends back-offs. It reports whether anything changed.
func (f *Farm) Tick(now time.Time) bool { return false }

// NextTick returns when Tick will have something to do if nothing else happens; zero: never.
func (f *Farm) NextTick() time.Time { return time.Time{} }

// Schedule assigns pending units to nodes, at most budget of them, and returns how many.
func (f *Farm) Schedule(now time.Time, budget int) int { return 0 }

// Changes returns what changed since its last call.
func (f *Farm) Changes() Batch { return Batch{} }

// OwedNodes returns the nodes whose orders may have changed since its last call, ordered. After Load: all.
func (f *Farm) OwedNodes() []NodeID { return nil }

// Owed returns what a node must be told now.
func (f *Farm) Owed(n NodeID) NodeOrders { return NodeOrders{} }

// OwedFlushes returns the flushes that landing attempts wait for, at most limit, oldest first.
func (f *Farm) OwedFlushes(limit int) []OwedFlush { return nil }

// OwedFences returns the mount sessions to be fenced.
func (f *Farm) OwedFences() []OwedFence { return nil }

// OwedPrimings returns the primings that are not over.
func (f *Farm) OwedPrimings() []OwedPriming { return nil }

// OwedWarmings returns the attempts whose own inputs are to be primed.
func (f *Farm) OwedWarmings() []OwedWarming { return nil }

// OwedCreates returns the nodes the provider is to be asked for; those that wait for a priming are left out.
func (f *Farm) OwedCreates() []OwedCreate { return nil }

// OwedDeletes returns the nodes whose machine the provider is to delete.
func (f *Farm) OwedDeletes() []Node { return nil }

// Job returns a job with its counts.
func (f *Farm) Job(id JobID) (JobView, bool) { return JobView{}, false }

// Jobs returns all jobs, newest first.
func (f *Farm) Jobs() []JobView { return nil }

// Spec returns what is needed to run a job's tasks: the job without its counts. It shares the immutable parts.
func (f *Farm) Spec(id JobID) (Job, bool) { return Job{}, false }

// Units returns the units of a step, from unit `from` on and at most limit, about which something is known: every other
// unit is pending. next is where to go on, or -1.
func (f *Farm) Units(job JobID, step int, from int64, limit int) (units []UnitView, next int64, err error) {
	return nil, -1, nil
}

// Attempts returns a job's attempts, oldest first.
func (f *Farm) Attempts(job JobID) []Attempt { return nil }

// Attempt returns an attempt.
func (f *Farm) Attempt(id AttemptID) (Attempt, bool) { return Attempt{}, false }

// Node returns a node with what it is doing.
func (f *Farm) Node(id NodeID) (NodeView, bool) { return NodeView{}, false }

// Nodes returns all nodes that are not deleted, ordered by name.
func (f *Farm) Nodes() []NodeView { return nil }

// Pools returns the pools, ordered by name.
func (f *Farm) Pools() []Pool { return nil }

// Primings returns all primings of unfinished jobs.
func (f *Farm) Primings() []Priming { return nil }

// Decisions returns the last decisions of the burst planner, newest first.
func (f *Farm) Decisions() []Decision { return nil }

// Why explains where a job stands and what it waits for.
func (f *Farm) Why(now time.Time, id JobID) (Why, error) { return Why{}, nil }

// Demand returns the work that is left, by job, in the order in which it is served.
func (f *Farm) Demand(now time.Time) []Demand { return nil }

// Check verifies the farm's invariants; it is for tests, and costs a whole scan.
func (f *Farm) Check() error { return nil }
