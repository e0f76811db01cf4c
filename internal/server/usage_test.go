package server_test

import (
	"context"
	"testing"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/client"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/server/rest"
)

// TestUsage: what an agent reports is in the ledger, by whatever it is asked for, over a restart, and only for those who may see it.
func TestUsage(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, nil)
	mara, _ := w.user("mara", "artist:alpha")
	tom, _ := w.user("tom", "artist:beta")
	job, _, err := mara.Submit(ctx, restv1.Submission{Template: shot(3)}, "")
	w.must(err)
	w.newAgent("ws-01", "plain", "").connect()
	w.waitState(job.ID, "succeeded")
	attempts, err := w.Attempts(ctx, job.ID, rest.AttemptFilter{Limit: 100})
	w.must(err)
	want := map[string]string{
		"task": "Encode 0", "job": job.ID, "project": "alpha", "owner": "mara", "queue": "default", "node": "ws-01", "pool": "", "site": "plain", "day": "",
	}
	check := func() {
		t.Helper()
		for by, key := range want {
			q := rest.UsageFilter{By: by, Job: job.ID}
			u, err := w.Usage(ctx, q)
			w.must(err)
			found := by == "day" && len(u.Lines) > 0
			n := int64(0)
			for _, l := range u.Lines {
				found, n = found || l.Key == key, n+l.Attempts
			}
			if !found || n != int64(len(attempts)) || u.Total.Attempts != n || u.Bills == nil {
				t.Errorf("by %s: %+v, want %d attempts and a line %q", by, u, len(attempts), key)
			}
		}
	}
	check()
	w.close()
	w.start()
	check()
	for _, q := range []rest.UsageFilter{{By: "task"}, {By: "day", Zone: "Nowhere/Land"}} {
		if _, err := w.Usage(ctx, q); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%+v: %v", q, err)
		}
	}
	if u, err := mara.Usage(ctx, client.UsageQuery{By: "owner"}); err != nil || len(u.Lines) != 1 || u.Lines[0].Key != "mara" || u.Bills != nil {
		t.Errorf("mara's: %+v, %v", u, err)
	}
	if u, err := tom.Usage(ctx, client.UsageQuery{By: "owner"}); err != nil || len(u.Lines) != 0 {
		t.Errorf("tom's: %+v, %v", u, err)
	}
}
