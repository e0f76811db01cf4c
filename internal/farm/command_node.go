package farm

// NodeHello tells that a node's agent has connected, and what lives on the node. It returns a *Welcome. An elastic node
// that the farm has given up, and one of a pool that the farm did not create, is a Conflict.
//
// An attempt that the farm has as running there and that is not listed is lost. An agent that lists other attempts vouches
// for the end of those it does not list. After a reboot, and when nothing is left of what ran, the mount sessions that are
// not listed are fenced before a lost attempt's unit runs again; else they may still be reported ready.
type NodeHello struct {
	Node     NodeID
	Site     SiteID
	Pool     PoolID // empty: static
	Instance string
	BootID   string
	Run      string // changes with every start of the agent process
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

// NodeDrain gives a node nothing new and lets it finish; orders that it has not accepted yet are taken back. With Stop an
// elastic node is deleted and a static one held for offline after that. Undo with NodeResume.
type NodeDrain struct {
	Node   NodeID
	Stop   bool
	ByNode bool // its agent says so, and takes nothing more in this life: implies Stop
	Reason string
}

// NodeResume gives a draining node work again. It is a Conflict once the agent has been told to end, or ends by itself.
type NodeResume struct {
	Node   NodeID
	Reason string
}

// NodeRelease ends a node's quarantine, and the blocks that jobs have put on it. With neither it is a Conflict.
type NodeRelease struct {
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
// more: then its session is fenced, if it is told. It returns a *Welcome, not nil if that mount session is fenced or to be fenced.
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
