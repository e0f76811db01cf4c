package farm

// PoolPlanned carries out a decision of the burst planner: node records are created, or nodes drained and then deleted.
// It returns the IDs of created nodes ([]NodeID).
type PoolPlanned struct {
	Pool   PoolID
	Want   int
	Reason string
	Cap    string // what capped it
	Asked  int    // what the goals alone ask for
	Seen   Seen
	// Jobs that cause it: their assets are primed at the pool's site before its nodes are woken.
	Jobs []JobID
	// Victims to drain first if there are too many; else idle nodes, then the youngest.
	Victims []NodeID
}

// PoolStop is the operator's kill switch: a stopped pool gets no more nodes, and those it has are drained.
// It returns the PoolID.
type PoolStop struct {
	Pool    PoolID
	Stopped bool
	Reason  string
}

// NodeCreated tells that the provider has the node, under which name.
type NodeCreated struct {
	Node     NodeID
	Instance string
}

// NodeCreateFailed tells that the provider could not create the node. With Final the record is given up, and the planner
// has to want it again; without, it stays and is asked for again.
type NodeCreateFailed struct {
	Node   NodeID
	Reason string
	Final  bool
}

// NodeDeleteConfirmed tells that the provider has no such machine any more. It is a confirmed kill: direct mounts count as
// fenced.
type NodeDeleteConfirmed struct {
	Node   NodeID
	Reason string
}

// PrimingProgress tells how far a priming has come.
type PrimingProgress struct {
	Job       JobID
	Filer     FilerID
	Files     uint64
	FilesDone uint64
	Bytes     uint64
	BytesDone uint64
}

// PrimingEnded tells that a priming is over; a Problem other than "" marks it failed.
type PrimingEnded struct {
	Job     JobID
	Filer   FilerID
	Problem string
}
