package autoscale_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
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
			h.Add(autoscale.Measurement{Time: at, Values: map[string]float64{"$ActiveTasks": x, "$Nothing": 1, "$TargetDedicated": 1}})
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
		var file bytes.Buffer
		for _, m := range h.Measurements() {
			if err := json.NewEncoder(&file).Encode(m); err != nil {
				t.Fatal(err)
			}
		}
		recorded, err := autoscale.ReadRecording(&file)
		if err != nil {
			t.Fatal(err)
		}
		slices.Reverse(recorded)
		if back := autoscale.FromRecording(recorded); !slices.Equal(back.Of("$ActiveTasks"), want) {
			t.Fatalf("read back: %v, not %v", back.Of("$ActiveTasks"), want)
		}
	})
}

func TestRecordings(t *testing.T) {
	recorded, err := autoscale.ReadRecording(strings.NewReader(`
		{"time": "2026-03-04T10:00:05Z", "values": {"$CurrentSpotNodes": 2, "$ActiveTasks": 7}}
		{"time": "2026-03-04T11:00:00+01:00", "values": {"$CurrentLowPriorityNodes": 1}} {"time": "2026-03-04T10:00:00.1Z"}`))
	if err != nil || len(recorded) != 3 {
		t.Fatal(recorded, err)
	}
	h := autoscale.FromRecording(recorded)
	if got := shown(t, "$CurrentLowPriorityNodes.GetSample(9)", autoscale.Input{Samples: h}); got != "[1,2]" {
		t.Errorf("the samples are %s", got)
	}
	if h.Period() != 5*time.Second || !h.Newest().Equal(time.Date(2026, 3, 4, 10, 0, 5, 0, time.UTC)) {
		t.Errorf("period %v, newest %v", h.Period(), h.Newest())
	}
	if h := autoscale.FromRecording(nil); h.Period() != autoscale.SamplePeriod || !h.Newest().IsZero() || len(h.Measurements()) != 0 {
		t.Errorf("of nothing: %+v", h)
	}
	const good = `{"time": "2026-03-04T10:00:00Z", "values": {"$ActiveTasks": 1}}`
	for text, want := range map[string]string{
		`[]`: "measurement 1: json: cannot unmarshal array",
		good + `{"time": "2026-03-04T10:00:00Z", "values": {"$ActiveTask": 1}}`:      "measurement 2: $ActiveTask is no variable with samples (did you mean $ActiveTasks?)",
		good + `{"time": "2026-03-04T10:00:00Z", "values": {"$TargetDedicated": 1}}`: "measurement 2: $TargetDedicated is no variable with samples",
		good + `{"values": {}}`:                       "measurement 2: it has no time",
		good + `{"time": "soon"}`:                     "soon",
		good + good[:20]:                              "unexpected EOF",
		strings.Repeat(good, autoscale.MaxRecorded+1): "a recording has at most 40320 measurements",
	} {
		got, err := autoscale.ReadRecording(strings.NewReader(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80s: %v", text, err)
		}
		if strings.HasPrefix(text, good) && len(got) == 0 {
			t.Errorf("%.80s: what came before is lost", text)
		}
	}
	if _, err := autoscale.ReadRecording(strings.NewReader(good[:20])); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cut off: %v", err)
	}
}
