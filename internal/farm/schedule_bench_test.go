package farm_test

import (
	"fmt"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/spillway/spillway/internal/farm"
)

// BenchmarkScheduleMillion assigns tasks of a million that are ready, of 1,000 jobs in four queues and under three limits, to
// 10,000 nodes of 32 vcpus, in slices as the server does. It reports assignments per second and how long slices
// take, both of this thread's CPU time: what other processes take from it does not count.
func BenchmarkScheduleMillion(b *testing.B) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const nodes, jobs, slice = 10_000, 1000, 64
	var total, worst time.Duration
	assigned := 0
	var durations []time.Duration
	for b.Loop() {
		b.StopTimer()
		w := million(b, nodes, jobs)
		b.StartTimer()
		for n := slice; n == slice; {
			start := cpuTime(b)
			n = w.f.Schedule(w.now, slice)
			took := cpuTime(b) - start
			assigned += n
			total += took
			worst = max(worst, took)
			durations = append(durations, took)
			b.StopTimer()
			w.f.Changes()
			b.StartTimer()
		}
	}
	slices.Sort(durations)
	b.ReportMetric(float64(assigned)/total.Seconds(), "assignments/s")
	b.ReportMetric(float64(assigned)/float64(b.N), "assignments/op")
	b.ReportMetric(float64(durations[len(durations)*99/100].Microseconds())/1000, "ms/slice-p99")
	b.ReportMetric(float64(worst.Microseconds())/1000, "ms/slice-max")
}

// cpuTime is what this thread has used.
func cpuTime(t testing.TB) time.Duration {
	var u syscall.Rusage
	const thread = 1 // RUSAGE_THREAD, getrusage(2)
	if err := syscall.Getrusage(thread, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// million is a farm with a million tasks that could start.
func million(t testing.TB, nodes, jobs int) *world {
	ids := map[string]int{}
	cfg := config(ids)
	cfg.Paths = nil
	w := &world{t: t, f: farm.New(cfg), now: dawn, cfg: cfg, ids: ids}
	apply := func(c farm.Command) {
		if _, err := w.f.Apply(w.now, c); err != nil {
			t.Fatal(err)
		}
	}
	for i, weight := range []float64{1, 2, 3, 4} {
		apply(farm.SetQueue{Queue: farm.QueueID(fmt.Sprintf("q%d", i)), Weight: &weight})
	}
	for i, seats := range []int{50_000, 80_000, 1_000_000} {
		apply(farm.SetLimit{Limit: farm.LimitID(fmt.Sprintf("l%d", i)), Seats: &seats})
	}
	for i := range nodes {
		apply(farm.NodeHello{
			Node: farm.NodeID(fmt.Sprintf("n%05d", i)), Site: studio, Mounts: []farm.MountSession{{Location: nas, Filer: "edge", ID: uint64(i + 1)}},
			Capacity: farm.Capacity{VCPUs: 32, MemoryMiB: uint64(65536 << (i % 3)), Attributes: map[string][]string{"attr.worker.os.family": {"linux"}}},
		})
	}
	linux := map[string]farm.AttrNeed{"attr.worker.os.family": {AnyOf: []string{"linux"}}}
	for i := range jobs {
		apply(farm.SubmitJob{
			Name: "shot", Priority: i % 100, Queue: farm.QueueID(fmt.Sprintf("q%d", i%4)),
			Steps: []farm.NewStep{
				{
					Name: "Render", Units: int64(1_000_000 / jobs), Limits: map[farm.LimitID]int{farm.LimitID(fmt.Sprintf("l%d", i%3)): 1},
					Needs: farm.Requirements{VCPUs: float64(1 + i%2), MemoryMiB: uint64(512 << (i % 4)), Attributes: linux},
				},
				{Name: "Encode", Units: 1, DependsOn: []int{0}},
			},
		})
	}
	w.f.Changes()
	return w
}
