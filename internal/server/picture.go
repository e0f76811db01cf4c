package server

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/spillway/spillway/internal/burst"
	"github.com/spillway/spillway/internal/farm"
)

// picture is the farm as the burst planner sees it.
type picture struct {
	input  burst.Input
	wanted map[string]int    // of each pool
	caps   map[string]string // what capped that
	nodes  []farm.NodeView
}

// seen is what a look at the farm copies out of it.
type seen struct {
	demand   []farm.Demand
	nodes    []farm.NodeView
	pools    []farm.Pool
	primings []farm.Priming
	specs    map[farm.JobID]farm.Job
	gone     []farm.NodeView
}

// look draws the picture.
func (p *planner) look(ctx context.Context, now time.Time) (picture, error) {
	s := seen{specs: map[farm.JobID]farm.Job{}}
	c := &p.server.config
	err := p.server.loop.View(ctx, func(f *farm.Farm) {
		s.demand, s.nodes, s.pools, s.primings = f.Demand(now), f.Nodes(), f.Pools(), f.Primings()
		for _, d := range s.demand {
			if job, ok := f.Spec(d.Job); ok {
				s.specs[d.Job] = job
			}
		}
		if c.Planner.MaxPerDay > 0 {
			s.gone = f.GoneNodes()
		}
	})
	if err != nil {
		return picture{}, err
	}
	out := picture{wanted: map[string]int{}, caps: map[string]string{}, nodes: s.nodes}
	homes, supplies := homesOf(s.nodes)
	out.input.Home = homes.list
	idle := p.observe(now, s.nodes)
	p.mu.Lock()
	p.aims.refresh(s.specs)
	aims := maps.Clone(p.aims)
	startUp := func(pool *Pool) time.Duration {
		return p.startUps.usual(farm.PoolID(pool.Name), time.Duration(pool.Boot))
	}
	for i := range c.Pools {
		pool := c.poolPicture(&c.Pools[i], s, idle)
		pool.StartUp = startUp(&c.Pools[i])
		out.input.Pools = append(out.input.Pools, pool)
	}
	p.mu.Unlock()
	for _, pool := range s.pools {
		out.wanted[string(pool.ID)], out.caps[string(pool.ID)] = pool.Wanted, pool.Cap
	}
	capacities := homes.capacities
	for i := range c.Pools {
		capacities[c.Pools[i].Name] = c.Pools[i].Capacity.farm()
	}
	for i := range s.demand {
		works := c.works(now, &s.demand[i], s, supplies, capacities)
		job := s.demand[i].Job
		for k := range works {
			c.aim(&works[k], aims[job], c.Planner.Queues[string(s.specs[job].Queue)])
		}
		out.input.Work = append(out.input.Work, works...)
	}
	out.input.Settings = c.planning(now, s.nodes, s.gone)
	return out, nil
}

// homes are the static nodes in classes of equal site and capacity.
type homes struct {
	list       []burst.Home
	capacities map[string]farm.Capacity
}

// homesOf returns the classes, and for every node the name of its supply: its class, or its pool.
func homesOf(nodes []farm.NodeView) (homes, map[farm.NodeID]string) {
	h := homes{capacities: map[string]farm.Capacity{}}
	supplies := map[farm.NodeID]string{}
	classes := map[string]int{}
	for i := range nodes {
		n := &nodes[i]
		if n.Pool != "" {
			supplies[n.ID] = string(n.Pool)
			continue
		}
		shape, _ := json.Marshal(n.Capacity) // a map of numbers and texts: can't fail
		key := string(n.Site) + string(shape)
		at, ok := classes[key]
		if !ok {
			at = len(h.list)
			classes[key] = at
			name := fmt.Sprintf("%s/%d", n.Site, at)
			h.list = append(h.list, burst.Home{Name: name, Site: string(n.Site)})
			h.capacities[name] = n.Capacity
		}
		supplies[n.ID] = h.list[at].Name
		if n.State == farm.NodeOnline && n.Quarantined == "" {
			h.list[at].Nodes++
		}
	}
	return h, supplies
}

func (c *Config) poolPicture(p *Pool, s seen, idle map[farm.NodeID]time.Time) burst.Pool {
	out := burst.Pool{
		Name: p.Name, Site: p.Site, Min: p.Min, Max: p.Max, Price: p.Price, VCPUs: p.Capacity.VCPUs, Quota: p.Quota,
		MinBilling: time.Duration(p.Billing), Speed: p.Speed, IdleFor: time.Duration(p.Idle), KeepWarm: p.KeepWarm.Nodes,
		WarmFor: time.Duration(p.KeepWarm.For), Spot: p.Spot, Evictions: p.Evictions, Floor: p.Floor, WarmRequired: 1,
	}
	for _, pool := range s.pools {
		if string(pool.ID) == p.Name {
			out.Stopped = pool.Stopped
		}
	}
	for i := range s.nodes {
		n := &s.nodes[i]
		if string(n.Pool) != p.Name {
			continue
		}
		node := burst.Node{Name: string(n.ID), Created: n.Created, Idle: idle[n.ID]}
		switch n.State {
		case farm.NodeCreating: // may wait for its site to be primed; its start-up has not begun
			node.State, node.Created = burst.Starting, time.Time{}
		case farm.NodeStarting:
			node.State = burst.Starting
		case farm.NodeOnline:
			node.State = burst.Online
		case farm.NodeDraining:
			node.State = burst.Draining
		default:
			continue
		}
		out.Nodes = append(out.Nodes, node)
	}
	return out
}

// works makes the planner's works of one job: its steps with work left.
func (c *Config) works(now time.Time, d *farm.Demand, s seen, supplies map[farm.NodeID]string, capacities map[string]farm.Capacity) []burst.Work {
	if d.Paused {
		return nil
	}
	var out []burst.Work
	for i := range d.Steps {
		step := &d.Steps[i]
		if step.Runnable+step.Waiting == 0 && len(step.Active) == 0 {
			continue
		}
		w := burst.Work{
			Job: string(d.Job), Name: s.specs[d.Job].Name + " " + step.Name, Runnable: step.Runnable, Later: step.Waiting,
			Slots: map[string]int{}, Measured: map[string]burst.Seconds{}, Expected: step.Expected, Priority: d.Priority,
			Submitted: d.Submitted, Deadline: d.Deadline, Tail: tail(d.Steps, i, map[int]bool{}), Warm: c.warm(d.Job, s),
		}
		for name, capacity := range capacities {
			if n := slots(&step.Needs, &capacity); n > 0 {
				w.Slots[name] = n
			}
		}
		for site, e := range step.BySite {
			w.Measured[string(site)] = burst.Seconds{Count: e.Count, Mean: e.Mean, Spread: spread(e)}
		}
		for _, a := range step.Active {
			if !a.State.OnNode() {
				continue
			}
			run := burst.Run{Supply: supplies[a.Node], Node: string(a.Node)}
			if !a.Started.IsZero() {
				run.Elapsed = now.Sub(a.Started)
			}
			w.Running = append(w.Running, run)
		}
		out = append(out, c.paid(w, step)...)
	}
	return out
}

// paid splits a work for all of whose tasks no budget pays on rented nodes: so many may be done there, the rest where it costs
// nothing.
func (c *Config) paid(w burst.Work, step *farm.StepDemand) []burst.Work {
	if !step.Broke && step.Rented >= w.Runnable {
		return []burst.Work{w}
	}
	free := maps.Clone(w.Slots)
	for i := range c.Pools {
		if c.Pools[i].Price > 0 {
			delete(free, c.Pools[i].Name)
		}
	}
	if step.Broke {
		w.Slots = free
		return []burst.Work{w}
	}
	rest := w
	rest.Slots, rest.Runnable, rest.Later, rest.Running = free, w.Runnable-step.Rented, 0, nil
	w.Runnable = step.Rented
	return []burst.Work{w, rest}
}

// warm returns how much of a job's assets the filers of each site hold.
func (c *Config) warm(job farm.JobID, s seen) map[string]burst.Warm {
	if len(s.specs[job].Assets) == 0 {
		return nil
	}
	out := map[string]burst.Warm{}
	for id, site := range c.sites() {
		if !site.Prime {
			continue
		}
		warm := burst.Warm{}
		for _, p := range s.primings {
			if p.Job != job || !behind(site, p.Filer) {
				continue
			}
			switch {
			case p.State.Over():
				warm = burst.Warm{Share: 1}
			case p.Bytes > 0:
				warm.Share = float64(p.BytesDone) / float64(p.Bytes)
			}
		}
		out[string(id)] = warm
	}
	return out
}

func behind(site farm.Site, filer farm.FilerID) bool {
	for _, f := range site.Storage {
		if f == filer {
			return true
		}
	}
	return false
}

func spread(e farm.Estimate) float64 {
	if e.Count < 2 {
		return 0
	}
	return math.Sqrt(e.M2 / float64(e.Count-1))
}

// tail returns how long what must follow a step takes at least: the longest chain of steps that wait for it, one unit each.
func tail(steps []farm.StepDemand, of int, on map[int]bool) time.Duration {
	if on[of] {
		return 0
	}
	on[of] = true
	defer delete(on, of)
	longest := time.Duration(0)
	for i := range steps {
		if !slices.Contains(steps[i].DependsOn, of) {
			continue
		}
		unit := steps[i].Expected
		if steps[i].Estimate.Count > 0 {
			unit = steps[i].Estimate.Mean
		}
		longest = max(longest, time.Duration(unit*float64(time.Second))+tail(steps, i, on))
	}
	return longest
}

// slots returns how many tasks with these needs run at once on a node with this capacity.
func slots(r *farm.Requirements, c *farm.Capacity) int {
	const most = 1 << 16
	n := most
	fit := func(need, have float64) {
		if need > 0 {
			n = min(n, int(min(have/need+1e-9, most)))
		}
	}
	vcpus := r.VCPUs
	if vcpus == 0 {
		vcpus = min(1, c.VCPUs)
	}
	fit(vcpus, c.VCPUs)
	fit(float64(r.MemoryMiB), float64(c.MemoryMiB))
	fit(float64(r.GPUs), float64(c.GPUs))
	fit(float64(r.ScratchGiB), float64(c.ScratchGiB))
	if r.GPUMemory > c.GPUMemory {
		return 0
	}
	for name, bound := range r.Amounts {
		fit(bound.Min, c.Amounts[name])
		if bound.Max > 0 && c.Amounts[name] > bound.Max {
			return 0
		}
	}
	for name, need := range r.Attributes {
		have := c.Attributes[name]
		for _, v := range need.AllOf {
			if !slices.Contains(have, v) {
				return 0
			}
		}
		if len(need.AnyOf) > 0 && !slices.ContainsFunc(need.AnyOf, func(v string) bool { return slices.Contains(have, v) }) {
			return 0
		}
	}
	return n
}
