package farm

import "time"

// A record is what the store keeps. Every effect (an order to an agent, a fence, a flush, a call to a provider) follows
// from records alone, so that a restarted server sends what is still owed. Times are the server's, UTC.

// Job is a submitted job.
type Job struct {
	ID         JobID         `json:"id"`
	Name       string        `json:"name"`
	Owner      string        `json:"owner"`
	Project    string        `json:"project,omitempty"`
	Queue      QueueID       `json:"queue"`
	Priority   int           `json:"priority"` // 0 to 100, higher first; 50 by default
	State      JobState      `json:"state"`
	Reason     string        `json:"reason"` // why it is in that state
	Submitted  time.Time     `json:"submitted"`
	Started    time.Time     `json:"started,omitzero"`
	Ended      time.Time     `json:"ended,omitzero"`
	Deadline   time.Time     `json:"deadline,omitzero"`
	Estimate   float64       `json:"estimate,omitempty"` // seconds a unit of the widest step, as the submitter expects; 0: unknown
	MaxRetries int           `json:"maxRetries"`         // a unit's failed attempts beyond the first
	MaxTasks   int           `json:"maxTasks,omitempty"` // that run at once; 0: any number
	MaxNodes   int           `json:"maxNodes,omitempty"` // that it uses at once; 0: any number
	Key        string        `json:"key,omitempty"`      // idempotency key of the submit
	Failing    FailurePolicy `json:"failing,omitzero"`
	// Setbacks are the tasks that have failed since one of the job succeeded.
	Setbacks []Setback `json:"setbacks,omitempty"`
	JobSpec
	Steps []Step `json:"steps,omitempty"`
}

// JobSpec is the part of a job that never changes. It is kept in a record of its own, so that a change of the job's state
// does not write its template again.
type JobSpec struct {
	Parameters map[string]string `json:"parameters,omitempty"` // all of them, in the submitter's spelling
	Template   []byte            `json:"template,omitempty"`   // the job template, JSON
	Policy     []byte            `json:"policy,omitempty"`     // spillway.yaml, JSON
	Assets     []StoragePath     `json:"assets,omitempty"`     // files and directories that every task may read
}

// Step is one step of a job with the counts and sets of its units. A unit in none of the sets is pending.
type Step struct {
	Name      string       `json:"name"`
	Units     int64        `json:"units"`               // size of its task space
	DependsOn []int        `json:"dependsOn,omitempty"` // steps that must have succeeded wholly
	After     []Dependency `json:"after,omitempty"`     // what else must have succeeded, also of other jobs
	Needs     Requirements `json:"needs,omitzero"`
	Estimate  Estimate     `json:"estimate,omitzero"` // of the measured run times, all sites together
	// BySite are the same per site.
	BySite    map[SiteID]Estimate `json:"bySite,omitempty"`
	Expected  float64             `json:"expected,omitempty"` // seconds a unit as the submitter says; 0: unknown
	HasOwn    bool                `json:"hasOwn,omitempty"`   // units name inputs of their own, to be primed before each
	Order     Order               `json:"order,omitzero"`     // in which tasks start
	Limits    map[LimitID]int     `json:"limits,omitempty"`   // seats that each running task takes
	Active    UnitSet             `json:"active,omitzero"`    // assigned, landing or fencing: an attempt record says which
	Succeeded UnitSet             `json:"succeeded,omitzero"`
	Failed    UnitSet             `json:"failed,omitzero"`
	Canceled  UnitSet             `json:"canceled,omitzero"`
	// Skipped are units that a user held for done: those that have succeeded, or will when their attempt has ended.
	Skipped UnitSet `json:"skipped,omitzero"`
	// Failures counts the failed attempts of units that have any.
	Failures map[int64]int `json:"failures,omitempty"`
	// ByCause counts them by cause.
	ByCause map[int64]map[Cause]int `json:"byCause,omitempty"`
	// HeldUntil is when the next task may start after a program was denied a licence that no limit stands for; Denials how often
	// that was in a row.
	HeldUntil time.Time `json:"heldUntil,omitzero"`
	Denials   int       `json:"denials,omitempty"`
	// Raised is the memory that tasks ask for instead of Needs' after one ran out of it, MiB; 0: Needs'.
	Raised uint64 `json:"raisedMiB,omitempty"`
	// BackOff holds the pending units that wait after a failure, and until when.
	BackOff map[int64]time.Time `json:"backOff,omitempty"`
}

// Dependency is something that must have succeeded before: a job, a step, or for each unit one unit of a step.
type Dependency struct {
	Job  JobID `json:"job,omitempty"` // empty: the same
	Step int   `json:"step"`          // -1: the whole job
	// EachUnit: unit u waits for unit u+Offset only, and for nothing if there is none.
	EachUnit bool  `json:"eachUnit,omitempty"`
	Offset   int64 `json:"offset,omitempty"`
}

// Requirements say which nodes can run a step's tasks (OpenJD §3.3). Zero asks for nothing.
type Requirements struct {
	VCPUs      float64             `json:"vcpus,omitempty"`     // at least; a task takes them
	MemoryMiB  uint64              `json:"memoryMiB,omitempty"` // at least; a task takes it
	GPUs       uint32              `json:"gpus,omitempty"`
	GPUMemory  uint64              `json:"gpuMemoryMiB,omitempty"` // of the smallest
	ScratchGiB uint64              `json:"scratchGiB,omitempty"`
	Amounts    map[string]Range    `json:"amounts,omitempty"`    // all others
	Attributes map[string]AttrNeed `json:"attributes,omitempty"` // all
}

// Range bounds an amount; Max 0 is none.
type Range struct {
	Min float64 `json:"min,omitempty"`
	Max float64 `json:"max,omitempty"`
}

// AttrNeed asks that a node's attribute holds all of AllOf and one of AnyOf.
type AttrNeed struct {
	AllOf []string `json:"allOf,omitempty"`
	AnyOf []string `json:"anyOf,omitempty"`
}

// Estimate summarises measured run times, in seconds.
type Estimate struct {
	Count int64   `json:"count"`
	Mean  float64 `json:"mean"`
	M2    float64 `json:"m2"` // sum of squared differences (Welford)
}

// Cause says why an attempt ended without success.
type Cause string

// The causes.
const (
	CauseTask         Cause = "task error" // exit status, openjd_fail, a malformed directive
	CauseTimeout      Cause = "timeout"
	CauseCanceled     Cause = "canceled"
	CauseVerification Cause = "verification" // exit 0, but an output is missing or broken
	CauseEnvironment  Cause = "environment"  // an environment could not be entered
	CauseStorage      Cause = "storage"      // the mount hung, or what was landed is not what was written
	CauseAgent        Cause = "agent"        // the node could not run it
	CauseNoProgress   Cause = "no progress"  // it printed, computed, read and wrote nothing for too long
	CauseMemory       Cause = "out of memory"
	CauseLicence      Cause = "licence"   // its program was denied one; costs no retry
	CausePreempted    Cause = "preempted" // its node had to go; costs no retry
	CauseNodeLost     Cause = "node lost"
	CauseStorageLost  Cause = "storage lost" // a filer's cache was given up with the outputs in it
)

// Retried are the causes that count against a task, each for itself.
var Retried = []Cause{CauseTask, CauseTimeout, CauseNoProgress, CauseMemory, CauseVerification, CauseEnvironment, CauseStorage, CauseAgent}

// Attempt is one try at one unit on one node.
type Attempt struct {
	ID       AttemptID     `json:"id"`
	Unit     UnitRef       `json:"unit"`
	Number   int           `json:"number"` // 1, 2, … of this unit
	Node     NodeID        `json:"node"`
	Site     SiteID        `json:"site"`
	Session  SessionID     `json:"session"`
	State    AttemptState  `json:"state"`
	Reason   string        `json:"reason"`          // why it is in that state
	Cause    Cause         `json:"cause,omitempty"` // of its end
	Epoch    uint64        `json:"epoch"`           // under which it was assigned
	Assigned time.Time     `json:"assigned"`
	Started  time.Time     `json:"started,omitzero"` // its action
	Ended    time.Time     `json:"ended,omitzero"`   // on the node
	Landed   time.Time     `json:"landed,omitzero"`
	ExitCode int           `json:"exitCode"`
	RunTime  time.Duration `json:"runTime"` // agent's monotonic clock, ns
	CPUTime  time.Duration `json:"cpuTime"`
	MaxRSS   uint64        `json:"maxRSSMiB,omitempty"`
	LogSize  uint64        `json:"logSize"`
	// Expected are the paths its outputs have by rule. A dead attempt's are removed after the fence if no receipt is known.
	Expected []StoragePath `json:"expected,omitempty"`
	Inputs   []StoragePath `json:"inputs,omitempty"` // its own, to be primed before it is ordered
	Outputs  []Output      `json:"outputs,omitempty"`
	Raised   uint64        `json:"raisedMiB,omitempty"` // memory that it takes of its node instead of its step's Needs; 0: Needs'
	Removed  []Removed     `json:"removed,omitempty"`   // what was taken away after the fence
}

// Output is a file an attempt left, and the receipt for it once the storage has it.
type Output struct {
	StoragePath
	Size    uint64   `json:"size"`
	SHA256  string   `json:"sha256"` // hex
	Kind    string   `json:"kind,omitempty"`
	Width   uint32   `json:"width,omitempty"`
	Height  uint32   `json:"height,omitempty"`
	Receipt *Receipt `json:"receipt,omitempty"`
}

// Receipt is the storage's word for a file (see the filer control service).
type Receipt struct {
	Filer  FilerID   `json:"filer"`
	Serial uint64    `json:"serial"`
	Size   uint64    `json:"size"`
	SHA256 string    `json:"sha256"` // hex
	Issued time.Time `json:"issued"`
}

// Removed is an unfinished file that a dead attempt left and the filer removed after the fence.
type Removed struct {
	StoragePath
	Size uint64 `json:"size"`
}

// Session is an OpenJD session on a node: one job, one step's environments, task after task.
type Session struct {
	ID     SessionID `json:"id"`
	Node   NodeID    `json:"node"`
	Step   StepRef   `json:"step"`
	Ending bool      `json:"ending"` // told, or to be told, to end
	Opened time.Time `json:"opened"`
}

// Node is a machine (or the part of one) that runs tasks.
type Node struct {
	ID       NodeID           `json:"id"`
	Site     SiteID           `json:"site"`
	Pool     PoolID           `json:"pool,omitempty"`     // empty: a static node
	Instance string           `json:"instance,omitempty"` // the provider's name of it
	State    NodeState        `json:"state"`
	Reason   string           `json:"reason"`
	Created  time.Time        `json:"created"`
	Joined   time.Time        `json:"joined,omitzero"`
	Gone     time.Time        `json:"gone,omitzero"`
	LastSeen time.Time        `json:"lastSeen,omitzero"` // coarse; written with other changes, not per heartbeat
	BootID   string           `json:"bootId,omitempty"`
	Capacity Capacity         `json:"capacity,omitzero"`
	Price    float64          `json:"price,omitempty"`  // per hour, in the farm's currency
	Mounts   []MountSession   `json:"mounts,omitempty"` // to be fenced when the node is lost
	Blocked  map[JobID]string `json:"blocked,omitempty"`
	// Failures counts the failed attempts in a row per unfinished job.
	Failures map[JobID]int `json:"failures,omitempty"`
	// Accused says by owner which of their jobs it fails that succeed elsewhere, with nothing having succeeded here since.
	Accused map[string]string `json:"accused,omitempty"`
	// Quarantined says why it gets no work until it is released.
	Quarantined string `json:"quarantined,omitempty"`
	// Returned: its agent is connected again although the fence of its last life is not through.
	Returned bool `json:"returned,omitempty"`
	// Killed: somebody who knows has confirmed that the machine is gone.
	Killed bool `json:"killed,omitempty"`
	// Stop: a draining node is to end when it is empty.
	Stop bool `json:"stop,omitempty"`
	// Run names the life of its agent process; Leaving: that agent takes no more orders.
	Run     string `json:"run,omitempty"`
	Leaving bool   `json:"leaving,omitempty"`

	// Billed is when its machine came to be; MinBilling is how long it is paid for at least, ns.
	Billed     time.Time     `json:"billed,omitzero"`
	MinBilling time.Duration `json:"minBilling,omitempty"`
}

// Capacity is what a node offers.
type Capacity struct {
	VCPUs      float64             `json:"vcpus"`
	MemoryMiB  uint64              `json:"memoryMiB"`
	GPUs       uint32              `json:"gpus,omitempty"`
	GPUMemory  uint64              `json:"gpuMemoryMiB,omitempty"`
	ScratchGiB uint64              `json:"scratchGiB,omitempty"`
	Amounts    map[string]float64  `json:"amounts,omitempty"`
	Attributes map[string][]string `json:"attributes,omitempty"`
}

// MountSession is a node's identity at a filer.
type MountSession struct {
	Location Location `json:"location"`
	Filer    FilerID  `json:"filer,omitempty"` // empty: a direct mount, ended by a confirmed kill or another boot only
	ID       uint64   `json:"id,omitempty"`
	Dead     bool     `json:"dead,omitempty"` // to be fenced: the node, or this mount of it, is given up
	Fenced   bool     `json:"fenced"`
	Away     bool     `json:"away,omitempty"` // its agent has not said yet that it is ready in this life, or that it is not
}

// Pool is an elastic pool and what is wanted of it.
type Pool struct {
	ID      PoolID    `json:"id"`
	Site    SiteID    `json:"site"`
	Min     int       `json:"min"`
	Max     int       `json:"max"`
	Wanted  int       `json:"wanted"`
	Reason  string    `json:"reason"` // of the last decision
	Cap     string    `json:"cap,omitempty"`
	Decided time.Time `json:"decided,omitzero"`
	Stopped bool      `json:"stopped"` // the operator's kill switch
	Created int       `json:"created"` // nodes ever created; numbers their names, which are never reused
}

// StalePolicy says what counts when the last report of a limit's use outside the farm is older than its TTL.
type StalePolicy string

// The policies. With all but StaleIgnore nothing is started before the first report.
const (
	StaleKeep   StalePolicy = "keep"   // the last report
	StaleIgnore StalePolicy = "ignore" // the farm's own use alone
	StaleHold   StalePolicy = "hold"   // nothing new is started
)

// Limit bounds how much of something is taken at once: licences, most often.
type Limit struct {
	ID    LimitID `json:"id"`
	Seats int     `json:"seats"`
	// PerNode: the tasks of one node share its seats, as many as the greediest of them needs.
	PerNode bool `json:"perNode,omitempty"`
	// Settle is how long a seat that was given back is not given to another, ns.
	Settle time.Duration `json:"settle,omitempty"`
	// TTL is how long a report of the use outside the farm counts, ns; 0: until the next one, and none is needed.
	TTL      time.Duration `json:"ttl,omitempty"`
	Stale    StalePolicy   `json:"stale"`
	External int           `json:"external,omitempty"` // seats taken outside the farm, as reported
	Reported time.Time     `json:"reported,omitzero"`
	Overdue  bool          `json:"overdue,omitempty"` // the last report is older than TTL
	Settling []Settling    `json:"settling,omitempty"`
	// DeniedUntil is when a seat may be tried again after a program was denied one; Denials how often that was in a row.
	DeniedUntil time.Time `json:"deniedUntil,omitzero"`
	Denials     int       `json:"denials,omitempty"`
}

// Settling are seats that were given back a moment ago.
type Settling struct {
	Node  NodeID    `json:"node,omitempty"` // which may take them again at once; only if seats are counted per node
	Seats int       `json:"seats"`
	Until time.Time `json:"until"`
}

// Queue holds jobs. Queues share the farm by their weights.
type Queue struct {
	ID     QueueID `json:"id"`
	Weight float64 `json:"weight"`
	Paused bool    `json:"paused,omitempty"` // nothing new is started
	Quota  Amounts `json:"quota,omitzero"`   // that its running tasks take at most; 0 of something: any amount
}

// PrimingState is where a priming stands.
type PrimingState string

// The states of a priming.
const (
	PrimingWanted  PrimingState = "wanted"
	PrimingRunning PrimingState = "running"
	PrimingDone    PrimingState = "done"
	PrimingFailed  PrimingState = "failed" // nodes are woken all the same, and read what they need on demand
)

// Over reports whether nobody waits for it any more.
func (s PrimingState) Over() bool { return s == PrimingDone || s == PrimingFailed }

// Priming is the loading of a job's shared assets into a site's filer before nodes there are woken.
type Priming struct {
	Job       JobID        `json:"job"`
	Filer     FilerID      `json:"filer"`
	State     PrimingState `json:"state"`
	Reason    string       `json:"reason"`
	Files     uint64       `json:"files"`
	FilesDone uint64       `json:"filesDone"`
	Bytes     uint64       `json:"bytes"`
	BytesDone uint64       `json:"bytesDone"`
	Started   time.Time    `json:"started,omitzero"`
	Ended     time.Time    `json:"ended,omitzero"`
}

// Decision is one decision of the burst planner: what was seen, what was wanted, what capped it.
type Decision struct {
	ID     string    `json:"id"` // ordered
	At     time.Time `json:"at"`
	Pool   PoolID    `json:"pool"`
	Have   int       `json:"have"`
	Want   int       `json:"want"`
	Reason string    `json:"reason"`
	Cap    string    `json:"cap,omitempty"` // what capped it
	Asked  int       `json:"asked"`         // what the goals alone ask for
	Seen   Seen      `json:"seen,omitzero"`
}

// Seen is what a decision is founded on: the work that the pool could do.
type Seen struct {
	Runnable int64   `json:"runnable"` // tasks that could start
	Running  int     `json:"running"`
	Later    int64   `json:"later"`   // tasks that wait for others
	Seconds  float64 `json:"seconds"` // of one node of the pool for all that could start
	Home     int     `json:"home"`    // nodes of the studio's own that could do some of it
	Late     int     `json:"late"`    // steps that would miss their goals without rented nodes
}

// Event is one line of the farm's history: what changed, and why. Screens follow it.
type Event struct {
	Seq     uint64    `json:"seq"` // 1, 2, …; the cursor of the event stream
	At      time.Time `json:"at"`
	Kind    string    `json:"kind"` // job, unit, attempt, node, pool, priming, fence, receipt, limit, queue
	Job     JobID     `json:"job,omitempty"`
	Step    int       `json:"step,omitempty"`
	Unit    int64     `json:"unit,omitempty"`
	Attempt AttemptID `json:"attempt,omitempty"`
	Node    NodeID    `json:"node,omitempty"`
	Pool    PoolID    `json:"pool,omitempty"`
	From    string    `json:"from,omitempty"` // states
	To      string    `json:"to,omitempty"`
	Reason  string    `json:"reason"`
}
