package burst_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spillway/spillway/internal/burst"
)

// big is a shot that needs many nodes: 600 frames of a minute, to be done in half an hour.
func big(change func(*burst.Work)) burst.Work {
	return shot(func(w *burst.Work) {
		w.Runnable, w.Expected, w.Deadline = 600, 60, now.Add(30*time.Minute)
		if change != nil {
			change(w)
		}
	})
}

// clouds is a farm with a regular and a spot pool of up to 100 nodes each.
func clouds(w burst.Work, change func(regular, spot *burst.Pool, s *burst.Settings)) burst.Input {
	w.Slots = map[string]int{"ws": 1, "regular": 1, "spot": 1}
	in := farm([]burst.Work{w}, nil)
	in.Pools = []burst.Pool{
		{Name: "regular", Site: "cloud", Max: 100, VCPUs: 16, StartUp: time.Minute, Price: 1},
		{Name: "spot", Site: "cloud", Max: 100, VCPUs: 16, StartUp: time.Minute, Price: 0.3, Spot: true},
	}
	if change != nil {
		change(&in.Pools[0], &in.Pools[1], &in.Settings)
	}
	return in
}

func wants(ds []burst.Decision) []int {
	var out []int
	for _, d := range ds {
		out = append(out, d.Want)
	}
	return out
}

func TestPoolsShareTheWork(t *testing.T) {
	for name, c := range map[string]struct {
		work   func(*burst.Work)
		change func(regular, spot *burst.Pool, s *burst.Settings)
		want   []int
		cap    string // of the spot pool
		reason string // within the spot pool's
	}{
		"the cheap one":      {want: []int{0, 23}},
		"the dear one after": {change: func(_, spot *burst.Pool, _ *burst.Settings) { spot.Max = 10 }, want: []int{13, 10}, cap: "max"},
		"a promised floor": {
			change: func(regular, _ *burst.Pool, _ *burst.Settings) { regular.Floor = 0.25 },
			want:   []int{6, 17},
		},
		"evictions make work longer": {
			change: func(_, spot *burst.Pool, _ *burst.Settings) { spot.Evictions = 6 },
			want:   []int{0, 27},
		},
		"and a pool the dearer": {
			change: func(_, spot *burst.Pool, _ *burst.Settings) { spot.Evictions = 60 },
			want:   []int{23, 0},
		},
		"a faster size": {
			change: func(regular, _ *burst.Pool, _ *burst.Settings) { regular.Speed = 4 },
			want:   []int{6, 0},
		},
		"a size with more slots": {
			work:   func(w *burst.Work) { w.Slots["regular"] = 4 },
			change: nil,
			want:   []int{6, 0},
		},
		"vcpus": {
			change: func(_, _ *burst.Pool, s *burst.Settings) { s.MaxVCPUs = 160 },
			want:   []int{0, 10}, cap: "vcpus", reason: "rented nodes may have at most 160 vCPUs",
		},
		"a quota of one family": {
			change: func(_, spot *burst.Pool, s *burst.Settings) {
				spot.Quota, s.Quotas = "spot cores", map[string]float64{"spot cores": 100}
			},
			want: []int{17, 6}, cap: "quota",
		},
		"a quota that both share": {
			change: func(regular, spot *burst.Pool, s *burst.Settings) {
				regular.Quota, spot.Quota, s.Quotas = "cores", "cores", map[string]float64{"cores": 100}
			},
			want: []int{0, 6}, cap: "quota", reason: "the quota cores is 100 vCPUs",
		},
		"an hourly price with a floor": { // a quarter at 1.00, the rest at 0.30: 9 of them cost 4.05 with 3 beside them, 10 would cost 7.00
			change: func(regular, _ *burst.Pool, s *burst.Settings) { regular.Floor, s.MaxHourly = 0.25, 6 },
			want:   []int{3, 9}, cap: "hourly",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := big(nil)
			in := clouds(w, c.change)
			if c.work != nil {
				c.work(&in.Work[0])
			}
			got := burst.Plan(now, in)
			if diff := cmp.Diff(c.want, wants(got)); diff != "" {
				t.Errorf("regular and spot nodes: %s\n%s\n%s", diff, got[0].Reason, got[1].Reason)
			}
			if got[1].Cap != c.cap || !strings.Contains(got[1].Reason, c.reason) {
				t.Errorf("capped by %q: %s", got[1].Cap, got[1].Reason)
			}
		})
	}
}

func TestGoalsOfWork(t *testing.T) {
	for name, c := range map[string]struct {
		work   func(*burst.Work)
		wait   time.Duration // the farm's
		nodes  bool
		reason string
	}{
		"none":                       {},
		"the farm's longest wait":    {wait: time.Hour, nodes: true},
		"one's own":                  {work: func(w *burst.Work) { w.MaxWait = time.Hour }, nodes: true},
		"one's own is longer":        {work: func(w *burst.Work) { w.MaxWait = 20 * time.Hour }, wait: time.Hour},
		"cheapest":                   {work: func(w *burst.Work) { w.Cheapest = true }, wait: time.Hour, reason: "nothing is rented for it"},
		"cheapest before a deadline": {work: func(w *burst.Work) { w.Cheapest, w.Deadline = true, now.Add(time.Hour) }},
		"cheapest, nothing known":    {work: func(w *burst.Work) { w.Cheapest, w.Expected = true, 0 }, wait: time.Hour},
		"cheapest, not at home":      {work: func(w *burst.Work) { w.Cheapest, w.Expected = true, 0; delete(w.Slots, "ws") }},
	} {
		w := big(func(w *burst.Work) { w.Deadline = time.Time{} })
		if c.work != nil {
			c.work(&w)
		}
		d := burst.Plan(now, farm([]burst.Work{w}, func(in *burst.Input) { in.Settings.MaxWait = c.wait }))[0]
		if d.Want > 0 != c.nodes || !strings.Contains(d.Reason, c.reason) {
			t.Errorf("%s: %d nodes: %s", name, d.Want, d.Reason)
		}
	}
}

// The frames that end first are the short ones: what still runs, and for how long, corrects them.
func TestLongRunningTasksCorrectTheMean(t *testing.T) {
	want := func(elapsed time.Duration) int {
		w := big(func(w *burst.Work) {
			w.Measured = map[string]burst.Seconds{"studio": {Count: 2, Mean: 60}}
			for range 8 {
				w.Running = append(w.Running, burst.Run{Supply: "ws", Node: "ws-1", Elapsed: elapsed})
			}
		})
		return burst.Plan(now, farm([]burst.Work{w}, func(in *burst.Input) { in.Pools[0].Max = 1000 }))[0].Want
	}
	if young, old := want(50*time.Second), want(300*time.Second); old < 2*young {
		t.Errorf("%d nodes while frames run as expected, %d when most have run five times as long", young, old)
	}
}

func TestWhatIsRecorded(t *testing.T) {
	w := shot(func(w *burst.Work) {
		w.Deadline, w.Later = now.Add(40*time.Second), 1
		w.Running = []burst.Run{{Supply: "ws", Node: "ws-1"}}
	})
	d := burst.Plan(now, farm([]burst.Work{w}, nil))[0]
	want := burst.Seen{Runnable: 24, Running: 1, Later: 1, Seconds: d.Seen.Seconds, Home: 1, Late: 1}
	if diff := cmp.Diff(want, d.Seen); diff != "" || d.Seen.Seconds < 201 || d.Seen.Seconds > 202 {
		t.Errorf("%s%+v", diff, d.Seen)
	}
	if d.Want != 2 || d.Cap != "max" || d.Asked != 7 {
		t.Errorf("%d nodes of %d that the goal asks for, capped by %q", d.Want, d.Asked, d.Cap)
	}
}

func TestKeepWarm(t *testing.T) {
	release := func(idle time.Duration, change func(*burst.Pool)) int {
		in := farm(nil, func(in *burst.Input) {
			for _, name := range []string{"b1", "b2", "b3"} {
				in.Pools[0].Nodes = append(in.Pools[0].Nodes, online(name, 2*time.Hour, idle))
			}
			change(&in.Pools[0])
		})
		return len(burst.Plan(now, in)[0].Release)
	}
	warm := func(p *burst.Pool) { p.Max, p.IdleFor, p.KeepWarm, p.WarmFor = 9, 5*time.Minute, 2, time.Hour }
	for idle, want := range map[time.Duration]int{time.Minute: 0, 6 * time.Minute: 1, 61 * time.Minute: 3} {
		if got := release(idle, warm); got != want {
			t.Errorf("idle for %v, %d of 3 nodes are given back, not %d", idle, got, want)
		}
	}
	if got := release(6*time.Minute, func(p *burst.Pool) { p.Max, p.IdleFor = 9, 10*time.Minute }); got != 0 {
		t.Errorf("%d nodes are given back before the pool's own time", got)
	}
}

func TestVictimsAreCheapToLose(t *testing.T) {
	w := shot(func(w *burst.Work) {
		w.Expected = 100
		w.Running = []burst.Run{
			{Supply: "burst", Node: "b1", Elapsed: 10 * time.Second}, {Supply: "burst", Node: "b2", Elapsed: 90 * time.Second},
			{Supply: "burst", Node: "b3", Elapsed: 50 * time.Second},
		}
	})
	in := farm([]burst.Work{w}, func(in *burst.Input) {
		in.Pools[0].Order = &burst.Order{Reason: "none"}
		for _, name := range []string{"b1", "b2", "b3"} {
			in.Pools[0].Nodes = append(in.Pools[0].Nodes, online(name, time.Hour, 0))
		}
		in.Pools[0].Nodes = append(in.Pools[0].Nodes, online("b4", time.Hour, time.Second), burst.Node{Name: "b5", Created: now.Add(-time.Second)}, burst.Node{Name: "b6", Created: now})
	})
	want := []string{"b4", "b6", "b5", "b2", "b3", "b1"}
	if diff := cmp.Diff(want, burst.Plan(now, in)[0].Release); diff != "" {
		t.Error(diff)
	}
}

// Work of which nothing is known is taken to be as other work: it is in the way of what comes after, and may miss its goal.
func TestUnknownWorkIsGuessed(t *testing.T) {
	known := big(func(w *burst.Work) { w.Job, w.Deadline = "j0", now.Add(40*time.Hour) })
	unknown := big(func(w *burst.Work) { w.Expected = 0 })
	d := burst.Plan(now, farm([]burst.Work{known, unknown}, func(in *burst.Input) { in.Pools[0].Max = 1000 }))[0]
	if d.Want < 20 || d.Job != "j1" || !strings.Contains(d.Reason, "600 frames × 60 s (nobody knows yet; as other work takes)") {
		t.Errorf("%d nodes: %s", d.Want, d.Reason)
	}
	in := farm([]burst.Work{unknown}, func(in *burst.Input) { in.Pools[0].Max, in.Settings.Usual = 1000, 60 })
	if d := burst.Plan(now, in)[0]; d.Want < 20 {
		t.Errorf("%d nodes: %s", d.Want, d.Reason)
	}
}
