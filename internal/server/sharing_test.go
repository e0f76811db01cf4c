package server_test

import (
	"context"
	"strings"
	"testing"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/fault"
)

func ptr[T any](x T) *T { return &x }

// TestLimitHoldsAJobBack: a job waits for a limit that spillway.yaml names, says so, and goes on when there are more seats.
func TestLimitHoldsAJobBack(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, nil)
	policy := "steps:\n  Render:\n    limits: {nuke: 1}\n"
	if _, _, err := w.Submit(ctx, restv1.Submission{Template: shot(3), Policy: policy}, ""); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), `the limit "nuke"`) {
		t.Fatalf("a limit that there is not: %v", err)
	}
	_, err := w.SetLimit(ctx, "nuke", restv1.LimitChange{Seats: ptr(0), Per: ptr("node"), SettleSeconds: ptr(1.0)})
	w.must(err)
	job := w.submit(shot(3), policy, "")
	w.newAgent("ws-01", "plain", "").connect()
	var why restv1.Why
	w.until("why names the limit", func() bool {
		why, err = w.Why(ctx, job.ID)
		w.must(err)
		for _, r := range why.Reasons {
			if r.Text == "limit nuke: 0 of 0 taken" && r.Count == 1 {
				return true
			}
		}
		return false
	}, func() any { return why })
	l, err := w.SetLimit(ctx, "nuke", restv1.LimitChange{Seats: ptr(1)})
	w.must(err)
	if l.Seats != 1 || l.Per != "node" || l.SettleSeconds != 1 {
		t.Errorf("the limit is %+v", l)
	}
	w.waitState(job.ID, "succeeded")
	w.must(w.DeleteLimit(ctx, "nuke"))
	if list, err := w.Limits(ctx); err != nil || len(list) != 0 {
		t.Errorf("limits %+v, %v", list, err)
	}
}
