package farm

import (
	"fmt"
	"slices"
)

// JobState is where a job stands.
type JobState uint8

// The states of a job.
const (
	JobActive    JobState = iota // has work to do, or being done
	JobPaused                    // nothing new is started
	JobSucceeded                 // every step succeeded
	JobFailed                    // nothing runs, something failed for good
	JobCanceled
)

// UnitState is where one task stands. Pending is the state of a unit about which nothing is recorded.
type UnitState uint8

// The states of a unit.
const (
	UnitPending  UnitState = iota // not started; may wait for dependencies, nodes, limits, a back-off
	UnitAssigned                  // an attempt has it: warming, ordered or running
	UnitLanding                   // its attempt ended well; its outputs are on their way to the storage
	UnitFencing                   // its attempt is dead; its node's mount session is being fenced
	UnitSucceeded
	UnitFailed // out of retries
	UnitCanceled
)

// AttemptState is where one attempt at one unit (later: at a chunk of units) stands.
type AttemptState uint8

// The states of an attempt.
const (
	AttemptWarming   AttemptState = iota // assigned; its own inputs are being primed at the node's filer
	AttemptOrdered                       // the order is (or is being) sent; not acknowledged yet
	AttemptRunning                       // the node has it
	AttemptCanceling                     // told to stop; not ended yet
	AttemptLanding                       // ended well on the node; waits for receipts
	AttemptFencing                       // its node is lost; waits for the fence
	AttemptSucceeded
	AttemptFailed
	AttemptCanceled
	AttemptLost // its node was lost and fenced; costs no retry
)

// NodeState is where a node stands.
type NodeState uint8

// The states of a node.
const (
	NodeCreating NodeState = iota // recorded; the provider is asked for it until it exists
	NodeStarting                  // the provider has it; its agent has not joined yet
	NodeOnline
	NodeDraining // finishes what runs, gets nothing new
	NodeLost     // silent for longer than its lease; its mount sessions are being fenced
	NodeOffline  // a static node that is away, fenced
	NodeDeleting // the provider is asked to delete it until it is gone
	NodeDeleted
)

var (
	jobStateNames     = []string{"active", "paused", "succeeded", "failed", "canceled"}
	unitStateNames    = []string{"pending", "assigned", "landing", "fencing", "succeeded", "failed", "canceled"}
	attemptStateNames = []string{"warming", "ordered", "running", "canceling", "landing", "fencing", "succeeded", "failed", "canceled", "lost"}
	nodeStateNames    = []string{"creating", "starting", "online", "draining", "lost", "offline", "deleting", "deleted"}
)

func (s JobState) String() string     { return nameOf(jobStateNames, int(s)) }
func (s UnitState) String() string    { return nameOf(unitStateNames, int(s)) }
func (s AttemptState) String() string { return nameOf(attemptStateNames, int(s)) }
func (s NodeState) String() string    { return nameOf(nodeStateNames, int(s)) }

// MarshalText writes the state's name.
func (s JobState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalText writes the state's name.
func (s UnitState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalText writes the state's name.
func (s AttemptState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalText writes the state's name.
func (s NodeState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the state's name.
func (s *JobState) UnmarshalText(b []byte) error { return parseState(s, jobStateNames, b) }

// UnmarshalText reads the state's name.
func (s *UnitState) UnmarshalText(b []byte) error { return parseState(s, unitStateNames, b) }

// UnmarshalText reads the state's name.
func (s *AttemptState) UnmarshalText(b []byte) error { return parseState(s, attemptStateNames, b) }

// UnmarshalText reads the state's name.
func (s *NodeState) UnmarshalText(b []byte) error { return parseState(s, nodeStateNames, b) }

// Over reports whether the job will not change any more by itself.
func (s JobState) Over() bool { return s >= JobSucceeded }

// Over reports whether the attempt has ended and left nothing to wait for.
func (s AttemptState) Over() bool { return s >= AttemptSucceeded }

// OnNode reports whether the attempt occupies its node.
func (s AttemptState) OnNode() bool { return s <= AttemptCanceling }

func nameOf(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return fmt.Sprintf("state(%d)", i)
}

func parseState[S ~uint8](s *S, names []string, text []byte) error {
	i := slices.Index(names, string(text))
	if i < 0 {
		return fmt.Errorf("unknown state %q", text)
	}
	*s = S(i)
	return nil
}

// attemptMoves is the table of all transitions of an attempt; docs/states.md draws it.
var attemptMoves = map[AttemptState][]AttemptState{
	AttemptWarming:   {AttemptOrdered, AttemptCanceled, AttemptFencing, AttemptLost},
	AttemptOrdered:   {AttemptRunning, AttemptCanceling, AttemptFencing, AttemptLanding, AttemptSucceeded, AttemptFailed, AttemptCanceled, AttemptLost},
	AttemptRunning:   {AttemptCanceling, AttemptLanding, AttemptFencing, AttemptSucceeded, AttemptFailed, AttemptCanceled},
	AttemptCanceling: {AttemptCanceled, AttemptFencing},
	AttemptLanding:   {AttemptSucceeded, AttemptFailed, AttemptCanceled, AttemptLost},
	AttemptFencing:   {AttemptLost, AttemptCanceled},
}

// nodeMoves is the table of all transitions of a node.
var nodeMoves = map[NodeState][]NodeState{
	NodeCreating: {NodeStarting, NodeOnline, NodeDeleting},
	NodeStarting: {NodeOnline, NodeDeleting, NodeLost},
	NodeOnline:   {NodeDraining, NodeLost},
	NodeDraining: {NodeOnline, NodeLost, NodeDeleting, NodeOffline},
	NodeLost:     {NodeOffline, NodeDeleting},
	NodeOffline:  {NodeOnline, NodeDeleting},
	NodeDeleting: {NodeDeleted},
}
