package burst_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/spillway/spillway/internal/burst"
)

// anyInput draws a farm of any shape, sensible or not.
func anyInput(t *rapid.T) burst.Input {
	in := burst.Input{Settings: burst.Settings{
		MaxWait:   time.Duration(rapid.Int64Range(0, 3).Draw(t, "wait")) * time.Hour,
		MaxHourly: rapid.SampledFrom([]float64{0, 0, 1, 5}).Draw(t, "hourly"),
		IdleFor:   time.Duration(rapid.Int64Range(0, 120).Draw(t, "idle")) * time.Second,
	}}
	if rapid.Bool().Draw(t, "budgeted") {
		in.Settings.Budget = new(rapid.Float64Range(0, 10).Draw(t, "budget"))
	}
	for i := range rapid.IntRange(0, 2).Draw(t, "homes") {
		in.Home = append(in.Home, burst.Home{Name: fmt.Sprint("h", i), Site: "studio", Nodes: rapid.IntRange(0, 20).Draw(t, "nodes"), Speed: rapid.Float64Range(-1, 3).Draw(t, "speed")})
	}
	for i := range rapid.IntRange(1, 3).Draw(t, "pools") {
		p := burst.Pool{
			Name: fmt.Sprint("p", i), Site: "cloud", Min: rapid.IntRange(-1, 3).Draw(t, "min"), Max: rapid.IntRange(-1, 30).Draw(t, "max"),
			StartUp:      time.Duration(rapid.Int64Range(0, 600).Draw(t, "start")) * time.Second,
			MinBilling:   time.Duration(rapid.Int64Range(0, 600).Draw(t, "billing")) * time.Second,
			Price:        rapid.Float64Range(0, 3).Draw(t, "price"),
			WarmRequired: rapid.Float64Range(0, 1.5).Draw(t, "required"),
			Stopped:      rapid.IntRange(0, 9).Draw(t, "stopped") == 0,
		}
		if rapid.IntRange(0, 3).Draw(t, "ordered") == 0 {
			p.Order = &burst.Order{Nodes: rapid.IntRange(-1, 40).Draw(t, "order"), Reason: "ordered"}
		}
		for k := range rapid.IntRange(0, 6).Draw(t, "have") {
			n := burst.Node{
				Name: fmt.Sprintf("p%d-%d", i, k), State: burst.NodeState(rapid.IntRange(0, 2).Draw(t, "state")),
				Created: now.Add(-time.Duration(rapid.Int64Range(0, 7200).Draw(t, "age")) * time.Second),
			}
			if n.State == burst.Online && rapid.Bool().Draw(t, "is idle") {
				n.Idle = now.Add(-time.Duration(rapid.Int64Range(0, 600).Draw(t, "idle for")) * time.Second)
			}
			p.Nodes = append(p.Nodes, n)
		}
		in.Pools = append(in.Pools, p)
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "works") {
		in.Work = append(in.Work, anyWork(t, i, in))
	}
	return in
}

func anyWork(t *rapid.T, i int, in burst.Input) burst.Work {
	w := burst.Work{
		Job: fmt.Sprint("j", i), Runnable: rapid.Int64Range(0, 500).Draw(t, "runnable"), Expected: rapid.SampledFrom([]float64{0, 0.01, 8, 3000}).Draw(t, "expected"),
		Priority: rapid.IntRange(0, 100).Draw(t, "priority"), Submitted: now.Add(-time.Duration(rapid.Int64Range(0, 7200).Draw(t, "submitted")) * time.Second),
		Slots: map[string]int{},
	}
	if rapid.Bool().Draw(t, "has deadline") {
		w.Deadline = now.Add(time.Duration(rapid.Int64Range(-600, 20000).Draw(t, "deadline")) * time.Second)
	}
	if rapid.Bool().Draw(t, "is measured") {
		w.Measured = map[string]burst.Seconds{"studio": {Count: rapid.Int64Range(0, 100).Draw(t, "count"), Mean: rapid.Float64Range(0, 500).Draw(t, "mean"), Spread: 3}}
	}
	if rapid.Bool().Draw(t, "has assets") {
		w.Warm = map[string]burst.Warm{"cloud": {Share: rapid.Float64Range(0, 1).Draw(t, "warm"), Left: time.Minute}}
	}
	for _, h := range in.Home {
		w.Slots[h.Name] = rapid.IntRange(0, 8).Draw(t, "slots")
	}
	for _, p := range in.Pools {
		w.Slots[p.Name] = rapid.IntRange(0, 8).Draw(t, "slots")
		for _, n := range p.Nodes {
			if n.State != burst.Starting && n.Idle.IsZero() && w.Slots[p.Name] > 0 {
				w.Running = append(w.Running, burst.Run{Supply: p.Name, Node: n.Name, Elapsed: time.Second})
			}
		}
	}
	return w
}

func TestDecisionsAreSound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := anyInput(t)
		for i, d := range burst.Plan(now, in) {
			p := in.Pools[i]
			draining := 0
			for _, n := range p.Nodes {
				if n.State == burst.Draining {
					draining++
				}
			}
			switch after := d.Have + d.Create + len(d.Resume) - len(d.Release); {
			case d.Pool != p.Name || d.Have != len(p.Nodes)-draining:
				t.Fatalf("%+v is not about %+v", d, p)
			case d.Create > 0 && d.Have+draining+d.Create > p.Max:
				t.Fatalf("%+v goes beyond %d nodes", d, p.Max)
			case d.Want > max(p.Max, 0):
				t.Fatalf("%+v wants more than %d nodes", d, p.Max)
			case d.Create > 0 && (len(d.Release) > 0 || p.Stopped), len(d.Resume) > 0 && len(d.Release) > 0:
				t.Fatalf("%+v makes and gives back", d)
			case after > max(d.Have, d.Want) || after < min(d.Have, d.Want):
				t.Fatalf("%+v oversteps what it wants", d)
			case d.Reason == "" || d.Create < 0:
				t.Fatalf("%+v", d)
			}
			for _, name := range append(slices.Clone(d.Release), d.Resume...) {
				if !slices.ContainsFunc(p.Nodes, func(n burst.Node) bool { return n.Name == name }) {
					t.Fatalf("%s is not a node of %s", name, p.Name)
				}
			}
		}
	})
}

func TestLaterDeadlineNeverNeedsMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := anyInput(t)
		in.Pools, in.Settings.Budget = in.Pools[:1], nil
		in.Pools[0].Order = nil
		w := anyWork(t, 9, in)
		want := func(deadline time.Duration) int {
			w.Deadline = now.Add(deadline)
			in.Work = []burst.Work{w}
			return burst.Plan(now, in)[0].Want
		}
		a := time.Duration(rapid.Int64Range(-100, 20000).Draw(t, "a")) * time.Second
		b := a + time.Duration(rapid.Int64Range(0, 20000).Draw(t, "later"))*time.Second
		if near, far := want(a), want(b); far > near {
			t.Fatalf("%d nodes for a deadline in %v, %d for one in %v", near, a, far, b)
		}
	})
}

func TestMoreNodesNeverEndLater(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := anyInput(t)
		in.Pools = in.Pools[:1]
		w := anyWork(t, 9, in)
		// Equal nodes: of unequal ones an added slow one may take the last task, in life as here (TestAnAddedNodeDelaysByOneTask).
		for i := range in.Home {
			in.Home[i].Speed = 0
		}
		for site, m := range w.Measured { // and no task that has run for longer than the mean, which only corrects its own site's
			m.Mean = max(m.Mean, 1)
			w.Measured[site] = m
		}
		in.Work = []burst.Work{w}
		n := rapid.IntRange(0, 40).Draw(t, "n")
		few, many := burst.Forecast(now, in, map[string]int{"p0": n}), burst.Forecast(now, in, map[string]int{"p0": n + 1})
		if few.Finish.IsZero() {
			return
		}
		if rounding := few.Finish.Sub(now) / 1e9; many.Finish.After(few.Finish.Add(rounding + time.Microsecond)) {
			t.Fatalf("%d nodes end at %v, one more at %v", n, few.Finish, many.Finish)
		}
	})
}
