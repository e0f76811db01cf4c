package burst_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spillway/spillway/internal/burst"
)

func TestOrders(t *testing.T) {
	for name, c := range map[string]struct {
		work   func(*burst.Work)
		change func(*burst.Input)
		want   burst.Decision
	}{
		"more nodes than the goals need": {
			work:   func(w *burst.Work) { w.Deadline = now.Add(100 * time.Hour) },
			change: func(in *burst.Input) { in.Pools[0].Max, in.Pools[0].Order.Nodes = 9, 4 },
			want:   burst.Decision{Want: 4, Create: 4, Reason: "formula"},
		},
		"fewer": {
			change: func(in *burst.Input) { in.Pools[0].Order.Nodes = 0 },
			want:   burst.Decision{Reason: "formula"},
		},
		"at most the pool's maximum": {
			change: func(in *burst.Input) { in.Pools[0].Order.Nodes = 7 },
			want:   burst.Decision{Want: 2, Create: 2, Cap: "max", Reason: "formula; the pool has at most 2 nodes"},
		},
		"at least its minimum": {
			change: func(in *burst.Input) { in.Pools[0].Order.Nodes, in.Pools[0].Min = 0, 1 },
			want:   burst.Decision{Want: 1, Create: 1, Reason: "formula; 1 node is the pool's minimum"},
		},
		"at most what may be spent an hour": {
			change: func(in *burst.Input) { in.Pools[0].Order.Nodes, in.Settings.MaxHourly = 2, 1 },
			want:   burst.Decision{Want: 1, Create: 1, Cap: "hourly", Reason: "formula; rented nodes may cost at most 1.00 an hour"},
		},
		"none of a stopped pool": {
			change: func(in *burst.Input) {
				in.Pools[0].Order.Nodes, in.Pools[0].Stopped = 2, true
				in.Pools[0].Nodes = []burst.Node{online("b1", time.Hour, 0)}
			},
			want: burst.Decision{Have: 1, Release: []string{"b1"}, Cap: "stopped", Reason: "formula; the operator has stopped this pool; gives back b1"},
		},
		"the idle go first, at once": {
			work: func(w *burst.Work) { w.Running = []burst.Run{{Supply: "burst", Node: "b1"}} },
			change: func(in *burst.Input) {
				in.Pools[0].Order.Nodes = 1
				in.Pools[0].Nodes = []burst.Node{online("b1", time.Minute, 0), online("b2", time.Minute, time.Millisecond)}
			},
			want: burst.Decision{Have: 2, Want: 1, Release: []string{"b2"}, Reason: "formula; gives back b2"},
		},
		"those that work finish": {
			work: func(w *burst.Work) { w.Running = []burst.Run{{Supply: "burst", Node: "b1"}} },
			change: func(in *burst.Input) {
				in.Pools[0].Order.Nodes = 0
				in.Pools[0].Nodes = []burst.Node{online("b1", time.Minute, 0)}
			},
			want: burst.Decision{Have: 1, Release: []string{"b1"}, Reason: "formula; gives back b1"},
		},
		"those that leave stay after all": {
			change: func(in *burst.Input) {
				in.Pools[0].Order.Nodes = 2
				in.Pools[0].Nodes = []burst.Node{{Name: "b1", State: burst.Draining, Created: now}}
			},
			want: burst.Decision{Want: 2, Resume: []string{"b1"}, Create: 1, Reason: "formula"},
		},
		"warm before wake": {
			work:   func(w *burst.Work) { w.Warm = map[string]burst.Warm{"cloud": {Share: 0.1, Left: time.Minute}} },
			change: func(in *burst.Input) { in.Pools[0].Order.Nodes = 2 },
			want:   burst.Decision{Want: 2, Prime: []string{"j1"}, Reason: "formula; first assets are loaded at cloud"},
		},
	} {
		in := farm([]burst.Work{shot(c.work)}, func(in *burst.Input) {
			in.Pools[0].Order = &burst.Order{Reason: "formula"}
			c.change(in)
		})
		c.want.Pool = "burst"
		if diff := cmp.Diff([]burst.Decision{c.want}, burst.Plan(now, in), bare); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// A pool that plans by goals counts on the nodes that another one is ordered to have.
func TestGoalsArePlannedAroundOrders(t *testing.T) {
	want := func(ordered int) int {
		in := farm([]burst.Work{shot(func(w *burst.Work) { w.Slots["formula"] = 1 })}, func(in *burst.Input) {
			second := in.Pools[0]
			second.Name, second.Max, second.Order = "formula", 9, &burst.Order{Nodes: ordered, Reason: "formula"}
			in.Pools = append(in.Pools, second)
		})
		return burst.Plan(now, in)[0].Want
	}
	if alone, beside := want(0), want(4); alone == 0 || beside != 0 {
		t.Errorf("%d nodes without the other pool, %d beside it", alone, beside)
	}
}
