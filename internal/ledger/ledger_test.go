package ledger_test

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/ledger"
)

var dawn = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// TestABillIsShared is the sum done by hand: a machine of 2 an hour lives 90 minutes and is billed for two hours; one job
// used half of what was used of it, for a quarter of an hour, another as much in four tasks side by side.
func TestABillIsShared(t *testing.T) {
	node := farm.Node{ID: "burst-1", Price: 2, Billed: dawn, MinBilling: 2 * time.Hour, State: farm.NodeDeleted, Gone: dawn.Add(90 * time.Minute)}
	unused := farm.Node{ID: "burst-2", Price: 1, Billed: dawn, State: farm.NodeDeleted, Gone: dawn.Add(time.Hour)}
	never := farm.Node{ID: "burst-3", Price: 100, Created: dawn, State: farm.NodeDeleted, Gone: dawn.Add(time.Hour)}
	uses := []farm.Use{
		{Hour: dawn, Job: "j1", Node: "burst-1", Owner: "mara", Attempts: 1, Run: 15 * time.Minute, Good: 15 * time.Minute, Share: 900},
		{Hour: dawn, Job: "j2", Node: "burst-1", Owner: "tom", Attempts: 4, Run: time.Hour, Share: 900},
		{Hour: dawn.Add(time.Hour), Job: "j2", Node: "ws-1", Owner: "tom", Attempts: 1, Run: time.Hour, Share: 3600},
	}
	all := ledger.Query{By: ledger.ByOwner, From: dawn, To: dawn.Add(24 * time.Hour)}
	r := ledger.Make(all, uses, []farm.Node{node, unused, never, {ID: "ws-1"}}, dawn.Add(24*time.Hour))
	if len(r.Lines) != 2 || r.Lines[0].Key != "tom" || r.Lines[0].Cost != 2 || r.Lines[1].Cost != 2 || r.Lines[0].Run != 2*time.Hour {
		t.Errorf("%+v", r.Lines)
	}
	want := ledger.Bills{Machines: 2, Billed: 3 * time.Hour, Cost: 5, Shared: 4, Unused: 1}
	if r.Bills != want {
		t.Errorf("%+v, want %+v", r.Bills, want)
	}
	all.From, all.To = dawn.Add(time.Hour), dawn.Add(2*time.Hour) // the second hour: half the bill, and none of the use
	if r := ledger.Make(all, uses, []farm.Node{node, unused}, dawn.Add(24*time.Hour)); r.Bills != (ledger.Bills{Machines: 1, Billed: time.Hour, Cost: 2, Carried: 2}) {
		t.Errorf("%+v", r.Bills)
	}
}

// TestTheLedgersReconcile: whatever was used and paid for, by whatever it is summed, all lines together have used what was
// used, and cost what was paid, but for what nobody used; and the lines of two times that follow each other are those of both.
func TestTheLedgersReconcile(t *testing.T) {
	bys := []ledger.By{ledger.ByJob, ledger.ByProject, ledger.ByOwner, ledger.ByQueue, ledger.ByNode, ledger.ByPool, ledger.BySite, ledger.ByDay}
	rapid.Check(t, func(t *rapid.T) {
		nodes := rapid.SliceOfNDistinct(drawNode(), 0, 5, func(n farm.Node) farm.NodeID { return n.ID }).Draw(t, "nodes")
		uses := rapid.SliceOfN(drawUse(), 0, 30).Draw(t, "uses")
		now := dawn.Add(200 * time.Hour)
		var paid, run float64
		for i := range nodes {
			from, to := nodes[i].Bill(now)
			paid += nodes[i].Price * to.Sub(from).Hours()
		}
		for i := range uses {
			run += uses[i].Run.Seconds()
		}
		q := ledger.Query{By: rapid.SampledFrom(bys).Draw(t, "by"), From: dawn.Add(-time.Hour), To: now.Add(100 * time.Hour)}
		r := ledger.Make(q, uses, nodes, now)
		var cost, seconds float64
		for _, l := range r.Lines {
			cost, seconds = cost+l.Cost, seconds+l.Run.Seconds()
		}
		same(t, "cost of the lines and the bills", cost+r.Bills.Unused, paid)
		same(t, "cost", r.Bills.Cost, paid)
		same(t, "carried", r.Bills.Carried, 0)
		same(t, "run", seconds, run)
		same(t, "total", r.Total.Cost, cost)

		first, second := q, q
		first.To = dawn.Add(time.Duration(rapid.IntRange(0, 100).Draw(t, "cut")) * time.Hour)
		second.From = first.To
		a, b := ledger.Make(first, uses, nodes, now), ledger.Make(second, uses, nodes, now)
		same(t, "cost of both halves", a.Total.Cost+b.Total.Cost, cost)
		same(t, "bills of both halves", a.Bills.Cost+b.Bills.Cost, paid)
		same(t, "carried over", a.Bills.Carried+b.Bills.Carried, 0)
	})
}

func same(t *rapid.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-6*(1+math.Abs(want)) {
		t.Fatalf("%s: %v, want %v", what, got, want)
	}
}

func drawNode() *rapid.Generator[farm.Node] {
	return rapid.Custom(func(t *rapid.T) farm.Node {
		n := farm.Node{ID: nodeID(t), Price: rapid.SampledFrom([]float64{0, 0.5, 3}).Draw(t, "price"), State: farm.NodeOnline}
		if rapid.Bool().Draw(t, "came to be") {
			n.Billed = dawn.Add(time.Duration(rapid.IntRange(0, 100*60).Draw(t, "billed")) * time.Minute)
			n.MinBilling = time.Duration(rapid.IntRange(0, 120).Draw(t, "least")) * time.Minute
			if rapid.Bool().Draw(t, "deleted") {
				n.State, n.Gone = farm.NodeDeleted, n.Billed.Add(time.Duration(rapid.IntRange(0, 300).Draw(t, "life"))*time.Minute)
			}
		}
		return n
	})
}

func nodeID(t *rapid.T) farm.NodeID {
	return rapid.SampledFrom([]farm.NodeID{"a", "b", "c", "d", "e"}).Draw(t, "node")
}

func drawUse() *rapid.Generator[farm.Use] {
	return rapid.Custom(func(t *rapid.T) farm.Use {
		run := time.Duration(rapid.IntRange(1, 7200).Draw(t, "run")) * time.Second
		name := func(what string) string { return rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, what) }
		return farm.Use{
			Hour: dawn.Add(time.Duration(rapid.IntRange(0, 100).Draw(t, "hour")) * time.Hour), Job: farm.JobID(name("job")), Node: nodeID(t),
			Project: name("project"), Owner: name("owner"), Queue: farm.QueueID(name("queue")), Site: farm.SiteID(name("site")), Pool: farm.PoolID(name("pool")),
			Attempts: 1, Run: run, Share: run.Seconds() * rapid.SampledFrom([]float64{0.25, 1}).Draw(t, "part"),
		}
	})
}
