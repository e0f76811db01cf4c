package burst

import (
	"fmt"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var someday = time.Date(2026, 1, 2, 9, 0, 0, 0, time.UTC)

// wild draws numbers of every kind, above all those at which arithmetic ends.
func wild(t *rapid.T, label string) float64 {
	if rapid.Bool().Draw(t, label+" is odd") {
		return rapid.SampledFrom([]float64{
			0, -1, math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, math.SmallestNonzeroFloat64, 1e-300, 1e9, 1e10, 1e18, math.Nextafter(1, 2),
		}).Draw(t, label)
	}
	return rapid.OneOf(rapid.Float64Range(0, 1e4), rapid.Float64()).Draw(t, label)
}

func wildInt(t *rapid.T, label string) int64 {
	return rapid.OneOf(rapid.Int64Range(-1, 1000), rapid.Int64(), rapid.SampledFrom([]int64{0, math.MaxInt64, math.MinInt64})).Draw(t, label)
}

func wildSpan(t *rapid.T, label string) time.Duration {
	return rapid.OneOf(
		rapid.Map(rapid.Int64Range(0, 1e5), func(s int64) time.Duration { return time.Duration(s) * time.Second }),
		rapid.Map(rapid.Int64(), func(n int64) time.Duration { return time.Duration(n) }),
	).Draw(t, label)
}

func wildMoment(t *rapid.T, label string) time.Time {
	if rapid.IntRange(0, 4).Draw(t, label+" is none") == 0 {
		return time.Time{}
	}
	return someday.Add(wildSpan(t, label))
}

// wildInput draws pictures that no farm could show.
func wildInput(t *rapid.T) Input {
	in := Input{Settings: Settings{
		Margin: wild(t, "margin"), Keep: wild(t, "keep"), IdleFor: wildSpan(t, "idle"), MaxWait: wildSpan(t, "wait"),
		MaxHourly: wild(t, "hourly"), MaxVCPUs: wild(t, "vcpus"), Usual: wild(t, "usual"), Quotas: map[string]float64{"q": wild(t, "quota")},
	}}
	if rapid.Bool().Draw(t, "budgeted") {
		in.Settings.Budget = new(wild(t, "budget"))
	}
	for i := range rapid.IntRange(0, 2).Draw(t, "homes") {
		in.Home = append(in.Home, Home{Name: fmt.Sprint("h", i), Site: "studio", Nodes: int(wildInt(t, "nodes")), Speed: wild(t, "speed")})
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "pools") {
		p := Pool{
			Name: fmt.Sprint("p", i), Site: rapid.SampledFrom([]string{"cloud", "studio"}).Draw(t, "site"), Min: int(wildInt(t, "min")), Max: int(wildInt(t, "max")),
			VCPUs: wild(t, "vcpus"), Quota: rapid.SampledFrom([]string{"", "q"}).Draw(t, "quota"), StartUp: wildSpan(t, "start"), Price: wild(t, "price"),
			MinBilling: wildSpan(t, "billing"), Speed: wild(t, "speed"), IdleFor: wildSpan(t, "idle"), KeepWarm: int(wildInt(t, "keep warm")),
			WarmFor: wildSpan(t, "warm for"), Spot: rapid.Bool().Draw(t, "spot"), Evictions: wild(t, "evictions"), Floor: wild(t, "floor"),
			WarmRequired: wild(t, "required"), Stopped: rapid.IntRange(0, 9).Draw(t, "stopped") == 0,
		}
		if rapid.IntRange(0, 5).Draw(t, "ordered") == 0 {
			p.Order = &Order{Nodes: int(wildInt(t, "order")), Reason: "ordered"}
		}
		for k := range rapid.IntRange(0, 5).Draw(t, "have") {
			p.Nodes = append(p.Nodes, Node{
				Name: fmt.Sprintf("p%d-%d", i, k), State: NodeState(rapid.IntRange(0, 3).Draw(t, "state")), Created: wildMoment(t, "created"), Idle: wildMoment(t, "idle"),
			})
		}
		in.Pools = append(in.Pools, p)
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "works") {
		in.Work = append(in.Work, wildWork(t, i, in))
	}
	return in
}

func wildWork(t *rapid.T, i int, in Input) Work {
	w := Work{
		Job: fmt.Sprint("j", i), Runnable: wildInt(t, "runnable"), Later: wildInt(t, "later"), Expected: wild(t, "expected"), Priority: int(wildInt(t, "priority")),
		Submitted: wildMoment(t, "submitted"), Deadline: wildMoment(t, "deadline"), Tail: wildSpan(t, "tail"), MaxWait: wildSpan(t, "wait"),
		Cheapest: rapid.IntRange(0, 9).Draw(t, "cheapest") == 0, Slots: map[string]int{}, Measured: map[string]Seconds{},
	}
	for _, site := range []string{"studio", "cloud"} {
		if rapid.Bool().Draw(t, "measured at "+site) {
			w.Measured[site] = Seconds{Count: wildInt(t, "count"), Mean: wild(t, "mean"), Spread: wild(t, "spread")}
		}
	}
	if rapid.Bool().Draw(t, "has assets") {
		w.Warm = map[string]Warm{"cloud": {Share: wild(t, "warm"), Left: wildSpan(t, "left")}}
	}
	supplies := []string{"nowhere"}
	for k := range in.Home {
		supplies = append(supplies, in.Home[k].Name)
	}
	for k := range in.Pools {
		supplies = append(supplies, in.Pools[k].Name)
	}
	for _, name := range supplies {
		w.Slots[name] = int(wildInt(t, "slots"))
		if rapid.IntRange(0, 2).Draw(t, "runs") == 0 {
			w.Running = append(w.Running, Run{Supply: name, Node: name + "-0", Elapsed: wildSpan(t, "elapsed")})
		}
	}
	return w
}

// mostLooks is how many looks at shares a plan may take. A plan makes at most three searches, and one trial to hold and one
// for each pool to explain. A search makes two trials and, for each pool, one search by halves among at most 2^30 nodes and one
// that may double its steps first, and two trials. A trial places each work once. To place one it looks at all lanes twice as
// often as there are lanes and once more (the fluid, twice), twice at the beginning, once for each halving, and once at the end.
func mostLooks(p *planner) int {
	lanes := len(p.homes) + len(p.in.Pools)
	for i := range p.shelves {
		lanes += len(p.shelves[i].lanes)
	}
	// The longest way: all tasks of all works one after the other on one slot.
	way := float64(len(p.work)+2) * float64(2*mostTasks) * longestTask
	place := lanes * (2*(lanes+1) + 2 + halvings(way, shortestTask) + 1)
	trials := 3*(2+len(p.in.Pools)*(31+2*31+2)) + 1 + len(p.in.Pools)
	return trials * len(p.work) * place
}

func effort(t *rapid.T) {
	in := wildInput(t)
	p := newPlanner(someday, in, true)
	decisions := p.plan()
	if most := mostLooks(p); p.bench.looks > most {
		t.Fatalf("%d looks at shares, at most %d are due", p.bench.looks, most)
	}
	for i, d := range decisions {
		most := max(0, min(in.Pools[i].Max, mostNodes))
		if d.Want < 0 || d.Want > most || d.Create < 0 || d.Create > most || d.Reason == "" {
			t.Fatalf("of at most %d nodes: %+v", most, d)
		}
	}
	numbers := map[string]int{"p0": int(wildInt(t, "nodes")), "p1": int(wildInt(t, "nodes"))}
	if o := Forecast(someday, in, numbers); math.IsNaN(o.Cost) || o.Cost < 0 {
		t.Fatalf("%+v", o)
	}
	q := Question{Job: "j0", By: wildMoment(t, "by"), HomeOnly: rapid.Bool().Draw(t, "home only")}
	if rapid.Bool().Draw(t, "allowing") {
		q.Allow = new(wild(t, "allow"))
	}
	if a := WhatIf(someday, in, q); math.IsNaN(a.Cost) || math.IsNaN(a.Extra) {
		t.Fatalf("%+v", a)
	}
}

// Whatever the picture shows, a plan ends after as many steps as its lanes, works and pools allow, and is one.
func TestEveryPlanEnds(t *testing.T) { rapid.Check(t, effort) }

func FuzzPlan(f *testing.F) { f.Fuzz(rapid.MakeFuzz(effort)) }
