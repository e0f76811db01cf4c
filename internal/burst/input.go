package burst

import (
	"math"
	"time"
)

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
	StartUp      time.Duration // from creation to the first task
	Price        float64       // of a node, an hour
	MinBilling   time.Duration // what a node costs at least
	Speed        float64       // see Home
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
	IdleFor   time.Duration // how long a node is idle before it is given back
	MaxWait   time.Duration // goal of work without a deadline: done so long after submission; 0: no goal
	MaxHourly float64       // of all rented nodes together, an hour; 0: no limit
	Budget    *float64      // what may still be spent; nil: no limit
}

// DefaultSettings are what a farm starts with.
func DefaultSettings() Settings {
	return Settings{Margin: 0.10, Keep: 0.30, IdleFor: time.Minute}
}

func (s Settings) withDefaults() Settings {
	d := DefaultSettings()
	if s.Margin <= 0 || s.Margin >= 1 {
		s.Margin = d.Margin
	}
	if s.Keep <= s.Margin || s.Keep >= 1 {
		s.Keep = max(d.Keep, (1+s.Margin)/2)
	}
	if s.IdleFor <= 0 {
		s.IdleFor = d.IdleFor
	}
	return s
}

// goal returns when the work's last task should have ended; false if there is no such moment.
func (w *Work) goal(s Settings) (time.Time, bool) {
	switch {
	case !w.Deadline.IsZero():
		return w.Deadline.Add(-w.Tail), true
	case s.MaxWait > 0:
		return w.Submitted.Add(s.MaxWait), true
	}
	return time.Time{}, false
}

// seconds returns how long a task takes at a site, pessimistically: the mean and its standard error. What has been
// measured elsewhere is scaled by speed. False if nothing is known.
func (w *Work) seconds(site string, speed float64) (float64, bool) {
	if speed <= 0 {
		speed = 1
	}
	if m, ok := w.Measured[site]; ok && m.Count > 0 && m.Mean > 0 {
		return m.Mean + m.Spread/math.Sqrt(float64(m.Count)), true
	}
	if m := w.anywhere(); m.Count > 0 {
		return (m.Mean + m.Spread/math.Sqrt(float64(m.Count))) / speed, true
	}
	return w.Expected / speed, w.Expected > 0
}

// anywhere returns the measurement with the most tasks behind it; of equals the slower one.
func (w *Work) anywhere() Seconds {
	var best Seconds
	for _, m := range w.Measured {
		if m.Mean > 0 && (m.Count > best.Count || m.Count == best.Count && m.Mean > best.Mean) {
			best = m
		}
	}
	return best
}

// known reports whether anything tells how long a task takes.
func (w *Work) known() bool { return w.Expected > 0 || w.anywhere().Count > 0 }

// wait returns how long the work's assets still keep nodes of a pool from being woken.
func (w *Work) wait(p *Pool) time.Duration {
	warm, ok := w.Warm[p.Site]
	if !ok || warm.Share >= p.WarmRequired || warm.Share >= 1 {
		return 0
	}
	missing := (min(p.WarmRequired, 1) - warm.Share) / (1 - warm.Share)
	return time.Duration(missing * float64(warm.Left))
}

// cold reports whether the work's assets must be loaded before nodes of a pool are woken for it.
func (w *Work) cold(p *Pool) bool {
	warm, ok := w.Warm[p.Site]
	return ok && warm.Share < min(p.WarmRequired, 1)
}
