package farm_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
)

// silence lets a node's lease run out while all others give signs of life.
func (w *world) silence(dead farm.NodeID) {
	w.t.Helper()
	w.sleep(11 * time.Second)
	for _, n := range w.f.Nodes() {
		if n.ID != dead {
			w.f.Seen(w.now, n.ID)
		}
	}
	if !w.f.Tick(w.now) {
		w.t.Fatal("nothing happened when the lease ran out")
	}
	w.check()
}

func (w *world) wantNode(id farm.NodeID, want farm.NodeState) {
	w.t.Helper()
	if n, _ := w.f.Node(id); n.State != want {
		w.t.Fatalf("node %s is %s (%s), want %s", id, n.State, n.Reason, want)
	}
}

// fence confirms all fences that are owed, and that all files to be discarded were there.
func (w *world) fence() {
	w.t.Helper()
	for _, o := range w.f.OwedFences() {
		done := farm.FenceDone{Node: o.Node, Mounts: []farm.MountSession{o.Mount}}
		for _, p := range o.Discard {
			done.Removed = append(done.Removed, farm.Removed{StoragePath: p, Size: 77})
		}
		w.do(done)
	}
}

func TestSilentNodeIsFencedBeforeItsTaskRunsAgain(t *testing.T) {
	w := newWorld(t)
	id := w.submit(farm.NewStep{Name: "Render", Units: 1})
	w.join("ws-1", studio, small)
	w.schedule()
	first := w.orders("ws-1")[0]
	w.do(farm.AttemptUpdate{Node: "ws-1", Attempt: first.ID, Phase: farm.PhaseRunning})
	w.join("ws-2", studio, small)
	w.silence("ws-1")
	w.wantNode("ws-1", farm.NodeLost)
	w.wantState(first.ID, farm.AttemptFencing)
	if n := w.schedule(); n != 0 {
		t.Fatal("it was assigned again before the fence")
	}
	owed := w.f.OwedFences()
	if len(owed) != 1 || owed[0].Mount.Filer != "edge" || !slices.Equal(owed[0].Discard, first.Expected) {
		t.Fatalf("owed %+v", owed)
	}
	w.do(farm.FenceWaits{Node: "ws-1", Reason: "edge does not answer"})
	if a := w.attempt(first.ID); !strings.Contains(a.Reason, "edge does not answer") {
		t.Errorf("reason %q", a.Reason)
	}
	w.fence()
	w.wantState(first.ID, farm.AttemptLost)
	w.wantNode("ws-1", farm.NodeOffline)
	if a := w.attempt(first.ID); len(a.Removed) != 1 || a.Removed[0].Size != 77 || a.Cause != farm.CauseNodeLost {
		t.Errorf("removed %+v, cause %q", a.Removed, a.Cause)
	}
	if w.schedule() != 1 {
		t.Fatal("it was not assigned again")
	}
	second := w.orders("ws-2")[0]
	if second.Number != 2 {
		t.Errorf("attempt number %d", second.Number)
	}
	w.end(second, "")
	w.land()
	w.wantJob(id, farm.JobSucceeded)
	if got := w.do(farm.AttemptUpdate{Node: "ws-1", Attempt: first.ID, Phase: farm.PhaseRunning}).(*farm.Welcome); got == nil || len(got.Cancel) != 1 {
		t.Errorf("the dead attempt's report is answered with %+v", got)
	}
}

func TestHelloAdoptsWhatLivesAndLosesWhatDoesNot(t *testing.T) {
	w := newWorld(t)
	w.submit(farm.NewStep{Name: "Render", Units: 3})
	w.join("ws-1", studio, farm.Capacity{VCPUs: 3})
	w.schedule()
	run := w.orders("ws-1")
	for _, a := range run[:2] {
		w.do(farm.AttemptUpdate{Node: "ws-1", Attempt: a.ID, Phase: farm.PhaseRunning})
	}
	n, _ := w.f.Node("ws-1")
	r := w.do(farm.NodeHello{
		Node: "ws-1", Site: studio, BootID: "boot-1", Capacity: farm.Capacity{VCPUs: 3}, Mounts: n.Mounts,
		Attempts: []farm.AttemptUpdate{
			{Attempt: run[0].ID, Phase: farm.PhaseRunning},
			{Attempt: "a999", Phase: farm.PhaseRunning},
		},
		Sessions: []farm.SessionID{run[0].Session, "s999"},
	}).(*farm.Welcome)
	w.wantState(run[0].ID, farm.AttemptRunning)
	w.wantState(run[1].ID, farm.AttemptLost) // the agent vouches: it has the mount, and not the attempt
	w.wantState(run[2].ID, farm.AttemptOrdered)
	if !slices.Equal(r.Cancel, []farm.AttemptID{"a999"}) || !slices.Equal(r.EndSessions, []farm.SessionID{"s999"}) || len(r.Remount) != 0 {
		t.Errorf("welcome %+v", r)
	}
}

// TestAgentComesBackBeforeItsMounts is an agent that has started again and not looked at its mounts yet.
func TestAgentComesBackBeforeItsMounts(t *testing.T) {
	w := newWorld(t)
	w.submit(farm.NewStep{Name: "Render", Units: 2})
	w.join("ws-1", studio, farm.Capacity{VCPUs: 2})
	w.f.Schedule(w.now, 1)
	a := w.orders("ws-1")[0]
	w.do(farm.AttemptUpdate{Node: "ws-1", Attempt: a.ID, Phase: farm.PhaseRunning})
	n, _ := w.f.Node("ws-1")
	w.do(farm.NodeHello{
		Node: "ws-1", Site: studio, BootID: "boot-1", Run: "2", Capacity: farm.Capacity{VCPUs: 2},
		Attempts: []farm.AttemptUpdate{{Attempt: a.ID, Phase: farm.PhaseRunning}},
	})
	w.wantState(a.ID, farm.AttemptRunning)
	if len(w.f.OwedFences()) != 0 {
		t.Fatal("the mount under a running task is to be fenced")
	}
	if w.schedule() != 0 {
		t.Error("assigned before the mounts are known to be there")
	}
	if r := w.do(farm.MountReported{Node: "ws-1", Mount: n.Mounts[0]}).(*farm.Welcome); r != nil {
		t.Errorf("its mount is refused: %+v", r)
	}
	if w.schedule() != 1 {
		t.Error("not assigned with the mounts there")
	}
	w.do(farm.MountReported{Node: "ws-1", Mount: farm.MountSession{Location: nas, Filer: "edge"}, Gone: true})
	w.end(a, "")
	if w.schedule() != 0 || len(w.f.OwedFences()) != 0 {
		t.Error("a mount that has gone without its session's name is used, or fenced")
	}
}

func TestRebootIsFenced(t *testing.T) {
	w := newWorld(t)
	w.submit(farm.NewStep{Name: "Render", Units: 1})
	w.join("ws-1", studio, small)
	w.schedule()
	a := w.orders("ws-1")[0]
	w.do(farm.NodeHello{
		Node: "ws-1", Site: studio, BootID: "boot-2", Capacity: small, Mounts: []farm.MountSession{{Location: nas, Filer: "edge", ID: 99}},
	})
	w.wantState(a.ID, farm.AttemptFencing)
	w.wantNode("ws-1", farm.NodeOnline)
	if w.schedule() != 0 {
		t.Fatal("assigned before the fence")
	}
	w.fence()
	w.wantState(a.ID, farm.AttemptLost)
	if w.schedule() != 1 {
		t.Fatal("not assigned after the fence")
	}
}

func TestDirectMountsNeedAWordThatTheNodeIsDead(t *testing.T) {
	lost := func() (*world, farm.Attempt) {
		w := newWorld(t)
		w.submit(farm.NewStep{Name: "Render", Units: 1})
		w.join("ws-1", plain, small)
		w.schedule()
		a := w.orders("ws-1")[0]
		w.do(farm.AttemptUpdate{Node: "ws-1", Attempt: a.ID, Phase: farm.PhaseRunning})
		w.silence("ws-1")
		w.wantState(a.ID, farm.AttemptFencing)
		if len(w.f.OwedFences()) != 0 {
			t.Fatal("no filer can fence a direct mount")
		}
		return w, a
	}
	t.Run("Operator", func(t *testing.T) {
		w, a := lost()
		w.do(farm.NodeGone{Node: "ws-1", Reason: "mara pulled the plug"})
		w.wantState(a.ID, farm.AttemptLost)
		w.wantNode("ws-1", farm.NodeOffline)
	})
	t.Run("Reboot", func(t *testing.T) {
		w, a := lost()
		w.do(farm.NodeHello{Node: "ws-1", Site: plain, BootID: "boot-2", Capacity: small, Mounts: []farm.MountSession{{Location: nas}}})
		w.wantState(a.ID, farm.AttemptLost)
		w.wantNode("ws-1", farm.NodeOnline)
		if w.schedule() != 1 {
			t.Error("the node came back and gets no work")
		}
	})
	t.Run("StillRunning", func(t *testing.T) {
		w, a := lost()
		r := w.do(farm.NodeHello{
			Node: "ws-1", Site: plain, BootID: "boot-1", Capacity: small, Mounts: []farm.MountSession{{Location: nas}},
			Attempts: []farm.AttemptUpdate{{Attempt: a.ID, Phase: farm.PhaseRunning}},
		}).(*farm.Welcome)
		if !slices.Equal(r.Cancel, []farm.AttemptID{a.ID}) {
			t.Fatalf("welcome %+v", r)
		}
		w.wantState(a.ID, farm.AttemptFencing)
		w.end(a, farm.CauseCanceled)
		w.wantState(a.ID, farm.AttemptLost)
		w.wantNode("ws-1", farm.NodeOnline)
	})
	t.Run("WithoutReceipts", func(t *testing.T) {
		w := newWorld(t)
		id := w.submit(farm.NewStep{Name: "Render", Units: 1})
		w.join("ws-1", plain, small)
		w.schedule()
		a := w.orders("ws-1")[0]
		w.end(a, "")
		w.wantState(a.ID, farm.AttemptSucceeded)
		w.wantJob(id, farm.JobSucceeded)
	})
}

func TestNodeThatFailsAJobIsBlockedForIt(t *testing.T) {
	w := newWorld(t)
	id := w.submit(farm.NewStep{Name: "Render", Units: 10})
	w.join("bad", studio, small)
	fail := func() {
		w.t.Helper()
		w.schedule()
		w.end(w.orders("bad")[0], farm.CauseTask)
	}
	fail()
	fail()
	w.join("good", studio, small)
	fail()
	w.schedule()
	if o := w.orders("bad"); len(o) != 0 {
		t.Fatalf("the blocked node got %v", o)
	}
	if why, _ := w.f.Why(w.now, id); !strings.Contains(strings.Join(why.Lines, "\n"), "blocked for the job: failed 3 of its tasks") {
		t.Errorf("why: %q", why.Lines)
	}
	w.silence("good") // the last node but the blocked one
	w.f.Seen(w.now, "bad")
	if w.schedule() != 1 {
		t.Error("the only node left is not used")
	}
}

func TestDrain(t *testing.T) {
	w := newWorld(t)
	w.submit(farm.NewStep{Name: "Render", Units: 2})
	w.join("ws-1", studio, small)
	w.schedule()
	a := w.orders("ws-1")[0]
	w.do(farm.AttemptUpdate{Node: "ws-1", Attempt: a.ID, Phase: farm.PhaseAccepted})
	w.do(farm.NodeDrain{Node: "ws-1", Stop: true, Reason: "maintenance"})
	if o := w.f.Owed("ws-1"); o.Drain || len(o.Cancel) != 0 {
		t.Fatalf("a node that could be resumed is told %+v", o)
	}
	w.do(farm.NodeResume{Node: "ws-1"})
	w.do(farm.NodeDrain{Node: "ws-1", Stop: true, Reason: "maintenance"})
	w.end(a, "")
	if o := w.f.Owed("ws-1"); !o.Drain || !o.Stop || o.Reason != "maintenance" {
		t.Fatalf("owed %+v", o)
	}
	w.refused(farm.NodeResume{Node: "ws-1"}, fault.Conflict, "ends already")
	if w.schedule() != 0 {
		t.Error("a draining node got work")
	}
	w.wantNode("ws-1", farm.NodeDraining)
	w.do(farm.SessionEnded{Node: "ws-1", Session: w.f.Owed("ws-1").EndSessions[0].ID})
	w.wantNode("ws-1", farm.NodeOffline)
	w.refused(farm.NodeResume{Node: "ws-1"}, fault.Conflict, "not draining")
	w.refused(farm.NodeDrain{Node: "ws-9"}, fault.NotFound, "no node")
}

func TestDrainTakesBackWhatIsNotAccepted(t *testing.T) {
	w := newWorld(t)
	w.submit(farm.NewStep{Name: "Render", Units: 1})
	w.join("ws-1", studio, small)
	w.schedule()
	a := w.orders("ws-1")[0]
	w.do(farm.NodeDrain{Node: "ws-1", ByNode: true, Reason: "a signal"})
	if o := w.f.Owed("ws-1"); len(o.Run) != 0 || len(o.Cancel) != 1 {
		t.Fatalf("owed %+v", o)
	}
	w.end(a, farm.CauseCanceled)
	w.wantState(a.ID, farm.AttemptCanceled)
	w.do(farm.NodeDrain{Node: "ws-1", ByNode: true}) // said again after it is offline or not: no error
	w.refused(farm.NodeResume{Node: "ws-1"}, fault.Conflict, "ends already")
	w.join("ws-1", studio, small)
	w.wantNode("ws-1", farm.NodeOnline) // another agent, which takes orders
	if w.schedule() != 1 {
		t.Error("not assigned again")
	}
}

func TestSessionIsReusedForTheSameStepOnly(t *testing.T) {
	w := newWorld(t)
	w.submit(farm.NewStep{Name: "A", Units: 3}, farm.NewStep{Name: "B", Units: 1})
	w.join("ws-1", studio, small)
	var sessions []farm.SessionID
	for range 4 {
		w.schedule()
		a := w.orders("ws-1")[0]
		sessions = append(sessions, a.Session)
		w.end(a, "")
	}
	if sessions[0] != sessions[1] || sessions[1] != sessions[2] || sessions[2] == sessions[3] {
		t.Errorf("sessions %v", sessions)
	}
	if o := w.f.Owed("ws-1").EndSessions; len(o) != 2 {
		t.Errorf("to end: %+v", o)
	}
	n := w.f.OwedNodes()
	if !slices.Equal(n, []farm.NodeID{"ws-1"}) || len(w.f.OwedNodes()) != 0 {
		t.Errorf("nodes with orders: %v", n)
	}
}

func TestTasksShareANode(t *testing.T) {
	w := newWorld(t)
	w.join("ws-1", studio, farm.Capacity{VCPUs: 4, MemoryMiB: 1000, GPUs: 1})
	w.submit(farm.NewStep{Name: "Wide", Units: 9, Needs: farm.Requirements{VCPUs: 1.5, MemoryMiB: 300}})
	if n := w.schedule(); n != 2 {
		t.Errorf("assigned %d, want 2 by vcpus", n)
	}
	w.submit(farm.NewStep{Name: "Fat", Units: 9, Needs: farm.Requirements{VCPUs: 0.5, MemoryMiB: 300}})
	if n := w.schedule(); n != 1 {
		t.Errorf("assigned %d, want 1 by memory", n)
	}
	w.submit(farm.NewStep{Name: "GPU", Units: 9, Needs: farm.Requirements{VCPUs: 0.25, GPUs: 1}})
	if n := w.schedule(); n != 1 {
		t.Errorf("assigned %d, want 1 by GPUs", n)
	}
}

func TestNothingRunsWithoutItsStorage(t *testing.T) {
	w := newWorld(t)
	w.submit(farm.NewStep{Name: "Render", Units: 2})
	w.do(farm.NodeHello{Node: "ws-1", Site: studio, Capacity: small})
	if w.schedule() != 0 {
		t.Fatal("assigned to a node without the storage")
	}
	m := farm.MountSession{Location: nas, Filer: "edge", ID: 5}
	w.do(farm.MountReported{Node: "ws-1", Mount: m})
	if w.schedule() != 1 {
		t.Fatal("not assigned after the mount")
	}
	w.end(w.orders("ws-1")[0], farm.CauseStorage)
	w.do(farm.MountReported{Node: "ws-1", Mount: m, Gone: true, Message: "stale"})
	if w.schedule() != 0 {
		t.Error("assigned to a node whose mount is gone")
	}
	w.fence()
	if r := w.do(farm.MountReported{Node: "ws-1", Mount: m}).(*farm.Welcome); r == nil || len(r.Remount) != 1 {
		t.Errorf("a fenced session is welcome: %+v", r)
	}
	m.ID = 6
	w.do(farm.MountReported{Node: "ws-1", Mount: m})
	if w.schedule() != 1 {
		t.Error("not assigned after a new mount")
	}
}

func TestPathsThatCannotBeTold(t *testing.T) {
	w := newWorld(t)
	w.cfg.Paths = func(_ *farm.Job, _ int, unit int64) (out, in []farm.StoragePath, err error) {
		return nil, nil, errors.New("no such location")
	}
	w.f = farm.New(w.cfg)
	id := w.submit(farm.NewStep{Name: "Render", Units: 3})
	w.join("ws-1", studio, small)
	if n := w.schedule(); n != 0 {
		t.Errorf("assigned %d", n)
	}
	w.wantJob(id, farm.JobFailed)
}
