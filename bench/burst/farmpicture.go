package main

import (
	"math"
	"time"

	"github.com/spillway/spillway/internal/burst"
	"github.com/spillway/spillway/internal/farm"
)

// pictureOf is what the planner sees of a real farm in which every node takes one task and every job has one step. Idle says
// since when a rented node that is online has had nothing to do.
func pictureOf(f *farm.Farm, now time.Time, home []burst.Home, pools []burst.Pool, idle func(*farm.NodeView) time.Time) burst.Input {
	in := burst.Input{Home: home, Pools: pools}
	slots := map[string]int{}
	for i := range home {
		slots[home[i].Name] = 1
	}
	at := map[string]int{}
	for i := range pools {
		pools[i].Nodes = pools[i].Nodes[:0]
		at[pools[i].Name], slots[pools[i].Name] = i, 1
	}
	supplies := map[farm.NodeID]string{}
	nodes := f.Nodes()
	for i := range nodes {
		view := &nodes[i]
		pool, rented := at[string(view.Pool)]
		if !rented {
			supplies[view.ID] = string(view.Site)
			continue
		}
		supplies[view.ID] = string(view.Pool)
		n := burst.Node{Name: string(view.ID), Created: view.Created}
		switch view.State {
		case farm.NodeCreating:
			n.Created = time.Time{}
		case farm.NodeStarting:
		case farm.NodeOnline:
			n.State, n.Idle = burst.Online, idle(view)
		case farm.NodeDraining:
			n.State = burst.Draining
		default:
			continue
		}
		pools[pool].Nodes = append(pools[pool].Nodes, n)
	}
	for _, d := range f.Demand(now) {
		st := d.Steps[0]
		w := burst.Work{
			Job: string(d.Job), Name: st.Name, Runnable: st.Runnable, Later: st.Waiting, Slots: slots, Expected: st.Expected,
			Priority: d.Priority, Submitted: d.Submitted, Deadline: d.Deadline, Measured: map[string]burst.Seconds{},
		}
		for site, e := range st.BySite {
			m := burst.Seconds{Count: e.Count, Mean: e.Mean}
			if e.Count > 1 {
				m.Spread = math.Sqrt(e.M2 / float64(e.Count-1))
			}
			w.Measured[string(site)] = m
		}
		for _, a := range st.Active {
			if a.State.OnNode() {
				w.Running = append(w.Running, burst.Run{Supply: supplies[a.Node], Node: string(a.Node), Elapsed: now.Sub(a.Started)})
			}
		}
		in.Work = append(in.Work, w)
	}
	return in
}
