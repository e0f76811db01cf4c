package farm_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/spillway/spillway/internal/farm"
)

// dice makes a simulation's choices.
type dice func(n int) int

// sim is a farm with machines, filers and a provider that misbehave, in virtual time.
type sim struct {
	fail   func(format string, args ...any)
	roll   dice
	f      *farm.Farm
	now    time.Time
	nodes  map[farm.NodeID]*machine
	fenced map[uint64]bool // mount sessions
	ids    map[string]int
	mounts uint64
	boots  int
	runs   int
	calm   bool // nothing bad happens any more
	events []farm.Event
}

// machine is a node as it really is, whatever the farm thinks.
type machine struct {
	id       farm.NodeID
	site     farm.SiteID
	pool     farm.PoolID
	boot     int
	mount    uint64
	on       bool // it has power
	agent    bool // its agent is connected
	run      int  // the life of its agent
	sick     bool // whatever runs there fails
	leaving  bool // its agent takes no more orders and ends
	running  map[farm.AttemptID]task
	sessions map[farm.SessionID]bool
}

// task is a process that writes a unit's files through the mount that was there when it began.
type task struct {
	farm.Attempt
	mount uint64
}

func newSim(roll dice, fail func(string, ...any)) *sim {
	s := &sim{roll: roll, fail: fail, now: dawn, nodes: map[farm.NodeID]*machine{}, fenced: map[uint64]bool{}, ids: map[string]int{}}
	s.f = farm.New(config(s.ids))
	s.setLimits(3, 2)
	s.setQueue()
	return s
}

func (s *sim) do(c farm.Command) any {
	r, err := s.f.Apply(s.now, c)
	if err != nil {
		s.fail("%T: %v", c, err)
	}
	return r
}

// step lets a little time pass and one thing happen.
func (s *sim) step() {
	s.now = s.now.Add(time.Duration(200+s.roll(1500)) * time.Millisecond)
	if !s.calm {
		s.trouble()
	}
	for _, m := range s.machines() {
		s.tend(m)
	}
	s.provider()
	s.storage()
	s.f.Tick(s.now)
	s.schedule()
	b := s.f.Changes()
	s.events = append(s.events, b.Events...)
	if err := s.f.Check(); err != nil {
		s.fail("%v", err)
	}
}

func (s *sim) machines() []*machine {
	var list []*machine
	for _, id := range slices.Sorted(maps.Keys(s.nodes)) {
		list = append(list, s.nodes[id])
	}
	return list
}

// trouble is what users and machines do.
func (s *sim) trouble() {
	switch s.roll(18) {
	case 16:
		if list := s.machines(); len(list) > 0 {
			m := list[s.roll(len(list))]
			m.sick = !m.sick
		}
	case 17:
		for _, n := range s.f.Nodes() {
			if n.Quarantined != "" {
				s.do(farm.NodeRelease{Node: n.ID})
			}
		}
	case 0, 1:
		s.do(farm.SubmitJob{
			Queue: []farm.QueueID{"", "night"}[s.roll(2)], MaxTasks: s.roll(4), MaxNodes: s.roll(3),
			Owner: []string{"ann", "bob"}[s.roll(2)], Failing: farm.FailurePolicy{
				Retries: map[farm.Cause]int{farm.CauseMemory: s.roll(4), farm.CauseTimeout: s.roll(3)}, StopAfter: s.roll(5) - 1, AvoidAfter: s.roll(4),
				MemoryFactor: float64(s.roll(3)),
			},
			Name: "shot", Priority: s.roll(3) * 50, MaxRetries: s.roll(3),
			Spec: farm.JobSpec{Assets: []farm.StoragePath{{Location: nas, Path: "textures"}}},
			Steps: []farm.NewStep{
				{Name: "Render", Units: int64(1 + s.roll(9)), Order: farm.Order{Kind: []farm.OrderKind{"", farm.OrderDescending, farm.OrderMiddleOut, farm.OrderBinary}[s.roll(4)]}, HasOwn: s.roll(2) == 0, Limits: map[farm.LimitID]int{"renderer": 1}},
				{Name: "Comp", Units: int64(1 + s.roll(9)), After: s.after()},
				{Name: "Encode", Units: 1, DependsOn: []int{0}, Limits: [...]map[farm.LimitID]int{nil, {"encoder": 1}, {"encoder": 1, "renderer": 1}}[s.roll(3)]},
			},
		})
	case 2, 3:
		s.power(farm.NodeID(fmt.Sprintf("ws-%d", s.roll(3))), []farm.SiteID{studio, plain}[s.roll(2)], "")
	case 4, 5:
		if list := s.machines(); len(list) > 0 {
			s.crash(list[s.roll(len(list))])
		}
	case 6:
		s.do(farm.PoolPlanned{Pool: "burst", Want: s.roll(5), Reason: "because", Jobs: s.openJobs()})
	case 7, 9:
		jobs := s.openJobs()
		if len(jobs) == 0 || s.roll(3) == 0 {
			for _, j := range s.f.Jobs() {
				jobs = append(jobs, j.ID)
			}
		}
		if len(jobs) > 0 {
			j := jobs[s.roll(len(jobs))]
			c := []farm.Command{
				farm.CancelJob{Job: j}, farm.RetryJob{Job: j}, farm.PauseJob{Job: j}, farm.ResumeJob{Job: j},
				farm.ChangeJob{
					Job: j, Priority: ptr(s.roll(100)), Queue: ptr([]farm.QueueID{"default", "night"}[s.roll(2)]), MaxTasks: ptr(s.roll(4)), MaxNodes: ptr(s.roll(3)),
				},
				farm.ChangeOrder{Job: j, Orders: map[int]farm.Order{0: {Kind: []farm.OrderKind{"", farm.OrderDescending, farm.OrderBinary}[s.roll(3)]}}},
				farm.ForTasks{Job: j, Verb: farm.TaskSkip, States: []farm.UnitState{farm.UnitState(s.roll(2)), farm.UnitFailed}},
				farm.ForTasks{Job: j, Verb: farm.TaskRequeue, Elsewhere: s.roll(2) == 0},
			}[s.roll(8)]
			_, _ = s.f.Apply(s.now, c) // may be a conflict
		}
	case 14:
		s.setLimits(s.roll(4), s.roll(3))
	case 13:
		s.setQueue()
	case 15:
		s.do(farm.ReportLimit{Limit: "renderer", External: s.roll(3)})
	case 8:
		if list := s.f.Nodes(); len(list) > 0 {
			n := list[s.roll(len(list))].ID
			_, _ = s.f.Apply(s.now, []farm.Command{
				farm.NodeDrain{Node: n, Stop: s.roll(2) == 0}, farm.NodeResume{Node: n},
			}[s.roll(2)])
		}
	}
}

// setLimits changes how many seats there are: of the renderer, counted per node, and of the encoder, counted per task.
func (s *sim) setLimits(renderers, encoders int) {
	perNode, settle, ttl := true, time.Duration(s.roll(3))*time.Second, time.Duration(s.roll(2))*5*time.Second
	stale := []farm.StalePolicy{farm.StaleKeep, farm.StaleIgnore, farm.StaleHold}[s.roll(3)]
	s.do(farm.SetLimit{Limit: "renderer", Seats: &renderers, PerNode: &perNode, Settle: &settle, TTL: &ttl, Stale: &stale})
	s.do(farm.SetLimit{Limit: "encoder", Seats: &encoders, Settle: &settle})
}

// setQueue changes what one of the queues may have.
func (s *sim) setQueue() {
	s.do(farm.SetQueue{
		Queue: "night", Weight: ptr(float64(1 + s.roll(3))), Paused: ptr(s.roll(3) == 0), Tasks: ptr(int64(s.roll(4))), VCPUs: ptr(float64(s.roll(4))),
	})
}

// schedule lets the scheduler work and checks that it gives no seat away that there is not, and exceeds no quota and no bound of a job.
func (s *sim) schedule() {
	before, queues, jobs := s.f.Limits(), s.f.Queues(), s.busy()
	idle := s.f.Nodes()
	s.f.Schedule(s.now, 1+s.roll(20))
	for i, n := range s.f.Nodes() {
		if idle[i].Quarantined != "" && len(n.Attempts) > len(idle[i].Attempts) {
			s.fail("node %s is quarantined and got work: %+v", n.ID, n)
		}
	}
	for i, l := range s.f.Limits() {
		if taken := l.Held + l.SettlingSeats; taken > before[i].Held+before[i].SettlingSeats && (taken+l.Outside > l.Seats || before[i].Closed) {
			s.fail("limit %s went from %+v to %+v", l.ID, before[i], l)
		}
	}
	for i, q := range s.f.Queues() {
		if u, c := q.Used, q.Quota; u.Tasks > queues[i].Used.Tasks && (q.Paused || c.Tasks > 0 && u.Tasks > c.Tasks || c.VCPUs > 0 && u.VCPUs > c.VCPUs) {
			s.fail("queue %s went from %+v to %+v", q.ID, queues[i], q)
		}
	}
	for id, now := range s.busy() {
		j, _ := s.f.Job(id)
		if now.tasks > jobs[id].tasks && (j.MaxTasks > 0 && now.tasks > j.MaxTasks || j.MaxNodes > 0 && now.nodes > max(j.MaxNodes, jobs[id].nodes)) {
			s.fail("job %s went from %+v to %+v; it may have %d tasks on %d nodes", id, jobs[id], now, j.MaxTasks, j.MaxNodes)
		}
	}
}

// after lets a step wait for the one before it, unit by unit, for itself, or for another job.
func (s *sim) after() []farm.Dependency {
	jobs := s.f.Jobs()
	switch s.roll(8) {
	case 0:
		return []farm.Dependency{{Step: 0, EachUnit: true}}
	case 1:
		return []farm.Dependency{{Step: 1, EachUnit: true, Offset: -1}, {Step: 0, EachUnit: true}}
	case 2:
		if len(jobs) > 0 {
			return []farm.Dependency{{Job: jobs[s.roll(len(jobs))].ID, Step: -1}}
		}
	case 3:
		if len(jobs) > 0 {
			return []farm.Dependency{{Job: jobs[s.roll(len(jobs))].ID, Step: s.roll(2), EachUnit: true}}
		}
	}
	return nil
}

// checkNeeds looks whether what an attempt waited for has succeeded when it starts.
func (s *sim) checkNeeds(a farm.Attempt) {
	for _, need := range s.f.Needs(a.Unit) {
		j, _ := s.f.Job(need.Job)
		if need.Unit < 0 {
			if c := j.Counts[need.Step]; c.Succeeded != j.Steps[need.Step].Units {
				s.fail("%v starts before step %v is done: %+v", a.Unit, need.StepRef, c)
			}
			continue
		}
		units, _, err := s.f.Units(need.Job, need.Step, need.Unit, 1)
		if err != nil || len(units) != 1 || units[0].Unit != need.Unit || units[0].State != farm.UnitSucceeded {
			s.fail("%v starts before %+v is done: %+v, %v", a.Unit, need, units, err)
		}
	}
}

// retryNeeded retries the jobs for which others wait.
func (s *sim) retryNeeded() {
	for _, n := range s.f.Nodes() {
		if n.Quarantined != "" {
			s.do(farm.NodeRelease{Node: n.ID})
		}
	}
	for _, j := range s.f.Jobs() {
		if j.State == farm.JobPaused { // by its failures
			s.do(farm.ResumeJob{Job: j.ID})
		}
	}
	for _, j := range s.f.Jobs() {
		if j.State.Over() {
			continue
		}
		for _, st := range j.Steps {
			for _, d := range st.After {
				if o, ok := s.f.Job(d.Job); ok && (o.State == farm.JobFailed || o.State == farm.JobCanceled) {
					s.do(farm.RetryJob{Job: d.Job})
				}
			}
		}
	}
}

// use is how many tasks a job runs, and on how many nodes.
type use struct{ tasks, nodes int }

// busy counts what runs of each job.
func (s *sim) busy() map[farm.JobID]use {
	out := map[farm.JobID]use{}
	for _, n := range s.f.Nodes() {
		here := map[farm.JobID]bool{}
		for _, id := range n.Attempts {
			a, _ := s.f.Attempt(id)
			u := out[a.Unit.Job]
			u.tasks++
			if !here[a.Unit.Job] {
				here[a.Unit.Job] = true
				u.nodes++
			}
			out[a.Unit.Job] = u
		}
	}
	return out
}

func (s *sim) openJobs() []farm.JobID {
	var open []farm.JobID
	for _, d := range s.f.Demand(s.now) {
		open = append(open, d.Job)
	}
	return open
}

// power turns a machine on, or has an agent that was cut off come back.
func (s *sim) power(id farm.NodeID, site farm.SiteID, pool farm.PoolID) {
	m := s.nodes[id]
	if m == nil {
		m = &machine{id: id, site: site, pool: pool}
		s.nodes[id] = m
	}
	if !m.on {
		s.boots++
		s.mounts++
		m.on, m.boot, m.mount = true, s.boots, s.mounts
		m.running, m.sessions = map[farm.AttemptID]task{}, map[farm.SessionID]bool{}
		s.restart(m)
	}
	if !m.agent {
		s.hello(m)
	}
}

// restart begins another life of a machine's agent.
func (s *sim) restart(m *machine) {
	s.runs++
	m.run, m.leaving, m.agent = s.runs, false, false
}

// crash turns a machine off, cuts its agent off while its tasks go on, or loses the agent's memory.
func (s *sim) crash(m *machine) {
	switch s.roll(4) {
	case 0:
		m.on, m.agent, m.running = false, false, nil
	case 1:
		m.agent = false
	case 2:
		if m.agent {
			m.leaving = true
			s.do(farm.NodeDrain{Node: m.id, ByNode: true, Reason: "a signal"})
		}
	case 3:
		if m.on {
			s.restart(m)
			s.mounts++
			m.mount, m.running, m.sessions = s.mounts, map[farm.AttemptID]task{}, map[farm.SessionID]bool{}
		}
	}
}

func (s *sim) hello(m *machine) {
	h := farm.NodeHello{
		Node: m.id, Site: m.site, Pool: m.pool, BootID: fmt.Sprint(m.boot), Run: fmt.Sprint(m.run), Capacity: farm.Capacity{VCPUs: 2, MemoryMiB: 4096},
		Mounts: []farm.MountSession{s.mountOf(m)},
	}
	for _, id := range slices.Sorted(maps.Keys(m.running)) {
		h.Attempts = append(h.Attempts, farm.AttemptUpdate{Attempt: id, Phase: farm.PhaseRunning})
	}
	h.Sessions = slices.Sorted(maps.Keys(m.sessions))
	early := s.roll(3) == 0 // it has not looked at its mounts yet
	if early {
		h.Mounts = nil
	}
	r, err := s.f.Apply(s.now, h)
	if err != nil {
		return // it is given up
	}
	m.agent = true
	s.obey(m, r.(*farm.Welcome))
	if early {
		s.obey(m, s.do(farm.MountReported{Node: m.id, Mount: s.mountOf(m)}).(*farm.Welcome))
	}
}

func (s *sim) mountOf(m *machine) farm.MountSession {
	mount := farm.MountSession{Location: nas, Filer: config(s.ids).Sites[m.site].Storage[nas]}
	if mount.Filer != "" {
		mount.ID = m.mount
	}
	return mount
}

func (s *sim) obey(m *machine, w *farm.Welcome) {
	if w == nil {
		return
	}
	for _, id := range w.Cancel {
		delete(m.running, id)
		s.do(farm.AttemptUpdate{Node: m.id, Attempt: id, Phase: farm.PhaseEnded, End: farm.AttemptEnd{Cause: farm.CauseCanceled}})
	}
	for _, id := range w.EndSessions {
		delete(m.sessions, id)
	}
	for range w.Remount {
		s.mounts++
		m.mount = s.mounts
		if again := s.do(farm.MountReported{Node: m.id, Mount: s.mountOf(m)}).(*farm.Welcome); again != nil {
			s.fail("a new mount is refused")
		}
	}
}

// tend has a machine carry out its orders, with some of its tasks ending.
func (s *sim) tend(m *machine) {
	if s.calm && (!m.agent || !m.on) {
		s.power(m.id, m.site, m.pool)
	}
	if !m.agent {
		return
	}
	s.f.Seen(s.now, m.id)
	orders := s.f.Owed(m.id)
	m.leaving = m.leaving || orders.Stop
	if s.leave(m) {
		return
	}
	if n, ok := s.f.Node(m.id); !ok || n.State != farm.NodeOnline && n.State != farm.NodeDraining {
		m.agent = n.State == farm.NodeLost && s.roll(4) > 0 // one that was given up says hello again some time
		return
	}
	for _, a := range orders.Run {
		if !m.leaving {
			s.start(m, a)
		}
	}
	for _, a := range orders.Cancel {
		delete(m.running, a.ID)
		s.do(farm.AttemptUpdate{Node: m.id, Attempt: a.ID, Phase: farm.PhaseEnded, End: farm.AttemptEnd{Cause: farm.CauseCanceled}})
	}
	for _, id := range slices.Sorted(maps.Keys(m.running)) {
		if s.roll(3) == 0 {
			s.endTask(m, m.running[id])
		}
	}
	for _, ses := range orders.EndSessions {
		delete(m.sessions, ses.ID)
		s.do(farm.SessionEnded{Node: m.id, Session: ses.ID})
	}
}

// leave ends an agent that is to end, when nothing runs there, with or without a last word about its sessions.
func (s *sim) leave(m *machine) bool {
	if !m.leaving || len(m.running) > 0 {
		return false
	}
	if s.roll(3) > 0 {
		for _, id := range slices.Sorted(maps.Keys(m.sessions)) {
			s.do(farm.SessionEnded{Node: m.id, Session: id})
		}
	}
	m.on, m.agent = false, false
	return true
}

// start checks the promise of the whole farm: nobody else writes a unit's files when an attempt at it starts.
func (s *sim) start(m *machine, a farm.Attempt) {
	if _, ok := m.running[a.ID]; ok {
		return
	}
	for _, o := range s.machines() {
		for _, b := range o.running {
			if b.Unit == a.Unit && (o.site == plain || !s.fenced[b.mount]) {
				s.fail("%s starts %v on %s while %s still writes it on %s", a.ID, a.Unit, m.id, b.ID, o.id)
			}
		}
	}
	s.checkNeeds(a)
	m.running[a.ID], m.sessions[a.Session] = task{a, m.mount}, true
	s.obey(m, s.do(farm.AttemptUpdate{Node: m.id, Attempt: a.ID, Phase: farm.PhaseAccepted}).(*farm.Welcome))
}

func (s *sim) endTask(m *machine, a task) {
	delete(m.running, a.ID)
	u := farm.AttemptUpdate{Node: m.id, Attempt: a.ID, Phase: farm.PhaseEnded}
	u.End.RunTime = time.Duration(1+s.roll(9)) * time.Second
	switch {
	case !s.calm && (m.sick || s.roll(4) == 0):
		u.End.Cause = append([]farm.Cause{farm.CauseLicence, farm.CauseAgent}, farm.Retried...)[s.roll(2+len(farm.Retried))]
	case s.fenced[a.mount]:
		u.End.Cause = farm.CauseTask
	default:
		for _, p := range a.Expected {
			u.End.Outputs = append(u.End.Outputs, farm.Output{StoragePath: p, Size: 9, SHA256: "ab"})
		}
	}
	s.obey(m, s.do(u).(*farm.Welcome))
}

// provider makes and unmakes machines.
func (s *sim) provider() {
	for _, o := range s.f.OwedCreates() {
		if s.calm || s.roll(2) == 0 {
			s.do(farm.NodeCreated{Node: o.Node.ID, Instance: "i-" + string(o.Node.ID)})
			s.power(o.Node.ID, o.Node.Site, o.Node.Pool)
		}
	}
	for _, n := range s.f.OwedDeletes() {
		if s.calm || s.roll(2) == 0 {
			delete(s.nodes, n.ID)
			s.do(farm.NodeDeleteConfirmed{Node: n.ID})
		}
	}
}

// storage primes, flushes and fences, now and then.
func (s *sim) storage() {
	lazy := func() bool { return !s.calm && s.roll(3) > 0 }
	for _, o := range s.f.OwedPrimings() {
		if !lazy() {
			s.do(farm.PrimingEnded{Job: o.Job, Filer: o.Filer})
		}
	}
	for _, o := range s.f.OwedWarmings() {
		if !lazy() {
			s.do(farm.WarmDone{Attempt: o.Attempt})
		}
	}
	for _, o := range s.f.OwedFlushes(100) {
		if lazy() {
			continue
		}
		if !s.calm && s.roll(10) == 0 {
			s.do(farm.LandingFailed{Attempt: o.Attempt, Reason: "away", Outcome: farm.LandingOutcome(s.roll(3))})
			continue
		}
		done := farm.LandingDone{Attempt: o.Attempt}
		for _, p := range o.Paths {
			done.Receipts = append(done.Receipts, farm.Landed{StoragePath: p, Receipt: farm.Receipt{Size: 9, SHA256: "AB"}})
		}
		s.do(done)
	}
	for _, o := range s.f.OwedFences() {
		if !lazy() {
			s.fenced[o.Mount.ID] = true
			s.do(farm.FenceDone{Node: o.Node, Mounts: []farm.MountSession{o.Mount}})
		}
	}
}

// finish lets everything work and checks that all jobs come to their end.
func (s *sim) finish() {
	s.calm = true
	s.power("ws-0", studio, "")
	s.setLimits(4, 2)
	s.do(farm.SetQueue{Queue: "night", Paused: ptr(false), Tasks: ptr(int64(0)), VCPUs: ptr(0.0)})
	for _, n := range s.f.Nodes() {
		_, _ = s.f.Apply(s.now, farm.NodeResume{Node: n.ID})
	}
	for _, j := range s.f.Jobs() {
		if j.State == farm.JobPaused {
			s.do(farm.ResumeJob{Job: j.ID})
		}
	}
	for i := range 1200 {
		s.do(farm.ReportLimit{Limit: "renderer"})
		if i%20 == 0 {
			s.retryNeeded()
		}
		if len(s.f.Demand(s.now)) == 0 {
			break
		}
		s.step()
	}
	for _, d := range s.f.Demand(s.now) {
		why, _ := s.f.Why(s.now, d.Job)
		s.fail("job %s does not end: %q", d.Job, why.Lines)
	}
	for _, j := range s.f.Jobs() {
		for i, c := range j.Counts {
			if sum := c.Pending + c.Assigned + c.Landing + c.Fencing + c.Succeeded + c.Failed + c.Canceled; sum != j.Steps[i].Units {
				s.fail("job %s: %+v are %d of %d units", j.ID, c, sum, j.Steps[i].Units)
			}
		}
	}
	s.checkBudgets()
	for i, e := range s.events {
		if e.Seq != uint64(i+1) || e.Reason == "" {
			s.fail("event %d: %+v", i+1, e)
		}
	}
}

// checkBudgets looks whether tasks have failed for good only when the retries of a cause were used up, and then always.
func (s *sim) checkBudgets() {
	r := s.f.Records()
	jobs := map[farm.JobID]*farm.Job{}
	for i := range r.Jobs {
		jobs[r.Jobs[i].ID] = &r.Jobs[i]
	}
	for i := range r.Steps {
		st := &r.Steps[i]
		j := jobs[st.Job]
		for u, causes := range st.ByCause {
			spent := false
			for cause, n := range causes {
				budget, own := j.Failing.Retries[cause]
				if !own {
					budget = j.MaxRetries
				}
				spent = spent || n > budget
				if n > budget+1 {
					s.fail("%v/%d failed %d times by %s, %d are allowed", st.StepRef, u, n, cause, budget)
				}
			}
			if failed := st.Failed.Contains(u); failed != spent && !st.Canceled.Contains(u) {
				s.fail("%v/%d has failed for good: %v, by %v", st.StepRef, u, failed, causes)
			}
		}
	}
}

func TestSimulation(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		number := rapid.Uint32()
		s := newSim(func(n int) int { return int(number.Draw(r, "roll") % uint32(n)) }, r.Fatalf)
		for range rapid.IntRange(1, 60).Draw(r, "steps") {
			s.step()
		}
		s.finish()
	})
}

// TestLongLife is one farm over many virtual hours.
func TestLongLife(t *testing.T) {
	seeds := uint64(2)
	if os.Getenv("SPILLWAY_TEST_ALL") != "" {
		seeds = 40
	}
	for seed := range seeds {
		s := newSim(rand.New(rand.NewPCG(seed, 7)).IntN, t.Fatalf)
		for range 1500 {
			s.step()
		}
		s.finish()
	}
}

// TestSameSeedSameLife runs the same life twice: the histories have to be equal to the last byte.
func TestSameSeedSameLife(t *testing.T) {
	history := func() string {
		s := newSim(rand.New(rand.NewPCG(3, 9)).IntN, t.Fatalf)
		for range 400 {
			s.step()
		}
		text, err := json.Marshal(s.events)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if a, b := history(), history(); a != b {
		t.Error("two lives from one seed differ")
	}
}
