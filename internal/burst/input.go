package burst

import "time"

// Input is a picture of the farm.
type Input struct {
	Work     []Work // equal ranks: in the order of submission
	Home     []Home
	Pools    []Pool
	Settings Settings
}

// Work is a step of a job: equal tasks.
type Work struct {
	Job  string // id
	Name string // for people
	Noun string // what a task is called, in the plural: "frames"; empty: "tasks"

	Runnable int64 // tasks that could start now
	Running  []Run
	Later    int64 // tasks that wait for others to finish; not demand, but a reason to keep paid nodes

	// Slots tells how many tasks run at once on one node of a supply (a Home's or Pool's name). Absent: none can.
	Slots map[string]int

	Measured map[string]Seconds // by site
	Expected float64            // seconds a task, as the submitter expects; 0: unknown

	Priority  int // higher first
	Submitted time.Time
	Deadline  time.Time     // zero: none
	Tail      time.Duration // what must follow the last task before the deadline
	MaxWait   time.Duration // goal without a deadline: done so long after submission; 0: the farm's
	Cheapest  bool          // nothing is rented for it, whatever else is said

	Warm map[string]Warm // assets at a pool's site; absent: nothing to load there
}

// Run is a task that runs.
type Run struct {
	Supply  string // Home's or Pool's name
	Node    string
	Elapsed time.Duration
}

// Seconds summarises measured run times.
type Seconds struct {
	Count  int64
	Mean   float64
	Spread float64 // standard deviation
}

// Warm is how much of a work's assets a site's filer holds.
type Warm struct {
	Share float64       // 0 to 1
	Left  time.Duration // until all is there, at the rate measured
}

// Home is a class of equal nodes that the studio owns.
type Home struct {
	Name  string
	Site  string
	Nodes int     // online
	Speed float64 // relative to where times were measured, for sites without a measurement; 0: 1
}

// Pool is a class of equal nodes that can be rented.
type Pool struct {
	Name         string
	Site         string
	Min, Max     int
	Nodes        []Node
	VCPUs        float64       // of a node
	Quota        string        // names a limit of vCPUs that pools share; see Settings
	StartUp      time.Duration // from creation to the first task
	Price        float64       // of a node, an hour
	MinBilling   time.Duration // what a node costs at least
	Speed        float64       // see Home
	IdleFor      time.Duration // a node is idle so long before it is given back; 0: as in the settings
	KeepWarm     int           // so many nodes, if there are any, are given back later:
	WarmFor      time.Duration // when they have been idle for so long
	Spot         bool          // its nodes may be evicted
	Evictions    float64       // of a node, an hour: 0.1 is one in ten hours
	Floor        float64       // of the nodes of this pool and of the site's spot pools, the share that is of this pool at least
	WarmRequired float64       // share of a work's assets that must be there before nodes are woken for it
	Stopped      bool          // the operator's kill switch
	Order        *Order        // how many nodes it is to have; nil: what the goals need
}

// NodeState is what a rented node is doing.
type NodeState uint8

// The states.
const (
	Starting NodeState = iota
	Online
	Draining
)

// Node is a rented node.
type Node struct {
	Name    string
	State   NodeState
	Created time.Time // when the provider was asked for it; zero: not asked yet
	Idle    time.Time // since when it has had nothing to do; zero: it is busy, or starting
}

// Settings are the farm's rules for renting. Zero values are replaced by those of DefaultSettings, except limits, whose
// zero means none.
type Settings struct {
	Margin    float64       // share of the time to a goal that is kept in reserve when renting
	Keep      float64       // the wider share that must be in reserve without a node before it is given back
	Slow      float64       // by how many standard deviations the last task is reckoned to take longer than the usual one
	IdleFor   time.Duration // how long a node is idle before it is given back
	MaxWait   time.Duration // goal of work without a deadline: done so long after submission; 0: no goal
	MaxHourly float64       // of all rented nodes together, an hour; 0: no limit
	MaxVCPUs  float64       // of all rented nodes together; 0: no limit
	Budget    *float64      // what may still be spent; nil: no limit
	Usual     float64       // seconds a task of work that is done took; 0: unknown
	// Quotas are limits of the vCPUs of pools together, by name. A pool's quota that is not here has no limit.
	Quotas map[string]float64
}

// DefaultSettings are what a farm starts with.
func DefaultSettings() Settings {
	return Settings{Margin: 0.10, Keep: 0.30, Slow: 2, IdleFor: time.Minute}
}

func (s Settings) withDefaults() Settings {
	d := DefaultSettings()
	if !(s.Margin > 0 && s.Margin < 1) {
		s.Margin = d.Margin
	}
	if !(s.Keep > s.Margin && s.Keep < 1) {
		s.Keep = max(d.Keep, (1+s.Margin)/2)
	}
	if !(s.Slow > 0) {
		s.Slow = d.Slow
	}
	if s.IdleFor <= 0 {
		s.IdleFor = d.IdleFor
	}
	return s
}
