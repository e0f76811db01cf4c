package burst

import (
	"cmp"
	"math"
	"slices"
	"sort"
	"time"
)

// Plan returns one decision for every pool, in the pools' order.
func Plan(now time.Time, in Input) []Decision { return newPlanner(now, in, true).plan() }

func (p *planner) plan() []Decision {
	need := p.search(p.settings.Margin)
	hold := p.held(need)
	keep := need.counts
	if p.tooMany(need) {
		keep = p.search(p.settings.Keep).counts
	}
	p.ask(&need)
	out := make([]Decision, len(p.in.Pools))
	for i := range p.in.Pools {
		pool := &p.in.Pools[i]
		if pool.Order != nil {
			out[i] = p.carryOut(i, need)
			continue
		}
		out[i] = p.decide(i, need, hold, keep[i])
	}
	return out
}

// target is the outcome of a search: how many nodes each pool should have. Slices are by pool.
type target struct {
	counts []int
	caps   []string // what stopped it short of the goals
	asked  []int    // what the goals alone ask for, whatever the limits say
	scout  []int    // work of unknown length that it is to try, by index; −1: none
	base   result   // with the pools' minimum only
	final  result
	missed []int // works that miss their goals with base, by index, in order
	late   []int // works that miss them with final
}

// search finds the smallest numbers of nodes with which every goal is met with a margin. Pools are filled one after the
// other, the one first whose work costs least.
func (p *planner) search(margin float64) target {
	n := len(p.in.Pools)
	t := target{counts: make([]int, n), caps: make([]string, n), scout: slices.Repeat([]int{-1}, n)}
	for i := range p.in.Pools {
		if pool := &p.in.Pools[i]; !pool.Stopped {
			t.counts[i] = max(0, min(pool.Min, pool.Max))
		}
	}
	p.obey(&t)
	p.addScouts(&t)
	p.promise(t.counts)
	t.base = p.try(t.counts)
	t.final = t.base
	t.missed = p.missed(t.base, margin)
	t.late = t.missed
	for _, pool := range p.byCost(t.missed) {
		if len(t.late) == 0 {
			break
		}
		p.fill(&t, pool, margin)
	}
	return t
}

// held reports whether what there is suffices with next to no margin, although more is needed for a whole one: between the
// two, measurements may vary without consequence.
func (p *planner) held(t target) bool {
	have, grows := slices.Clone(t.counts), false
	for i := range p.in.Pools {
		pool := &p.in.Pools[i]
		if n := p.have(pool); pool.Order == nil && !pool.Stopped && n < t.counts[i] {
			have[i], grows = n, true
		}
	}
	return grows && p.inTime(have, p.settings.Margin/4)
}

// tooMany reports whether a pool has more nodes than it needs.
func (p *planner) tooMany(t target) bool {
	for i := range p.in.Pools {
		if p.have(&p.in.Pools[i]) > t.counts[i] {
			return true
		}
	}
	return false
}

// ask finds out how many nodes the goals would have if nothing capped them.
func (p *planner) ask(t *target) {
	t.asked = t.counts
	if !slices.ContainsFunc(t.caps, func(c string) bool { return c != "" }) {
		return
	}
	p.free = true
	t.asked = p.search(p.settings.Margin).counts
	p.free = false
}

// fill raises one pool until the goals are met or a limit is reached. Where its limit does not suffice, it takes the
// smallest number that does as much as the limit would.
func (p *planner) fill(t *target, pool int, margin float64) {
	if p.in.Pools[pool].Stopped && !p.free {
		t.caps[pool] = "stopped"
		return
	}
	from := t.counts[pool]
	limit, limitedBy := p.limit(t.counts, pool, p.useful(t, pool))
	with := func(n int) result { return p.try(p.with(t.counts, pool, n)) }
	if budget := p.settings.Budget; budget != nil && !p.free {
		owned := from
		if !p.frugal { // what there is, is paid for anyway
			owned = max(from, min(limit, p.have(&p.in.Pools[pool])))
		}
		affordable := owned + sort.Search(limit-owned, func(i int) bool { return with(owned+i+1).cost > *budget })
		if affordable < limit {
			limit, limitedBy = affordable, "budget"
		}
	}
	if limit <= from {
		t.caps[pool] = limitedBy
		return
	}
	best := with(limit)
	enough := func(n int) bool { return p.inTime(p.with(t.counts, pool, n), margin) }
	if len(p.missed(best, margin)) > 0 {
		enough = func(n int) bool { return !p.better(best, with(n), t.missed) }
	}
	n := least(from, limit, p.have(&p.in.Pools[pool]), enough)
	t.counts = p.with(t.counts, pool, n)
	t.final = p.try(t.counts)
	t.late = p.missed(t.final, margin)
	if len(t.late) > 0 && n == limit {
		t.caps[pool] = limitedBy
	}
}

// least returns the smallest number that is enough, of those below a limit, else the limit. It looks first near a guess: most
// plans are like the one before.
func least(from, limit, guess int, enough func(int) bool) int {
	if guess > from && guess < limit {
		step := 1
		if enough(guess) {
			for limit = guess; limit > from; step *= 2 {
				n := max(from, limit-step)
				if !enough(n) {
					from = n + 1
					break
				}
				limit = n
			}
		} else {
			for from = guess + 1; from < limit; step *= 2 {
				n := from + step - 1
				if n >= limit {
					break
				}
				if enough(n) {
					limit = n
					break
				}
				from = n + 1
			}
		}
	}
	return from + sort.Search(limit-from, func(i int) bool { return enough(from + i) })
}

// with returns the numbers of nodes with n of one pool, and with what is promised beside it.
func (p *planner) with(counts []int, pool, n int) []int {
	out := slices.Clone(counts)
	out[pool] = n
	p.promise(out)
	return out
}

// promise raises the numbers of regular nodes to the share that their pools keep beside spot pools.
func (p *planner) promise(counts []int) {
	for i := range p.in.Pools {
		pool := &p.in.Pools[i]
		if pool.Floor <= 0 || pool.Spot || pool.Stopped || pool.Order != nil {
			continue
		}
		spot := 0
		for k := range p.in.Pools {
			if other := &p.in.Pools[k]; other.Spot && other.Site == pool.Site {
				spot += counts[k]
			}
		}
		floor := min(pool.Floor, mostFloor)
		counts[i] = max(counts[i], min(int(math.Ceil(floor/(1-floor)*float64(spot)-tick)), max(pool.Max, 0)))
	}
}

// mostFloor is the largest share of regular nodes that leaves room for spot ones.
const mostFloor = 0.99

// useful returns how many nodes of a pool could have something to do for the works that need help, with those it has.
func (p *planner) useful(t *target, pool int) int {
	sum := float64(p.kept[pool] + t.counts[pool])
	for _, i := range t.missed {
		if slots := p.work[i].slots[len(p.in.Home)+pool]; slots > 0 {
			sum += math.Ceil(float64(p.work[i].Runnable) / slots)
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

// missed lists the works that miss their goals: they end later than the given share of the time left allows.
func (p *planner) missed(r result, margin float64) []int {
	var out []int
	for i := range p.work {
		if w := &p.work[i]; w.wants() && r.ends[i] > w.goal*(1-margin) {
			out = append(out, i)
		}
	}
	return out
}

// addScouts gives a pool one node for a work of which nobody knows how long its tasks take, unless the studio's own nodes
// can find that out in time.
func (p *planner) addScouts(t *target) {
	if !slices.ContainsFunc(p.work, func(w load) bool { return !w.timed() && w.Runnable > 0 }) {
		return
	}
	p.set(nil)
	for i := range p.work {
		w := &p.work[i]
		if w.timed() {
			p.bench.place(w, w.Runnable)
			continue
		}
		if w.Runnable == 0 || p.homeTries(w) {
			continue
		}
		for _, pool := range p.byCost([]int{i}) {
			if w.slots[len(p.in.Home)+pool] > 0 && !p.in.Pools[pool].Stopped && p.in.Pools[pool].Max > 0 {
				t.counts[pool] = max(t.counts[pool], 1)
				t.scout[pool] = i
				break
			}
		}
	}
}

// homeTries reports whether a node at home can take a first task before a quarter of the time to the work's goal is over.
// Nothing is rented for work without a goal as long as there is any node at home that can do it.
func (p *planner) homeTries(w *load) bool {
	free := math.Inf(1)
	for i := range p.bench.lanes {
		if l := &p.bench.lanes[i]; w.slots[l.supply] > 0 {
			free = min(free, l.free)
		}
	}
	if !w.hasGoal() {
		return w.Cheapest || !math.IsInf(free, 1)
	}
	return free <= max(0, w.goal/4)
}

// byCost lists the pools that are planned by goals, by the price of the given works on them: what a task costs there,
// relative to where it costs least. Pools on which none of them can run, or nothing is known, go by their price for their
// speed.
func (p *planner) byCost(works []int) []int {
	type offer struct {
		pool        int
		cost, plain float64
	}
	var offers []offer
	for i := range p.in.Pools {
		if pool := &p.in.Pools[i]; pool.Order == nil {
			_, speed := p.where(len(p.in.Home) + i)
			offers = append(offers, offer{pool: i, plain: pool.Price / speed})
		}
	}
	of := func(o *offer, w *load) float64 {
		at := len(p.in.Home) + o.pool
		if w.slots[at] == 0 || w.seconds[at] == 0 {
			return math.Inf(1)
		}
		return p.in.Pools[o.pool].Price * w.seconds[at] / w.slots[at]
	}
	for k := range offers {
		o := &offers[k]
		sum, tasks := 0.0, 0.0
		for _, i := range works {
			least := math.Inf(1)
			for j := range offers {
				least = min(least, of(&offers[j], &p.work[i]))
			}
			if cost := of(o, &p.work[i]); !math.IsInf(cost, 1) && least > 0 {
				sum += cost / least * float64(p.work[i].Runnable)
				tasks += float64(p.work[i].Runnable)
			}
		}
		o.cost = math.Inf(1)
		if tasks > 0 {
			o.cost = sum / tasks
		}
	}
	slices.SortStableFunc(offers, func(a, b offer) int { return cmp.Or(cmp.Compare(a.cost, b.cost), cmp.Compare(a.plain, b.plain)) })
	out := make([]int, len(offers))
	for i := range offers {
		out[i] = offers[i].pool
	}
	return out
}
