package farm_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
)

// rented is a farm with up to four rented nodes of 6 an hour, on which a task takes ten minutes and so costs 1.
func rented(t testing.TB) *world {
	ids := map[string]int{}
	cfg := config(ids)
	cfg.Lease = 100 * time.Hour
	cfg.Pools = []farm.PoolShape{{ID: "burst", Site: cloud, Max: 4, Capacity: small, Price: 6}}
	return &world{t: t, f: farm.New(cfg), now: dawn, cfg: cfg, ids: ids}
}

const tenMinutes = 10 * time.Minute

func (w *world) bound(id farm.BudgetID, of farm.BudgetOf, name string, most float64, then farm.BudgetThen) farm.BudgetView {
	w.t.Helper()
	return w.do(farm.SetBudget{Budget: id, Of: &of, Name: &name, Cap: &most, Then: &then}).(farm.BudgetView)
}

// film submits a job whose tasks are expected to take ten minutes.
func (w *world) film(units int64, project string) farm.JobID {
	w.t.Helper()
	return w.do(farm.SubmitJob{
		Name: "shot", Project: project, Owner: "mara", MaxRetries: 1, Steps: []farm.NewStep{{Name: "Render", Units: units, Estimate: tenMinutes.Seconds()}},
	}).(farm.JobID)
}

// turn starts what may start, and lets it run for ten minutes. It returns how many tasks ran.
func (w *world) turn() int {
	w.t.Helper()
	w.f.Tick(w.now)
	w.schedule()
	var ran []farm.Attempt
	for _, n := range w.f.Nodes() {
		for _, a := range w.orders(n.ID) {
			w.do(farm.AttemptUpdate{Node: n.ID, Attempt: a.ID, Phase: farm.PhaseRunning})
			ran = append(ran, a)
		}
	}
	for range 60 { // as the owner does, whenever it is time
		w.sleep(tenMinutes / 60)
		w.f.Tick(w.now)
		w.check()
	}
	for _, a := range ran {
		w.do(farm.AttemptUpdate{Node: a.Node, Attempt: a.ID, Phase: farm.PhaseEnded, End: farm.AttemptEnd{RunTime: tenMinutes}})
	}
	return len(ran)
}

func (w *world) theBudget(id farm.BudgetID) farm.BudgetView {
	w.t.Helper()
	all := w.f.Budgets(w.now)
	i := slices.IndexFunc(all, func(b farm.BudgetView) bool { return b.ID == id })
	if i < 0 {
		w.t.Fatalf("no budget %s in %+v", id, all)
	}
	return all[i]
}

func (w *world) whyLines(id farm.JobID) string {
	w.t.Helper()
	why, err := w.f.Why(w.now, id)
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.Join(why.Lines, "\n")
}

func near(a, b float64) bool { return a-b < 0.01 && b-a < 0.01 }

// TestABudgetStops: of twenty tasks of 1 each on rented nodes, five start for a budget of 5.5, however many nodes there are;
// the rest runs on the studio's own node, and why says what keeps it from the others.
func TestABudgetStops(t *testing.T) {
	w := rented(t)
	w.plan(4)
	w.wake()
	w.bound("film", farm.BudgetProject, "alpha", 5.5, farm.BudgetStop)
	id := w.film(20, "alpha")
	if d := w.f.Demand(w.now); d[0].Steps[0].Rented != 5 || d[0].Steps[0].Broke {
		t.Errorf("demand %+v", d[0].Steps[0])
	}
	if n := w.turn(); n != 4 {
		t.Fatalf("%d tasks ran, want 4", n)
	}
	if b := w.theBudget("film"); !near(b.Spent, 4) || b.Level != farm.BudgetOpen {
		t.Errorf("after 4 tasks: %+v", b)
	}
	if n := w.turn(); n != 1 {
		t.Fatalf("%d tasks ran, want 1", n)
	}
	b := w.theBudget("film")
	if b.Level != farm.BudgetSpent || b.Short == 0 {
		t.Errorf("at the cap: %+v", b)
	}
	if n := w.turn(); n != 0 {
		t.Errorf("%d tasks ran beyond the budget", n)
	}
	for _, want := range []string{"4 budget film of project alpha is used up", "nothing more starts on rented nodes"} {
		if got := w.whyLines(id); !strings.Contains(got, want) {
			t.Errorf("why says\n%s\nwithout %q", got, want)
		}
	}
	if d := w.f.Demand(w.now); d[0].Steps[0].Runnable != 15 || d[0].Steps[0].Rented != 0 || !d[0].Steps[0].Broke {
		t.Errorf("demand %+v", d[0].Steps[0])
	}
	other := w.film(1, "beta")
	w.join("ws-1", studio, small)
	if n := w.turn(); n != 2 {
		t.Errorf("%d tasks ran, want one at home and one of another project", n)
	}
	_ = other
	w.do(farm.SetBudget{Budget: "film", Cap: ptr(100.0)})
	if b := w.theBudget("film"); b.Level != farm.BudgetOpen || b.Short != 0 {
		t.Errorf("raised: %+v", b)
	}
	if n := w.turn(); n != 5 {
		t.Errorf("%d tasks ran, want 5", n)
	}
}

// TestABudgetCancels: when it is used up what runs on rented nodes is taken back, and the machines go; nothing counts as failed.
func TestABudgetCancels(t *testing.T) {
	w := rented(t)
	w.plan(2)
	w.wake()
	id := w.do(farm.SubmitJob{
		Name: "shot", Steps: []farm.NewStep{{Name: "Render", Units: 3}}, Budget: &farm.NewBudget{Cap: 1, Then: farm.BudgetCancel},
	}).(farm.JobID)
	w.schedule()
	for _, n := range w.f.Nodes() {
		for _, a := range w.orders(n.ID) {
			w.do(farm.AttemptUpdate{Node: n.ID, Attempt: a.ID, Phase: farm.PhaseRunning})
		}
	}
	for range 5 * 60 / 5 { // two nodes of 6 an hour: 1 is used up in five minutes
		w.sleep(5 * time.Second)
		w.f.Tick(w.now)
	}
	w.check()
	b := w.theBudget(farm.BudgetID(id))
	if b.Level != farm.BudgetSpent || !near(b.Spent, 1) {
		t.Fatalf("the budget: %+v", b)
	}
	for _, a := range w.f.Attempts(id) {
		w.wantState(a.ID, farm.AttemptCanceling)
		w.do(farm.AttemptUpdate{Node: a.Node, Attempt: a.ID, Phase: farm.PhaseEnded, End: farm.AttemptEnd{RunTime: 5 * time.Minute, Cause: farm.CauseCanceled}})
		w.wantState(a.ID, farm.AttemptCanceled)
	}
	for _, n := range w.f.Nodes() {
		for _, s := range w.f.Owed(n.ID).EndSessions {
			w.do(farm.SessionEnded{Node: n.ID, Session: s.ID})
		}
		w.wantNode(n.ID, farm.NodeDeleting)
	}
	w.sleep(time.Minute) // the provider takes so long
	for _, n := range w.f.OwedDeletes() {
		w.do(farm.NodeDeleteConfirmed{Node: n.ID})
	}
	w.sleep(time.Hour)
	if b := w.theBudget(farm.BudgetID(id)); !near(b.Spent, 1.2) { // and costs
		t.Errorf("in the end: %+v", b)
	}
	w.join("ws-1", studio, small)
	if w.schedule() != 1 {
		t.Error("nothing runs at home")
	}
	if j, _ := w.f.Job(id); j.State != farm.JobActive || j.Counts[0].Failed != 0 || j.Counts[0].Pending != 2 {
		t.Errorf("the job: %v, %+v", j.State, j.Counts)
	}
}

// TestABudgetWarns: it is said, once, and nothing is held back.
func TestABudgetWarns(t *testing.T) {
	w := rented(t)
	w.plan(1)
	w.wake()
	w.f.Changes()
	w.bound("mara", farm.BudgetOwner, "mara", 1, farm.BudgetWarn)
	w.film(2, "")
	w.turn()
	w.turn()
	var said []string
	for _, e := range w.f.Changes().Events {
		if e.Kind == "budget" {
			said = append(said, e.To)
		}
	}
	if !slices.Equal(said, []string{"", "warned", "spent"}) {
		t.Errorf("said %q", said)
	}
	if b := w.theBudget("mara"); !near(b.Spent, 2) {
		t.Errorf("%+v", b)
	}
	w.do(farm.DeleteBudget{Budget: "mara"})
	if got := w.f.Changes(); !slices.Equal(got.OldBudgets, []farm.BudgetID{"mara"}) || len(w.f.Budgets(w.now)) != 0 {
		t.Errorf("deleted: %+v", got.OldBudgets)
	}
}

// TestABudgetCountsWhatWas: one that is made later, or is loaded, has spent what it would have spent; with a time, what was
// used from then on.
func TestABudgetCountsWhatWas(t *testing.T) {
	w := rented(t)
	w.plan(2)
	w.wake()
	w.film(4, "alpha")
	w.turn()
	noon := w.now.Add(time.Second)
	w.turn()
	first := w.f.Nodes()[0].ID // the other one stays
	w.do(farm.NodeDrain{Node: first, Stop: true})
	for _, s := range w.f.Owed(first).EndSessions {
		w.do(farm.SessionEnded{Node: first, Session: s.ID})
	}
	w.do(farm.NodeDeleteConfirmed{Node: first})
	if b := w.bound("all", farm.BudgetProject, "alpha", 10, farm.BudgetStop); !near(b.Spent, 4) {
		t.Errorf("%+v", b)
	}
	w.bound("late", farm.BudgetProject, "alpha", 10, farm.BudgetStop)
	if b := w.do(farm.SetBudget{Budget: "late", Since: &noon}).(farm.BudgetView); !near(b.Spent, 2) {
		t.Errorf("since noon: %+v", b)
	}
	records := w.f.Records()
	again, err := farm.Load(w.cfg, w.now, &records)
	if err != nil {
		t.Fatal(err)
	}
	for i, b := range again.Budgets(w.now) {
		if was := w.f.Budgets(w.now)[i]; !near(b.Spent, was.Spent) || b.Budget != was.Budget {
			t.Errorf("loaded %+v, was %+v", b, was)
		}
	}
}

func TestBudgetsAreChecked(t *testing.T) {
	w := rented(t)
	project := farm.BudgetProject
	for _, c := range []farm.Command{
		farm.SetBudget{Budget: "x"},
		farm.SetBudget{Budget: "x", Of: &project, Name: ptr("a")},
		farm.SetBudget{Budget: "no name", Of: &project, Name: ptr("a"), Cap: ptr(1.0)},
		farm.SetBudget{Budget: "x", Of: &project, Name: ptr("a"), Cap: ptr(-2.0)},
		farm.SetBudget{Budget: "x", Of: &project, Name: ptr("a"), Cap: ptr(1.0), Warn: ptr(2.0)},
		farm.SetBudget{Budget: "x", Of: &project, Name: ptr("a"), Cap: ptr(1.0), Then: ptr(farm.BudgetThen("beg"))},
		farm.SetBudget{Budget: "x", Of: ptr(farm.BudgetOf("cat")), Name: ptr("a"), Cap: ptr(1.0)},
		farm.SetBudget{Budget: "x", Of: ptr(farm.BudgetQueue), Name: ptr("nowhere"), Cap: ptr(1.0)},
		farm.SetBudget{Budget: "x", Of: ptr(farm.BudgetOwner), Name: ptr(""), Cap: ptr(1.0)},
		farm.SubmitJob{Name: "x", Steps: []farm.NewStep{{Name: "r", Units: 1}}, Budget: &farm.NewBudget{Cap: -1, Then: farm.BudgetStop}},
	} {
		if _, err := w.f.Apply(w.now, c); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if _, err := w.f.Apply(w.now, farm.SetBudget{Budget: "x", Of: ptr(farm.BudgetJob), Name: ptr("j9"), Cap: ptr(1.0)}); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a budget of no job: %v", err)
	}
	if _, err := w.f.Apply(w.now, farm.DeleteBudget{Budget: "x"}); fault.KindOf(err) != fault.NotFound {
		t.Errorf("no budget: %v", err)
	}
}

// TestNoBudgetIsExceeded: whatever jobs, nodes and budgets there are, tasks that take as long as expected never cost more than
// a budget that stops has, but for what the machines cost while nothing ran on them.
func TestNoBudgetIsExceeded(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := rented(t)
		nodes := rapid.IntRange(1, 4).Draw(rt, "nodes")
		w.plan(nodes)
		w.wake()
		most := map[farm.BudgetID]float64{"alpha": rapid.Float64Range(0, 9).Draw(rt, "alpha"), "mara": rapid.Float64Range(0, 9).Draw(rt, "mara")}
		w.bound("alpha", farm.BudgetProject, "alpha", most["alpha"], farm.BudgetStop)
		w.bound("mara", farm.BudgetOwner, "mara", most["mara"], farm.BudgetStop)
		jobs := rapid.IntRange(1, 3).Draw(rt, "jobs")
		for range jobs {
			w.film(rapid.Int64Range(1, 6).Draw(rt, "tasks"), rapid.SampledFrom([]string{"alpha", "beta"}).Draw(rt, "project"))
		}
		ran, idle := 0, 0.0
		for range 6 {
			n := w.turn()
			ran += n
			if n < nodes {
				idle += float64(nodes - n)
			}
			for id, cap := range most {
				if b := w.theBudget(id); b.Spent > cap+idle+0.01 {
					rt.Fatalf("%s: %+v, with idle machines for %.1f", id, b, idle)
				}
			}
		}
		if left := min(most["alpha"], most["mara"]); left >= float64(nodes) && ran == 0 {
			rt.Fatalf("nothing ran for %.2f", left)
		}
	})
}
