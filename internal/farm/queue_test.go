package farm_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
)

func ptr[T any](x T) *T { return &x }

// submitTo submits a job of one step to a queue.
func (w *world) submitTo(q farm.QueueID, units int64, needs farm.Requirements) farm.JobID {
	w.t.Helper()
	return w.do(farm.SubmitJob{Name: "shot", Queue: q, Priority: 50, Steps: []farm.NewStep{{Name: "Render", Units: units, Needs: needs}}}).(farm.JobID)
}

// running counts the tasks that the queues run.
func (w *world) running() map[farm.QueueID]int64 {
	out := map[farm.QueueID]int64{}
	for _, q := range w.f.Queues() {
		out[q.ID] = q.Used.Tasks
	}
	return out
}

// TestWeightsShareTheFarm: 100 vcpus between weights 3 and 1 are 75 and 25, whoever came first.
func TestWeightsShareTheFarm(t *testing.T) {
	w := newWorld(t)
	w.do(farm.SetQueue{Queue: "film", Weight: ptr(3.0)})
	w.do(farm.SetQueue{Queue: "test"})
	w.join("ws-1", studio, farm.Capacity{VCPUs: 100, MemoryMiB: 1})
	w.submitTo("test", 200, farm.Requirements{})
	film := w.submitTo("film", 200, farm.Requirements{})
	w.schedule()
	if got := w.running(); got["film"] != 75 || got["test"] != 25 {
		t.Errorf("running: %v", got)
	}
	for _, q := range w.f.Queues() {
		if want := map[farm.QueueID]float64{"film": 0.75, "test": 0.25, farm.DefaultQueue: 0.2}[q.ID]; q.Fair != want {
			t.Errorf("queue %s: fair is %v, want %v", q.ID, q.Fair, want)
		}
	}
	w.do(farm.CancelJob{Job: film}) // what one leaves the other gets
	for _, a := range w.f.Owed("ws-1").Cancel {
		w.end(a, farm.CauseCanceled)
	}
	w.schedule()
	if got := w.running(); got["film"] != 0 || got["test"] != 100 {
		t.Errorf("running alone: %v", got)
	}
}

// TestDominantShare is the example of docs/scheduling.md: of 90 vcpus and 180 GiB, tasks of 1 vcpu and 4 GiB beside tasks of 3
// vcpus and 1 GiB come to 30 and 20.
func TestDominantShare(t *testing.T) {
	w := newWorld(t)
	w.do(farm.SetQueue{Queue: "sim"})
	w.do(farm.SetQueue{Queue: "render"})
	w.join("ws-1", studio, farm.Capacity{VCPUs: 90, MemoryMiB: 180 << 10})
	w.submitTo("sim", 1000, farm.Requirements{VCPUs: 1, MemoryMiB: 4 << 10})
	w.submitTo("render", 1000, farm.Requirements{VCPUs: 3, MemoryMiB: 1 << 10})
	w.schedule()
	if got := w.running(); got["sim"] != 30 || got["render"] != 20 {
		t.Errorf("running: %v", got)
	}
}

// TestSharesAreFair: whatever the weights, while every queue has work and tasks are equal, no queue is more than a round of
// tasks away from what its weight gives it.
func TestSharesAreFair(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(t)
		vcpus := rapid.IntRange(1, 60).Draw(r, "vcpus")
		w.join("ws-1", studio, farm.Capacity{VCPUs: float64(vcpus)})
		weights := rapid.SliceOfN(rapid.IntRange(1, 9), 1, 5).Draw(r, "weights")
		sum := 0
		for i, weight := range weights {
			id := farm.QueueID(rune('a' + i))
			w.do(farm.SetQueue{Queue: id, Weight: ptr(float64(weight))})
			w.submitTo(id, 1000, farm.Requirements{VCPUs: 1})
			sum += weight
		}
		w.schedule()
		got := w.running()
		for i, weight := range weights {
			have, fair := float64(got[farm.QueueID(rune('a'+i))]), float64(vcpus*weight)/float64(sum)
			short := float64(weight*len(weights)) / float64(sum) // the last round may have ended before its turn
			if have < fair-short-1e-9 || have > fair+1+1e-9 {
				r.Fatalf("weights %v on %d vcpus: queue %d has %v, fair is %v", weights, vcpus, i, have, fair)
			}
		}
	})
}

func TestQueueQuotaPauseAndWhy(t *testing.T) {
	w := newWorld(t)
	w.do(farm.SetQueue{Queue: "night", VCPUs: ptr(3.0), Tasks: ptr(int64(9))})
	w.join("ws-1", studio, farm.Capacity{VCPUs: 8})
	id := w.submitTo("night", 20, farm.Requirements{VCPUs: 2})
	if n := w.schedule(); n != 1 {
		t.Errorf("%d tasks of 2 vcpus started under a quota of 3", n)
	}
	w.wantWhy(id, "queue night has 2 of 3 vcpus of its quota")
	if d := w.f.Demand(w.now)[0].Steps[0]; d.Runnable != 0 || d.Waiting != 19 {
		t.Errorf("%d runnable and %d waiting: nodes would be rented for what the quota keeps back", d.Runnable, d.Waiting)
	}
	w.do(farm.SetQueue{Queue: "night", VCPUs: ptr(0.0), Tasks: ptr(int64(2))})
	if n := w.schedule(); n != 1 {
		t.Errorf("%d more started under a quota of 2 tasks", n)
	}
	w.do(farm.SetQueue{Queue: "night", Tasks: ptr(int64(0)), Paused: ptr(true)})
	if n := w.schedule(); n != 0 {
		t.Errorf("%d started of a paused queue", n)
	}
	w.wantWhy(id, "queue night is paused")
	w.reload()
	if n := w.schedule(); n != 0 {
		t.Errorf("%d started of a paused queue after a restart", n)
	}
	w.do(farm.SetQueue{Queue: "night", Paused: ptr(false)})
	if n := w.schedule(); n != 2 {
		t.Errorf("%d started, want what there is room for", n)
	}
	other := w.submitTo("", 5, farm.Requirements{VCPUs: 20e-3})
	w.wantWhy(id, "queue night has 100 % of the farm for a weight of 1; queue default, with 0 % for 1, is served first")
	w.wantWhy(other, "1 nodes: 1 busy")
}

func TestJobBounds(t *testing.T) {
	w := newWorld(t)
	for _, id := range []farm.NodeID{"ws-1", "ws-2", "ws-3"} {
		w.join(id, studio, farm.Capacity{VCPUs: 2})
	}
	job := func(tasks, nodes int) farm.JobID {
		return w.do(farm.SubmitJob{Name: "shot", MaxTasks: tasks, MaxNodes: nodes, Steps: []farm.NewStep{{Name: "Render", Units: 50}}}).(farm.JobID)
	}
	a := job(1, 0)
	if n := w.schedule(); n != 1 {
		t.Errorf("%d tasks of a job that may run 1", n)
	}
	w.wantWhy(a, "the job runs 1 tasks at once, and may run 1")
	w.do(farm.CancelJob{Job: a})
	b := job(0, 2)
	if n := w.schedule(); n > 4 || n < 3 {
		t.Errorf("%d tasks on two nodes of 2 vcpus", n)
	}
	w.wantWhy(b, "the job uses 2 nodes, and may use 2")
	w.reload()
	if n := w.schedule(); n != 0 {
		t.Errorf("%d started after a restart", n)
	}
	w.refused(farm.SubmitJob{Name: "x", MaxNodes: -1, Steps: []farm.NewStep{{Name: "Render", Units: 1}}}, fault.Invalid, "at least 1 task")
}

func TestQueueCommandsRefuse(t *testing.T) {
	w := newWorld(t)
	w.refused(farm.SetQueue{Queue: "a b"}, fault.Invalid, "no name")
	w.refused(farm.SetQueue{Queue: "q", Weight: ptr(0.0)}, fault.Invalid, "weight of 0")
	w.refused(farm.SetQueue{Queue: "q", Tasks: ptr(int64(-1))}, fault.Invalid, "not negative")
	w.refused(farm.DeleteQueue{Queue: "q"}, fault.NotFound, "no queue")
	w.refused(farm.DeleteQueue{Queue: farm.DefaultQueue}, fault.Conflict, "always there")
	w.refused(farm.SubmitJob{Name: "x", Queue: "q", Steps: []farm.NewStep{{Name: "Render", Units: 1}}}, fault.Invalid, `no queue "q"`)
	w.do(farm.SetQueue{Queue: "q"})
	id := w.submitTo("q", 1, farm.Requirements{})
	w.refused(farm.DeleteQueue{Queue: "q"}, fault.Conflict, "1 jobs")
	w.do(farm.CancelJob{Job: id})
	w.do(farm.DeleteQueue{Queue: "q"})
	w.do(farm.RetryJob{Job: id}) // its queue is there again
	if _, ok := w.running()["q"]; !ok {
		t.Error("a job that runs again has no queue")
	}
	w.reload()
}
