package storetest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/store"
)

// testReload leads a farm through a random life, committing each change, and now and then goes on with one that is loaded
// from the store: it has to be the same farm, and owe the same.
func testReload(t *testing.T, open Open, seed uint64) {
	s := open(t)
	l := newLife(seed)
	l.cfg.Epoch = lead(t, s)
	l.farm = farm.New(l.cfg)
	for range 120 {
		l.live()
		commit(t, s, l.cfg.Epoch, l.farm.Changes())
		if l.rand.IntN(4) == 0 {
			again := reload(t, s, l.cfg, l.now)
			if diff := cmp.Diff(portrait(t, l.farm), portrait(t, again)); diff != "" {
				t.Fatalf("the farm comes back different (-was +is):\n%s", diff)
			}
			l.farm = again
		}
		if err := l.farm.Check(); err != nil {
			t.Fatal(err)
		}
	}
	testLedger(t, s, l.farm)
	if l.ended == 0 || l.landed == 0 || l.fenced == 0 {
		t.Errorf("a dull life: %d attempts ended, %d landed, %d fences", l.ended, l.landed, l.fenced)
	}
}

func reload(t testing.TB, s store.Store, cfg farm.Config, now time.Time) *farm.Farm {
	t.Helper()
	records, err := s.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f, err := farm.Load(cfg, now, records)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// portrait is all of a farm that is recorded, and all that it owes.
func portrait(t testing.TB, f *farm.Farm) []string {
	t.Helper()
	lines := []string{
		text(t, f.Records()), text(t, f.OwedFlushes(1000)), text(t, f.OwedFences()), text(t, f.OwedPrimings()),
		text(t, f.OwedWarmings()), text(t, f.OwedCreates()), text(t, f.OwedDeletes()), text(t, f.Limits()), text(t, f.Queues()), text(t, f.Records().Budgets),
	}
	for _, n := range f.Nodes() {
		lines = append(lines, text(t, f.Owed(n.ID)), fmt.Sprint(n.Used, n.Attempts))
	}
	for _, j := range f.Jobs() {
		lines = append(lines, text(t, j))
	}
	return lines
}

func text(t testing.TB, v any) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// life is a farm to which things happen.
type life struct {
	rand  *rand.Rand
	cfg   farm.Config
	farm  *farm.Farm
	now   time.Time
	ids   int
	ended int // attempts
	// landed counts receipts, fenced fences.
	landed, fenced int
}

func newLife(seed uint64) *life {
	l := &life{rand: rand.New(rand.NewPCG(seed, 1)), now: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)}
	l.cfg = farm.Config{
		NewID: func(prefix string) string { l.ids++; return fmt.Sprintf("%s%06d", prefix, l.ids) },
		Sites: map[farm.SiteID]farm.Site{
			"studio": {Storage: map[farm.Location]farm.FilerID{"nas": "edge"}},
			"cloud":  {Storage: map[farm.Location]farm.FilerID{"nas": "cloud"}, Prime: true},
		},
		Pools: []farm.PoolShape{{ID: "burst", Site: "cloud", Max: 3, Capacity: farm.Capacity{VCPUs: 2}, Price: 3600}},
		Paths: func(j *farm.Job, step int, unit int64) (out, in []farm.StoragePath, err error) {
			p := []farm.StoragePath{{Location: "nas", Path: fmt.Sprintf("%s/%d/%d", j.ID, step, unit)}}
			return p, p, nil
		},
	}
	return l
}

// live lets some time pass, something happen, and the scheduler work.
func (l *life) live() {
	l.now = l.now.Add(time.Duration(l.rand.IntN(3000)) * time.Millisecond)
	switch l.rand.IntN(11) {
	case 0:
		l.apply(farm.SubmitJob{
			Key: fmt.Sprint(l.rand.IntN(20)), Name: "shot", Owner: []string{"mara", "tom"}[l.rand.IntN(2)], Queue: l.queue(), MaxTasks: l.rand.IntN(3), Priority: l.rand.IntN(100), MaxRetries: 1,
			Spec: farm.JobSpec{Template: []byte("{}"), Assets: []farm.StoragePath{{Location: "nas", Path: "tex"}}},
			Steps: []farm.NewStep{
				{Name: "Render", Units: 1 + l.rand.Int64N(8), HasOwn: true}, {Name: "Comp", Units: 2, Limits: l.limits()}, {Name: "Encode", Units: 1, DependsOn: []int{0}},
			},
		})
	case 1:
		l.hello(farm.NodeID(fmt.Sprintf("ws-%d", l.rand.IntN(3))), "studio")
	case 2:
		l.apply(farm.PoolPlanned{Pool: "burst", Want: l.rand.IntN(4), Reason: "because"})
	case 3:
		if jobs := l.farm.Jobs(); len(jobs) > 0 {
			id := jobs[l.rand.IntN(len(jobs))].ID
			l.apply([]farm.Command{
				farm.CancelJob{Job: id}, farm.RetryJob{Job: id}, farm.PauseJob{Job: id}, farm.ResumeJob{Job: id},
				l.change(id),
			}[l.rand.IntN(5)])
		}
	case 4:
		seats, perNode, settle := l.rand.IntN(4), l.rand.IntN(2) == 0, time.Duration(l.rand.IntN(3))*time.Second
		l.apply(farm.SetLimit{Limit: "nuke", Seats: &seats, PerNode: &perNode, Settle: &settle})
	case 6:
		weight, tasks := 1+l.rand.Float64(), l.rand.Int64N(4)
		l.apply(farm.SetQueue{Queue: l.queue(), Weight: &weight, Tasks: &tasks})
		l.apply(farm.DeleteQueue{Queue: l.queue()})
	case 5:
		l.apply(farm.DeleteLimit{Limit: "nuke"})
	case 7:
		l.apply(l.budget())
	default:
		for range 4 {
			l.progress()
		}
	}
	for _, n := range l.farm.Nodes() {
		if l.rand.IntN(40) > 0 {
			l.farm.Seen(l.now, n.ID)
		} else {
			l.now = l.now.Add(time.Second)
		}
	}
	l.farm.Tick(l.now)
	l.farm.Schedule(l.now, 100)
}

// change moves a job to another queue and place.
func (l *life) change(id farm.JobID) farm.Command {
	priority, queue, tasks := 7, l.queue(), l.rand.IntN(3)
	return farm.ChangeJob{Job: id, Priority: &priority, Queue: &queue, MaxTasks: &tasks}
}

// budget bounds what a queue or an owner costs.
func (l *life) budget() farm.Command {
	id := farm.BudgetID(fmt.Sprint("b", l.rand.IntN(3)))
	if l.rand.IntN(4) == 0 {
		return farm.DeleteBudget{Budget: id}
	}
	of, name, bound := farm.BudgetQueue, string(farm.DefaultQueue), l.rand.Float64()*200
	if l.rand.IntN(2) == 0 {
		of, name = farm.BudgetOwner, "mara"
	}
	then := []farm.BudgetThen{farm.BudgetWarn, farm.BudgetStop, farm.BudgetCancel}[l.rand.IntN(3)]
	return farm.SetBudget{Budget: id, Of: &of, Name: &name, Cap: &bound, Then: &then}
}

func (l *life) queue() farm.QueueID { return []farm.QueueID{"", "night", "day"}[l.rand.IntN(3)] }

// limits is what a step may need of the limits that there are.
func (l *life) limits() map[farm.LimitID]int {
	needs := map[farm.LimitID]int{}
	for _, v := range l.farm.Limits() {
		needs[v.ID] = 1
	}
	return needs
}

// apply gives a command to the farm. One that is refused changes nothing, which the comparison after a reload tells.
func (l *life) apply(c farm.Command) { _, _ = l.farm.Apply(l.now, c) }

func (l *life) hello(id farm.NodeID, site farm.SiteID) {
	l.ids++
	l.apply(farm.NodeHello{
		Node: id, Site: site, BootID: fmt.Sprint(l.ids), Capacity: farm.Capacity{VCPUs: 2, MemoryMiB: 100},
		Mounts: []farm.MountSession{{Location: "nas", Filer: l.cfg.Sites[site].Storage["nas"], ID: uint64(l.ids)}},
	})
}

// progress carries out something that is owed.
func (l *life) progress() {
	switch l.rand.IntN(7) {
	case 0:
		for _, o := range l.farm.OwedFlushes(2) {
			done := farm.LandingDone{Attempt: o.Attempt}
			for _, p := range o.Paths {
				done.Receipts = append(done.Receipts, farm.Landed{StoragePath: p, Receipt: farm.Receipt{Size: 3, SHA256: "ab", Issued: l.now}})
			}
			l.landed++
			l.apply(done)
		}
	case 1:
		for _, o := range l.farm.OwedFences() {
			l.fenced++
			done := farm.FenceDone{Node: o.Node, Mounts: []farm.MountSession{o.Mount}}
			for _, p := range o.Discard {
				done.Removed = append(done.Removed, farm.Removed{StoragePath: p, Size: 1})
			}
			l.apply(done)
		}
	case 2:
		for _, o := range l.farm.OwedCreates() {
			l.apply(farm.NodeCreated{Node: o.Node.ID, Instance: "i-" + string(o.Node.ID)})
			l.hello(o.Node.ID, o.Node.Site)
		}
		for _, n := range l.farm.OwedDeletes() {
			l.apply(farm.NodeDeleteConfirmed{Node: n.ID})
		}
	case 3:
		for _, o := range l.farm.OwedPrimings() {
			l.apply(farm.PrimingProgress{Job: o.Job, Filer: o.Filer, Files: 2, FilesDone: 1})
			l.apply(farm.PrimingEnded{Job: o.Job, Filer: o.Filer})
		}
		for _, o := range l.farm.OwedWarmings() {
			l.apply(farm.WarmDone{Attempt: o.Attempt})
		}
	default:
		for _, n := range l.farm.Nodes() {
			l.work(n)
		}
	}
}

// work has a node go on with what it was ordered.
func (l *life) work(n farm.NodeView) {
	for _, s := range l.farm.Owed(n.ID).EndSessions {
		l.apply(farm.SessionEnded{Node: n.ID, Session: s.ID})
	}
	for _, id := range n.Attempts {
		a, _ := l.farm.Attempt(id)
		u := farm.AttemptUpdate{Node: n.ID, Attempt: id, Phase: farm.PhaseRunning}
		if a.State != farm.AttemptOrdered {
			u.Phase = farm.PhaseEnded
			u.End.RunTime = time.Duration(1+l.rand.IntN(9)) * time.Second
			if l.rand.IntN(3) == 0 {
				u.End.Cause, u.End.ExitCode = farm.CauseTask, 1
			}
			for _, p := range a.Expected {
				u.End.Outputs = append(u.End.Outputs, farm.Output{StoragePath: p, Size: 3, SHA256: "ab"})
			}
			l.ended++
		}
		l.apply(u)
	}
}
