package burst

import (
	"math"
	"slices"
	"time"
)

// What the planner reckons with at most. Beyond is nothing that a farm could have, and within, sums of the figures stay far
// from where numbers end: the planner's work is bounded, whatever it is told.
const (
	longestTask  = 1e9 // seconds: more than thirty years
	shortestTask = 1e-3
	longest      = time.Duration(longestTask) * time.Second
	mostTasks    = int64(1) << 40 // of a work
	mostSlots    = 1 << 20        // of a node
	mostNodes    = 1 << 30        // of a pool, or of a class of nodes at home
	mostSpeed    = 1e6
	mostMoney    = 1e12
	mostPerHour  = 3600.0 // evictions of a node
)

// within returns a number between two bounds; the lower one for what is no number.
func within(x, least, most float64) float64 {
	if math.IsNaN(x) {
		return least
	}
	return min(max(x, least), most)
}

// bounded returns a copy of the picture whose figures are within bounds. Durations are never negative; what is no number is
// nothing.
func (in Input) bounded() Input {
	duration := func(d time.Duration) time.Duration { return min(max(d, 0), longest) }
	in.Work = slices.Clone(in.Work)
	for i := range in.Work {
		w := &in.Work[i]
		w.Runnable, w.Later = min(max(w.Runnable, 0), mostTasks), min(max(w.Later, 0), mostTasks)
		w.Expected = within(w.Expected, 0, longestTask)
		w.Tail, w.MaxWait = duration(w.Tail), duration(w.MaxWait)
	}
	in.Home = slices.Clone(in.Home)
	for i := range in.Home {
		h := &in.Home[i]
		h.Nodes, h.Speed = min(max(h.Nodes, 0), mostNodes), within(h.Speed, 0, mostSpeed)
	}
	in.Pools = slices.Clone(in.Pools)
	for i := range in.Pools {
		p := &in.Pools[i]
		p.Min, p.Max = min(p.Min, mostNodes), min(p.Max, mostNodes)
		p.VCPUs, p.Price, p.Speed = within(p.VCPUs, 0, mostMoney), within(p.Price, 0, mostMoney), within(p.Speed, 0, mostSpeed)
		p.StartUp, p.MinBilling, p.IdleFor, p.WarmFor = duration(p.StartUp), duration(p.MinBilling), duration(p.IdleFor), duration(p.WarmFor)
		p.Evictions, p.Floor = within(p.Evictions, 0, mostPerHour), within(p.Floor, 0, mostFloor)
		p.WarmRequired = within(p.WarmRequired, 0, 1)
		if p.Order != nil {
			order := *p.Order
			order.Nodes = min(order.Nodes, mostNodes)
			p.Order = &order
		}
	}
	in.Settings.Usual = within(in.Settings.Usual, 0, longestTask)
	if b := in.Settings.Budget; b != nil && math.IsNaN(*b) {
		in.Settings.Budget = new(0.0)
	}
	return in
}

// sound reports whether a measurement tells anything.
func (s Seconds) sound() bool { return s.Count > 0 && s.Mean > 0 && s.Mean <= longestTask }
