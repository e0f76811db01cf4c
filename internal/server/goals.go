package server

import (
	"time"

	"github.com/spillway/spillway/internal/burst"
	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/server/policy"
)

// aims remembers what jobs' policies say of their goals, which never changes.
type aims map[farm.JobID]Goal

// refresh forgets jobs that are not asked for any more and reads the policies of new ones.
func (a aims) refresh(specs map[farm.JobID]farm.Job) {
	for id := range a {
		if _, ok := specs[id]; !ok {
			delete(a, id)
		}
	}
	for id := range specs {
		if _, ok := a[id]; ok {
			continue
		}
		job := specs[id]
		goal := Goal{}
		if p, err := policy.Decode(job.Policy); err == nil { // what was stored was checked
			goal = Goal{MaxWait: p.MaxWait, Cheapest: p.Cheapest}
		}
		a[id] = goal
	}
}

// aim gives a job's works their goal: what the job says goes before what its queue says, and a deadline before both.
func (c *Config) aim(w *burst.Work, job, queue Goal) {
	goal := job
	if !job.Cheapest && job.MaxWait == 0 {
		goal = queue
		if !w.Deadline.IsZero() && !queue.Cheapest {
			goal = Goal{}
		}
	}
	w.MaxWait, w.Cheapest = time.Duration(goal.MaxWait), goal.Cheapest
}

// planning returns the farm's rules for renting.
func (c *Config) planning(now time.Time, nodes, gone []farm.NodeView) burst.Settings {
	s := burst.Settings{
		MaxWait: time.Duration(c.Planner.MaxWait), MaxHourly: c.Planner.MaxPerHour, MaxVCPUs: c.Planner.MaxVCPUs, Quotas: c.Planner.Quotas,
	}
	if c.Planner.MaxPerDay > 0 {
		midnight := now.UTC().Truncate(24 * time.Hour)
		left := c.Planner.MaxPerDay
		for _, list := range [][]farm.NodeView{nodes, gone} {
			for i := range list {
				left -= cost(&list[i].Node, midnight, now)
			}
		}
		s.Budget = new(max(0, left))
	}
	return s
}

// startUps measures how long a pool's nodes take to start, as the planner sees them do.
type startUps struct {
	since map[farm.NodeID]time.Time // when a node was first seen starting
	took  map[farm.PoolID][]time.Duration
}

// startUpsKept is of how many starts the slowest is taken for usual.
const startUpsKept = 5

func newStartUps() *startUps {
	return &startUps{since: map[farm.NodeID]time.Time{}, took: map[farm.PoolID][]time.Duration{}}
}

// see takes note of nodes that start and have started.
func (s *startUps) see(now time.Time, nodes []farm.NodeView) {
	next := map[farm.NodeID]time.Time{}
	for i := range nodes {
		n := &nodes[i]
		since, starting := s.since[n.ID]
		switch {
		case n.Pool == "":
		case n.State == farm.NodeStarting && starting:
			next[n.ID] = since
		case n.State == farm.NodeStarting:
			next[n.ID] = now
		case n.State == farm.NodeOnline && starting:
			took := append(s.took[n.Pool], now.Sub(since))
			s.took[n.Pool] = took[max(0, len(took)-startUpsKept):]
		}
	}
	s.since = next
}

// usual returns the slowest of a pool's last starts; what is configured as long as there are none.
func (s *startUps) usual(pool farm.PoolID, configured time.Duration) time.Duration {
	slowest := time.Duration(0)
	for _, d := range s.took[pool] {
		slowest = max(slowest, d)
	}
	if slowest == 0 {
		return configured
	}
	return slowest
}
