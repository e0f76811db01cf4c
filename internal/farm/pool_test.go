package farm_test

import (
	"slices"
	"testing"
	"time"

	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
)

func (w *world) assetJob(units int64, own bool) farm.JobID {
	w.t.Helper()
	return w.do(farm.SubmitJob{
		Name: "shot", MaxRetries: 1, Spec: farm.JobSpec{Assets: []farm.StoragePath{{Location: nas, Path: "textures"}, {Location: "other", Path: "x"}}},
		Steps: []farm.NewStep{{Name: "Render", Units: units, HasOwn: own}},
	}).(farm.JobID)
}

func (w *world) plan(want int, jobs ...farm.JobID) []farm.NodeID {
	w.t.Helper()
	return w.do(farm.PoolPlanned{Pool: "burst", Want: want, Reason: "the deadline", Jobs: jobs}).([]farm.NodeID)
}

// wake has the provider create what is owed, and the nodes join.
func (w *world) wake() {
	w.t.Helper()
	for _, o := range w.f.OwedCreates() {
		w.do(farm.NodeCreated{Node: o.Node.ID, Instance: "i"})
		w.wantNode(o.Node.ID, farm.NodeStarting)
		w.ids["mount"]++
		w.do(farm.NodeHello{
			Node: o.Node.ID, Pool: "burst", Instance: "i", BootID: "b", Capacity: small,
			Mounts: []farm.MountSession{{Location: nas, Filer: "cloud", ID: uint64(w.ids["mount"])}},
		})
	}
}

func TestWarmBeforeWake(t *testing.T) {
	w := newWorld(t)
	id := w.assetJob(4, true)
	if ids := w.plan(2, id); !slices.Equal(ids, []farm.NodeID{"burst-1", "burst-2"}) {
		t.Fatalf("created %v", ids)
	}
	if len(w.f.OwedCreates()) != 0 {
		t.Fatal("nodes are woken before their filer is warm")
	}
	owed := w.f.OwedPrimings()
	if len(owed) != 1 || owed[0].Filer != "cloud" || len(owed[0].Paths) != 1 || owed[0].Paths[0].Path != "textures" {
		t.Fatalf("owed %+v", owed)
	}
	w.do(farm.PrimingProgress{Job: id, Filer: "cloud", Files: 10, FilesDone: 4})
	w.do(farm.PrimingEnded{Job: id, Filer: "cloud"})
	w.wake()
	if n := w.schedule(); n != 2 {
		t.Fatalf("assigned %d, want 2", n)
	}
	warm := w.f.OwedWarmings()
	if len(warm) != 2 || warm[0].Inputs[0].Path != "plate_0000.png" || warm[0].Filers[nas] != "cloud" || len(w.orders("burst-1")) != 0 {
		t.Fatalf("warming %+v", warm)
	}
	w.do(farm.WarmDone{Attempt: warm[0].Attempt})
	w.do(farm.WarmDone{Attempt: warm[1].Attempt, Problem: "cloud is full"}) // it runs all the same
	if len(w.orders("burst-1")) != 1 || len(w.orders("burst-2")) != 1 {
		t.Error("warm, and not ordered")
	}
}

func TestSitesArePrimedOnDemand(t *testing.T) {
	w := newWorld(t)
	w.plan(1)
	w.wake()
	id := w.assetJob(1, false)
	if w.schedule() != 0 {
		t.Fatal("assigned at a cold site")
	}
	w.do(farm.PrimingEnded{Job: id, Filer: "cloud", Problem: "no space"}) // nobody waits for ever
	if w.schedule() != 1 {
		t.Error("not assigned")
	}
}

func TestPoolShrinksByDraining(t *testing.T) {
	w := newWorld(t)
	id := w.submit(farm.NewStep{Name: "Render", Units: 1})
	w.plan(3)
	w.wake()
	w.schedule()
	if ids := w.plan(1); ids != nil {
		t.Errorf("created %v", ids)
	}
	w.wantNode("burst-1", farm.NodeOnline) // it works
	for _, n := range []farm.NodeID{"burst-2", "burst-3"} {
		w.wantNode(n, farm.NodeDeleting)
	}
	if owed := w.f.OwedDeletes(); len(owed) != 2 || owed[0].Instance != "i" {
		t.Fatalf("owed %+v", owed)
	}
	w.do(farm.NodeDeleteConfirmed{Node: "burst-2"})
	w.do(farm.NodeDeleteConfirmed{Node: "burst-2"}) // again: nothing
	w.wantNode("burst-2", farm.NodeDeleted)
	if len(w.f.OwedDeletes()) != 1 || len(w.f.OwedFences()) != 1 || len(w.f.Nodes()) != 2 || len(w.f.GoneNodes()) != 1 {
		t.Error("the deleted node is still there, or its mount session is left open")
	}
	w.fence()
	a := w.orders("burst-1")[0]
	w.do(farm.AttemptUpdate{Node: "burst-1", Attempt: a.ID, Phase: farm.PhaseAccepted})
	w.plan(0)
	w.wantNode("burst-1", farm.NodeDraining)
	w.end(a, "")
	w.do(farm.SessionEnded{Node: "burst-1", Session: a.Session})
	w.wantNode("burst-1", farm.NodeDeleting)
	w.land()
	w.wantJob(id, farm.JobSucceeded)
	w.refused(farm.NodeHello{Node: "burst-1", Pool: "burst"}, fault.Conflict, "given up")
	w.refused(farm.NodeHello{Node: "burst-77", Pool: "burst"}, fault.Conflict, "not created")
}

func TestPoolLimitsCountEveryMachine(t *testing.T) {
	w := newWorld(t)
	w.plan(4)
	w.wake()
	w.plan(0) // four machines are still there
	if ids := w.plan(3); len(ids) != 0 {
		t.Errorf("created %v beyond the pool's limit", ids)
	}
	w.do(farm.NodeDeleteConfirmed{Node: "burst-1"})
	if ids := w.plan(3); !slices.Equal(ids, []farm.NodeID{"burst-5"}) {
		t.Errorf("created %v", ids)
	}
	if ids := w.plan(99); len(ids) != 0 {
		t.Errorf("created %v", ids)
	}
	w.refused(farm.PoolPlanned{Pool: "burst", Want: -1}, fault.Invalid, "wanted")
	w.refused(farm.PoolPlanned{Pool: "x"}, fault.NotFound, "no pool")
}

func TestKillSwitch(t *testing.T) {
	w := newWorld(t)
	w.plan(2)
	w.wake()
	w.do(farm.PoolStop{Pool: "burst", Stopped: true, Reason: "too dear"})
	if ids := w.plan(2); len(ids) != 0 || len(w.f.OwedDeletes()) != 2 {
		t.Error("a stopped pool grows, or its nodes stay")
	}
	w.do(farm.PoolStop{Pool: "burst"})
	if ids := w.plan(2); len(ids) != 2 {
		t.Error("the pool stays stopped")
	}
}

func TestKilledBurstNode(t *testing.T) {
	w := newWorld(t)
	w.submit(farm.NewStep{Name: "Render", Units: 1})
	w.plan(1)
	w.wake()
	w.schedule()
	a := w.orders("burst-1")[0]
	w.do(farm.AttemptUpdate{Node: "burst-1", Attempt: a.ID, Phase: farm.PhaseRunning})
	w.do(farm.NodeDeleteConfirmed{Node: "burst-1", Reason: "evicted"})
	w.wantNode("burst-1", farm.NodeLost)
	w.wantState(a.ID, farm.AttemptFencing)
	w.fence()
	w.wantState(a.ID, farm.AttemptLost)
	w.wantNode("burst-1", farm.NodeDeleted)
}

func TestNodeThatNeverJoins(t *testing.T) {
	w := newWorld(t)
	w.plan(2)
	w.do(farm.NodeCreated{Node: "burst-1"})
	w.do(farm.NodeCreateFailed{Node: "burst-2", Reason: "quota", Final: true})
	w.wantNode("burst-2", farm.NodeDeleting)
	w.sleep(11 * time.Minute)
	w.f.Tick(w.now)
	w.wantNode("burst-1", farm.NodeDeleting)
}

func TestDecisionsAreARing(t *testing.T) {
	w := newWorld(t)
	for i := range 450 {
		w.plan(1 - i%2)
		for _, n := range w.f.OwedDeletes() {
			w.do(farm.NodeDeleteConfirmed{Node: n.ID})
		}
	}
	d := w.f.Decisions()
	if len(d) != 200 || d[0].ID <= d[1].ID {
		t.Errorf("%d decisions, first %+v", len(d), d[0])
	}
	if b := w.f.Changes(); len(b.OldDecisions) != 250 || len(b.Decisions) != 450 {
		t.Errorf("%d written, %d deleted", len(b.Decisions), len(b.OldDecisions))
	}
}

func TestLandingThatDoesNotAgree(t *testing.T) {
	w := newWorld(t)
	w.submit(farm.NewStep{Name: "Render", Units: 1})
	w.join("ws-1", studio, small)
	w.schedule()
	a := w.orders("ws-1")[0]
	w.end(a, "")
	w.do(farm.LandingFailed{Attempt: a.ID, Reason: "edge is away", Outcome: farm.LandingWaits})
	w.wantState(a.ID, farm.AttemptLanding)
	w.do(farm.LandingDone{Attempt: a.ID, Receipts: []farm.Landed{{StoragePath: a.Expected[0], Receipt: farm.Receipt{Size: 99, SHA256: "abcd"}}}})
	w.wantState(a.ID, farm.AttemptFailed)
	if got := w.attempt(a.ID); got.Cause != farm.CauseStorage {
		t.Errorf("cause %q", got.Cause)
	}
	w.sleep(3 * time.Second)
	w.f.Tick(w.now)
	w.schedule()
	b := w.orders("ws-1")[0]
	w.end(b, "")
	w.do(farm.LandingFailed{Attempt: b.ID, Reason: "its cache is gone", Outcome: farm.LandingLost})
	w.wantState(b.ID, farm.AttemptLost)
	if w.schedule() != 1 {
		t.Error("lost storage must not cost a retry or a pause")
	}
}
