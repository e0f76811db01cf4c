package server

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/spillway/spillway/internal/burst"
	"github.com/spillway/spillway/internal/farm"
)

// picture is the farm as the burst planner sees it.
type picture struct {
	input  burst.Input
	wanted map[string]int // of each pool
	nodes  []farm.NodeView
}

// seen is what a look at the farm copies out of it.
type seen struct {
	demand   []farm.Demand
	nodes    []farm.NodeView
	pools    []farm.Pool
	primings []farm.Priming
	names    map[farm.JobID]string
	assets   map[farm.JobID]bool
}

// look draws the picture.
func (p *planner) look(ctx context.Context, now time.Time) (picture, error) {
	s := seen{names: map[farm.JobID]string{}, assets: map[farm.JobID]bool{}}
	err := p.server.loop.View(ctx, func(f *farm.Farm) {
		s.demand, s.nodes, s.pools, s.primings = f.Demand(now), f.Nodes(), f.Pools(), f.Primings()
		for _, d := range s.demand {
			if job, ok := f.Spec(d.Job); ok {
				s.names[d.Job], s.assets[d.Job] = job.Name, len(job.Assets) > 0
			}
		}
	})
	if err != nil {
		return picture{}, err
	}
	c := &p.server.config
	out := picture{wanted: map[string]int{}, nodes: s.nodes}
	homes, supplies := homesOf(s.nodes)
	out.input.Home = homes.list
	idle := p.idleSince(now, s.nodes)
	for i := range c.Pools {
		pool := c.poolPicture(&c.Pools[i], s, idle)
		out.input.Pools = append(out.input.Pools, pool)
	}
	for _, pool := range s.pools {
		out.wanted[string(pool.ID)] = pool.Wanted
	}
	capacities := homes.capacities
	for i := range c.Pools {
		capacities[c.Pools[i].Name] = c.Pools[i].Capacity.farm()
	}
	for i := range s.demand {
		out.input.Work = append(out.input.Work, c.works(now, &s.demand[i], s, supplies, capacities)...)
	}
	out.input.Settings = burst.Settings{MaxWait: time.Duration(c.Planner.MaxWait), MaxHourly: c.Planner.MaxPerHour}
	for i := range c.Pools { // the planner knows one such time for all pools
		out.input.Settings.IdleFor = max(out.input.Settings.IdleFor, time.Duration(c.Pools[i].Idle))
	}
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
		Name: p.Name, Site: p.Site, Min: p.Min, Max: p.Max, StartUp: time.Duration(p.Boot), Price: p.Price,
		MinBilling: time.Duration(p.Billing), WarmRequired: 1,
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
			Job: string(d.Job), Name: s.names[d.Job] + " " + step.Name, Runnable: step.Runnable, Later: step.Waiting,
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
		out = append(out, w)
	}
	return out
}

// warm returns how much of a job's assets the filers of each site hold.
func (c *Config) warm(job farm.JobID, s seen) map[string]burst.Warm {
	if !s.assets[job] {
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
