package farm_test

import (
	"fmt"
	"testing"

	"github.com/spillway/spillway/internal/farm"
)

// BenchmarkSchedule assigns 4,096 tasks of 10,000 waiting jobs to 4,096 nodes, in slices as the server does.
func BenchmarkSchedule(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		w := crowd(b, 4096, 10_000)
		b.StartTimer()
		total := 0
		for n := 64; n == 64; total += n {
			n = w.f.Schedule(w.now, 64)
		}
		if total != 4096 {
			b.Fatalf("assigned %d", total)
		}
	}
}

// BenchmarkScheduleFull is a look at a farm whose nodes are all busy, with 10,000 jobs waiting.
func BenchmarkScheduleFull(b *testing.B) {
	w := crowd(b, 4096, 10_000)
	w.f.Schedule(w.now, 1<<20)
	for b.Loop() {
		if w.f.Schedule(w.now, 64) != 0 {
			b.Fatal("not full")
		}
	}
}

// crowd is a farm with nodes of four kinds and jobs of many sizes.
func crowd(t testing.TB, nodes, jobs int) *world {
	w := newWorld(t)
	apply := func(c farm.Command) {
		if _, err := w.f.Apply(w.now, c); err != nil {
			t.Fatal(err)
		}
	}
	for i := range nodes {
		apply(farm.NodeHello{
			Node: farm.NodeID(fmt.Sprintf("n%05d", i)), Site: studio, Mounts: []farm.MountSession{{Location: nas, Filer: "edge", ID: uint64(i + 1)}},
			Capacity: farm.Capacity{VCPUs: 1, MemoryMiB: uint64(1024 << (i % 4)), Attributes: map[string][]string{"attr.worker.os.family": {"linux"}}},
		})
	}
	linux := map[string]farm.AttrNeed{"attr.worker.os.family": {AnyOf: []string{"linux"}}}
	for i := range jobs {
		apply(farm.SubmitJob{Name: "shot", Priority: i % 100, Steps: []farm.NewStep{
			{Name: "Render", Units: 240, Needs: farm.Requirements{VCPUs: 1, MemoryMiB: uint64(512 << (i % 4)), Attributes: linux}},
			{Name: "Encode", Units: 1, DependsOn: []int{0}},
		}})
	}
	w.f.Changes()
	return w
}

// TestSpreadStaticFirst checks the order in which nodes are filled.
func TestSpreadStaticFirst(t *testing.T) {
	w := newWorld(t)
	w.plan(1)
	w.wake()
	w.join("ws-1", studio, farm.Capacity{VCPUs: 2})
	w.join("ws-2", studio, farm.Capacity{VCPUs: 2})
	w.submit(farm.NewStep{Name: "Render", Units: 100})
	for _, want := range []farm.NodeID{"ws-1", "ws-2", "ws-1", "ws-2", "burst-1"} {
		if w.f.Schedule(w.now, 1) != 1 {
			t.Fatal("nothing assigned")
		}
		w.check()
		if got := newest(w); got.Node != want {
			t.Errorf("attempt %s is on %s, want %s", got.ID, got.Node, want)
		}
	}
}

func newest(w *world) farm.Attempt {
	all := w.f.Attempts(w.f.Jobs()[0].ID)
	return all[len(all)-1]
}
