package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/store"
)

// testLedger checks that the ledger of work has what the attempts have used, no more and no less, by job and node.
func testLedger(t *testing.T, s store.Store, f *farm.Farm) {
	t.Helper()
	type place struct {
		job  farm.JobID
		node farm.NodeID
	}
	type sum struct {
		Attempts int64
		Run, CPU time.Duration
	}
	want, got := map[place]sum{}, map[place]sum{}
	for _, j := range f.Jobs() {
		for _, a := range f.Attempts(j.ID) {
			if a.State.OnNode() || a.RunTime <= 0 && a.Started.IsZero() {
				continue
			}
			w := want[place{j.ID, a.Node}]
			w.Attempts, w.Run, w.CPU = w.Attempts+1, w.Run+a.RunTime, w.CPU+a.CPUTime
			want[place{j.ID, a.Node}] = w
		}
	}
	uses, err := s.Uses(t.Context(), time.Time{}, time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range uses {
		g := got[place{u.Job, u.Node}]
		g.Attempts, g.Run, g.CPU = g.Attempts+u.Attempts, g.Run+u.Run, g.CPU+u.CPU
		got[place{u.Job, u.Node}] = g
		if u.Good > u.Run || u.Share < 0 || u.Share > (u.Run+u.Lost).Seconds() {
			t.Errorf("a use that cannot be: %+v", u)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the ledger of work is not what was worked (-attempts +ledger):\n%s", diff)
	}
	if n := len(uses); n > 0 {
		first, last := uses[0].Hour, uses[n-1].Hour
		some, err := s.Uses(t.Context(), first, last)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range some {
			if !u.Hour.Before(last) {
				t.Errorf("a use of %s before %s", u.Hour, last)
			}
		}
		if rest, err := s.Uses(t.Context(), last, last.Add(1)); err != nil || len(rest) == 0 || len(some)+len(rest) != n {
			t.Errorf("%d uses: %d before the last hour, %d in it, %v", n, len(some), len(rest), err)
		}
	}
}
