package burst

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"sort"
	"time"
)

// Plan returns one decision for every pool, in the pools' order.
func Plan(now time.Time, in Input) []Decision {
	p := newPlanner(now, in)
	need := p.search(p.settings.Margin)
	hold := p.search(p.settings.Margin / 4)
	keep := p.search(p.settings.Keep)
	out := make([]Decision, len(in.Pools))
	for i := range in.Pools {
		pool := &in.Pools[i]
		if pool.Order != nil {
			out[i] = p.carryOut(pool, need)
			continue
		}
		out[i] = p.decide(pool, need, hold.counts[pool.Name], keep.counts[pool.Name])
	}
	return out
}

// target is the outcome of a search: how many nodes each pool should have.
type target struct {
	counts map[string]int
	caps   map[string]string // pool → what stopped it short of the goals
	base   result            // with the pools' minimum only
	final  result
	missed []int          // works that miss their goals with base, by index, in order
	late   []int          // works that miss them with final
	scout  map[string]int // pool → work of unknown length it is to try
}

// search finds the smallest numbers of nodes with which every goal is met with a margin. Pools are filled one after the
// other, the cheapest first.
func (p *planner) search(margin float64) target {
	t := target{counts: map[string]int{}, caps: map[string]string{}, scout: map[string]int{}}
	for i := range p.in.Pools {
		pool := &p.in.Pools[i]
		if !pool.Stopped {
			t.counts[pool.Name] = max(0, min(pool.Min, pool.Max))
		}
	}
	p.obey(&t)
	p.addScouts(&t)
	t.base = p.try(t.counts)
	t.final = t.base
	t.missed = p.missed(t.base, margin)
	t.late = t.missed
	for _, pool := range p.byPrice() {
		if len(t.late) == 0 {
			break
		}
		p.fill(&t, pool, margin)
	}
	return t
}

// fill raises one pool until the goals are met or a limit is reached. Where its limit does not suffice, it takes the
// smallest number that does as much as the limit would.
func (p *planner) fill(t *target, pool *Pool, margin float64) {
	if pool.Stopped {
		t.caps[pool.Name] = "stopped"
		return
	}
	from := t.counts[pool.Name]
	limit, limitedBy := p.limit(t, pool)
	if useful := p.useful(t, pool); useful < limit {
		limit, limitedBy = useful, ""
	}
	with := func(n int) result {
		counts := maps.Clone(t.counts)
		counts[pool.Name] = n
		return p.try(counts)
	}
	if budget := p.settings.Budget; budget != nil {
		owned := max(from, min(limit, len(p.standing(pool)))) // is paid for anyway
		affordable := owned + sort.Search(limit-owned, func(i int) bool { return with(owned+i+1).cost > *budget })
		if affordable < limit {
			limit, limitedBy = affordable, "budget"
		}
	}
	if limit <= from {
		t.caps[pool.Name] = limitedBy
		return
	}
	best := with(limit)
	enough := func(r result) bool { return len(p.missed(r, margin)) == 0 }
	if !enough(best) {
		enough = func(r result) bool { return !p.better(best, r, t.missed) }
	}
	n := from + sort.Search(limit-from, func(i int) bool { return enough(with(from + i)) })
	t.counts[pool.Name], t.final = n, with(n)
	t.late = p.missed(t.final, margin)
	if len(t.late) > 0 && n == limit {
		t.caps[pool.Name] = limitedBy
	}
}

// useful returns how many nodes of a pool could have something to do for the works that need help, with those it has.
func (p *planner) useful(t *target, pool *Pool) int {
	sum := float64(p.keptBusy(pool) + t.counts[pool.Name])
	for _, i := range t.missed {
		if slots := p.work[i].Slots[pool.Name]; slots > 0 {
			sum += math.Ceil(float64(p.work[i].Runnable) / float64(slots))
		}
	}
	return int(min(sum, math.MaxInt32))
}

// better reports whether any of the works that need help ends sooner.
func (p *planner) better(a, b result, works []int) bool {
	for _, i := range works {
		if a.ends[i] < b.ends[i] && (math.IsInf(b.ends[i], 1) || b.ends[i]-a.ends[i] > b.ends[i]*tick+tick) {
			return true
		}
	}
	return false
}

// limit returns how many nodes a pool may have, and what says so.
func (p *planner) limit(t *target, pool *Pool) (int, string) {
	limit, by := max(pool.Max, 0), "max"
	if p.settings.MaxHourly > 0 && pool.Price > 0 {
		left := p.settings.MaxHourly
		for i := range p.in.Pools {
			if other := &p.in.Pools[i]; other.Name != pool.Name {
				left -= other.Price * float64(max(t.counts[other.Name], p.keptBusy(other)))
			}
		}
		if n := max(0, int(left/pool.Price+tick)); n < limit {
			limit, by = n, "hourly"
		}
	}
	return limit, by
}

// keptBusy counts a pool's nodes that will go on costing whatever is decided, because they work.
func (p *planner) keptBusy(pool *Pool) int {
	n := 0
	for _, node := range pool.Nodes {
		if _, busy := p.busy[node.Name]; busy {
			n++
		}
	}
	return n
}

// missed lists the works that miss their goals: they end later than the given share of the time left allows.
func (p *planner) missed(r result, margin float64) []int {
	var out []int
	for i, w := range p.work {
		goal, ok := w.goal(p.settings)
		if !ok || w.Runnable == 0 || !w.known() {
			continue
		}
		if r.ends[i] > goal.Sub(p.now).Seconds()*(1-margin) {
			out = append(out, i)
		}
	}
	return out
}

// addScouts gives a pool one node for a work of which nobody knows how long its tasks take, unless the studio's own nodes
// can find that out in time.
func (p *planner) addScouts(t *target) {
	lanes := p.homeLanes()
	for i, w := range p.work {
		if w.known() {
			place(w, lanes, w.Runnable)
			continue
		}
		if w.Runnable == 0 || p.homeTries(w, lanes) {
			continue
		}
		for _, pool := range p.byPrice() {
			if w.Slots[pool.Name] > 0 && !pool.Stopped && pool.Max > 0 {
				t.counts[pool.Name] = max(t.counts[pool.Name], 1)
				t.scout[pool.Name] = i
				break
			}
		}
	}
}

// homeTries reports whether a node at home can take a first task before a quarter of the time to the work's goal is over.
func (p *planner) homeTries(w *Work, lanes []*lane) bool {
	free := math.Inf(1)
	for _, l := range lanes {
		if w.Slots[l.supply] > 0 {
			free = min(free, l.free)
		}
	}
	goal, ok := w.goal(p.settings)
	if !ok {
		return !math.IsInf(free, 1)
	}
	return free <= max(0, goal.Sub(p.now).Seconds()/4)
}

// byPrice lists the pools that are planned by goals, the cheapest for its speed first.
func (p *planner) byPrice() []*Pool {
	var pools []*Pool
	for i := range p.in.Pools {
		if p.in.Pools[i].Order == nil {
			pools = append(pools, &p.in.Pools[i])
		}
	}
	cost := func(x *Pool) float64 {
		if x.Speed > 0 {
			return x.Price / x.Speed
		}
		return x.Price
	}
	slices.SortStableFunc(pools, func(a, b *Pool) int { return cmp.Compare(cost(a), cost(b)) })
	return pools
}
