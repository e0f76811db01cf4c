package server_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/config"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/server"
)

// formulaWorld is a world whose pool of fake machines has a formula.
func formulaWorld(t *testing.T, formula string) (*world, *cloudMachines) {
	w, _, machines := burstWorld(t, func(w *world) {
		w.config.Pools[0].Autoscale = &server.Autoscale{Formula: formula, Interval: config.Duration(50 * time.Millisecond)}
		w.config.SamplePeriod = 20 * time.Millisecond
	})
	return w, machines
}

func (w *world) thePool() restv1.Pool {
	w.t.Helper()
	pools, err := w.Pools(context.Background())
	w.must(err)
	return pools[0]
}

// Work without a deadline: by goals nothing would be rented for it.
func TestAFormulaSizesItsPool(t *testing.T) {
	w, machines := formulaWorld(t, "busy = $PendingTasks > 0; $TargetDedicatedNodes = busy ? 2 : 0; $NodeDeallocationOption = taskcompletion")
	job := w.submit(shot(6), strings.Replace(burstPolicy, "deadlineIn: 30s\n", "", 1), "")
	w.waitState(job.ID, "succeeded")
	if !machines.wasWarm {
		t.Error("nodes were woken before the assets were there")
	}
	// Between the steps nothing is pending while the last frames land: the formula may give its nodes back and take new ones.
	w.until("machines are given back", func() bool { return len(machines.gone()) >= max(2, machines.made()) }, func() any { return machines.gone() })
	w.until("the last look", func() bool {
		last := w.thePool().Autoscale.Last
		return last != nil && strings.HasPrefix(last.Results, "$TargetDedicatedNodes=0;")
	}, func() any { return w.thePool().Autoscale.Last })
	p := w.thePool()
	if p.Autoscale == nil || p.Autoscale.Last == nil || p.Autoscale.Last.Error != nil || p.Autoscale.IntervalSeconds != 0.05 {
		t.Fatalf("the pool: %+v", p)
	}
	if want := "$TargetDedicatedNodes=0;$TargetLowPriorityNodes=0;$NodeDeallocationOption=taskcompletion;$busy=0"; p.Autoscale.Last.Results != want {
		t.Errorf("results %s, not %s", p.Autoscale.Last.Results, want)
	}
	decisions, err := w.Decisions(context.Background(), 100)
	w.must(err)
	if first := decisions[len(decisions)-1]; first.Want != 2 || !strings.HasPrefix(first.Reason, "the formula wants 2 nodes (busy=1)") {
		t.Errorf("the first decision: %+v", first)
	}
	samples, err := w.AutoscaleSamples(context.Background(), "burst")
	w.must(err)
	most := 0.0
	for _, s := range samples {
		most = max(most, s.Values["$RunningTasks"]+s.Values["$ActiveTasks"])
	}
	if most < 1 || most > 6 {
		t.Errorf("at most %v tasks were pending", most)
	}
}

func TestAFailingFormulaIsShownAndChangesNothing(t *testing.T) {
	w, machines := formulaWorld(t, "$TargetDedicatedNodes = avg($CPUPercent.GetSample(TimeInterval_Hour, 50))")
	w.submit(shot(2), burstPolicy, "") // has a deadline, but the formula decides
	var p restv1.Pool
	w.until("the error", func() bool {
		p = w.thePool()
		return p.Autoscale.Last != nil && p.Autoscale.Last.Error != nil
	}, func() any { return p })
	last := p.Autoscale.Last
	if len(last.Mistakes) != 1 || last.Mistakes[0].Column != 41 || !strings.Contains(last.Mistakes[0].Excerpt, "^") || last.Error.Code != "AutoScalingFormulaEvaluationError" {
		t.Errorf("the error: %+v", last)
	}
	w.until("more looks at it", func() bool {
		samples, err := w.AutoscaleSamples(context.Background(), "burst")
		return err == nil && len(samples) > 5
	}, nothing)
	if machines.made() != 0 || w.thePool().Wanted != 0 {
		t.Errorf("%d machines, %d wanted", machines.made(), w.thePool().Wanted)
	}
}

func TestFormulasAreTried(t *testing.T) {
	w, machines := formulaWorld(t, "$TargetDedicatedNodes = 1")
	ctx := context.Background()
	w.until("a machine", func() bool { return machines.made() == 1 }, nothing)
	noon := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	recorded := []restv1.AutoscaleSample{{Time: noon, Values: map[string]float64{"$ActiveTasks": 9}}}
	for name, c := range map[string]struct {
		request restv1.AutoscaleRequest
		nodes   int
		want    string // in the results, the note, an error or a warning
	}{
		"its own":         {restv1.AutoscaleRequest{}, 1, "$TargetDedicatedNodes=1;"},
		"another":         {restv1.AutoscaleRequest{Formula: "$TargetDedicatedNodes = $TaskSlotsPerNode + 1"}, 2, "$TargetDedicatedNodes=2;"},
		"beyond limits":   {restv1.AutoscaleRequest{Formula: "$TargetDedicatedNodes = 5"}, 2, "the pool has 0 to 2 nodes, not 5"},
		"on samples":      {restv1.AutoscaleRequest{Formula: "$TargetDedicatedNodes = $ActiveTasks / 9; h = time().hour", Samples: recorded}, 1, "$h=12"},
		"wrong":           {restv1.AutoscaleRequest{Formula: "$TargetDedicatedNodes = x"}, 1, "Line 1, Col 25: Undefined symbol: x"},
		"failing":         {restv1.AutoscaleRequest{Formula: "$TargetDedicatedNodes = -1"}, 1, "is negative: -1"},
		"probably a typo": {restv1.AutoscaleRequest{Formula: "$TargetDedicatdNodes = 2"}, 1, "did you mean $TargetDedicatedNodes?"},
	} {
		run, err := w.EvaluateAutoscale(ctx, "burst", c.request)
		w.must(err)
		said := run.Results + run.Note
		if run.Error != nil {
			said += run.Error.Values[0].Value
		}
		for _, m := range run.Warnings {
			said += m.Hint
		}
		if run.Nodes != c.nodes || !strings.Contains(said, c.want) {
			t.Errorf("%s: %+v", name, run)
		}
	}
	for name, c := range map[string]struct {
		pool    string
		request restv1.AutoscaleRequest
		kind    fault.Kind
	}{
		"no such pool":     {"bursty", restv1.AutoscaleRequest{}, fault.NotFound},
		"no samples":       {"burst", restv1.AutoscaleRequest{Samples: []restv1.AutoscaleSample{}}, fault.Invalid},
		"unknown variable": {"burst", restv1.AutoscaleRequest{Samples: []restv1.AutoscaleSample{{Time: noon, Values: map[string]float64{"$Activ": 1}}}}, fault.Invalid},
		"no time":          {"burst", restv1.AutoscaleRequest{Samples: []restv1.AutoscaleSample{{Values: map[string]float64{"$ActiveTasks": 1}}}}, fault.Invalid},
	} {
		if _, err := w.EvaluateAutoscale(ctx, c.pool, c.request); err == nil || fault.KindOf(err) != c.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.AutoscaleSamples(ctx, "bursty"); err == nil || fault.KindOf(err) != fault.NotFound {
		t.Errorf("samples of no pool: %v", err)
	}
	if machines.made() != 1 {
		t.Errorf("trying has made %d machines", machines.made()-1)
	}
}

// A pool without a formula can be given one to try: it sees the farm as it is.
func TestAFormulaIsTriedOnAnyPool(t *testing.T) {
	w, _, _ := burstWorld(t, nil)
	run, err := w.EvaluateAutoscale(context.Background(), "burst", restv1.AutoscaleRequest{Formula: "$TargetDedicatedNodes = $PendingTasks + $TaskSlotsPerNode"})
	w.must(err)
	if run.Nodes != 1 || run.Error != nil {
		t.Errorf("%+v", run)
	}
	if _, err := w.EvaluateAutoscale(context.Background(), "burst", restv1.AutoscaleRequest{}); err == nil || fault.KindOf(err) != fault.Invalid || fault.HintOf(err) == "" {
		t.Errorf("without a formula: %v", err)
	}
	if _, err := w.AutoscaleSamples(context.Background(), "burst"); err == nil || fault.KindOf(err) != fault.Conflict {
		t.Errorf("samples: %v", err)
	}
	if w.thePool().Autoscale != nil {
		t.Errorf("the pool has a formula: %+v", w.thePool())
	}
}

// What a job or its queue says of its goal decides whether nodes are rented for work without a deadline.
func TestGoalsOfJobsAndQueues(t *testing.T) {
	for name, c := range map[string]struct {
		policy  string
		planner server.Planner
		want    int    // nodes in the first decision
		says    string // in it
	}{
		"a job's longest wait":  {policy: "maxWait: 30s\n", want: 2, says: "the longest wait"},
		"its queue's":           {planner: server.Planner{Queues: map[string]server.Goal{"default": {MaxWait: config.Duration(30 * time.Second)}}}, want: 2},
		"what one day may cost": {policy: "maxWait: 30s\n", planner: server.Planner{MaxPerDay: 0.0001}, says: "0.00 of the budget are left"},
		"so many vCPUs":         {policy: "maxWait: 30s\n", planner: server.Planner{MaxVCPUs: 1}, want: 1, says: "at most 1 vCPUs"},
		"a cheap job": {
			policy: "cheapest: true\n", planner: server.Planner{Queues: map[string]server.Goal{"default": {MaxWait: config.Duration(30 * time.Second)}}},
		},
		"a cheap queue": {planner: server.Planner{MaxWait: config.Duration(30 * time.Second), Queues: map[string]server.Goal{"default": {Cheapest: true}}}},
	} {
		t.Run(name, func(t *testing.T) {
			w, _, _ := burstWorld(t, func(w *world) {
				w.config.Planner = c.planner
				w.config.Planner.Interval = config.Duration(20 * time.Millisecond)
			})
			plain := strings.Replace(burstPolicy, "deadlineIn: 30s\n", "", 1)
			w.submit(shot(6), c.policy+plain, "")
			if c.want == 0 && c.says == "" { // another job asks for nodes: it alone
				w.submit(shot(6), "maxWait: 30s\n"+plain, "")
				c.want, c.says = 2, "the longest wait"
			}
			var first restv1.Decision
			w.until("a decision", func() bool {
				ds, err := w.Decisions(context.Background(), 100)
				w.must(err)
				if len(ds) > 0 {
					first = ds[len(ds)-1]
				}
				return len(ds) > 0
			}, func() any { return w.thePool() })
			if first.Want != c.want || !strings.Contains(first.Reason, c.says) || first.Seen.Runnable < 6 || first.Seen.Late != 1 || first.Asked < first.Want {
				t.Errorf("%+v", first)
			}
		})
	}
}
