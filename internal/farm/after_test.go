package farm_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
)

// finish ends all that runs on a node, with success or a cause, and lands it.
func (w *world) finishAll(n farm.NodeID, cause func(farm.UnitRef) farm.Cause) {
	w.t.Helper()
	for _, a := range w.orders(n) {
		c := farm.Cause("")
		if cause != nil {
			c = cause(a.Unit)
		}
		w.end(a, c)
	}
	w.land()
}

// ordered lists what a node is to run, as step/unit.
func (w *world) ordered(n farm.NodeID) string {
	var out []string
	for _, a := range w.orders(n) {
		out = append(out, fmt.Sprintf("%d/%d", a.Unit.Step, a.Unit.Unit))
	}
	return fmt.Sprint(out)
}

func TestFrameByFrame(t *testing.T) {
	w := newWorld(t)
	w.join("ws-1", studio, farm.Capacity{VCPUs: 2})
	id := w.submit(
		farm.NewStep{Name: "Render", Units: 4},
		farm.NewStep{Name: "Comp", Units: 4, After: []farm.Dependency{{Step: 0, EachUnit: true}}},
	)
	w.schedule()
	if got := w.ordered("ws-1"); got != "[0/0 0/1]" {
		t.Fatalf("ordered %s", got)
	}
	w.wantWhy(id, "step Comp: 4 tasks wait for theirs in step Render: 0 of 4 done")
	w.end(w.orders("ws-1")[1], "") // unit 1 first, and it has to land
	if w.schedule(); w.ordered("ws-1") != "[0/0 0/2]" {
		t.Fatalf("ordered %s before the frame has landed", w.ordered("ws-1"))
	}
	w.land()
	w.end(w.orders("ws-1")[0], farm.CauseTask)
	w.schedule()
	if got := w.ordered("ws-1"); got != "[0/2 0/3]" {
		t.Fatalf("ordered %s, want the earlier step first", got)
	}
	w.finishAll("ws-1", nil)
	w.reload()
	w.schedule()
	if got := w.ordered("ws-1"); got != "[1/1 1/2]" {
		t.Fatalf("ordered %s: of Comp only 1, 2 and 3 can start while 0 is held back", got)
	}
	w.finishAll("ws-1", nil)
	w.sleep(time.Minute)
	w.f.Seen(w.now, "ws-1")
	w.f.Tick(w.now)
	for range 4 {
		w.schedule()
		w.finishAll("ws-1", nil)
	}
	w.wantJob(id, farm.JobSucceeded)
}

// TestPreviousFrame: a step whose tasks wait for the one before runs one after the other.
func TestPreviousFrame(t *testing.T) {
	w := newWorld(t)
	w.join("ws-1", studio, farm.Capacity{VCPUs: 8})
	id := w.do(farm.SubmitJob{Name: "sim", Steps: []farm.NewStep{
		{Name: "Sim", Units: 5, After: []farm.Dependency{{Step: 0, EachUnit: true, Offset: -1}}},
	}}).(farm.JobID)
	for i := range 3 {
		w.schedule()
		if got := w.ordered("ws-1"); got != fmt.Sprintf("[0/%d]", i) {
			t.Fatalf("ordered %s", got)
		}
		w.finishAll("ws-1", nil)
	}
	w.schedule()
	w.finishAll("ws-1", func(farm.UnitRef) farm.Cause { return farm.CauseTask }) // it has no retries: nothing after it can run
	w.wantJob(id, farm.JobFailed)
	w.do(farm.RetryJob{Job: id})
	for range 2 {
		w.schedule()
		w.finishAll("ws-1", nil)
	}
	w.wantJob(id, farm.JobSucceeded)
}

// TestFailedFrameFailsWhatFollows: a job whose rest can never run is over; what could still run is run before.
func TestFailedFrameFailsWhatFollows(t *testing.T) {
	w := newWorld(t)
	w.join("ws-1", studio, farm.Capacity{VCPUs: 1})
	each := func(step int) []farm.Dependency { return []farm.Dependency{{Step: step, EachUnit: true}} }
	id := w.do(farm.SubmitJob{Name: "shot", Steps: []farm.NewStep{
		{Name: "Render", Units: 2}, {Name: "Comp", Units: 2, After: each(0)}, {Name: "Encode", Units: 2, After: each(1)},
	}}).(farm.JobID)
	ran := ""
	for range 8 {
		w.schedule()
		ran += w.ordered("ws-1")
		w.finishAll("ws-1", func(u farm.UnitRef) farm.Cause {
			if u.Step == 0 && u.Unit == 0 {
				return farm.CauseTask
			}
			return ""
		})
	}
	w.wantJob(id, farm.JobFailed)
	if want := "[0/0][0/1][1/1][2/1]"; ran[:len(want)] != want {
		t.Errorf("ran %s, want %s", ran, want)
	}
}

func TestJobAfterJob(t *testing.T) {
	w := newWorld(t)
	w.join("ws-1", studio, farm.Capacity{VCPUs: 4})
	first := w.submit(farm.NewStep{Name: "Sim", Units: 3})
	whole := w.submit(farm.NewStep{Name: "Render", Units: 1, After: []farm.Dependency{{Job: first, Step: -1}}})
	each := w.submit(farm.NewStep{Name: "Render", Units: 5, After: []farm.Dependency{{Job: first, Step: 0, EachUnit: true, Offset: -1}}})
	w.schedule()
	if got := w.ordered("ws-1"); got != "[0/0 0/1 0/2 0/0]" { // unit 0 of the third waits for none
		t.Fatalf("ordered %s", got)
	}
	w.wantWhy(whole, "step Render: waits for job "+string(first)+" (shot), which is active")
	w.wantWhy(each, "3 tasks wait for theirs in step Sim of job "+string(first)+": 0 of 3 done")
	w.do(farm.CancelJob{Job: first})
	for _, a := range w.f.Owed("ws-1").Cancel {
		w.end(a, farm.CauseCanceled)
	}
	w.finishAll("ws-1", nil)
	w.wantWhy(whole, "which is canceled")
	w.do(farm.RetryJob{Job: first})
	w.reload()
	for range 4 {
		w.schedule()
		w.finishAll("ws-1", nil)
	}
	w.wantJob(whole, farm.JobSucceeded)
	w.wantJob(each, farm.JobSucceeded)
	if got := w.f.Needs(farm.UnitRef{StepRef: farm.StepRef{Job: each}, Unit: 2}); len(got) != 1 || got[0].Job != first || got[0].Unit != 1 {
		t.Errorf("needs %+v", got)
	}
	if got := w.f.Needs(farm.UnitRef{StepRef: farm.StepRef{Job: whole}}); len(got) != 1 || got[0].Unit != -1 {
		t.Errorf("needs %+v", got)
	}
}

func TestAfterRefusesNonsense(t *testing.T) {
	w := newWorld(t)
	first := w.submit(farm.NewStep{Name: "Sim", Units: 3})
	for says, d := range map[string]farm.Dependency{
		"which there is not":   {Job: "j404", Step: -1},
		"waits for itself":     {Step: 0},
		"itself":               {Step: 0, EachUnit: true},
		"a step 7":             {Step: 7},
		"a step 9 of job":      {Job: first, Step: 9},
		"a step -1 of job":     {Job: first, Step: -1, EachUnit: true},
		"a step -1 that there": {Step: -1},
		"offset of 3":          {Job: first, EachUnit: true, Offset: 3},
		"offset of -2":         {Job: first, EachUnit: true, Offset: -2},
	} {
		w.refused(farm.SubmitJob{Name: "x", Steps: []farm.NewStep{{Name: "Render", Units: 2, After: []farm.Dependency{d}}}}, fault.Invalid, says)
	}
	w.refused(farm.SubmitJob{Name: "x", Steps: []farm.NewStep{
		{Name: "A", Units: 2, After: []farm.Dependency{{Step: 1, EachUnit: true}}}, {Name: "B", Units: 2, DependsOn: []int{0}},
	}}, fault.Invalid, "depends on itself through")
}
