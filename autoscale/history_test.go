package autoscale_test

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/spillway/spillway/autoscale"
)

// A history holds the newest samples, in order, and a snapshot never changes.
func TestHistory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keep := rapid.IntRange(1, 8).Draw(t, "keep")
		h := autoscale.NewHistory(time.Second, keep)
		var want []autoscale.Sample
		type snapshot struct {
			history *autoscale.History
			want    []autoscale.Sample
		}
		var snapshots []snapshot
		at := now
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			at = at.Add(time.Duration(rapid.IntRange(-1, 3).Draw(t, "after")) * time.Second)
			x := rapid.SampledFrom([]float64{0, 1, 2.5, math.NaN(), math.Inf(1)}).Draw(t, "value")
			h.Add(at, map[string]float64{"$ActiveTasks": x})
			if !math.IsNaN(x) && !math.IsInf(x, 0) && (len(want) == 0 || at.After(want[len(want)-1].Time)) {
				want = append(want, autoscale.Sample{Time: at, Value: x})
				want = want[max(0, len(want)-keep):]
			}
			if !slices.Equal(h.Of("$ActiveTasks"), want) {
				t.Fatalf("the history holds %v, not %v", h.Of("$ActiveTasks"), want)
			}
			if rapid.Bool().Draw(t, "snapshot") {
				snapshots = append(snapshots, snapshot{h.Snapshot(), slices.Clone(want)})
			}
		}
		for _, s := range snapshots {
			if !slices.Equal(s.history.Of("$ActiveTasks"), s.want) {
				t.Fatalf("a snapshot has become %v; it was %v", s.history.Of("$ActiveTasks"), s.want)
			}
		}
		data, err := json.Marshal(h)
		if err != nil {
			t.Fatal(err)
		}
		back := new(autoscale.History)
		if err := json.Unmarshal(data, back); err != nil {
			t.Fatal(err)
		}
		if !slices.EqualFunc(back.Of("$ActiveTasks"), want, func(a, b autoscale.Sample) bool { return a.Time.Equal(b.Time) && a.Value == b.Value }) {
			t.Fatalf("read back: %v, not %v", back.Of("$ActiveTasks"), want)
		}
	})
}

func TestRecordings(t *testing.T) {
	h := new(autoscale.History)
	text := `{"samples": {"$CurrentSpotNodes": [{"time": "2026-03-04T10:00:30Z", "value": 2}, {"time": "2026-03-04T11:00:00+01:00", "value": 1}]}}`
	if err := json.Unmarshal([]byte(text), h); err != nil {
		t.Fatal(err)
	}
	if got := shown(t, "$CurrentLowPriorityNodes.GetSample(9)", autoscale.Input{Samples: h}); got != "[1,2]" {
		t.Errorf("the samples are %s", got)
	}
	if h.Period() != autoscale.SamplePeriod || !h.Newest().Equal(time.Date(2026, 3, 4, 10, 0, 30, 0, time.UTC)) {
		t.Errorf("period %v, newest %v", h.Period(), h.Newest())
	}
	for text, want := range map[string]string{
		`[]`:                                    "cannot unmarshal array",
		`{"periodSeconds": 0}`:                  "a period of 0 s",
		`{"periodSeconds": 1e9}`:                "a period of 1000000000 s",
		`{"samples": {"$Nothing": []}}`:         "$Nothing is no variable with samples",
		`{"samples": {"$TargetDedicated": []}}`: "$TargetDedicated is no variable with samples",
		`{"samples": {"$ActiveTasks": [{"time": "soon"}]}}`:                                           "soon",
		`{"samples": {"$CurrentSpotNodes": [], "$CurrentLowPriorityNodes": []}}`:                      "under two names",
		`{"samples": {"$ActiveTasks": [` + strings.Repeat(`{"value": 1},`, 41000) + `{"value": 1}]}}`: "41001 samples of $ActiveTasks are more than 40320",
	} {
		if err := json.Unmarshal([]byte(text), new(autoscale.History)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v", text, err)
		}
	}
}
