package burst

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// planner is a picture with its work in the order in which it is served.
type planner struct {
	now      time.Time
	in       Input
	settings Settings
	supplies map[string]int // Home's or Pool's name → its number; pools come after homes
	work     []load
	last     int // the work after which none has a goal
	homes    []lane
	shelves  []shelf            // by pool
	standing [][]Node           // by pool: nodes it has or will have, the most useful first
	kept     []int              // by pool: nodes that work and so go on costing, whatever is decided
	busy     map[string]float64 // node → seconds until it is free, for rented nodes
	goalless map[string]bool    // rented nodes on which only work without a goal runs
	all      bool               // work that cannot start yet is laid out too
	free     bool               // limits do not count: what the goals alone ask for
	frugal   bool               // the budget is to pay for the nodes that there are, too
	bench    bench
}

// newPlanner works out what does not change from trial to trial. With guess, work of which nothing is known is taken to be as
// other work is.
func newPlanner(now time.Time, in Input, guess bool) *planner {
	in = in.bounded()
	p := &planner{now: now, in: in, settings: in.Settings.withDefaults(), supplies: map[string]int{}, busy: map[string]float64{}, goalless: map[string]bool{}}
	for i := range in.Home {
		p.supplies[in.Home[i].Name] = i
	}
	for i := range in.Pools {
		p.supplies[in.Pools[i].Name] = len(in.Home) + i
	}
	order := make([]*Work, len(in.Work))
	for i := range in.Work {
		order[i] = &in.Work[i]
	}
	slices.SortStableFunc(order, func(a, b *Work) int { return cmp.Compare(b.Priority, a.Priority) })
	homeBusy := make([]float64, len(in.Home))
	usual := p.usualOf(order)
	p.work = make([]load, len(order))
	p.last = -1
	for i, w := range order {
		l := &p.work[i]
		*l = load{Work: w, goal: p.goal(w)}
		if guess && !w.known() {
			l.guess = usual
		}
		p.measure(l)
		p.occupy(l, homeBusy)
		if l.wants() {
			p.last = i
		}
	}
	p.shelve(homeBusy)
	return p
}

// goal returns the seconds until a work should have ended.
func (p *planner) goal(w *Work) float64 {
	if at, ok := w.goalAt(p.settings); ok {
		return at.Sub(p.now).Seconds()
	}
	return math.Inf(1)
}

// measure works out what a load's tasks take on each supply.
func (p *planner) measure(l *load) {
	n := len(p.in.Home) + len(p.in.Pools)
	all := make([]float64, 3*n)
	l.slots, l.seconds, l.wait = all[:n:n], all[n:2*n:2*n], all[2*n:]
	for name, slots := range l.Slots {
		if at, ok := p.supplies[name]; ok && slots > 0 {
			l.slots[at] = float64(min(slots, mostSlots))
		}
	}
	sites := map[string]float64{}
	for at := range n {
		site, speed := p.where(at)
		if l.slots[at] == 0 && len(l.Running) == 0 {
			continue
		}
		seconds, seen := sites[site]
		if !seen || speed != 1 {
			usual, ok := p.usual(l, site, speed)
			if !ok {
				continue
			}
			seconds = within(usual, shortestTask, longestTask)
			if speed == 1 {
				sites[site] = seconds
			}
		}
		l.seconds[at] = seconds
		if pool := p.poolAt(at); pool != nil {
			l.seconds[at] = pool.disturbed(seconds)
			l.wait[at] = l.warmsIn(pool).Seconds()
		}
	}
	l.slow = within(p.settings.Slow*l.anywhere().Spread, 0, longestTask)
}

// usualOf returns how long tasks usually take, for work of which nothing is known: the geometric mean over what is known of
// other work, and what the settings say of work that is done. Such work would else be in nobody's way. 0: nothing is known.
func (p *planner) usualOf(works []*Work) float64 {
	sum, n := 0.0, 0.0
	if u := p.settings.Usual; u > 0 {
		sum, n = math.Log(u), 1
	}
	for _, w := range works {
		mean := w.Expected
		if m := w.anywhere(); m.sound() {
			mean = m.Mean
		}
		if mean > 0 {
			sum, n = sum+math.Log(mean), n+1
		}
	}
	if n == 0 {
		return 0
	}
	return math.Exp(sum / n)
}

// where returns a supply's site and speed.
func (p *planner) where(at int) (string, float64) {
	site, speed := "", 0.0
	if pool := p.poolAt(at); pool != nil {
		site, speed = pool.Site, pool.Speed
	} else {
		site, speed = p.in.Home[at].Site, p.in.Home[at].Speed
	}
	if speed <= 0 {
		speed = 1
	}
	return site, speed
}

// poolAt returns a supply that is a pool, else nil.
func (p *planner) poolAt(at int) *Pool {
	if at < len(p.in.Home) {
		return nil
	}
	return &p.in.Pools[at-len(p.in.Home)]
}

func (p *planner) pool(name string) *Pool {
	if at, ok := p.supplies[name]; ok {
		return p.poolAt(at)
	}
	return nil
}

// usual returns how long a task takes at a site, pessimistically: the mean and its standard error. What has been
// measured elsewhere is scaled by speed. False if nothing is known.
func (p *planner) usual(l *load, site string, speed float64) (float64, bool) {
	w := l.Work
	if m, ok := w.Measured[site]; ok && m.sound() {
		return p.outrun(w, m, site), true
	}
	if m := w.anywhere(); m.sound() {
		return p.outrun(w, m, "") / speed, true
	}
	expected := w.Expected
	if expected <= 0 {
		expected = l.guess
	}
	return p.outrun(w, Seconds{Count: 1, Mean: expected}, "") / speed, expected > 0
}

// outrun corrects a mean for what still runs at a site (empty: anywhere). The first tasks that end are the short ones; a
// task that has already run longer than the mean shows it to be too low, and counts as far as it has come.
func (p *planner) outrun(w *Work, m Seconds, site string) float64 {
	n, sum := float64(m.Count), float64(m.Count)*m.Mean
	for i := range w.Running {
		r := &w.Running[i]
		e := r.Elapsed.Seconds()
		if e <= m.Mean {
			continue
		}
		if at, ok := p.supplies[r.Supply]; ok && site != "" {
			if there, _ := p.where(at); there != site {
				continue
			}
		}
		n++
		sum += e
	}
	return sum/n + within(m.Spread, 0, longestTask)/math.Sqrt(float64(m.Count))
}

// occupy notes what runs already. A task that has run longer than expected is taken to need a tenth more.
func (p *planner) occupy(l *load, homeBusy []float64) {
	for i := range l.Running {
		r := &l.Running[i]
		at, ok := p.supplies[r.Supply]
		if !ok {
			continue
		}
		left := min(max(l.seconds[at]-r.Elapsed.Seconds(), l.seconds[at]/10), longestTask)
		l.runsLeft = max(l.runsLeft, left)
		if at >= len(p.in.Home) {
			p.busy[r.Node] = max(p.busy[r.Node], left)
			if only, seen := p.goalless[r.Node]; !seen || only {
				p.goalless[r.Node] = !l.hasGoal()
			}
		} else if l.slots[at] > 0 {
			homeBusy[at] += left / l.slots[at]
		}
	}
}

// shelve puts what there is into lanes.
func (p *planner) shelve(homeBusy []float64) {
	for i := range p.in.Home {
		if n := p.in.Home[i].Nodes; n > 0 {
			p.homes = append(p.homes, lane{supply: i, nodes: float64(n), free: homeBusy[i] / float64(n)})
		}
	}
	for i := range p.in.Pools {
		pool := &p.in.Pools[i]
		standing := p.stand(pool)
		frees := make([]float64, 0, len(standing))
		for _, n := range standing {
			if free, ok := p.freeIn(pool, n); ok {
				frees = append(frees, free)
			}
		}
		p.standing = append(p.standing, standing)
		kept := 0
		for _, n := range pool.Nodes {
			if _, busy := p.busy[n.Name]; busy {
				kept++
			}
		}
		p.kept = append(p.kept, kept)
		s := shelve(len(p.in.Home)+i, frees, max(fewestLanes, mostLanes/len(p.in.Pools)))
		s.nodes = len(standing)
		p.shelves = append(p.shelves, s)
	}
}

// stand lists the nodes a pool has or will have, the most useful first: those that work, those that are idle, those that
// start.
func (p *planner) stand(pool *Pool) []Node {
	nodes := make([]Node, 0, len(pool.Nodes))
	rank := make(map[string]int, len(pool.Nodes))
	for _, n := range pool.Nodes {
		if n.State == Draining {
			continue
		}
		nodes = append(nodes, n)
		switch _, busy := p.busy[n.Name]; {
		case busy:
		case n.State == Online:
			rank[n.Name] = 1
		default:
			rank[n.Name] = 2
		}
	}
	slices.SortStableFunc(nodes, func(a, b Node) int {
		return cmp.Or(cmp.Compare(rank[a.Name], rank[b.Name]), cmp.Compare(p.busy[a.Name], p.busy[b.Name]), a.Created.Compare(b.Created), cmp.Compare(a.Name, b.Name))
	})
	return nodes
}

// freeIn returns when a node takes its next task; false if it cannot be counted on, because it should have started long ago.
func (p *planner) freeIn(pool *Pool, n Node) (float64, bool) {
	if n.State != Starting {
		return p.busy[n.Name], true
	}
	age := time.Duration(0)
	if !n.Created.IsZero() {
		age = p.now.Sub(n.Created)
	}
	if age > overdue*pool.StartUp+time.Minute {
		return 0, false
	}
	return max(pool.StartUp-age, pool.StartUp/4).Seconds(), true
}

// overdue is how many start-up times a node may take before it is not counted on.
const overdue = 4

// have returns how many nodes a pool has, without draining ones.
func (p *planner) have(pool *Pool) int { return p.shelves[p.supplies[pool.Name]-len(p.in.Home)].nodes }

// nodesOf lists the nodes of a pool, the most useful first.
func (p *planner) nodesOf(pool *Pool) []Node {
	return p.standing[p.supplies[pool.Name]-len(p.in.Home)]
}
