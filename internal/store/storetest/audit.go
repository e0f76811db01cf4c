package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
)

// testDeeds asks for deeds in many ways: the answer is what DeedFilter.Fits picks.
func testDeeds(t *testing.T, open Open) {
	s := open(t)
	epoch := lead(t, s)
	start := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	var all []farm.Deed
	for i := range 60 {
		all = append(all, farm.Deed{
			ID: fmt.Sprintf("u%04d", i), At: start.Add(time.Duration(i) * time.Minute), Who: []string{"mara", "tom"}[i%2],
			Did: []string{"job cancel", "job", "jobs", "user token revoke", "user set"}[i%5],
			On:  []string{"mara", "mara/t1", "mara0", "j1"}[i%4], Detail: "{}",
		})
	}
	commit(t, s, epoch, farm.Batch{Deeds: all[:30]})
	commit(t, s, epoch, farm.Batch{Deeds: all[30:]})
	slices.Reverse(all)
	for _, q := range []farm.DeedFilter{
		{Limit: 1000}, {Limit: 7}, {Who: "mara", Limit: 1000}, {Who: "mar", Limit: 10}, {Did: "job", Limit: 1000}, {Did: "user token", Limit: 1000},
		{On: "mara", Limit: 1000}, {On: "mara/t1", Limit: 5}, {Since: start.Add(10 * time.Minute), Until: start.Add(20 * time.Minute), Limit: 1000},
		{Before: "u0030", Limit: 10}, {Who: "tom", Did: "job", On: "j1", Before: "u0050", Since: start.Add(time.Minute), Limit: 3},
		{Who: "' OR 1=1 --", Limit: 10}, {On: "%", Limit: 10},
	} {
		got, err := s.Deeds(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		var want []farm.Deed
		for i := range all {
			if q.Fits(&all[i]) && len(want) < q.Limit {
				want = append(want, all[i])
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%+v:\n%s", q, diff)
		}
	}
	for _, q := range []farm.DeedFilter{{}, {Limit: 10_001}, {Limit: 1, Since: start, Until: start.Add(-1)}} {
		if _, err := s.Deeds(t.Context(), q); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%+v: %v, want invalid", q, err)
		}
	}
}
