package farm_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/spillway/spillway/internal/farm"
)

// world is a farm with a clock and shorthands.
type world struct {
	t   testing.TB
	f   *farm.Farm
	now time.Time
	cfg farm.Config
	ids map[string]int
}

var dawn = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

const (
	nas    farm.Location = "nas"
	studio farm.SiteID   = "studio"
	cloud  farm.SiteID   = "cloud"
	plain  farm.SiteID   = "plain" // direct mounts
)

func config(ids map[string]int) farm.Config {
	return farm.Config{
		Epoch: 1, Lease: 10 * time.Second, BackOff: 2 * time.Second, MaxBackOff: 8 * time.Second,
		NewID: func(prefix string) string {
			ids[prefix]++
			return fmt.Sprintf("%s%06d", prefix, ids[prefix])
		},
		Sites: map[farm.SiteID]farm.Site{
			studio: {Storage: map[farm.Location]farm.FilerID{nas: "edge"}},
			cloud:  {Storage: map[farm.Location]farm.FilerID{nas: "cloud"}, Prime: true},
			plain:  {Storage: map[farm.Location]farm.FilerID{nas: ""}},
		},
		Pools: []farm.PoolShape{{ID: "burst", Site: cloud, Max: 4, Capacity: small, Price: 0.5}},
		Paths: func(j *farm.Job, step int, unit int64) (out, in []farm.StoragePath, err error) {
			return []farm.StoragePath{output(j.ID, step, unit)}, []farm.StoragePath{{Location: nas, Path: fmt.Sprintf("plate_%04d.png", unit)}}, nil
		},
	}
}

var small = farm.Capacity{VCPUs: 1, MemoryMiB: 4096}

func output(j farm.JobID, step int, unit int64) farm.StoragePath {
	return farm.StoragePath{Location: nas, Path: fmt.Sprintf("%s/%d/frame_%04d.png", j, step, unit)}
}

func newWorld(t testing.TB) *world {
	ids := map[string]int{}
	cfg := config(ids)
	return &world{t: t, f: farm.New(cfg), now: dawn, cfg: cfg, ids: ids}
}

func (w *world) sleep(d time.Duration) { w.now = w.now.Add(d) }

// do applies a command that must work.
func (w *world) do(c farm.Command) any {
	w.t.Helper()
	r, err := w.f.Apply(w.now, c)
	if err != nil {
		w.t.Fatalf("%T: %v", c, err)
	}
	w.check()
	return r
}

func (w *world) check() {
	w.t.Helper()
	if err := w.f.Check(); err != nil {
		w.t.Fatal(err)
	}
}

// join has a node say hello with its storage mounted.
func (w *world) join(id farm.NodeID, site farm.SiteID, c farm.Capacity) *farm.Welcome {
	w.t.Helper()
	hello := farm.NodeHello{Node: id, Site: site, BootID: "boot-1", Capacity: c}
	if filer := w.cfg.Sites[site].Storage[nas]; w.cfg.Sites[site].Storage != nil {
		w.ids["mount"]++
		m := farm.MountSession{Location: nas, Filer: filer}
		if filer != "" {
			m.ID = uint64(w.ids["mount"])
		}
		hello.Mounts = []farm.MountSession{m}
	}
	return w.do(hello).(*farm.Welcome)
}

func (w *world) submit(steps ...farm.NewStep) farm.JobID {
	w.t.Helper()
	return w.do(farm.SubmitJob{Name: "shot", Priority: 50, MaxRetries: 2, Steps: steps}).(farm.JobID)
}

func (w *world) schedule() int {
	w.t.Helper()
	n := w.f.Schedule(w.now, 1000)
	w.check()
	return n
}

// orders returns the attempts that a node is to run.
func (w *world) orders(n farm.NodeID) []farm.Attempt { return w.f.Owed(n).Run }

// end reports the end of an attempt; cause "" with its expected output as it was written.
func (w *world) end(a farm.Attempt, cause farm.Cause) {
	w.t.Helper()
	e := farm.AttemptEnd{Cause: cause, RunTime: 3 * time.Second}
	if cause == "" {
		for _, p := range a.Expected {
			e.Outputs = append(e.Outputs, farm.Output{StoragePath: p, Size: 100, SHA256: "abcd"})
		}
	} else {
		e.ExitCode = 1
	}
	w.do(farm.AttemptUpdate{Node: a.Node, Attempt: a.ID, Phase: farm.PhaseEnded, End: e})
}

// land gives receipts for all that is owed.
func (w *world) land() {
	w.t.Helper()
	for _, o := range w.f.OwedFlushes(1000) {
		var got []farm.Landed
		for _, p := range o.Paths {
			got = append(got, farm.Landed{StoragePath: p, Receipt: farm.Receipt{Filer: "edge", Size: 100, SHA256: "ABCD"}})
		}
		w.do(farm.LandingDone{Attempt: o.Attempt, Receipts: got})
	}
}

func (w *world) attempt(id farm.AttemptID) farm.Attempt {
	w.t.Helper()
	a, ok := w.f.Attempt(id)
	if !ok {
		w.t.Fatalf("no attempt %s", id)
	}
	return a
}

func (w *world) job(id farm.JobID) farm.JobView {
	w.t.Helper()
	j, ok := w.f.Job(id)
	if !ok {
		w.t.Fatalf("no job %s", id)
	}
	return j
}

// wantState fails unless the attempt is in the state.
func (w *world) wantState(id farm.AttemptID, want farm.AttemptState) {
	w.t.Helper()
	if a := w.attempt(id); a.State != want {
		w.t.Fatalf("attempt %s is %s (%s), want %s", id, a.State, a.Reason, want)
	}
}

func (w *world) wantJob(id farm.JobID, want farm.JobState) {
	w.t.Helper()
	if j := w.job(id); j.State != want {
		w.t.Fatalf("job %s is %s (%s), want %s", id, j.State, j.Reason, want)
	}
}

func TestShotFromSubmitToStorage(t *testing.T) {
	w := newWorld(t)
	id := w.submit(farm.NewStep{Name: "Render", Units: 2}, farm.NewStep{Name: "Encode", Units: 1, DependsOn: []int{0}})
	w.join("ws-1", studio, small)
	w.schedule()
	for unit := range int64(2) {
		a := w.orders("ws-1")[0]
		if a.Unit.Unit != unit || a.Number != 1 || a.Epoch != 1 || len(a.Expected) != 1 {
			t.Fatalf("ordered %+v", a)
		}
		w.do(farm.AttemptUpdate{Node: "ws-1", Attempt: a.ID, Phase: farm.PhaseRunning})
		w.wantState(a.ID, farm.AttemptRunning)
		w.end(a, "")
		w.wantState(a.ID, farm.AttemptLanding)
		if n := w.schedule(); unit == 1 && n != 0 {
			t.Fatal("Encode was assigned before all of Render has landed")
		} else if unit == 0 && n != 1 {
			t.Fatal("landing must free the node")
		}
		w.land()
		w.wantState(a.ID, farm.AttemptSucceeded)
	}
	if n := w.schedule(); n != 1 {
		t.Fatalf("assigned %d of Encode, want 1", n)
	}
	a := w.orders("ws-1")[0]
	w.end(a, "")
	w.land()
	w.wantJob(id, farm.JobSucceeded)
	if got := w.job(id).Steps[0].Estimate; got.Count != 2 || got.Mean != 3 {
		t.Errorf("estimate %+v, want 2 measurements of 3 s", got)
	}
}

// One frame that hangs for a night counts as a slow one; frames that have all become slow are believed.
func TestEstimatesBearOutliers(t *testing.T) {
	w := newWorld(t)
	id := w.submit(farm.NewStep{Name: "Render", Units: 40})
	w.join("ws-1", studio, small)
	render := func(seconds ...int) farm.Estimate {
		for _, s := range seconds {
			w.schedule()
			a := w.orders("ws-1")[0]
			end := farm.AttemptEnd{RunTime: time.Duration(s) * time.Second}
			for _, p := range a.Expected {
				end.Outputs = append(end.Outputs, farm.Output{StoragePath: p, Size: 100, SHA256: "abcd"})
			}
			w.do(farm.AttemptUpdate{Node: a.Node, Attempt: a.ID, Phase: farm.PhaseRunning})
			w.do(farm.AttemptUpdate{Node: a.Node, Attempt: a.ID, Phase: farm.PhaseEnded, End: end})
			w.land()
		}
		return w.job(id).Steps[0].Estimate
	}
	if e := render(60, 66, 54, 60, 62, 58, 36000, 60, 61); e.Mean > 75 {
		t.Errorf("a frame that hung makes a frame take %.0f s", e.Mean)
	}
	if e := render(240, 236, 244, 240, 250, 230, 240, 240, 238, 242, 240, 240, 236, 244, 240, 240, 240, 236, 240, 240); e.Mean < 170 {
		t.Errorf("20 frames of 240 s after 9 of 60 s: %.0f s", e.Mean)
	}
}
