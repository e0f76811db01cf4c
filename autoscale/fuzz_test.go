package autoscale_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/spillway/spillway/autoscale"
)

// FuzzFormula: any text either gives errors with places inside it, or a formula whose evaluation ends in numbers of nodes or
// in one such error, the same each time.
func FuzzFormula(f *testing.F) {
	for _, seed := range []string{
		"",
		"$TargetDedicatedNodes = min(20, $PendingTasks.GetSample(5 * TimeInterval_Minute, 70));",
		"x = $CPUPercent.GetSample(1) ; $TargetDedicated = max(0, x) ? 1 : stop(); // end",
		"a = vec(1, 2.5e1, .5) * 2 - vec(1,1,1); $NodeDeallocationOption = len(a) > 2 ? taskcompletion : retaineddata;",
		"t = time(\"2026-03-04T10:00:00Z\"); d = time() - t; h = (t + d).hour; y = -d / 3 + TimeInterval_Year * h;",
		"x = \"unclosed\ny = (((1 ? 2 : 3) && !4 || 5) != 6)",
		"$TargetLowPriorityNodes = round(percentile(vec(3,1,2), 50)) + val(vec(1), 0) + lg(8) / 0",
		"x=vec(1,2);" + strings.Repeat("x=vec(x,x);", 40),
		strings.Repeat("(", 500), strings.Repeat("-", 500), "\xff\x00é$", "$", "1..2", "a.b.c(1).d",
	} {
		f.Add(seed)
	}
	samples := series(map[string][]float64{
		"$PendingTasks": constantly(7, 40), "$ActiveTasks": {1, 2, 3}, "$CPUPercent": {0.5}, "$CurrentDedicatedNodes": {4},
	})
	in := autoscale.Input{Now: now, Samples: samples, TargetDedicatedNodes: 2, Random: func() float64 { return 0.5 }}
	f.Fuzz(func(t *testing.T, text string) {
		formula, err := autoscale.Parse(text)
		if err != nil {
			var es autoscale.Errors
			if !errors.As(err, &es) || len(es) == 0 || len(es) > 11 {
				t.Fatalf("%T is not Errors, or not some", err)
			}
			placed(t, text, es)
			return
		}
		placed(t, text, formula.Warnings())
		r, err := formula.Evaluate(in)
		again, errAgain := formula.Evaluate(in)
		if (err == nil) != (errAgain == nil) || r.String() != again.String() {
			t.Fatalf("first %v (%v), then %v (%v)", r, err, again, errAgain)
		}
		if err != nil {
			placed(t, text, autoscale.ErrorsOf(err))
			return
		}
		if r.TargetDedicatedNodes < 0 || r.TargetLowPriorityNodes < 0 || r.NodeDeallocationOption == "" {
			t.Fatalf("%+v", r)
		}
	})
}

// placed makes sure that errors point into a text.
func placed(t *testing.T, text string, es autoscale.Errors) {
	t.Helper()
	lines := strings.Split(text, "\n")
	for _, e := range es {
		if e.Line < 1 || e.Line > len(lines) || e.Column < 1 || e.Column > len([]rune(lines[e.Line-1]))+1 || e.Message == "" {
			t.Fatalf("%v is outside of %q", e, text)
		}
	}
	_ = es.Report()
}

// FuzzRecording: what can be read makes a history whose measurements can be read again and make the same one.
func FuzzRecording(f *testing.F) {
	f.Add(`{"time":"2026-03-04T10:00:30Z","values":{"$ActiveTasks":1,"$CurrentSpotNodes":2}}{"time":"2026-03-04T10:00:00Z","values":{"$ActiveTasks":1}}`)
	f.Add(`{"time":"2026-03-04T10:00:00Z"}{"time":`)
	f.Fuzz(func(t *testing.T, text string) {
		recorded, err := autoscale.ReadRecording(strings.NewReader(text))
		if err != nil {
			return
		}
		var file bytes.Buffer
		first := autoscale.FromRecording(recorded).Measurements()
		for _, m := range first {
			if err := json.NewEncoder(&file).Encode(m); err != nil {
				return // a year with more than four digits
			}
		}
		again, err := autoscale.ReadRecording(&file)
		if err != nil {
			t.Fatal(err)
		}
		second := autoscale.FromRecording(again).Measurements()
		if len(first) != len(second) {
			t.Fatalf("%v becomes %v", first, second)
		}
		for i := range first {
			if !first[i].Time.Equal(second[i].Time) || !maps.Equal(first[i].Values, second[i].Values) {
				t.Fatalf("%v becomes %v", first[i], second[i])
			}
		}
	})
}
