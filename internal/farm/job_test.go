package farm_test

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
)

// refused fails unless the command is refused with the kind and a text, and leaves no change behind.
func (w *world) refused(c farm.Command, kind fault.Kind, says string) {
	w.t.Helper()
	w.f.Changes()
	_, err := w.f.Apply(w.now, c)
	if err == nil || fault.KindOf(err) != kind || !strings.Contains(err.Error(), says) {
		w.t.Errorf("%T: %v: %v, want %v with %q", c, fault.KindOf(err), err, kind, says)
	}
	if b := w.f.Changes(); !b.Empty() {
		w.t.Errorf("%T was refused and changed %+v", c, b)
	}
}

func TestSubmitTwiceWithOneKey(t *testing.T) {
	w := newWorld(t)
	c := farm.SubmitJob{Key: "k", Name: "shot", Steps: []farm.NewStep{{Name: "Render", Units: 1}}}
	first, second := w.do(c), w.do(c)
	if first != second || len(w.f.Jobs()) != 1 {
		t.Errorf("jobs %v and %v", first, second)
	}
	c.Key = ""
	if w.do(c) == w.do(c) {
		t.Error("without a key every submit is a job of its own")
	}
}

func TestSubmitRefusesNonsense(t *testing.T) {
	render := farm.NewStep{Name: "Render", Units: 1}
	loop := func(n string, on int) farm.NewStep { return farm.NewStep{Name: n, Units: 1, DependsOn: []int{on}} }
	tests := []struct {
		job  farm.SubmitJob
		says string
	}{
		{farm.SubmitJob{Steps: []farm.NewStep{render}}, "name"},
		{farm.SubmitJob{Name: "x"}, "needs a step"},
		{farm.SubmitJob{Name: "x", Priority: 101, Steps: []farm.NewStep{render}}, "priority 101"},
		{farm.SubmitJob{Name: "x", MaxRetries: -1, Steps: []farm.NewStep{render}}, "retries -1"},
		{farm.SubmitJob{Name: "x", Steps: []farm.NewStep{{Name: "Render"}}}, "0 tasks"},
		{farm.SubmitJob{Name: "x", Steps: []farm.NewStep{{Name: "Render", Units: 1 << 60}}}, "tasks"},
		{farm.SubmitJob{Name: "x", Steps: []farm.NewStep{loop("A", 0)}}, "cannot depend"},
		{farm.SubmitJob{Name: "x", Steps: []farm.NewStep{loop("A", 7)}}, "cannot depend"},
		{farm.SubmitJob{Name: "x", Steps: []farm.NewStep{loop("A", 1), loop("B", 2), loop("C", 0)}}, "depends on itself"},
		{farm.SubmitJob{Name: "x", Steps: make([]farm.NewStep, 10_001)}, "too long"},
	}
	w := newWorld(t)
	for _, tt := range tests {
		w.refused(tt.job, fault.Invalid, tt.says)
	}
}

func TestSubmitRefusesWhatNoNodeCanRun(t *testing.T) {
	job := func(r farm.Requirements) farm.SubmitJob {
		return farm.SubmitJob{Name: "x", Steps: []farm.NewStep{{Name: "Render", Units: 1, Needs: r}}}
	}
	w := newWorld(t)
	w.join("ws-1", studio, farm.Capacity{VCPUs: 8, MemoryMiB: 65536, Attributes: map[string][]string{"attr.worker.os.family": {"linux"}}})
	w.join("ws-2", studio, farm.Capacity{VCPUs: 2, MemoryMiB: 1024, GPUs: 1})
	tests := []struct {
		needs farm.Requirements
		says  string
	}{
		{farm.Requirements{MemoryMiB: 524288}, "step Render needs 512 GiB memory; the largest node has 64 GiB memory"},
		{farm.Requirements{VCPUs: 9}, "needs 9 vcpus; the largest node has 8 vcpus"},
		{farm.Requirements{VCPUs: 4, GPUs: 1}, "no node has all of what it needs"},
		{farm.Requirements{Amounts: map[string]farm.Range{"amount.houdini": {Min: 1}}}, "needs 1 amount.houdini; the largest node has 0"},
		{farm.Requirements{Attributes: map[string]farm.AttrNeed{"attr.worker.os.family": {AnyOf: []string{"windows"}}}}, "one of [windows]"},
		{farm.Requirements{Attributes: map[string]farm.AttrNeed{"attr.zone": {AllOf: []string{"a"}}}}, "attr.zone a"},
	}
	for _, tt := range tests {
		w.refused(job(tt.needs), fault.Invalid, tt.says)
	}
	w.do(job(farm.Requirements{VCPUs: 8, MemoryMiB: 65536}))
	w.do(job(farm.Requirements{GPUs: 1}))

	nobody := &world{t: t, f: farm.New(farm.Config{NewID: w.cfg.NewID}), now: dawn}
	nobody.do(job(farm.Requirements{MemoryMiB: 524288})) // nothing is known yet
}

// TestTenMillionTasks checks that a job's size costs nothing before its tasks run.
func TestTenMillionTasks(t *testing.T) {
	w := newWorld(t)
	w.join("ws-1", studio, small)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	id := w.submit(farm.NewStep{Name: "Render", Units: 10_000_000})
	w.schedule()
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
		t.Errorf("submit allocated %d bytes", grown)
	}
	w.do(farm.CancelJob{Job: id})
	c := w.job(id).Counts[0]
	if c.Canceled != 9_999_999 || c.Assigned != 1 {
		t.Errorf("after cancel: %+v", c)
	}
	w.end(w.attempt("a000001"), farm.CauseCanceled)
	if n := w.do(farm.RetryJob{Job: id}).(int64); n != 10_000_000 {
		t.Errorf("retried %d", n)
	}
}

func TestCancelAndRetry(t *testing.T) {
	w := newWorld(t)
	w.join("ws-1", studio, farm.Capacity{VCPUs: 3})
	id := w.submit(farm.NewStep{Name: "Render", Units: 5})
	w.schedule()
	run := w.orders("ws-1")
	w.end(run[0], "") // lands all the same
	w.do(farm.CancelJob{Job: id, Reason: "canceled by mara"})
	w.wantJob(id, farm.JobCanceled)
	if o := w.f.Owed("ws-1"); len(o.Cancel) != 2 || len(o.Run) != 0 {
		t.Fatalf("owed %+v", o)
	}
	w.land()
	w.end(run[1], farm.CauseCanceled)
	w.end(run[2], "") // it was faster than the order
	w.wantState(run[2].ID, farm.AttemptCanceled)
	if c := w.job(id).Counts[0]; c.Succeeded != 1 || c.Canceled != 4 {
		t.Errorf("counts %+v", c)
	}
	if s := w.f.Owed("ws-1").EndSessions; len(s) != 3 {
		t.Errorf("%d sessions to end, want 3", len(s))
	}
	w.do(farm.CancelJob{Job: id}) // again: nothing
	if n := w.do(farm.RetryJob{Job: id}).(int64); n != 4 {
		t.Errorf("retried %d units, want 4", n)
	}
	w.wantJob(id, farm.JobActive)
	if n := w.schedule(); n != 3 {
		t.Errorf("assigned %d, want 3", n)
	}
	if a := w.orders("ws-1")[0]; a.Unit.Unit != 1 || a.Number != 2 {
		t.Errorf("first again is %+v", a)
	}
}

func TestRetriesBackOffAndFailure(t *testing.T) {
	w := newWorld(t)
	w.join("ws-1", studio, small)
	id := w.submit(farm.NewStep{Name: "Render", Units: 1}, farm.NewStep{Name: "Encode", Units: 1, DependsOn: []int{0}})
	for i, wait := range []time.Duration{2 * time.Second, 4 * time.Second} {
		w.schedule()
		w.end(w.orders("ws-1")[0], farm.CauseTask)
		if n := w.schedule(); n != 0 {
			t.Fatal("tried again without a pause")
		}
		why, err := w.f.Why(w.now, id)
		if err != nil || !strings.Contains(strings.Join(why.Lines, "\n"), "step Render: 1 tasks wait after a failure") {
			t.Errorf("why: %q, %v", why.Lines, err)
		}
		if got := w.f.NextTick().Sub(w.now); got != wait {
			t.Errorf("failure %d: the next thing to do is in %v, want %v", i+1, got, wait)
		}
		w.sleep(wait)
		w.f.Seen(w.now, "ws-1")
		if !w.f.Tick(w.now) {
			t.Error("the back-off did not end")
		}
	}
	w.schedule()
	w.end(w.orders("ws-1")[0], farm.CauseTask)
	w.wantJob(id, farm.JobFailed)
	j := w.job(id)
	if j.Counts[0].Failed != 1 || j.Counts[1].Pending != 1 || j.Reason != "1 of 1 tasks of Render failed" {
		t.Errorf("%+v, %q", j.Counts, j.Reason)
	}
	w.refused(farm.CancelJob{Job: id}, fault.Conflict, "has ended")
	w.do(farm.RetryJob{Job: id})
	if n := w.schedule(); n != 1 {
		t.Error("a retried job does not run")
	}
}

func TestPauseResumePriority(t *testing.T) {
	w := newWorld(t)
	w.join("ws-1", studio, small)
	low := w.submit(farm.NewStep{Name: "Render", Units: 2})
	w.sleep(time.Second)
	high := w.submit(farm.NewStep{Name: "Render", Units: 2})
	w.do(farm.PauseJob{Job: low})
	w.do(farm.ChangeJob{Job: high, Priority: ptr(80)})
	w.do(farm.ResumeJob{Job: low})
	w.do(farm.PauseJob{Job: high})
	w.schedule()
	if a := w.orders("ws-1")[0]; a.Unit.Job != low {
		t.Error("a paused job was served")
	}
	w.do(farm.ResumeJob{Job: high})
	w.end(w.orders("ws-1")[0], "")
	w.schedule()
	if a := w.orders("ws-1")[0]; a.Unit.Job != high {
		t.Error("the higher priority was not served first")
	}
	if d := w.f.Demand(w.now); len(d) != 2 || d[0].Job != high || d[0].Steps[0].Runnable != 1 || len(d[0].Steps[0].Active) != 1 {
		t.Errorf("demand %+v", d)
	}
	w.refused(farm.ChangeJob{Job: high, Priority: ptr(-1)}, fault.Invalid, "priority")
	w.refused(farm.PauseJob{Job: "j9"}, fault.NotFound, "no job")
}

func TestUnitsByPage(t *testing.T) {
	w := newWorld(t)
	w.join("ws-1", studio, farm.Capacity{VCPUs: 3})
	id := w.submit(farm.NewStep{Name: "Render", Units: 1000})
	w.schedule()
	w.end(w.orders("ws-1")[1], "")
	var got []farm.UnitView
	for from := int64(0); from >= 0; {
		page, next, err := w.f.Units(id, 0, from, 2)
		if err != nil {
			t.Fatal(err)
		}
		got, from = append(got, page...), next
	}
	if len(got) != 3 || got[0].State != farm.UnitAssigned || got[1].State != farm.UnitLanding || got[1].Node != "ws-1" {
		t.Errorf("%+v", got)
	}
	for _, bad := range [][2]int64{{-1, 1}, {0, 0}} {
		if _, _, err := w.f.Units(id, 0, bad[0], int(bad[1])); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%v: %v", bad, err)
		}
	}
	if _, _, err := w.f.Units(id, 1, 0, 1); fault.KindOf(err) != fault.NotFound {
		t.Errorf("no such step: %v", err)
	}
}

func TestWhyNamesNodesAndDependencies(t *testing.T) {
	w := newWorld(t)
	w.join("big", studio, farm.Capacity{VCPUs: 1, MemoryMiB: 65536})
	w.join("ws-1", studio, small)
	w.join("ws-2", studio, small)
	id := w.submit(
		farm.NewStep{Name: "Render", Units: 24, Needs: farm.Requirements{MemoryMiB: 32768}},
		farm.NewStep{Name: "Encode", Units: 1, DependsOn: []int{0}},
	)
	w.schedule()
	why, err := w.f.Why(w.now, id)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(why.Lines, "\n")
	for _, want := range []string{
		"active: has started", "step Render: 23 tasks could start; 3 nodes: 2 too little memory, 1 busy", "step Encode waits for Render: 0 of 24 done",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
}
