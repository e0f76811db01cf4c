package farm

// NodeOrders is what one node must be told. It follows from records alone and is repeated after every reconnect; the node
// treats each order as idempotent by its id.
type NodeOrders struct {
	Node        NodeID
	Epoch       uint64
	Run         []Attempt // in state ordered, oldest first
	Cancel      []Attempt // in state canceling
	EndSessions []Session
	Drain       bool
	Stop        bool // with Drain: end the agent when done
	Reason      string
}

// OwedFlush asks the filers of a landing attempt's site to land its outputs that have no receipt yet.
type OwedFlush struct {
	Attempt AttemptID
	Job     JobID
	Node    NodeID
	Site    SiteID
	Filer   FilerID
	Paths   []StoragePath // of locations behind Filer
}

// OwedFence asks a filer to fence one mount session of a node that is given up, and to remove its unfinished files.
type OwedFence struct {
	Node    NodeID
	Mount   MountSession
	Epoch   uint64
	Reason  string
	Discard []StoragePath // expected outputs of the node's dead attempts at that location, without receipt
}

// OwedPriming asks a filer to load a job's assets.
type OwedPriming struct {
	Priming
	Paths []StoragePath // of locations behind the filer
}

// OwedWarming asks the filers of a site to load an attempt's own inputs.
type OwedWarming struct {
	Attempt AttemptID
	Job     JobID
	Site    SiteID
	Inputs  []StoragePath
	// Filers by location; "" is direct: nothing to load.
	Filers map[Location]FilerID
}

// OwedCreate asks the provider for a node.
type OwedCreate struct {
	Node Node
	Pool Pool
}
