package farm

import "time"

// Counts are a step's units by state.
type Counts struct {
	Pending   int64 `json:"pending"`
	Assigned  int64 `json:"assigned"`
	Running   int64 `json:"running"` // of the assigned: acknowledged by their node
	Landing   int64 `json:"landing"`
	Fencing   int64 `json:"fencing"`
	Succeeded int64 `json:"succeeded"`
	Failed    int64 `json:"failed"`
	Canceled  int64 `json:"canceled"`
}

// JobView is a job as it stands, with the counts of its steps.
type JobView struct {
	Job             // Steps carry no unit sets
	Counts []Counts `json:"counts"`
}

// UnitView is a unit about which something is known.
type UnitView struct {
	Unit     int64        `json:"unit"`
	State    UnitState    `json:"state"`
	Attempt  AttemptID    `json:"attempt,omitempty"` // the last
	Attempts int          `json:"attempts,omitempty"`
	Running  AttemptState `json:"attemptState"`
	Node     NodeID       `json:"node,omitempty"`
	Site     SiteID       `json:"site,omitempty"`
	Started  time.Time    `json:"started,omitzero"`
	Ended    time.Time    `json:"ended,omitzero"`
	Reason   string       `json:"reason,omitempty"`
}

// NodeView is a node with what it is doing.
type NodeView struct {
	Node
	Used     Capacity    `json:"used"`
	Attempts []AttemptID `json:"attempts"` // on the node, oldest first
}

// Demand is one job's work that is left, for the burst planner.
type Demand struct {
	Job       JobID
	Priority  int
	Submitted time.Time
	Deadline  time.Time
	Paused    bool
	Steps     []StepDemand
}

// StepDemand is what is left of a step.
type StepDemand struct {
	Step      int
	Name      string
	Units     int64
	DependsOn []int
	Needs     Requirements
	Runnable  int64 // pending, dependencies met, not in back-off
	Waiting   int64 // pending, but in back-off or behind a dependency
	Active    []ActiveUnit
	// Expected seconds a unit as the submitter says; 0: unknown.
	Expected float64
	Estimate Estimate // measured, all sites together
	BySite   map[SiteID]Estimate
}

// ActiveUnit is a unit that is being worked on.
type ActiveUnit struct {
	Unit    int64
	Node    NodeID
	Site    SiteID
	Started time.Time // of its action; zero: not started
	State   AttemptState
}

// Why explains where a job stands and what it waits for.
type Why struct {
	Job    JobID     `json:"job"`
	State  JobState  `json:"state"`
	Reason string    `json:"reason"`
	Lines  []string  `json:"lines"` // for people, most important first
	Steps  []StepWhy `json:"steps"`
}

// StepWhy explains where a step stands.
type StepWhy struct {
	Name      string       `json:"name"`
	Counts    Counts       `json:"counts"`
	Runnable  int64        `json:"runnable"` // pending and free to start
	BackOff   int64        `json:"backOff"`  // pending until BackOffTo
	BackOffTo time.Time    `json:"backOffTo,omitzero"`
	WaitsFor  []StepWait   `json:"waitsFor,omitempty"`
	Nodes     int          `json:"nodes"`           // known
	Unfit     []NodeReason `json:"unfit,omitempty"` // why nodes are not taking its tasks, by number of nodes
}

// StepWait is a dependency that is not met.
type StepWait struct {
	Name      string `json:"name"`
	Succeeded int64  `json:"succeeded"`
	Units     int64  `json:"units"`
	Failed    int64  `json:"failed,omitempty"` // it will never be met
}

// NodeReason counts the nodes that one reason keeps from a step.
type NodeReason struct {
	Reason string `json:"reason"` // "too little memory"
	Nodes  int    `json:"nodes"`
}
