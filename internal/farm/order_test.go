package farm_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
)

// inOrder runs a step's tasks one at a time and returns them in the order in which they started.
func (w *world) inOrder(n farm.NodeID, stop int) []int64 {
	w.t.Helper()
	var units []int64
	for len(units) < stop {
		w.f.Seen(w.now, n)
		w.schedule()
		orders := w.orders(n)
		if len(orders) == 0 {
			return units
		}
		units = append(units, orders[0].Unit.Unit)
		w.end(orders[0], "")
		w.land()
	}
	return units
}

func ordered(units int64, o farm.Order) farm.SubmitJob {
	return farm.SubmitJob{Name: "x", MaxRetries: 1, Steps: []farm.NewStep{{Name: "Render", Units: units, Order: o}}}
}

func TestOrders(t *testing.T) {
	strides := func(s ...farm.Stride) farm.Order { return farm.Order{Kind: farm.OrderStrides, Strides: s} }
	for _, tt := range []struct {
		units int64
		order farm.Order
		want  string
	}{
		{4, farm.Order{}, "[0 1 2 3]"},
		{4, farm.Order{Kind: farm.OrderDescending}, "[3 2 1 0]"},
		{5, farm.Order{Kind: farm.OrderMiddleOut}, "[2 3 1 4 0]"},
		{6, farm.Order{Kind: farm.OrderMiddleOut}, "[2 3 1 4 0 5]"},
		{1, farm.Order{Kind: farm.OrderMiddleOut}, "[0]"},
		{9, farm.Order{Kind: farm.OrderBinary}, "[0 8 4 2 6 1 3 5 7]"},
		{7, farm.Order{Kind: farm.OrderBinary}, "[0 6 3 1 4 2 5]"},
		{1, farm.Order{Kind: farm.OrderBinary}, "[0]"},
		{2, farm.Order{Kind: farm.OrderBinary}, "[0 1]"},
		{7, strides(farm.Stride{0, 6, 3}, farm.Stride{0, 6, 1}), "[0 3 6 1 2 4 5]"},
		{6, strides(farm.Stride{5, 3, -1}), "[5 4 3 0 1 2]"}, // the rest comes after
	} {
		w := newWorld(t)
		w.join("ws-1", studio, small)
		w.do(ordered(tt.units, tt.order))
		if got := fmt.Sprint(w.inOrder("ws-1", 99)); got != tt.want {
			t.Errorf("%d tasks %s: %s, want %s", tt.units, tt.order.Kind, got, tt.want)
		}
	}
}

func TestOrderOutlivesRestartAndFailure(t *testing.T) {
	w := newWorld(t)
	w.cfg.Lease = time.Hour
	w.f = farm.New(w.cfg)
	w.join("ws-1", studio, small)
	id := w.do(ordered(6, farm.Order{Kind: farm.OrderDescending})).(farm.JobID)
	if got := w.inOrder("ws-1", 2); !slices.Equal(got, []int64{5, 4}) {
		t.Fatalf("started %v", got)
	}
	a := w.failNext("ws-1", farm.CauseTask) // 3, which then comes again first
	w.reload()
	if got := w.inOrder("ws-1", 1); a.Unit.Unit != 3 || !slices.Equal(got, []int64{3}) {
		t.Fatalf("after %d failed: %v", a.Unit.Unit, got)
	}
	w.do(farm.ChangeOrder{Job: id, Orders: map[int]farm.Order{0: {Kind: farm.OrderMiddleOut}}, Reason: "wanted by ann"})
	if got := w.inOrder("ws-1", 9); !slices.Equal(got, []int64{2, 1, 0}) {
		t.Errorf("middle out of what is left: %v", got)
	}
	w.wantJob(id, farm.JobSucceeded)
	w.refused(farm.ChangeOrder{Job: id}, fault.Conflict, "has ended")
}

func TestOrderRefusesNonsense(t *testing.T) {
	w := newWorld(t)
	for says, o := range map[string]farm.Order{
		"none of the orders":        {Kind: "random"},
		"has between 1 and":         {Kind: farm.OrderStrides},
		"no other order has any":    {Kind: farm.OrderBinary, Strides: []farm.Stride{{0, 1, 1}}},
		"tasks 0 to 10 by 1 are no": {Kind: farm.OrderStrides, Strides: []farm.Stride{{0, 10, 1}}},
		"tasks 0 to 5 by 2 are no":  {Kind: farm.OrderStrides, Strides: []farm.Stride{{0, 5, 2}}},
		"tasks 0 to 5 by 0 are no":  {Kind: farm.OrderStrides, Strides: []farm.Stride{{0, 5, 0}}},
		"tasks 5 to 0 by 1 are no":  {Kind: farm.OrderStrides, Strides: []farm.Stride{{5, 0, 1}}},
	} {
		w.refused(ordered(10, o), fault.Invalid, says)
	}
	w.refused(ordered(100_001, farm.Order{Kind: farm.OrderBinary}), fault.Invalid, "too many for this order")
	id := w.do(ordered(10_000_000, farm.Order{Kind: farm.OrderDescending})).(farm.JobID)
	w.refused(farm.ChangeOrder{Job: id, Orders: map[int]farm.Order{1: {}}}, fault.NotFound, "no step 1")
	w.refused(farm.ChangeOrder{Job: id, Orders: map[int]farm.Order{0: {Kind: farm.OrderMiddleOut}}}, fault.Invalid, "step Render")
}

// TestEveryOrderIsComplete: whatever the order, each task starts once.
func TestEveryOrderIsComplete(t *testing.T) {
	kinds := []farm.OrderKind{farm.OrderDescending, farm.OrderMiddleOut, farm.OrderBinary, farm.OrderStrides}
	rapid.Check(t, func(r *rapid.T) {
		units := rapid.Int64Range(1, 40).Draw(r, "units")
		o := farm.Order{Kind: rapid.SampledFrom(kinds).Draw(r, "kind")}
		if o.Kind == farm.OrderStrides {
			for range rapid.IntRange(1, 4).Draw(r, "strides") {
				first, step := rapid.Int64Range(0, units-1).Draw(r, "first"), rapid.Int64Range(1, 5).Draw(r, "step")
				last := first + (units-1-first)/step*step
				o.Strides = append(o.Strides, farm.Stride{First: first, Last: last, Step: step})
			}
		}
		w := newWorld(t)
		w.join("ws-1", studio, farm.Capacity{VCPUs: 64, MemoryMiB: 4096})
		w.do(ordered(units, o))
		w.schedule()
		seen := map[int64]bool{}
		for _, a := range w.orders("ws-1") {
			seen[a.Unit.Unit] = true
		}
		if int64(len(seen)) != units {
			r.Fatalf("%d of %d tasks started: %v", len(seen), units, strings.TrimSpace(fmt.Sprint(seen)))
		}
	})
}
