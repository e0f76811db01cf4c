package burst_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/spillway/spillway/internal/burst"
)

var now = time.Date(2026, 1, 2, 9, 0, 0, 0, time.UTC)

// bare leaves out what TestWhatIsRecorded is about.
var bare = cmpopts.IgnoreFields(burst.Decision{}, "Seen", "Asked")

// shot is the work most tests vary: 24 frames of 8.4 s, one slot a node at home and in the pool.
func shot(change func(*burst.Work)) burst.Work {
	w := burst.Work{
		Job: "j1", Name: "shot", Noun: "frames", Runnable: 24, Expected: 8.4, Submitted: now,
		Slots: map[string]int{"ws": 1, "burst": 1}, Deadline: now.Add(131 * time.Second),
	}
	if change != nil {
		change(&w)
	}
	return w
}

func farm(w []burst.Work, change func(*burst.Input)) burst.Input {
	in := burst.Input{
		Work:  w,
		Home:  []burst.Home{{Name: "ws", Site: "studio", Nodes: 1}},
		Pools: []burst.Pool{{Name: "burst", Site: "cloud", Max: 2, StartUp: 5 * time.Second, Price: 0.9, MinBilling: time.Minute, WarmRequired: 0.9}},
	}
	if change != nil {
		change(&in)
	}
	return in
}

func online(name string, age time.Duration, idle time.Duration) burst.Node {
	n := burst.Node{Name: name, State: burst.Online, Created: now.Add(-age)}
	if idle > 0 {
		n.Idle = now.Add(-idle)
	}
	return n
}

func TestPlan(t *testing.T) {
	const reserve = 100 * time.Hour
	for name, c := range map[string]struct {
		work   func(*burst.Work)
		change func(*burst.Input)
		want   burst.Decision
	}{
		"no work": {
			work: func(w *burst.Work) { w.Runnable = 0 },
			want: burst.Decision{Reason: "no work waits that this pool could do"},
		},
		"home is enough": {
			work: func(w *burst.Work) { w.Deadline = now.Add(reserve) },
			want: burst.Decision{Reason: "shot: 24 frames × 8.4 s end in 202 s without this pool; to be done in 4 days"},
		},
		"no goal": {
			work: func(w *burst.Work) { w.Deadline = time.Time{} },
			want: burst.Decision{Reason: "shot: 24 frames end in 202 s; no deadline and no longest wait asks for more"},
		},
		"overflow": {
			want: burst.Decision{Want: 1, Create: 1, Job: "j1",
				Reason: "shot: 24 frames × 8.4 s end in 202 s at home on 1 node; deadline in 131 s; with 1 burst node in 106 s"},
		},
		"two are needed": {
			work: func(w *burst.Work) { w.Deadline = now.Add(100 * time.Second) },
			want: burst.Decision{Want: 2, Create: 2, Job: "j1",
				Reason: "shot: 24 frames × 8.4 s end in 202 s at home on 1 node; deadline in 100 s; with 2 burst nodes in 72 s"},
		},
		"not even all": {
			work: func(w *burst.Work) { w.Deadline = now.Add(40 * time.Second) },
			want: burst.Decision{Want: 2, Create: 2, Job: "j1", Cap: "max",
				Reason: "shot: 24 frames × 8.4 s end in 202 s at home on 1 node; deadline in 40 s; the goal cannot be met: with 2 burst nodes in 72 s, and the pool has at most 2 nodes"},
		},
		"deadline over": {
			work: func(w *burst.Work) { w.Deadline = now.Add(-time.Minute) },
			want: burst.Decision{Want: 2, Create: 2, Job: "j1", Cap: "max",
				Reason: "shot: 24 frames × 8.4 s end in 202 s at home on 1 node; deadline 60 s ago; the goal cannot be met: with 2 burst nodes in 72 s, and the pool has at most 2 nodes"},
		},
		"the longest wait": {
			work:   func(w *burst.Work) { w.Deadline = time.Time{} },
			change: func(in *burst.Input) { in.Settings.MaxWait = 2 * time.Minute },
			want: burst.Decision{Want: 1, Create: 1, Job: "j1",
				Reason: "shot: 24 frames × 8.4 s end in 202 s at home on 1 node; to be done in 120 s, the longest wait; with 1 burst node in 106 s"},
		},
		"what follows counts": {
			work: func(w *burst.Work) { w.Tail = 30 * time.Second },
			want: burst.Decision{Want: 2, Create: 2, Job: "j1",
				Reason: "shot: 24 frames × 8.4 s end in 202 s at home on 1 node; deadline in 131 s, of which what follows needs 30 s; with 2 burst nodes in 72 s"},
		},
		"no more nodes than tasks": {
			work:   func(w *burst.Work) { w.Runnable = 3; w.Deadline = now.Add(time.Second) },
			change: func(in *burst.Input) { in.Pools[0].Max = 1000 },
			want: burst.Decision{Want: 2, Create: 2, Job: "j1",
				Reason: "shot: 3 frames × 8.4 s end in 25 s at home on 1 node; deadline in 1.0 s; the goal cannot be met: with 2 burst nodes in 13 s, and more would not help"},
		},
		"home cannot run it": {
			work: func(w *burst.Work) { delete(w.Slots, "ws"); w.Deadline = now.Add(time.Hour) },
			want: burst.Decision{Want: 1, Create: 1, Job: "j1",
				Reason: "shot: 24 frames × 8.4 s, no node at home can run them; deadline in 60 min; with 1 burst node in 207 s"},
		},
		"price an hour": {
			work:   func(w *burst.Work) { w.Deadline = now.Add(100 * time.Second) },
			change: func(in *burst.Input) { in.Settings.MaxHourly = 1 },
			want: burst.Decision{Want: 1, Create: 1, Job: "j1", Cap: "hourly",
				Reason: "shot: 24 frames × 8.4 s end in 202 s at home on 1 node; deadline in 100 s; the goal cannot be met: with 1 burst node in 106 s, and rented nodes may cost at most 1.00 an hour"},
		},
		"budget": {
			change: func(in *burst.Input) { in.Settings.Budget = new(0.01) },
			want: burst.Decision{Job: "j1", Cap: "budget",
				Reason: "shot: 24 frames × 8.4 s end in 202 s at home on 1 node; deadline in 131 s; the goal cannot be met: without burst nodes, and 0.01 of the budget are left"},
		},
		"cold storage": {
			work: func(w *burst.Work) { w.Warm = map[string]burst.Warm{"cloud": {Share: 0.4, Left: 12 * time.Second}} },
			want: burst.Decision{Want: 1, Job: "j1", Prime: []string{"j1"},
				Reason: "shot: 24 frames × 8.4 s end in 202 s at home on 1 node; deadline in 131 s; with 1 burst node in 109 s; first their assets are loaded at cloud, 40 % of 90 % are there"},
		},
		"warm enough": {
			work: func(w *burst.Work) { w.Warm = map[string]burst.Warm{"cloud": {Share: 0.95, Left: time.Second}} },
			want: burst.Decision{Want: 1, Create: 1, Job: "j1",
				Reason: "shot: 24 frames × 8.4 s end in 202 s at home on 1 node; deadline in 131 s; with 1 burst node in 106 s"},
		},
		"unknown, home tries": {
			work: func(w *burst.Work) { w.Expected = 0 },
			want: burst.Decision{Reason: "shot: nobody knows yet how long its frames take; the first at home will tell"},
		},
		"unknown, nobody at home": {
			work: func(w *burst.Work) { w.Expected = 0; delete(w.Slots, "ws") },
			want: burst.Decision{Want: 1, Create: 1, Job: "j1",
				Reason: "shot: nobody knows yet how long its frames take, and no node at home can try one in time; 1 node finds out"},
		},
		"stopped": {
			change: func(in *burst.Input) {
				in.Pools[0].Stopped = true
				in.Pools[0].Nodes = []burst.Node{online("burst-1", time.Hour, 0), online("burst-2", time.Hour, time.Second)}
			},
			want: burst.Decision{Have: 2, Release: []string{"burst-2", "burst-1"}, Job: "j1", Cap: "stopped",
				Reason: "shot: 24 frames × 8.4 s end in 202 s at home on 1 node; deadline in 131 s; the operator has stopped this pool; gives back burst-2, burst-1"},
		},
		"one is starting": {
			work: func(w *burst.Work) { w.Deadline = now.Add(100 * time.Second) },
			change: func(in *burst.Input) {
				in.Pools[0].Nodes = []burst.Node{{Name: "burst-1", State: burst.Starting, Created: now.Add(-2 * time.Second)}}
			},
			want: burst.Decision{Have: 1, Want: 2, Create: 1, Job: "j1",
				Reason: "shot: 24 frames × 8.4 s end in 202 s at home on 1 node; deadline in 100 s; with 2 burst nodes in 72 s"},
		},
		"one is waited for, not asked for": {
			work:   func(w *burst.Work) { w.Warm = map[string]burst.Warm{"cloud": {Share: 0.4}} },
			change: func(in *burst.Input) { in.Pools[0].Nodes = []burst.Node{{Name: "burst-1"}} },
			want: burst.Decision{Have: 1, Want: 1, Job: "j1",
				Reason: "shot: 24 frames × 8.4 s end in 202 s at home on 1 node; deadline in 131 s; with 1 burst node in 106 s"},
		},
		"one should have started long ago": {
			change: func(in *burst.Input) {
				in.Pools[0].Nodes = []burst.Node{{Name: "burst-1", Created: now.Add(-time.Hour)}}
			},
			want: burst.Decision{Have: 1, Want: 2, Create: 1, Job: "j1",
				Reason: "shot: 24 frames × 8.4 s end in 202 s at home on 1 node; deadline in 131 s; with 2 burst nodes in 106 s"},
		},
		"a draining node is kept": {
			change: func(in *burst.Input) {
				in.Pools[0].Nodes = []burst.Node{{Name: "burst-1", State: burst.Draining, Created: now.Add(-time.Hour)}}
			},
			want: burst.Decision{Want: 1, Resume: []string{"burst-1"}, Job: "j1",
				Reason: "shot: 24 frames × 8.4 s end in 202 s at home on 1 node; deadline in 131 s; with 1 burst node in 106 s"},
		},
		"idle at the end": {
			work: func(w *burst.Work) { w.Runnable = 0 },
			change: func(in *burst.Input) {
				in.Pools[0].Nodes = []burst.Node{online("burst-1", time.Hour, 59*time.Second), online("burst-2", time.Hour, 61*time.Second)}
			},
			want: burst.Decision{Have: 2, Release: []string{"burst-2"}, Reason: "no work waits that this pool could do; gives back burst-2"},
		},
		"idle for too short": {
			work: func(w *burst.Work) { w.Runnable = 0 },
			change: func(in *burst.Input) {
				in.Pools[0].Nodes = []burst.Node{online("burst-1", time.Hour, 50*time.Second)}
			},
			want: burst.Decision{Have: 1, Reason: "no work waits that this pool could do; 1 node too many, given back when idle for another 10 s"},
		},
		"paid for and work to come": {
			work: func(w *burst.Work) { w.Runnable = 0; w.Later = 1 },
			change: func(in *burst.Input) {
				in.Pools[0].MinBilling = time.Hour
				in.Pools[0].Nodes = []burst.Node{online("burst-1", 50*time.Minute, 5*time.Minute)}
			},
			want: burst.Decision{Have: 1, Reason: "no work waits that this pool could do; 1 node too many, kept while paid for and there is work"},
		},
		"busy without a goal": {
			work: func(w *burst.Work) {
				w.Deadline = time.Time{}
				w.Running = []burst.Run{{Supply: "burst", Node: "burst-1"}}
			},
			change: func(in *burst.Input) { in.Pools[0].Nodes = []burst.Node{online("burst-1", time.Hour, 0)} },
			want: burst.Decision{Have: 1, Release: []string{"burst-1"},
				Reason: "shot: 24 frames end in 202 s; no deadline and no longest wait asks for more; gives back burst-1"},
		},
		"the minimum": {
			work:   func(w *burst.Work) { w.Runnable = 0 },
			change: func(in *burst.Input) { in.Pools[0].Min = 1 },
			want:   burst.Decision{Want: 1, Create: 1, Reason: "no work waits that this pool could do; 1 node is the pool's minimum"},
		},
		"measured at the site": {
			work: func(w *burst.Work) {
				w.Measured = map[string]burst.Seconds{"studio": {Count: 100, Mean: 8}, "cloud": {Count: 100, Mean: 4}}
			},
			want: burst.Decision{Want: 1, Create: 1, Job: "j1",
				Reason: "shot: 24 frames × 8.0 s end in 192 s at home on 1 node; deadline in 131 s; with 1 burst node in 72 s"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.want.Pool = "burst"
			got := burst.Plan(now, farm([]burst.Work{shot(c.work)}, c.change))
			if diff := cmp.Diff([]burst.Decision{c.want}, got, bare); diff != "" {
				t.Error(diff)
			}
			if got[0].Changes() != (c.want.Create+len(c.want.Resume)+len(c.want.Release)+len(c.want.Prime) > 0) {
				t.Error("Changes is wrong")
			}
		})
	}
}

func TestCheapPoolIsFilledFirst(t *testing.T) {
	work := shot(func(w *burst.Work) { w.Slots["big"] = 4; w.Deadline = now.Add(60 * time.Second) })
	got := burst.Plan(now, farm([]burst.Work{work}, func(in *burst.Input) {
		in.Pools = append([]burst.Pool{{Name: "big", Site: "cloud", Max: 3, Price: 4, StartUp: 5 * time.Second}}, in.Pools...)
	}))
	if got[0].Want != 1 || got[1].Want != 2 || got[1].Cap != "max" || got[0].Cap != "" {
		t.Errorf("%+v", got)
	}
}

func TestHigherPriorityIsServedFirst(t *testing.T) {
	urgent := shot(func(w *burst.Work) { w.Job, w.Name, w.Priority, w.Deadline = "j2", "urgent", 90, time.Time{} })
	plain := shot(func(w *burst.Work) { w.Deadline = now.Add(250 * time.Second) })
	alone := burst.Plan(now, farm([]burst.Work{plain}, nil))
	both := burst.Plan(now, farm([]burst.Work{plain, urgent}, nil))
	if alone[0].Want != 0 || both[0].Want != 1 || both[0].Job != "j1" {
		t.Errorf("alone %+v, with the urgent one before it %+v", alone, both)
	}
}

func TestForecast(t *testing.T) {
	in := farm([]burst.Work{shot(nil), shot(func(w *burst.Work) { w.Job, w.Expected = "unknown", 0 })}, nil)
	for n, want := range map[int]struct {
		finish float64
		cost   float64
	}{
		0: {201.6, 0}, 1: {105.8, 105.8 / 3600 * 0.9}, 2: {72.2, 2 * 72.2 / 3600 * 0.9},
	} {
		got := burst.Forecast(now, in, map[string]int{"burst": n})
		if d := got.Finish.Sub(now).Seconds() - want.finish; d < -0.01 || d > 0.01 {
			t.Errorf("%d nodes: finish in %v, want %v s", n, got.Finish.Sub(now), want.finish)
		}
		if got.Cost < want.cost*0.9 || got.Cost > want.cost*1.01 {
			t.Errorf("%d nodes: cost %v, want %v", n, got.Cost, want.cost)
		}
		if _, known := got.Jobs["unknown"]; known || !got.Jobs["j1"].Equal(got.Finish) {
			t.Errorf("%d nodes: jobs %v", n, got.Jobs)
		}
	}
}

// A step that waits for the frames counts, whether or not its place in the order of work is after theirs.
func TestForecastWithWhatFollows(t *testing.T) {
	frames := shot(func(w *burst.Work) { w.Tail = 10 * time.Second })
	encode := shot(func(w *burst.Work) { w.Runnable, w.Later, w.Expected = 0, 1, 10 })
	unknown := shot(func(w *burst.Work) { w.Runnable, w.Later, w.Expected = 0, 1, 0 })
	elsewhere := shot(func(w *burst.Work) { w.Runnable, w.Later, w.Slots = 0, 1, nil })
	for n, want := range map[int]float64{0: 211.6, 1: 115.8, 2: 82.2} {
		got := burst.Forecast(now, farm([]burst.Work{frames, encode, unknown, elsewhere}, nil), map[string]int{"burst": n})
		if d := got.Jobs["j1"].Sub(now).Seconds() - want; d < -0.01 || d > 0.01 {
			t.Errorf("%d nodes: the job ends in %v, want %v s", n, got.Jobs["j1"].Sub(now), want)
		}
	}
	if got := burst.Plan(now, farm([]burst.Work{frames, encode}, nil)); got[0].Want != burst.Plan(now, farm([]burst.Work{frames}, nil))[0].Want {
		t.Errorf("what cannot start yet is demand: %+v", got)
	}
}

func ExamplePlan() {
	in := burst.Input{
		Work: []burst.Work{{
			Job: "j1", Name: "shot-010", Noun: "frames", Runnable: 240, Expected: 60,
			Slots: map[string]int{"workstations": 1, "cloud": 4}, Deadline: now.Add(time.Hour),
		}},
		Home:  []burst.Home{{Name: "workstations", Site: "studio", Nodes: 2}},
		Pools: []burst.Pool{{Name: "cloud", Site: "cloud", Max: 10, StartUp: 2 * time.Minute, Price: 0.40}},
	}
	for _, d := range burst.Plan(now, in) {
		fmt.Printf("%s: create %d\n%s\n", d.Pool, d.Create, d.Reason)
	}
	// Output:
	// cloud: create 1
	// shot-010: 240 frames × 60 s end in 2.0 h at home on 2 nodes; deadline in 60 min; with 1 burst node in 42 min
}
