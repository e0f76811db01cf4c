package farm_test

import (
	"strings"
	"testing"
	"time"

	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
)

func TestChangeJobWhileItRuns(t *testing.T) {
	w := newWorld(t)
	w.do(farm.SetQueue{Queue: "night", Tasks: ptr(int64(3))})
	w.join("ws-1", studio, farm.Capacity{VCPUs: 4})
	w.join("ws-2", studio, farm.Capacity{VCPUs: 4})
	id := w.submit(farm.NewStep{Name: "Render", Units: 50})
	w.schedule()
	at := w.now.Add(time.Hour)
	w.do(farm.ChangeJob{Job: id, Queue: ptr(farm.QueueID("night")), MaxTasks: ptr(7), MaxNodes: ptr(1), Deadline: &at, Reason: "ann"})
	j := w.job(id)
	if want := "ann: queue night instead of default, at most 7 tasks"; !strings.HasPrefix(j.Reason, want) || !j.Deadline.Equal(at) {
		t.Errorf("the job is %+v, want the reason %q", j.Job, want)
	}
	if got := w.running(); got["night"] != 8 || got["default"] != 0 {
		t.Errorf("running: %v; what runs goes on, in the new queue", got)
	}
	w.finishAll("ws-1", nil)
	if n := w.schedule(); n != 0 {
		t.Errorf("%d started beyond the new queue's quota", n)
	}
	w.reload()
	w.do(farm.ChangeJob{Job: id, Queue: ptr(farm.DefaultQueue), MaxTasks: ptr(0), Deadline: &time.Time{}})
	if n := w.schedule(); n != 0 { // ws-2 is full, and a second node is not allowed
		t.Errorf("%d started on a second node", n)
	}
	w.do(farm.ChangeJob{Job: id, MaxNodes: ptr(0)})
	if n := w.schedule(); n != 4 {
		t.Errorf("%d started", n)
	}
	w.f.Changes()
	w.do(farm.ChangeJob{Job: id, MaxNodes: ptr(0)})
	if b := w.f.Changes(); !b.Empty() {
		t.Errorf("a change that changes nothing wrote %+v", b)
	}
	w.refused(farm.ChangeJob{Job: id, Queue: ptr(farm.QueueID("nihgt"))}, fault.Invalid, "no queue")
	w.refused(farm.ChangeJob{Job: id, MaxTasks: ptr(-1)}, fault.Invalid, "at least 1")
	w.refused(farm.ChangeJob{Job: "j404"}, fault.NotFound, "no job")
}

func TestManyJobsAtOnce(t *testing.T) {
	w := newWorld(t)
	add := func(name, owner string) farm.JobID {
		return w.do(farm.SubmitJob{Name: name, Owner: owner, Project: "film", Steps: []farm.NewStep{{Name: "Render", Units: 1}}}).(farm.JobID)
	}
	a, b, c := add("sh010", "ann"), add("sh020", "ann"), add("sh010", "bob")
	run := func(verb farm.Verb, filter farm.JobFilter, change func(*farm.ForJobs)) (done []farm.JobID, skipped int) {
		f := farm.ForJobs{Filter: filter, Verb: verb}
		if change != nil {
			change(&f)
		}
		d := w.do(f).(*farm.JobsDone)
		return d.Done, len(d.Skipped)
	}
	if done, _ := run(farm.VerbPause, farm.JobFilter{Owner: "ann"}, func(f *farm.ForJobs) { f.DryRun = true }); len(done) != 2 {
		t.Errorf("%v fit", done)
	}
	w.wantJob(a, farm.JobActive)
	run(farm.VerbPause, farm.JobFilter{Owner: "ann", Project: "film"}, nil)
	w.wantJob(a, farm.JobPaused)
	w.wantJob(b, farm.JobPaused)
	w.wantJob(c, farm.JobActive)
	run(farm.VerbResume, farm.JobFilter{State: ptr(farm.JobPaused), Name: "sh01*"}, nil)
	w.wantJob(a, farm.JobActive)
	w.wantJob(b, farm.JobPaused)
	run(farm.VerbCancel, farm.JobFilter{Jobs: []farm.JobID{a}}, nil)
	done, skipped := run(farm.VerbChange, farm.JobFilter{}, func(f *farm.ForJobs) { f.Change.Priority = ptr(90) })
	if len(done) != 2 || skipped != 1 || w.job(c).Priority != 90 || w.job(a).Priority == 90 {
		t.Errorf("%v changed, %d skipped", done, skipped)
	}
	run(farm.VerbRetry, farm.JobFilter{State: ptr(farm.JobCanceled)}, nil)
	w.wantJob(a, farm.JobActive)
	w.refused(farm.ForJobs{Verb: "explode"}, fault.Invalid, "none of cancel")
	w.refused(farm.ForJobs{Verb: farm.VerbPause, Filter: farm.JobFilter{Name: "["}}, fault.Invalid, "no pattern")
	w.refused(farm.ForJobs{Verb: farm.VerbPause, Filter: farm.JobFilter{Jobs: []farm.JobID{a, "j404"}}}, fault.NotFound, "no job")
}
