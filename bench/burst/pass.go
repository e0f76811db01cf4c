package main

import (
	"cmp"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"

	"github.com/spillway/spillway/internal/burst"
	"github.com/spillway/spillway/internal/farm"
)

// crowd is a large farm, in virtual time: nodes at home and in several pools, of which each renders. What is measured is real:
// how long the planner takes to look at it and to plan.
type crowd struct {
	rng   *rand.Rand
	farm  *farm.Farm
	now   time.Time
	ids   int
	home  []burst.Home
	pools []burst.Pool
	runs  []running // the earliest end first
}

// running is a task that runs.
type running struct {
	node    farm.NodeID
	attempt farm.AttemptID
	took    float64
	ends    time.Time
}

const (
	crowdJobs  = 200
	crowdTasks = 5000 // of a job
	crowdHome  = 2000
	crowdPools = 4
	crowdMost  = 2000 // nodes of a pool
)

func newCrowd(jobs, tasks, home, most int) (*crowd, error) {
	c := &crowd{rng: rand.New(rand.NewPCG(1, 0xc20bd)), now: dawn}
	config := farm.Config{
		Epoch: 1, Lease: 24 * time.Hour, StartTimeout: time.Hour, Sites: map[farm.SiteID]farm.Site{"cloud": {}, "studio": {}},
		NewID: func(prefix string) string { c.ids++; return fmt.Sprintf("%s%09d", prefix, c.ids) },
	}
	for i := range crowdPools {
		p := burst.Pool{Name: fmt.Sprint("pool", i), Site: "cloud", Max: most + most/4, StartUp: 3 * time.Minute, Price: 0.3 + 0.1*float64(i)}
		c.pools = append(c.pools, p)
		config.Pools = append(config.Pools, farm.PoolShape{ID: farm.PoolID(p.Name), Site: "cloud", Max: p.Max, Capacity: oneTask, Price: p.Price})
	}
	c.farm = farm.New(config)
	c.home = []burst.Home{{Name: "studio", Site: "studio", Nodes: home}}
	for i := range jobs {
		_, err := c.farm.Apply(c.now, farm.SubmitJob{
			Name: "crowd", Priority: 10 * (i % 7), Deadline: c.now.Add(time.Duration(2+i%22) * time.Hour), Estimate: 100 + 400*c.rng.Float64(),
			Steps: []farm.NewStep{{Name: fmt.Sprint("Render", i), Units: int64(tasks)}},
		})
		if err != nil {
			return nil, err
		}
	}
	for i := range home {
		if err := c.hello(farm.NodeID(fmt.Sprintf("h%05d", i)), "studio", ""); err != nil {
			return nil, err
		}
	}
	for i := range c.pools {
		if _, err := c.farm.Apply(c.now, farm.PoolPlanned{Pool: farm.PoolID(c.pools[i].Name), Want: most}); err != nil {
			return nil, err
		}
	}
	for _, o := range c.farm.OwedCreates() {
		if _, err := c.farm.Apply(c.now, farm.NodeCreated{Node: o.Node.ID, Instance: string(o.Node.ID)}); err != nil {
			return nil, err
		}
		if err := c.hello(o.Node.ID, "cloud", o.Node.Pool); err != nil {
			return nil, err
		}
	}
	return c, c.assign()
}

func (c *crowd) hello(id farm.NodeID, site farm.SiteID, pool farm.PoolID) error {
	_, err := c.farm.Apply(c.now, farm.NodeHello{Node: id, Site: site, Pool: pool, BootID: string(id), Run: "1", Capacity: oneTask})
	return err
}

// live lets time pass: tasks end, others start.
func (c *crowd) live(pass time.Duration) error {
	c.now = c.now.Add(pass)
	for len(c.runs) > 0 && !c.runs[0].ends.After(c.now) {
		r := c.runs[0]
		c.runs = c.runs[1:]
		_, err := c.farm.Apply(c.now, farm.AttemptUpdate{Node: r.node, Attempt: r.attempt, Phase: farm.PhaseEnded, End: farm.AttemptEnd{RunTime: span(r.took)}})
		if err != nil {
			return err
		}
	}
	return c.assign()
}

func (c *crowd) assign() error {
	c.farm.Tick(c.now)
	c.farm.Schedule(c.now, 1<<20)
	for _, id := range c.farm.OwedNodes() {
		orders := c.farm.Owed(id)
		for _, a := range orders.Run {
			for _, phase := range []farm.Phase{farm.PhaseAccepted, farm.PhaseRunning} {
				if _, err := c.farm.Apply(c.now, farm.AttemptUpdate{Node: id, Attempt: a.ID, Phase: phase}); err != nil {
					return err
				}
			}
			took := 200 * (0.5 + c.rng.Float64())
			c.runs = append(c.runs, running{id, a.ID, took, c.now.Add(span(took))})
		}
		for _, ses := range orders.EndSessions {
			if _, err := c.farm.Apply(c.now, farm.SessionEnded{Node: id, Session: ses.ID}); err != nil {
				return err
			}
		}
	}
	slices.SortFunc(c.runs, func(a, b running) int { return cmp.Or(a.ends.Compare(b.ends), cmp.Compare(a.node, b.node)) })
	c.farm.Changes()
	return nil
}

// look has the planner look at the farm and plan, and returns how long both took: by the processor's time of this thread, which does
// not depend on how busy the machine is, or by the clock.
func (c *crowd) look(clock func() time.Duration) (seeing, planning time.Duration) {
	start := clock()
	in := pictureOf(c.farm, c.now, c.home, c.pools, func(*farm.NodeView) time.Time { return time.Time{} })
	seen := clock()
	burst.Plan(c.now, in)
	return seen - start, clock() - seen
}

// onThread is the processor's time that this thread has had.
func onThread() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		return 0 // Linux has this clock
	}
	return time.Duration(t.Nano())
}

// passes measures the planner's pass.
func passes(w io.Writer, n int) error {
	c, err := newCrowd(crowdJobs, crowdTasks, crowdHome, crowdMost)
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	began := time.Now()
	var seeing, planning, both, wall []time.Duration
	for range n {
		if err := c.live(5 * time.Second); err != nil {
			return err
		}
		start := time.Since(began)
		s, p := c.look(onThread)
		seeing, planning, both, wall = append(seeing, s), append(planning, p), append(both, s+p), append(wall, time.Since(began)-start)
	}
	fmt.Fprintf(w, "\n%d passes of the planner, every 5 s of virtual time: %d jobs of %d tasks, %d nodes at home, %d rented, %d tasks running\n\n", n, crowdJobs, crowdTasks,
		crowdHome, crowdPools*crowdMost, len(c.runs))
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "\tp50\tp99\tmost")
	for _, row := range []struct {
		name string
		took []time.Duration
	}{{"to see the farm, processor's time", seeing}, {"to plan, processor's time", planning}, {"a pass, processor's time", both}, {"a pass, by the clock", wall}} {
		slices.Sort(row.took)
		at := func(share float64) time.Duration {
			return row.took[int(share*float64(len(row.took)-1))].Round(10 * time.Microsecond)
		}
		fmt.Fprintf(t, "%s\t%v\t%v\t%v\n", row.name, at(0.5), at(0.99), at(1))
	}
	return t.Flush()
}
