package farm_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
)

// nuke is a step that takes a seat of the limit of that name for each task.
func nuke(units int64) farm.NewStep {
	return farm.NewStep{Name: "Comp", Units: units, Limits: map[farm.LimitID]int{"nuke": 1}}
}

func (w *world) setLimit(seats int, perNode bool, change func(*farm.SetLimit)) {
	w.t.Helper()
	c := farm.SetLimit{Limit: "nuke", Seats: &seats, PerNode: &perNode}
	if change != nil {
		change(&c)
	}
	w.do(c)
}

// wantLimit compares how many seats tasks hold and how many settle.
func (w *world) wantLimit(held, settling int) {
	w.t.Helper()
	if l := w.f.Limits()[0]; l.Held != held || l.SettlingSeats != settling {
		w.t.Errorf("%d seats held and %d settling, want %d and %d", l.Held, l.SettlingSeats, held, settling)
	}
}

// reload replaces the farm by one made of its records.
func (w *world) reload() {
	w.t.Helper()
	r := w.f.Records()
	f, err := farm.Load(w.cfg, w.now, &r)
	if err != nil {
		w.t.Fatal(err)
	}
	w.f = f
	w.check()
	if b := w.f.Changes(); !b.Empty() {
		w.t.Errorf("loading changed %+v", b)
	}
}

// why returns the job's reasons as one text.
func (w *world) why(id farm.JobID) string {
	w.t.Helper()
	why, err := w.f.Why(w.now, id)
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.Join(why.Lines, "\n")
}

func (w *world) wantWhy(id farm.JobID, want string) {
	w.t.Helper()
	if got := w.why(id); !strings.Contains(got, want) {
		w.t.Errorf("why says\n%s\nwithout %q", got, want)
	}
}

func TestLimitPerTask(t *testing.T) {
	w := newWorld(t)
	w.setLimit(2, false, nil)
	w.join("ws-1", studio, farm.Capacity{VCPUs: 8})
	id := w.submit(nuke(5))
	if n := w.schedule(); n != 2 {
		t.Fatalf("%d tasks started with 2 seats", n)
	}
	w.wantWhy(id, "3 tasks could start; 1 nodes: 1 limit nuke: 2 of 2 taken")
	if other := w.submit(farm.NewStep{Name: "Render", Units: 1}); w.schedule() != 1 {
		t.Errorf("work that needs no licence waits: %s", w.why(other))
	}
	w.end(w.orders("ws-1")[0], farm.CauseTask) // a failure gives the seat back as well
	w.wantLimit(1, 0)
	w.schedule()
	w.wantLimit(2, 0)
	w.reload()
	w.wantLimit(2, 0)
	if n := w.schedule(); n != 0 {
		t.Errorf("%d tasks started after a restart", n)
	}
	w.setLimit(1, false, nil) // what runs goes on
	w.wantLimit(2, 0)
	w.wantWhy(id, "limit nuke: 2 of 1 taken")
}

func TestLimitPerNodeIsSharedAndPacked(t *testing.T) {
	w := newWorld(t)
	w.setLimit(1, true, nil)
	w.join("ws-1", studio, farm.Capacity{VCPUs: 2})
	w.join("ws-2", studio, farm.Capacity{VCPUs: 4})
	w.submit(nuke(9))
	if n := w.schedule(); n != 2 {
		t.Fatalf("%d tasks started, want both vcpus of one node", n)
	}
	w.wantLimit(1, 0)
	w.setLimit(2, true, nil)
	if n := w.schedule(); n != 4 {
		t.Fatalf("%d more started with a second seat, want 4", n)
	}
	w.wantLimit(2, 0)
	for _, a := range w.orders("ws-1") {
		w.wantLimit(2, 0)
		w.end(a, farm.CauseTask)
	}
	w.wantLimit(1, 0)
	w.reload()
	w.wantLimit(1, 0)
}

func TestLimitHoldsUntilTheFence(t *testing.T) {
	w := newWorld(t)
	w.setLimit(1, false, nil)
	w.join("ws-1", studio, small)
	w.submit(nuke(2))
	w.schedule()
	w.sleep(time.Hour)
	w.f.Tick(w.now)
	w.check()
	w.join("ws-2", studio, small)
	if n := w.schedule(); n != 0 {
		t.Fatal("a seat was given away while its task may live on")
	}
	w.fence()
	w.wantLimit(0, 0)
	if n := w.schedule(); n != 1 {
		t.Error("the seat is not free after the fence")
	}
}

func TestLimitSettles(t *testing.T) {
	w := newWorld(t)
	settle := 30 * time.Second
	w.setLimit(1, false, func(c *farm.SetLimit) { c.Settle = &settle })
	w.join("ws-1", studio, small)
	id := w.submit(nuke(2))
	w.schedule()
	w.end(w.orders("ws-1")[0], "")
	w.wantLimit(0, 1)
	if n := w.schedule(); n != 0 {
		t.Fatal("a seat was given away at once")
	}
	w.wantWhy(id, "limit nuke: 1 of 1 taken, 1 settling")
	w.reload()
	w.wantLimit(0, 1)
	w.sleep(29 * time.Second)
	if w.f.Seen(w.now, "ws-1"); w.f.Tick(w.now) {
		t.Error("settled too early")
	}
	w.sleep(2 * time.Second)
	if at := w.f.NextTick(); at.After(w.now) {
		t.Errorf("nothing happens before %s", at)
	}
	w.f.Seen(w.now, "ws-1")
	w.f.Tick(w.now)
	w.wantLimit(0, 0)
	if n := w.schedule(); n != 1 {
		t.Errorf("%d started after the settling", n)
	}
}

// TestLimitSettlesOnItsNode: a node whose licence is not taken back yet may go on with it.
func TestLimitSettlesOnItsNode(t *testing.T) {
	w := newWorld(t)
	settle := 30 * time.Second
	w.setLimit(1, true, func(c *farm.SetLimit) { c.Settle = &settle })
	w.join("ws-1", studio, small)
	w.join("ws-2", studio, small)
	w.submit(nuke(3))
	w.schedule()
	first := w.f.Attempts(w.f.Jobs()[0].ID)[0]
	w.end(first, "")
	w.wantLimit(0, 1)
	if n := w.schedule(); n != 1 || newest(w).Node != first.Node {
		t.Errorf("%d started, on %s", n, newest(w).Node)
	}
	w.wantLimit(1, 0)
}

func TestLimitReports(t *testing.T) {
	ttl := time.Minute
	for stale, after := range map[farm.StalePolicy]int{farm.StaleKeep: 0, farm.StaleHold: 0, farm.StaleIgnore: 1} {
		t.Run(string(stale), func(t *testing.T) {
			w := newWorld(t)
			w.setLimit(2, false, func(c *farm.SetLimit) { c.TTL, c.Stale = &ttl, &stale })
			w.join("ws-1", studio, farm.Capacity{VCPUs: 4})
			id := w.submit(nuke(4))
			if stale != farm.StaleIgnore {
				if n := w.schedule(); n != 0 {
					t.Fatal("started before the first report")
				}
				w.wantWhy(id, "never been reported")
			}
			w.do(farm.ReportLimit{Limit: "nuke", External: 1})
			if n := w.schedule(); n != 1 {
				t.Fatalf("%d started beside one seat taken outside", n)
			}
			w.wantWhy(id, "limit nuke: 2 of 2 taken, 1 outside the farm")
			w.sleep(time.Minute)
			if at := w.f.NextTick(); at.After(w.now) {
				t.Errorf("nothing happens before %s", at)
			}
			w.f.Seen(w.now, "ws-1")
			if !w.f.Tick(w.now) || w.f.Tick(w.now) {
				t.Error("an overdue report has to be noticed once")
			}
			if n := w.schedule(); n != after {
				t.Errorf("%d started on a stale report, want %d", n, after)
			}
			w.reload()
			w.do(farm.ReportLimit{Limit: "nuke", External: 0})
			if n := w.schedule(); n != 1-after {
				t.Errorf("%d started after a fresh report", n)
			}
			if stale == farm.StaleHold {
				w.sleep(2 * time.Minute)
				w.f.Seen(w.now, "ws-1")
				w.f.Tick(w.now)
				w.wantWhy(id, "was last reported at")
			}
		})
	}
}

func TestLimitCommandsRefuse(t *testing.T) {
	w := newWorld(t)
	n := func(i int) *int { return &i }
	long, never := 48*time.Hour, farm.StalePolicy("never")
	w.refused(farm.SetLimit{Limit: "nuke"}, fault.Invalid, "needs a number of seats")
	w.refused(farm.SetLimit{Limit: "a b", Seats: n(1)}, fault.Invalid, "no name")
	w.refused(farm.SetLimit{Limit: "nuke", Seats: n(-2)}, fault.Invalid, "-2 seats")
	w.refused(farm.SetLimit{Limit: "nuke", Seats: n(1), Settle: &long}, fault.Invalid, "settle time")
	w.refused(farm.SetLimit{Limit: "nuke", Seats: n(1), Stale: &never}, fault.Invalid, "none of keep")
	w.refused(farm.ReportLimit{Limit: "nuke"}, fault.NotFound, "no limit")
	w.refused(farm.DeleteLimit{Limit: "nuke"}, fault.NotFound, "no limit")
	w.refused(farm.SubmitJob{Name: "x", Steps: []farm.NewStep{nuke(1)}}, fault.Invalid, `the limit "nuke"`)
	w.setLimit(1, false, nil)
	w.refused(farm.ReportLimit{Limit: "nuke", External: -1}, fault.Invalid, "-1 seats")
	greedy := nuke(1)
	greedy.Limits = map[farm.LimitID]int{"nuke": 2}
	w.refused(farm.SubmitJob{Name: "x", Steps: []farm.NewStep{greedy}}, fault.Invalid, "there are 1")
	id := w.submit(nuke(1))
	w.refused(farm.DeleteLimit{Limit: "nuke"}, fault.Conflict, string(id))
	w.do(farm.CancelJob{Job: id})
	w.do(farm.DeleteLimit{Limit: "nuke"})
	if b := w.f.Changes(); fmt.Sprint(b.OldLimits) != "[nuke]" || len(b.Limits) != 0 {
		t.Errorf("changes %+v", b)
	}
}

// TestLimitDemand: nodes are not rented for work that no licence lets run.
func TestLimitDemand(t *testing.T) {
	w := newWorld(t)
	w.setLimit(3, false, nil)
	w.submit(nuke(10))
	if d := w.f.Demand(w.now)[0].Steps[0]; d.Runnable != 3 || d.Waiting != 7 {
		t.Errorf("%d runnable and %d waiting, want 3 and 7", d.Runnable, d.Waiting)
	}
}
