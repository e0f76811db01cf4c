package burst

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Outlook is what a number of nodes leads to.
type Outlook struct {
	Jobs   map[string]time.Time // when each job ends, with what must follow the work that could start now; absent: unknown or never
	Finish time.Time            // the last of them; zero: none
	Cost   float64              // of the rented nodes from now until nothing of the work runs on them
}

// Forecast returns when work ends and what it costs with the given number of nodes in each pool; a pool that is not
// named has none. Existing nodes are used first. Work that waits for other work counts as far as it is known how long it
// takes and one of the nodes can do it.
func Forecast(now time.Time, in Input, nodes map[string]int) Outlook {
	p := newPlanner(now, in)
	p.all = true
	r := p.try(nodes)
	out := Outlook{Jobs: map[string]time.Time{}, Cost: r.cost}
	for i, end := range r.ends {
		w := p.work[i]
		if !math.IsInf(end, 1) {
			at := now.Add(seconds(end))
			out.Jobs[w.Job] = latest(out.Jobs[w.Job], at)
			out.Finish = latest(out.Finish, at)
		}
	}
	for i, end := range r.ends {
		if math.IsInf(end, 1) {
			delete(out.Jobs, p.work[i].Job)
		}
	}
	return out
}

// planner is a picture with its work in the order in which it is served.
type planner struct {
	now      time.Time
	in       Input
	settings Settings
	work     []*Work
	busy     map[string]float64 // node → seconds until it is free, for rented nodes
	homeBusy map[string]float64 // Home's name → node-seconds of running tasks
	goalless map[string]bool    // rented nodes on which only work without a goal runs
	all      bool               // work that cannot start yet is laid out too
}

func newPlanner(now time.Time, in Input) *planner {
	p := &planner{
		now: now, in: in, settings: in.Settings.withDefaults(),
		busy: map[string]float64{}, homeBusy: map[string]float64{}, goalless: map[string]bool{},
	}
	for i := range in.Work {
		p.work = append(p.work, &in.Work[i])
	}
	slices.SortStableFunc(p.work, func(a, b *Work) int {
		return cmp.Or(cmp.Compare(b.Priority, a.Priority), p.goalTime(a).Compare(p.goalTime(b)))
	})
	for _, w := range p.work {
		p.occupy(w)
	}
	return p
}

func (p *planner) goalTime(w *Work) time.Time {
	if g, ok := w.goal(p.settings); ok {
		return g
	}
	return p.now.AddDate(1000, 0, 0)
}

// occupy notes what runs already. A task that has run longer than expected is taken to need a tenth more.
func (p *planner) occupy(w *Work) {
	_, hasGoal := w.goal(p.settings)
	for _, r := range w.Running {
		left := p.left(w, r)
		if p.pool(r.Supply) != nil {
			p.busy[r.Node] = max(p.busy[r.Node], left)
			if only, seen := p.goalless[r.Node]; !seen || only {
				p.goalless[r.Node] = !hasGoal
			}
		} else if slots := w.Slots[r.Supply]; slots > 0 {
			p.homeBusy[r.Supply] += left / float64(slots)
		}
	}
}

func (p *planner) left(w *Work, r Run) float64 {
	site, speed := r.Supply, 1.0
	if pool := p.pool(r.Supply); pool != nil {
		site, speed = pool.Site, pool.Speed
	}
	for i := range p.in.Home {
		if h := &p.in.Home[i]; h.Name == r.Supply {
			site, speed = h.Site, h.Speed
		}
	}
	all, _ := w.seconds(site, speed)
	return max(all-r.Elapsed.Seconds(), all/10)
}

func (p *planner) pool(name string) *Pool {
	for i := range p.in.Pools {
		if p.in.Pools[i].Name == name {
			return &p.in.Pools[i]
		}
	}
	return nil
}

// result is what a trial number of nodes leads to.
type result struct {
	ends []float64 // seconds from now, by work; +Inf: never, or unknown
	cost float64
}

// try lays all work onto the studio's nodes and the given number of rented ones.
func (p *planner) try(counts map[string]int) result {
	lanes := p.homeLanes()
	for i := range p.in.Pools {
		lanes = append(lanes, p.poolLanes(&p.in.Pools[i], counts[p.in.Pools[i].Name])...)
	}
	r := result{ends: make([]float64, len(p.work))}
	for i, w := range p.work {
		tasks := w.Runnable
		if p.all {
			tasks += w.Later
		}
		end, ok := place(w, lanes, tasks)
		switch {
		case ok:
		case w.Runnable > 0:
			end = math.Inf(1)
		default:
			end = 0
		}
		if w.Runnable > 0 {
			end += w.anywhere().Spread // the last task may be a slow one
		}
		for _, run := range w.Running {
			end = max(end, p.left(w, run))
		}
		if p.all {
			end += w.Tail.Seconds()
		}
		r.ends[i] = end
	}
	for _, l := range lanes {
		r.cost += p.costOf(l)
	}
	return r
}

func (p *planner) homeLanes() []*lane {
	var lanes []*lane
	for i := range p.in.Home {
		h := &p.in.Home[i]
		if h.Nodes > 0 {
			lanes = append(lanes, &lane{
				supply: h.Name, site: h.Site, speed: h.Speed, nodes: float64(h.Nodes), free: p.homeBusy[h.Name] / float64(h.Nodes),
			})
		}
	}
	return lanes
}

// poolLanes returns n nodes of a pool: those that work, those that are idle, those that start, then new ones.
func (p *planner) poolLanes(pool *Pool, n int) []*lane {
	var lanes []*lane
	for _, node := range p.standing(pool) {
		if n == 0 {
			break
		}
		n--
		free := p.busy[node.Name]
		if node.State == Starting {
			age := time.Duration(0)
			if !node.Created.IsZero() {
				age = p.now.Sub(node.Created)
			}
			if age > overdue*pool.StartUp+time.Minute { // something is wrong with it: it is there, but not to be counted on
				continue
			}
			free = max(pool.StartUp-age, pool.StartUp/4).Seconds()
		}
		free = math.Ceil(free) // nodes that are free within a second of each other are one lane
		at := slices.IndexFunc(lanes, func(l *lane) bool { return l.free == free })
		if at < 0 {
			at = len(lanes)
			lanes = append(lanes, &lane{supply: pool.Name, site: pool.Site, speed: pool.Speed, pool: pool, free: free})
		}
		lanes[at].nodes++
	}
	if n > 0 {
		lanes = append(lanes, &lane{
			supply: pool.Name, site: pool.Site, speed: pool.Speed, pool: pool, fresh: true, nodes: float64(n), free: pool.StartUp.Seconds(),
		})
	}
	return lanes
}

// overdue is how many start-up times a node may take before it is not counted on.
const overdue = 4

// standing lists the nodes a pool has or will have, most useful first.
func (p *planner) standing(pool *Pool) []Node {
	var nodes []Node
	for _, n := range pool.Nodes {
		if n.State != Draining {
			nodes = append(nodes, n)
		}
	}
	rank := func(n Node) int {
		switch _, busy := p.busy[n.Name]; {
		case busy:
			return 0
		case n.State == Online:
			return 1
		}
		return 2
	}
	slices.SortStableFunc(nodes, func(a, b Node) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), a.Created.Compare(b.Created), cmp.Compare(a.Name, b.Name))
	})
	return nodes
}

// costOf returns what a lane's nodes cost from now on.
func (p *planner) costOf(l *lane) float64 {
	if l.pool == nil {
		return 0
	}
	until := l.free
	if l.fresh {
		until = max(until, l.pool.MinBilling.Seconds())
	}
	return l.nodes * until / 3600 * l.pool.Price
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func seconds(s float64) time.Duration {
	return time.Duration(min(s, 1e9) * float64(time.Second))
}
