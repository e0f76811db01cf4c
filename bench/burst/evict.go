package main

import (
	"cmp"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spillway/spillway/internal/burst"
	"github.com/spillway/spillway/internal/farm"
)

// storm is a run of the real farm and its scheduler with the real planner, in virtual time: one large job on a pool whose
// nodes are taken away without a word.
type storm struct {
	rng     *rand.Rand
	farm    *farm.Farm
	now     time.Time
	pool    burst.Pool
	ids     int
	nodes   map[farm.NodeID]*stormNode
	waiting map[farm.NodeID]bool // nodes to whom something may be owed
	seconds []float64            // of each frame
	takings []taking

	made, evicted int
	nodeSeconds   float64
	rendered      float64
}

// stormNode is a rented machine.
type stormNode struct {
	id      farm.NodeID
	created time.Time
	ready   time.Time
	online  bool
	attempt farm.AttemptID
	unit    int64
	ends    time.Time
	idle    time.Time
}

// taking is an eviction that will happen.
type taking struct {
	at time.Time
	id farm.NodeID
}

// stormStep is the time between two looks at the machines; the planner looks at every fifth, as the server does by default.
const stormStep = time.Second

// stormy describes a run.
type stormy struct {
	nodes   int
	frames  int
	seconds float64       // of a frame: half of it less or more, all equally likely
	startUp time.Duration // of a node
	share   float64       // of the nodes, evicted in every period
	period  time.Duration
	seed    uint64
}

// weather is what a run came to.
type weather struct {
	makespan      time.Duration
	wasted        float64 // share of the rented time in which no frame was rendered that was finished
	made, evicted int
	failed        int64
	retries       int // frames that count a failure
}

// run renders all frames.
func (c stormy) run() (weather, error) {
	s := &storm{
		rng: rand.New(rand.NewPCG(c.seed, 0x5708)), now: dawn, nodes: map[farm.NodeID]*stormNode{}, waiting: map[farm.NodeID]bool{},
		pool: burst.Pool{Name: "pool", Site: "cloud", Max: c.nodes, StartUp: c.startUp, Price: 1, Spot: true, Evictions: c.share / c.period.Hours()},
	}
	s.farm = farm.New(farm.Config{
		Epoch: 1, Lease: 24 * time.Hour, StartTimeout: time.Hour,
		NewID: func(prefix string) string { s.ids++; return fmt.Sprintf("%s%09d", prefix, s.ids) },
		Sites: map[farm.SiteID]farm.Site{"cloud": {}},
		Pools: []farm.PoolShape{{ID: "pool", Site: "cloud", Max: c.nodes, Capacity: oneTask, Price: 1}},
	})
	for range c.frames {
		s.seconds = append(s.seconds, c.seconds*(0.5+s.rng.Float64()))
	}
	id, err := s.farm.Apply(s.now, farm.SubmitJob{
		Name: "storm", Priority: 50, Deadline: s.now, Estimate: c.seconds, MaxRetries: 2, Steps: []farm.NewStep{{Name: "Render", Units: int64(c.frames)}},
	})
	if err != nil {
		return weather{}, err
	}
	job, _ := id.(farm.JobID)
	for turn := 0; ; turn++ {
		s.now = s.now.Add(stormStep)
		if c.share > 0 && s.now.Sub(dawn)%c.period == 0 {
			s.draw(c.share, c.period)
		}
		if err := s.step(turn); err != nil {
			return weather{}, err
		}
		j, _ := s.farm.Job(job)
		if j.State.Over() {
			return s.report(j), nil
		}
		if s.now.Sub(dawn) > 24*time.Hour {
			return weather{}, fmt.Errorf("the job is %s after a day: %s", j.State, j.Reason)
		}
	}
}

var oneTask = farm.Capacity{VCPUs: 1, MemoryMiB: 4096}

// draw chooses the nodes that are evicted in the coming period, and when.
func (s *storm) draw(share float64, period time.Duration) {
	var ids []farm.NodeID
	for id := range s.nodes {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	s.rng.Shuffle(len(ids), func(i, k int) { ids[i], ids[k] = ids[k], ids[i] })
	for _, id := range ids[:int(share*float64(len(ids))+0.5)] {
		s.takings = append(s.takings, taking{s.now.Add(time.Duration(s.rng.Float64() * float64(period))), id})
	}
	slices.SortFunc(s.takings, func(a, b taking) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.id, b.id)) })
}

// step lets one second pass.
func (s *storm) step(turn int) error {
	for len(s.takings) > 0 && !s.takings[0].at.After(s.now) {
		id := s.takings[0].id
		s.takings = s.takings[1:]
		if n := s.nodes[id]; n != nil {
			s.evicted++
			if err := s.gone(n, "evicted"); err != nil {
				return err
			}
		}
	}
	for _, n := range s.ordered() {
		if err := s.tend(n); err != nil {
			return err
		}
	}
	if turn%5 == 0 {
		if err := s.plan(); err != nil {
			return err
		}
	}
	if err := s.provide(); err != nil {
		return err
	}
	s.farm.Tick(s.now)
	s.farm.Schedule(s.now, 1<<20)
	for _, id := range s.farm.OwedNodes() {
		s.waiting[id] = true
	}
	for id := range s.waiting {
		if n := s.nodes[id]; n != nil && n.online {
			if err := s.obey(n); err != nil {
				return err
			}
		}
	}
	clear(s.waiting)
	s.farm.Changes()
	return nil
}

func (s *storm) ordered() []*stormNode {
	list := make([]*stormNode, 0, len(s.nodes))
	for _, n := range s.nodes {
		list = append(list, n)
	}
	slices.SortFunc(list, func(a, b *stormNode) int { return cmp.Compare(a.id, b.id) })
	return list
}

// tend has a machine join, or end its frame.
func (s *storm) tend(n *stormNode) error {
	switch {
	case !n.online && !s.now.Before(n.ready):
		n.online, n.idle = true, s.now
		s.waiting[n.id] = true
		_, err := s.farm.Apply(s.now, farm.NodeHello{Node: n.id, Site: "cloud", Pool: "pool", BootID: string(n.id), Run: "1", Capacity: oneTask})
		return err
	case n.attempt != "" && !s.now.Before(n.ends):
		took := s.seconds[n.unit]
		_, err := s.farm.Apply(s.now, farm.AttemptUpdate{
			Node: n.id, Attempt: n.attempt, Phase: farm.PhaseEnded, End: farm.AttemptEnd{RunTime: span(took)},
		})
		s.rendered += took
		n.attempt, n.idle = "", s.now
		s.waiting[n.id] = true
		return err
	}
	return nil
}

// obey has a machine do what it is told.
func (s *storm) obey(n *stormNode) error {
	orders := s.farm.Owed(n.id)
	for _, a := range orders.Run {
		if n.attempt != "" {
			return fmt.Errorf("%s is to run %s beside %s", n.id, a.ID, n.attempt)
		}
		for _, phase := range []farm.Phase{farm.PhaseAccepted, farm.PhaseRunning} {
			if _, err := s.farm.Apply(s.now, farm.AttemptUpdate{Node: n.id, Attempt: a.ID, Phase: phase}); err != nil {
				return err
			}
		}
		n.attempt, n.unit, n.ends, n.idle = a.ID, a.Unit.Unit, s.now.Add(span(s.seconds[a.Unit.Unit])), time.Time{}
	}
	for _, ses := range orders.EndSessions {
		if _, err := s.farm.Apply(s.now, farm.SessionEnded{Node: n.id, Session: ses.ID}); err != nil {
			return err
		}
	}
	return nil
}

// provide makes and unmakes machines.
func (s *storm) provide() error {
	for _, o := range s.farm.OwedCreates() {
		id := o.Node.ID
		s.made++
		s.nodes[id] = &stormNode{id: id, created: s.now, ready: s.now.Add(s.pool.StartUp)}
		if _, err := s.farm.Apply(s.now, farm.NodeCreated{Node: id, Instance: string(id)}); err != nil {
			return err
		}
	}
	for _, o := range s.farm.OwedDeletes() {
		if n := s.nodes[o.ID]; n != nil {
			if err := s.gone(n, "deleted"); err != nil {
				return err
			}
		} else if _, err := s.farm.Apply(s.now, farm.NodeDeleteConfirmed{Node: o.ID}); err != nil {
			return err
		}
	}
	return nil
}

// gone ends a machine.
func (s *storm) gone(n *stormNode, why string) error {
	delete(s.nodes, n.id)
	s.nodeSeconds += s.now.Sub(n.created).Seconds()
	_, err := s.farm.Apply(s.now, farm.NodeDeleteConfirmed{Node: n.id, Reason: why})
	return err
}

// plan has the planner look and carries out what it decides.
func (s *storm) plan() error {
	in := pictureOf(s.farm, s.now, nil, []burst.Pool{s.pool}, func(n *farm.NodeView) time.Time {
		if m := s.nodes[n.ID]; m != nil {
			return m.idle
		}
		return time.Time{}
	})
	d := burst.Plan(s.now, in)[0]
	if !d.Changes() {
		return nil
	}
	for _, name := range d.Resume {
		if _, err := s.farm.Apply(s.now, farm.NodeResume{Node: farm.NodeID(name)}); err != nil {
			return err
		}
	}
	c := farm.PoolPlanned{Pool: "pool", Want: max(d.Want, d.Have-len(d.Release)), Reason: d.Reason, Cap: d.Cap, Jobs: []farm.JobID{farm.JobID(d.Job)}}
	for _, name := range d.Release {
		c.Victims = append(c.Victims, farm.NodeID(name))
	}
	_, err := s.farm.Apply(s.now, c)
	return err
}

func (s *storm) report(j farm.JobView) weather {
	for _, n := range s.ordered() {
		s.nodeSeconds += s.now.Sub(n.created).Seconds()
	}
	return weather{
		makespan: s.now.Sub(dawn), wasted: 1 - s.rendered/s.nodeSeconds, made: s.made, evicted: s.evicted,
		failed: j.Counts[0].Failed, retries: len(j.Steps[0].Failures),
	}
}

// evictions compares a calm run with one in which a fifth of the nodes is evicted every ten minutes.
func evictions(w io.Writer) error {
	c := stormy{nodes: 1000, frames: 30000, seconds: 240, startUp: 3 * time.Minute, period: 10 * time.Minute, seed: 1}
	calm, err := c.run()
	if err != nil {
		return err
	}
	c.share = 0.2
	bad, err := c.run()
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%d frames of 4 min ± 50 %% on up to %d nodes that start in 3 min (simulated machines, the real farm, scheduler and planner)\n\n", c.frames, c.nodes)
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "\tmakespan\twasted node-time\tnodes made\tevicted\tframes failed")
	for _, r := range []struct {
		name string
		weather
	}{{"undisturbed", calm}, {"20 % evicted every 10 min", bad}} {
		fmt.Fprintf(t, "%s\t%v\t%.1f %%\t%d\t%d\t%d\n", r.name, r.makespan, 100*r.wasted, r.made, r.evicted, r.failed+int64(r.retries))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nthe makespan is %.2f × the undisturbed one\n", bad.makespan.Seconds()/calm.makespan.Seconds())
	return nil
}
