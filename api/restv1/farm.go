package restv1

import "time"

// Node is a machine that runs tasks.
type Node struct {
	ID          string    `json:"id"`
	Site        string    `json:"site"`
	Pool        string    `json:"pool,omitempty" doc:"Empty for a static node."`
	Instance    string    `json:"instance,omitempty" doc:"The provider's name of it."`
	State       string    `json:"state" enum:"creating,starting,online,draining,lost,offline,deleting,deleted"`
	Reason      string    `json:"reason"`
	Created     time.Time `json:"created"`
	Joined      time.Time `json:"joined,omitzero"`
	LastSeen    time.Time `json:"lastSeen,omitzero"`
	VCPUs       float64   `json:"vcpus"`
	MemoryMiB   uint64    `json:"memoryMiB"`
	GPUs        uint32    `json:"gpus,omitempty"`
	Price       float64   `json:"price,omitempty" doc:"Per hour."`
	Quarantined string    `json:"quarantined,omitempty" doc:"Why it gets no work until it is released."`
	Avoided     []Avoided `json:"avoided,omitempty" nullable:"false" doc:"Jobs that avoid it because it fails their tasks."`
	Work        []Work    `json:"work" nullable:"false" doc:"What runs on it now."`
}

// Avoided is a job that avoids a node.
type Avoided struct {
	Job string `json:"job"`
	Why string `json:"why"`
}

// Work names an attempt that occupies a node.
type Work struct {
	Attempt  string    `json:"attempt"`
	Job      string    `json:"job"`
	JobName  string    `json:"jobName"`
	Step     int       `json:"step"`
	Unit     int64     `json:"unit"`
	State    string    `json:"state"`
	Since    time.Time `json:"since"`
	Progress float64   `json:"progress,omitempty"`
}

// Pool is an elastic pool.
type Pool struct {
	ID      string    `json:"id"`
	Site    string    `json:"site"`
	Min     int       `json:"min"`
	Max     int       `json:"max"`
	Wanted  int       `json:"wanted"`
	Actual  int       `json:"actual" doc:"Nodes that exist or are being made, without those going away."`
	Reason  string    `json:"reason" doc:"Of the last decision."`
	Decided time.Time `json:"decided,omitzero"`
	Stopped bool      `json:"stopped" doc:"The operator's kill switch."`
	Price   float64   `json:"price,omitempty" doc:"Of one node per hour."`
	// Autoscale is set where a formula sizes the pool.
	Autoscale *Autoscale `json:"autoscale,omitempty" doc:"The formula that sizes the pool, if one does."`
}

// Decision is one decision of the burst planner.
type Decision struct {
	ID     string    `json:"id" doc:"Ordered."`
	At     time.Time `json:"at"`
	Pool   string    `json:"pool"`
	Have   int       `json:"have"`
	Want   int       `json:"want"`
	Reason string    `json:"reason"`
	Cap    string    `json:"cap,omitempty" doc:"What capped it: max, vcpus, quota, hourly, budget or stopped."`
	Asked  int       `json:"asked" doc:"Nodes that the goals ask for, were there no limits."`
	Seen   Seen      `json:"seen"`
}

// Seen is what a decision is founded on: the work that the pool could do.
type Seen struct {
	Runnable int64   `json:"runnable" doc:"Tasks that could start."`
	Running  int     `json:"running"`
	Later    int64   `json:"later" doc:"Tasks that wait for others."`
	Seconds  float64 `json:"seconds" doc:"Of one node of the pool for all that could start."`
	Home     int     `json:"home" doc:"The studio's own nodes that could do some of it."`
	Late     int     `json:"late" doc:"Steps that would miss their goals without rented nodes."`
}

// Filer is a filer and its counters since its first start.
type Filer struct {
	Name          string   `json:"name"`
	Parent        string   `json:"parent,omitempty" doc:"The filer next to the storage that it reads through."`
	Sites         []string `json:"sites,omitempty" nullable:"false"`
	OK            bool     `json:"ok"`
	Error         string   `json:"error,omitempty" doc:"Why it does not answer."`
	CacheUsed     uint64   `json:"cacheUsed"`
	CacheCapacity uint64   `json:"cacheCapacity"`
	DirtyBytes    uint64   `json:"dirtyBytes" doc:"Written and not yet committed at its origin."`
	Sessions      int      `json:"sessions" doc:"Open mount sessions, without fenced ones."`
	Traffic       Traffic  `json:"traffic" doc:"Of all its exports."`
}

// Traffic counts bytes of file data.
type Traffic struct {
	ReadDemand    uint64 `json:"readDemand" doc:"Fetched because a client asked."`
	ReadAhead     uint64 `json:"readAhead"`
	ReadPrimed    uint64 `json:"readPrimed"`
	Unused        uint64 `json:"unused" doc:"Of read-ahead and primed bytes: never asked for."`
	UniqueDemand  uint64 `json:"uniqueDemand" doc:"Distinct bytes clients asked for, rounded to fetch blocks."`
	Written       uint64 `json:"written"`
	Calls         uint64 `json:"calls"`
	Served        uint64 `json:"served" doc:"Answered to clients' READs."`
	ServedFromHit uint64 `json:"servedFromHit" doc:"Of them, from the cache."`
}

// Summary is the farm at one moment.
type Summary struct {
	Name     string        `json:"name,omitempty" doc:"The farm's."`
	Version  string        `json:"version"`
	At       time.Time     `json:"at"`
	Event    uint64        `json:"event" doc:"Newest event's number."`
	Jobs     JobCounts     `json:"jobs"`
	Units    Counts        `json:"units" doc:"Of all jobs that are not over."`
	Sites    []SiteSummary `json:"sites" nullable:"false"`
	Cost     Cost          `json:"cost"`
	Currency string        `json:"currency,omitempty" example:"EUR"`
}

// JobCounts are jobs by state.
type JobCounts struct {
	Active    int `json:"active"`
	Paused    int `json:"paused"`
	Succeeded int `json:"succeeded"`
	Failed    int `json:"failed"`
	Canceled  int `json:"canceled"`
}

// SiteSummary is a site's nodes. Nodes that are deleted are not counted.
type SiteSummary struct {
	Site   string `json:"site"`
	Nodes  int    `json:"nodes"`
	Online int    `json:"online"`
	Busy   int    `json:"busy" doc:"Of the online ones."`
}

// Cost is what rented nodes cost.
type Cost struct {
	PerHour float64 `json:"perHour"`
	Today   float64 `json:"today"`
}

// Event is one line of the farm's history.
type Event struct {
	Seq     uint64    `json:"seq" doc:"1, 2, …; the cursor of the event stream."`
	At      time.Time `json:"at"`
	Kind    string    `json:"kind" doc:"job, unit, attempt, node, pool, priming, fence, receipt, limit or queue."`
	Job     string    `json:"job,omitempty"`
	Step    int       `json:"step,omitempty"`
	Unit    int64     `json:"unit,omitempty"`
	Attempt string    `json:"attempt,omitempty"`
	Node    string    `json:"node,omitempty"`
	Pool    string    `json:"pool,omitempty"`
	From    string    `json:"from,omitempty" doc:"State before."`
	To      string    `json:"to,omitempty" doc:"State after."`
	Reason  string    `json:"reason"`
}

// Version says what answers.
type Version struct {
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	API     string `json:"api" example:"v1"`
}
