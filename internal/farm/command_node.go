package farm

// NodeHello tells that a node's agent has connected, and what lives on the node. It returns a *Welcome. An elastic node
// that the farm has given up, and one of a pool that the farm did not create, is a Conflict.
//
// An attempt that the farm has as running there and that is not listed is lost. The agent vouches for the mount sessions
// it lists; those it does not list any more are fenced before a lost attempt's unit runs again.
type NodeHello struct {
	Node     NodeID
	Site     SiteID
	Pool     PoolID // empty: static
	Instance string
	BootID   string
	Capacity Capacity
	Attempts []AttemptUpdate
	Sessions []SessionID
	Mounts   []MountSession // those in use
}

// Welcome says what a node that said hello must drop: the farm has moved on from it.
type Welcome struct {
	Cancel      []AttemptID
	EndSessions []SessionID
	Remount     []Location // their mount sessions are, or will be, fenced
}

// NodeDrain gives a node nothing new and lets it finish. With Stop an elastic node is deleted and a static one held for
// offline after that. Undo with NodeResume.
type NodeDrain struct {
	Node   NodeID
	Stop   bool
	Reason string
}

// NodeResume gives a draining node work again.
type NodeResume struct {
	Node   NodeID
	Reason string
}

// NodeGone tells that somebody who knows (an operator) vouches that the node is dead: all of its direct mounts count as
// fenced.
type NodeGone struct {
	Node   NodeID
	Reason string
}

// MountReported tells that a node's mount of a location is ready (with the filer's session) or, with Gone, not there any
// more. It returns a *Welcome, not nil if that mount session is fenced or to be fenced.
type MountReported struct {
	Node  NodeID
	Mount MountSession
	Gone  bool
	// Message says why it is gone.
	Message string
}

// SessionEnded tells that an OpenJD session has ended on its node: environments left, process group empty.
type SessionEnded struct {
	Node    NodeID
	Session SessionID
	Reason  string
}
