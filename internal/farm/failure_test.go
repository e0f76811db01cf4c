package farm_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
)

// failNext has a node run its next task to a failure, and waits for the back-off.
func (w *world) failNext(n farm.NodeID, cause farm.Cause) farm.Attempt {
	w.t.Helper()
	w.schedule()
	orders := w.orders(n)
	if len(orders) == 0 {
		w.t.Fatalf("nothing for %s: %s", n, strings.Join(w.whyAll(), "\n"))
	}
	w.end(orders[0], cause)
	w.sleep(time.Minute)
	w.f.Tick(w.now)
	return orders[0]
}

func (w *world) whyAll() []string {
	var lines []string
	for _, j := range w.f.Jobs() {
		why, _ := w.f.Why(w.now, j.ID)
		lines = append(lines, why.Lines...)
	}
	return lines
}

func (w *world) alive(nodes ...farm.NodeID) {
	for _, n := range nodes {
		w.f.Seen(w.now, n)
	}
}

func TestCausesHaveBudgetsOfTheirOwn(t *testing.T) {
	w := newWorld(t)
	w.cfg.Lease = time.Hour
	w.f = farm.New(w.cfg)
	id := w.do(farm.SubmitJob{
		Name: "shot", MaxRetries: 1, Failing: farm.FailurePolicy{Retries: map[farm.Cause]int{farm.CauseTimeout: 2, farm.CauseAgent: 0}, AvoidAfter: 99},
		Steps: []farm.NewStep{{Name: "Render", Units: 2}},
	}).(farm.JobID)
	w.join("ws-1", studio, small)
	for _, cause := range []farm.Cause{farm.CauseTimeout, farm.CauseTask, farm.CauseTimeout} {
		if a := w.failNext("ws-1", cause); a.Unit.Unit != 0 {
			t.Fatalf("unit %d was ordered", a.Unit.Unit)
		}
	}
	w.wantWhy(id, "step Render: 2 attempts at 1 tasks failed by timeout, which has 2 retries")
	w.reload()
	w.alive("ws-1")
	a := w.failNext("ws-1", farm.CauseTimeout) // the third
	if units, _, _ := w.f.Units(id, 0, 0, 1); units[0].State != farm.UnitFailed || a.Number != 4 {
		t.Errorf("after three timeouts: %+v, attempt %d", units[0], a.Number)
	}
	a = w.failNext("ws-1", farm.CauseAgent) // has no retry
	w.wantJob(id, farm.JobFailed)
	if a.Unit.Unit != 1 {
		t.Errorf("unit %d was ordered", a.Unit.Unit)
	}
}

func TestPreemptionAndLicenceCostNothing(t *testing.T) {
	w := newWorld(t)
	w.cfg.Lease = time.Hour
	w.f = farm.New(w.cfg)
	id := w.do(farm.SubmitJob{Name: "shot", MaxRetries: 0, Steps: []farm.NewStep{{Name: "Comp", Units: 1}}}).(farm.JobID)
	w.join("ws-1", studio, small)
	w.schedule()
	a := w.orders("ws-1")[0]
	w.do(farm.AttemptUpdate{Node: "ws-1", Attempt: a.ID, Phase: farm.PhaseRunning})
	w.do(farm.NodeDrain{Node: "ws-1", ByNode: true, Reason: "the machine is evicted"})
	w.end(a, farm.CauseAgent)
	if got := w.attempt(a.ID); got.Cause != farm.CausePreempted || got.State != farm.AttemptCanceled {
		t.Errorf("evicted: %s by %q", got.State, got.Cause)
	}
	w.join("ws-2", studio, small)
	for _, wait := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute} {
		w.schedule()
		w.end(w.orders("ws-2")[0], farm.CauseLicence)
		w.wantWhy(id, "a program was denied a licence; the next task is tried at")
		if at := w.f.NextTick(); !at.Equal(w.now.Add(wait)) {
			t.Errorf("the next look is in %s, want %s", at.Sub(w.now), wait)
		}
		if n := w.schedule(); n != 0 {
			t.Fatal("a task was started while the licence was denied")
		}
		w.reload()
		w.sleep(wait)
		w.alive("ws-2")
		w.f.Tick(w.now)
	}
	w.schedule()
	w.end(w.orders("ws-2")[0], "")
	w.land()
	w.wantJob(id, farm.JobSucceeded)
}

func TestDeniedLicenceClosesItsLimit(t *testing.T) {
	w := newWorld(t)
	w.setLimit(5, false, nil)
	id, other := w.submit(nuke(2)), w.submit(nuke(2))
	w.join("ws-1", studio, small)
	w.schedule()
	w.end(w.orders("ws-1")[0], farm.CauseLicence)
	if n := w.schedule(); n != 0 {
		t.Fatal("another task was started under a limit that is exhausted elsewhere")
	}
	w.wantWhy(id, "limit nuke: a program was denied a licence")
	w.wantWhy(other, "limit nuke: a program was denied a licence")
	w.sleep(30 * time.Second)
	w.alive("ws-1")
	w.f.Tick(w.now)
	if n := w.schedule(); n != 1 {
		t.Error("nothing was tried again")
	}
}

func TestOutOfMemoryAsksForMore(t *testing.T) {
	w := newWorld(t)
	w.cfg.Lease, w.cfg.Pools = time.Hour, nil
	w.f = farm.New(w.cfg)
	w.join("big", studio, farm.Capacity{VCPUs: 4, MemoryMiB: 10_000})
	id := w.do(farm.SubmitJob{
		Name: "shot", MaxRetries: 9, Failing: farm.FailurePolicy{MemoryFactor: 2},
		Steps: []farm.NewStep{{Name: "Render", Units: 3, Needs: farm.Requirements{MemoryMiB: 3000}}},
	}).(farm.JobID)
	w.schedule()
	running := w.orders("big")
	if len(running) != 3 {
		t.Fatalf("%d tasks of 3000 MiB on 10000 MiB", len(running))
	}
	w.end(running[0], farm.CauseMemory)
	w.end(running[1], farm.CauseMemory) // ran with as little: no second raise
	if got := w.job(id).Steps[0].Needs.MemoryMiB; got != 6000 {
		t.Fatalf("the next tasks ask for %d MiB, want 6000", got)
	}
	w.sleep(time.Minute)
	w.f.Tick(w.now)
	w.reload()
	w.alive("big")
	if n := w.schedule(); n != 1 { // beside one of 3000
		t.Fatalf("%d tasks were started", n)
	}
	w.end(running[2], "")
	for _, a := range w.orders("big") {
		w.end(a, farm.CauseMemory)
	}
	if got := w.job(id).Steps[0].Needs.MemoryMiB; got != 10_000 { // not 12,000: no node has that
		t.Errorf("the next tasks ask for %d MiB", got)
	}
	if w.attempt(running[0].ID).Raised != 0 {
		t.Error("an attempt of before was raised")
	}
	w.wantNodeFree("big", id)
}

// wantNodeFree fails if the job avoids the node.
func (w *world) wantNodeFree(n farm.NodeID, id farm.JobID) {
	w.t.Helper()
	if v, _ := w.f.Node(n); v.Blocked[id] != "" {
		w.t.Errorf("node %s is blocked: %s", n, v.Blocked[id])
	}
}

func TestBrokenSceneIsPaused(t *testing.T) {
	w := newWorld(t)
	id := w.do(farm.SubmitJob{
		Name: "broken", Priority: 90, MaxRetries: 5, Failing: farm.FailurePolicy{StopAfter: 4}, Steps: []farm.NewStep{{Name: "Render", Units: 500}},
	}).(farm.JobID)
	good := w.submit(farm.NewStep{Name: "Render", Units: 2})
	for i := range 3 { // fewer than StopAfter: all there are count
		w.join(farm.NodeID(fmt.Sprintf("ws-%d", i)), studio, small)
	}
	tried := 0
	for w.job(id).State == farm.JobActive && tried < 50 {
		w.schedule()
		for i := range 3 {
			for _, a := range w.orders(farm.NodeID(fmt.Sprintf("ws-%d", i))) {
				if w.attempt(a.ID).State.OnNode() {
					tried++
					w.end(a, farm.CauseTask)
				}
			}
		}
	}
	w.wantJob(id, farm.JobPaused)
	if tried > 6 || !strings.Contains(w.job(id).Reason, "4 tasks in a row failed, on 3 nodes; last: task error") {
		t.Errorf("after %d attempts: %s", tried, w.job(id).Reason)
	}
	if w.schedule() == 0 || w.job(good).Counts[0].Assigned == 0 {
		t.Error("the job behind it does not run")
	}
	w.do(farm.ResumeJob{Job: id})
	if w.job(id).Setbacks != nil {
		t.Error("a job that is resumed begins to count anew")
	}
}

func TestSuccessEndsARow(t *testing.T) {
	w := newWorld(t)
	w.cfg.Lease = time.Hour
	w.f = farm.New(w.cfg)
	id := w.do(farm.SubmitJob{Name: "x", MaxRetries: 0, Failing: farm.FailurePolicy{StopAfter: 2, AvoidAfter: 2}, Steps: []farm.NewStep{{Name: "Render", Units: 9}}}).(farm.JobID)
	w.join("ws-1", studio, small)
	for range 3 {
		w.failNext("ws-1", farm.CauseTask)
		w.schedule()
		w.end(w.orders("ws-1")[0], "")
		w.land()
	}
	w.wantJob(id, farm.JobActive)
	w.wantNodeFree("ws-1", id)
}

func TestNodeThatFailsDifferentOwnersIsQuarantined(t *testing.T) {
	w := newWorld(t)
	w.cfg.Lease = time.Hour
	w.f = farm.New(w.cfg)
	job := func(owner string) farm.JobID {
		return w.do(farm.SubmitJob{
			Name: "shot", Owner: owner, MaxRetries: 9, Failing: farm.FailurePolicy{AvoidAfter: 1}, Steps: []farm.NewStep{{Name: "Render", Units: 50}},
		}).(farm.JobID)
	}
	w.join("good", studio, small)
	w.join("sick", studio, small)
	run := func(id farm.JobID) { // one round: good succeeds, sick fails
		w.schedule()
		for _, n := range []farm.NodeID{"good", "sick"} {
			for _, a := range w.orders(n) {
				cause := farm.Cause("")
				if n == "sick" {
					cause = farm.CauseEnvironment
				}
				w.end(a, cause)
			}
		}
		w.land()
		w.do(farm.PauseJob{Job: id})
	}
	ann := job("ann")
	run(ann)
	again := job("ann")
	run(again)
	if n, _ := w.f.Node("sick"); n.Quarantined != "" || n.Accused["ann"] == "" {
		t.Fatalf("one owner's jobs condemn no node: %q, accused by %v", n.Quarantined, n.Accused)
	}
	w.reload()
	w.alive("good", "sick")
	bob := job("bob")
	run(bob)
	n, _ := w.f.Node("sick")
	if !strings.Contains(n.Quarantined, "of ann: failed 1 of its tasks") || !strings.Contains(n.Quarantined, "of bob: failed 1") {
		t.Fatalf("quarantined: %q", n.Quarantined)
	}
	eve := job("eve")
	w.schedule()
	if len(w.orders("sick")) != 0 {
		t.Error("a quarantined node got work")
	}
	w.wantWhy(eve, "1 quarantined")
	w.do(farm.NodeRelease{Node: "sick", Reason: "disk replaced"})
	w.reload()
	w.alive("good", "sick")
	if w.schedule(); len(w.orders("sick")) != 1 {
		t.Error("a released node gets no work")
	}
	w.refused(farm.NodeRelease{Node: "sick"}, fault.Conflict, "neither quarantined nor avoided")
	w.refused(farm.NodeRelease{Node: "nobody"}, fault.NotFound, "no node")
}

// TestBrokenJobsCondemnNoNode: two owners' jobs that work nowhere are no evidence.
func TestBrokenJobsCondemnNoNode(t *testing.T) {
	w := newWorld(t)
	w.cfg.Lease = time.Hour
	w.f = farm.New(w.cfg)
	w.join("ws-1", studio, small)
	for _, owner := range []string{"ann", "bob"} {
		id := w.do(farm.SubmitJob{Name: "x", Owner: owner, MaxRetries: 9, Failing: farm.FailurePolicy{AvoidAfter: 1}, Steps: []farm.NewStep{{Name: "Render", Units: 5}}}).(farm.JobID)
		w.failNext("ws-1", farm.CauseTask)
		w.do(farm.PauseJob{Job: id})
	}
	if n, _ := w.f.Node("ws-1"); n.Quarantined != "" || len(n.Blocked) != 2 {
		t.Errorf("quarantined: %q, blocked: %v", n.Quarantined, n.Blocked)
	}
}

func TestQuarantinedRentedNodeIsReplaced(t *testing.T) {
	w := newWorld(t)
	w.cfg.Lease = time.Hour
	w.f = farm.New(w.cfg)
	ids := w.plan(1)
	w.do(farm.NodeCreated{Node: ids[0], Instance: "i-1"})
	w.do(farm.NodeHello{Node: ids[0], Site: cloud, Pool: "burst", BootID: "b", Capacity: small, Mounts: []farm.MountSession{{Location: nas, Filer: "cloud", ID: 99}}})
	w.join("good", studio, small)
	for _, owner := range []string{"ann", "bob"} {
		id := w.do(farm.SubmitJob{Name: "x", Owner: owner, MaxRetries: 9, Failing: farm.FailurePolicy{AvoidAfter: 1}, Steps: []farm.NewStep{{Name: "Render", Units: 5}}}).(farm.JobID)
		w.schedule()
		w.end(w.orders("good")[0], "")
		w.land()
		w.end(w.orders(ids[0])[0], farm.CauseTask)
		w.do(farm.PauseJob{Job: id})
	}
	if n, _ := w.f.Node(ids[0]); n.State != farm.NodeDraining && n.State != farm.NodeDeleting || !strings.HasPrefix(n.Reason, "quarantined") && !strings.Contains(n.Reason, "quarantined") {
		t.Errorf("a rented node that is quarantined is %s: %s", n.State, n.Reason)
	}
}

func TestFailurePolicyRefusesNonsense(t *testing.T) {
	w := newWorld(t)
	for says, p := range map[string]farm.FailurePolicy{
		`"node lost" is no cause that has retries`: {Retries: map[farm.Cause]int{farm.CauseNodeLost: 1}},
		"retries after timeout: -1":                {Retries: map[farm.Cause]int{farm.CauseTimeout: -1}},
		"at least 1 failure":                       {AvoidAfter: -1},
		"at most 1000":                             {StopAfter: 1001},
		"memory factor of 0.5":                     {MemoryFactor: 0.5},
		"wait for a licence":                       {LicenceWait: time.Hour},
	} {
		w.refused(farm.SubmitJob{Name: "x", Failing: p, Steps: []farm.NewStep{{Name: "Render", Units: 1}}}, fault.Invalid, says)
	}
}
