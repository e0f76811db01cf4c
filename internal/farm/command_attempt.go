package farm

import "time"

// Phase is how far an attempt has come on its node.
type Phase uint8

// The phases.
const (
	PhaseAccepted Phase = iota + 1 // the order is spooled on the node
	PhaseRunning                   // its action has been started
	PhaseEnded                     // see End
)

// AttemptUpdate is a node's word on an attempt. Progress is not part of the farm. It returns a *Welcome, not nil if the node
// has to drop the attempt because the farm has moved on from it.
type AttemptUpdate struct {
	Node    NodeID
	Attempt AttemptID
	Phase   Phase
	Elapsed time.Duration // since the action's start
	End     AttemptEnd    // with PhaseEnded
}

// AttemptEnd is how an attempt ended on its node.
type AttemptEnd struct {
	Cause    Cause // "" is success: exit 0 and outputs verified
	ExitCode int
	Message  string // one sentence for the user
	Outputs  []Output
	RunTime  time.Duration
	CPUTime  time.Duration
	MaxRSS   uint64 // MiB
	LogSize  uint64
}

// WarmDone tells that an attempt's own inputs are in its site's filer, or why not: it is ordered either way.
type WarmDone struct {
	Attempt AttemptID
	Problem string
}

// LandingDone brings receipts for outputs of a landing attempt. When all outputs have one that agrees in size and digest, the
// attempt has succeeded; one that does not agree fails it with CauseStorage.
type LandingDone struct {
	Attempt  AttemptID
	Receipts []Landed
}

// Landed is the receipt for one output.
type Landed struct {
	StoragePath
	Receipt Receipt
}

// LandingFailed tells why an attempt's outputs are not landed.
type LandingFailed struct {
	Attempt AttemptID
	Reason  string
	Outcome LandingOutcome
}

// LandingOutcome says what becomes of an attempt whose landing did not work.
type LandingOutcome uint8

// The outcomes.
const (
	LandingWaits LandingOutcome = iota // the filer is away or busy: it is asked again
	LandingFails                       // the storage refused it, or has something else: the attempt failed
	LandingLost                        // the filer's cache is given up: it runs again, and costs no retry
)

// FenceDone tells that mount sessions of a node are fenced, and which unfinished files were removed. When nothing of the
// node is left to be fenced, its dead attempts are lost and their units pending again.
type FenceDone struct {
	Node    NodeID
	Mounts  []MountSession // as they were owed; only Filer, Location and ID count
	Removed []Removed
}

// FenceWaits tells why a fence cannot be had yet; it is shown with the units that wait for it.
type FenceWaits struct {
	Node   NodeID
	Reason string
}
