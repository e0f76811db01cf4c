package server_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/fault"
)

// TestNothingIsRentedForASpentBudget: a job with a deadline and without money waits for the studio's nodes, and why says so;
// with money it spills over.
func TestNothingIsRentedForASpentBudget(t *testing.T) {
	ctx := context.Background()
	w, _, machines := burstWorld(t, nil)
	job := w.submit(shot(6), "budget: {cap: 0}\n"+burstPolicy, "")
	mara, _ := w.user("mara", "artist:alpha")
	w.must(w.Plan(ctx))
	w.must(w.Plan(ctx))
	if n := machines.made(); n > 0 {
		t.Fatalf("%d machines were made without a budget", n)
	}
	why, err := w.Why(ctx, job.ID)
	w.must(err)
	if !slices.ContainsFunc(why.Reasons, func(r restv1.WhyReason) bool { return strings.Contains(r.Text, "budget "+job.ID+" of job") }) {
		t.Errorf("why says %+v", why.Reasons)
	}
	if list, err := mara.Budgets(ctx); err != nil || len(list) != 0 {
		t.Errorf("mara sees budgets of a job that she does not see: %+v, %v", list, err)
	}
	w.close()
	w.start()
	budgets, err := w.Budgets(ctx)
	w.must(err)
	if len(budgets) != 1 || budgets[0].ID != job.ID || budgets[0].Level != "spent" || budgets[0].Then != "stop" {
		t.Errorf("after a restart: %+v", budgets)
	}
	b, err := w.SetBudget(ctx, job.ID, restv1.BudgetChange{Cap: ptr(1000.0)})
	if err != nil || b.Level != "open" {
		t.Errorf("%+v, %v", b, err)
	}
	w.waitState(job.ID, "succeeded")
	if machines.made() == 0 {
		t.Error("nothing was rented")
	}
	if err := w.DeleteBudget(ctx, "film"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("delete: %v", err)
	}
}
