package server_test

import (
	"context"
	"testing"
	"time"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/server/rest"
)

func TestForecast(t *testing.T) {
	ctx := context.Background()
	w, _, _ := burstWorld(t, func(w *world) { w.config.Currency = "EUR" })
	job := w.submit(shot(6), "deadlineIn: 60s\nestimate: 20\n", "")
	ask := func(q rest.WhatIf) restv1.Prospect {
		t.Helper()
		p, err := w.Forecast(ctx, job.ID, q)
		w.must(err)
		return p
	}
	plan := ask(rest.WhatIf{})
	if plan.Done.IsZero() || !plan.Known || plan.Nodes["burst"] != 2 || plan.Cost <= 0 || plan.Currency != "EUR" {
		t.Errorf("as planned: %+v", plan)
	}
	if p := ask(rest.WhatIf{By: time.Now().Add(time.Hour)}); p.Late || p.Nodes["burst"] != 1 || !p.Done.After(plan.Done) {
		t.Errorf("within an hour: %+v", p)
	}
	if p := ask(rest.WhatIf{By: time.Now().Add(time.Second)}); !p.Late || p.Cap != "max" {
		t.Errorf("within a second: %+v", p)
	}
	if p := ask(rest.WhatIf{OnPremOnly: true}); !p.Done.IsZero() || p.Cost != 0 {
		t.Errorf("at home, where there is no node: %+v", p)
	}
	if p := ask(rest.WhatIf{Allow: new(0.0)}); p.Nodes["burst"] != 0 || p.Cap != "budget" {
		t.Errorf("for nothing: %+v", p)
	}
	refused := func(id string, q rest.WhatIf, want fault.Kind) {
		t.Helper()
		if _, err := w.Forecast(ctx, id, q); fault.KindOf(err) != want {
			t.Errorf("%s, %+v: %v", id, q, err)
		}
	}
	refused("j-none", rest.WhatIf{}, fault.NotFound)
	refused(job.ID, rest.WhatIf{OnPremOnly: true, Allow: new(3.0)}, fault.Invalid)
	_, err := w.Cancel(ctx, job.ID)
	w.must(err)
	refused(job.ID, rest.WhatIf{}, fault.Conflict)
}

func TestKillSwitch(t *testing.T) {
	ctx := context.Background()
	w, _, _ := burstWorld(t, nil)
	pools, err := w.StopPools(ctx, "", restv1.PoolStop{Stopped: true, Reason: "too dear"})
	w.must(err)
	if len(pools) != 1 || !pools[0].Stopped || pools[0].Reason != "stopped: too dear" {
		t.Fatalf("%+v", pools)
	}
	job := w.submit(shot(6), "deadlineIn: 60s\nestimate: 20\n", "")
	p, err := w.Forecast(ctx, job.ID, rest.WhatIf{})
	w.must(err)
	if len(p.Nodes) != 0 || p.Cap != "stopped" || !p.Late {
		t.Errorf("while all pools are stopped: %+v", p)
	}
	if _, err := w.StopPools(ctx, "moon", restv1.PoolStop{}); fault.KindOf(err) != fault.NotFound {
		t.Error(err)
	}
	_, err = w.StopPools(ctx, "burst", restv1.PoolStop{})
	w.must(err)
	w.until("nodes are wanted again", func() bool { return w.thePool().Wanted == 2 }, func() any { return w.thePool() })
}
