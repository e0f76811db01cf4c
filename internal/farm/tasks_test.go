package farm_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
)

func units(ranges ...int64) *farm.UnitSet {
	var s farm.UnitSet
	for i := 0; i < len(ranges); i += 2 {
		s.AddRange(ranges[i], ranges[i+1])
	}
	return &s
}

// wantDone fails unless so many tasks were meant.
func (w *world) wantDone(c farm.ForTasks, want farm.TasksDone) {
	w.t.Helper()
	if got := w.do(c).(*farm.TasksDone); *got != want {
		w.t.Fatalf("%s: %+v, want %+v", c.Verb, *got, want)
	}
}

func TestSkip(t *testing.T) {
	w := newWorld(t)
	id := w.submit(farm.NewStep{Name: "Render", Units: 10_000_000}, farm.NewStep{Name: "Encode", Units: 1, DependsOn: []int{0}})
	w.join("ws-1", studio, small)
	w.schedule()
	a := w.orders("ws-1")[0]
	w.do(farm.AttemptUpdate{Node: "ws-1", Attempt: a.ID, Phase: farm.PhaseRunning})
	w.wantDone(farm.ForTasks{Job: id, Verb: farm.TaskSkip, Step: ptr(0), Units: units(5, 9_999_999), DryRun: true}, farm.TasksDone{Pending: 9_999_995})
	w.wantDone(farm.ForTasks{Job: id, Verb: farm.TaskSkip, Step: ptr(0), Units: units(5, 9_999_999), Reason: "skipped by ann"}, farm.TasksDone{Pending: 9_999_995})
	w.wantDone(farm.ForTasks{Job: id, Verb: farm.TaskSkip, Step: ptr(0), States: []farm.UnitState{farm.UnitAssigned}}, farm.TasksDone{Running: 1})
	w.wantState(a.ID, farm.AttemptCanceling)
	w.reload()
	w.end(a, farm.CauseCanceled)
	if v, _, _ := w.f.Units(id, 0, 0, 1); v[0].State != farm.UnitSucceeded || !v[0].Skipped {
		t.Errorf("a running task that was skipped: %+v", v[0])
	}
	w.wantDone(farm.ForTasks{Job: id, Verb: farm.TaskSkip, Step: ptr(0)}, farm.TasksDone{Pending: 4})
	if c := w.job(id).Counts[0]; c.Succeeded != 10_000_000 || c.Skipped != 10_000_000 {
		t.Errorf("counts %+v", c)
	}
	w.schedule() // what waited goes on
	b := w.orders("ws-1")[0]
	if b.Unit.Step != 1 {
		t.Fatalf("ordered %+v", b.Unit)
	}
	w.end(b, "")
	w.land()
	w.wantJob(id, farm.JobSucceeded)
	w.refused(farm.ForTasks{Job: id, Verb: farm.TaskSkip}, fault.Conflict, "has succeeded")
}

func TestSkippedTaskThatSucceedsIsNone(t *testing.T) {
	w := newWorld(t)
	id := w.submit(farm.NewStep{Name: "Render", Units: 1})
	w.join("ws-1", studio, small)
	w.schedule()
	a := w.orders("ws-1")[0]
	w.end(a, "") // landing
	w.wantDone(farm.ForTasks{Job: id, Verb: farm.TaskSkip}, farm.TasksDone{Landing: 1})
	w.land()
	if c := w.job(id).Counts[0]; c.Succeeded != 1 || c.Skipped != 0 {
		t.Errorf("counts %+v", c)
	}
}

func TestSkipOfWhatFailedEndsTheJobWell(t *testing.T) {
	w := newWorld(t)
	w.cfg.Lease = time.Hour
	w.f = farm.New(w.cfg)
	id := w.do(farm.SubmitJob{Name: "x", Steps: []farm.NewStep{
		{Name: "Render", Units: 2}, {Name: "Comp", Units: 2, After: []farm.Dependency{{Step: 0, EachUnit: true}}},
	}}).(farm.JobID)
	w.join("ws-1", studio, small)
	w.failNext("ws-1", farm.CauseTask)
	for range 2 {
		w.schedule()
		w.end(w.orders("ws-1")[0], "")
		w.land()
	}
	w.wantJob(id, farm.JobFailed)
	w.wantDone(farm.ForTasks{Job: id, Verb: farm.TaskSkip, States: []farm.UnitState{farm.UnitFailed}}, farm.TasksDone{Failed: 1})
	w.wantJob(id, farm.JobActive)
	w.schedule()
	a := w.orders("ws-1")[0]
	if a.Unit.Step != 1 || a.Unit.Unit != 0 {
		t.Fatalf("ordered %+v", a.Unit)
	}
	w.end(a, "")
	w.land()
	w.wantJob(id, farm.JobSucceeded)
}

func TestRequeueElsewhere(t *testing.T) {
	w := newWorld(t)
	w.cfg.Lease = time.Hour
	w.f = farm.New(w.cfg)
	id := w.do(farm.SubmitJob{Name: "x", MaxRetries: 0, Steps: []farm.NewStep{{Name: "Render", Units: 1}}}).(farm.JobID)
	w.join("ws-1", studio, small)
	w.schedule()
	a := w.orders("ws-1")[0]
	w.do(farm.AttemptUpdate{Node: "ws-1", Attempt: a.ID, Phase: farm.PhaseRunning})
	w.join("ws-2", studio, small)
	w.wantDone(farm.ForTasks{Job: id, Verb: farm.TaskRequeue, Elsewhere: true, Reason: "stuck"}, farm.TasksDone{Running: 1})
	w.end(a, farm.CauseCanceled)
	w.schedule()
	if len(w.orders("ws-1")) != 0 || len(w.orders("ws-2")) != 1 {
		t.Fatal("it does not run elsewhere")
	}
	w.wantWhy(id, "the job avoids node ws-1, which stuck")
	w.end(w.orders("ws-2")[0], farm.CauseTask) // its only try: the stop before has cost none
	w.wantJob(id, farm.JobFailed)
	w.wantDone(farm.ForTasks{Job: id, Verb: farm.TaskRequeue, Step: ptr(0), Units: units(0, 0)}, farm.TasksDone{Failed: 1})
	w.wantJob(id, farm.JobActive)
	if n, _ := w.f.Node("ws-1"); n.Accused != nil {
		t.Error("a user's wish accuses no node")
	}
}

func TestForTasksRefusesNonsense(t *testing.T) {
	w := newWorld(t)
	id := w.submit(farm.NewStep{Name: "Render", Units: 3})
	for says, c := range map[string]farm.ForTasks{
		"none of skip and requeue":     {Job: id, Verb: "eat"},
		"elsewhere belongs to requeue": {Job: id, Verb: farm.TaskSkip, Elsewhere: true},
		"single tasks need their step": {Job: id, Verb: farm.TaskSkip, Units: units(0, 1)},
		"that are succeeded are left":  {Job: id, Verb: farm.TaskSkip, States: []farm.UnitState{farm.UnitSucceeded}},
	} {
		w.refused(c, fault.Invalid, says)
	}
	w.refused(farm.ForTasks{Job: id, Verb: farm.TaskSkip, Step: ptr(1)}, fault.NotFound, "no step 1")
	w.refused(farm.ForTasks{Job: id, Verb: farm.TaskSkip, Step: ptr(0), Units: units(1, 3)}, fault.NotFound, "no task 3")
	w.do(farm.CancelJob{Job: id})
	w.refused(farm.ForTasks{Job: id, Verb: farm.TaskSkip}, fault.Conflict, "is canceled")
}

func TestAndOfSets(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		draw := func(name string) (farm.UnitSet, map[int64]bool) {
			var s farm.UnitSet
			in := map[int64]bool{}
			for _, u := range rapid.SliceOf(rapid.Int64Range(0, 30)).Draw(r, name) {
				s.Add(u)
				in[u] = true
			}
			return s, in
		}
		a, inA := draw("a")
		b, inB := draw("b")
		both := a.And(&b)
		n := int64(0)
		for u := range inA {
			if both.Contains(u) != inB[u] {
				r.Fatalf("%d", u)
			}
			if inB[u] {
				n++
			}
		}
		if both.Len() != n {
			r.Fatalf("%d units, want %d", both.Len(), n)
		}
	})
}
