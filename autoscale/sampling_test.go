package autoscale_test

import (
	"testing"
	"time"

	"github.com/spillway/spillway/autoscale"
)

// Ten minutes hold twenty samples; with the last minute missing there are eighteen, which is 90 percent.
func TestSamplingRules(t *testing.T) {
	full := autoscale.NewHistory(autoscale.SamplePeriod, 1000)
	late := autoscale.NewHistory(autoscale.SamplePeriod, 1000)
	for i := range 41 { // twenty minutes; the value is the sample's age in half minutes
		at := now.Add(-time.Duration(40-i) * autoscale.SamplePeriod)
		full.Add(autoscale.Measurement{Time: at, Values: map[string]float64{"$CPUPercent": float64(40 - i)}})
		if i <= 38 {
			late.Add(autoscale.Measurement{Time: at, Values: map[string]float64{"$CPUPercent": float64(40 - i)}})
		}
	}
	for _, c := range []struct {
		name       string
		samples    autoscale.Samples
		expression string
		want       string
	}{
		{"all of ten minutes", full, "len($CPUPercent.GetSample(TimeInterval_Minute * 10))", "20"},
		{"no sample of the last minute", late, "len($CPUPercent.GetSample(TimeInterval_Minute * 10))", "18"},
		{"its percentage", late, "$CPUPercent.GetSamplePercent(TimeInterval_Minute * 10)", "90"},
		{"enough of them", late, "len($CPUPercent.GetSample(TimeInterval_Minute * 10, 80))", "18"},
		{"exactly enough", late, "len($CPUPercent.GetSample(TimeInterval_Minute * 10, 90))", "18"},
		{"between two intervals back", full, "$CPUPercent.GetSample(1 * TimeInterval_Minute, 3 * TimeInterval_Minute)", "[5,4,3,2]"},
		{"in either order", full, "$CPUPercent.GetSample(3 * TimeInterval_Minute, 1 * TimeInterval_Minute)", "[5,4,3,2]"},
		{"older than the gap", late, "$CPUPercent.GetSample(TimeInterval_Minute, 2 * TimeInterval_Minute, 100)", "[3,2]"},
		{"only the gap", late, "$CPUPercent.GetSamplePercent(59 * TimeInterval_Second)", "0"},
		{"a percentage of nothing is no failure without one", late, "$CPUPercent.GetSample(59 * TimeInterval_Second)", "[]"},
		{"before the history begins", full, "$CPUPercent.GetSamplePercent(TimeInterval_Minute * 40)", "51.25"},
		{"from a moment on", full, "$CPUPercent.GetSample(time() + -1 * TimeInterval_Minute)", "[2,1,0]"},
		{"between two moments", full, `$CPUPercent.GetSample(time("2026-03-04T10:10:00Z"), time("2026-03-04T10:11:00Z"))`, "[10,9,8]"},
		{"a moment and an interval", full, `$CPUPercent.GetSample(time("2026-03-04T10:10:00Z"), 4 * TimeInterval_Minute)`, "[10,9,8]"},
		{"an interval and a moment", full, `$CPUPercent.GetSample(5 * TimeInterval_Minute, time("2026-03-04T10:11:00Z"), 50)`, "[9,8]"},
		{"never above 100 percent", full, `$CPUPercent.GetSamplePercent(time("2026-03-04T10:10:00Z"), time("2026-03-04T10:11:00Z"))`, "100"},
		{"from the first one", full, "len($CPUPercent.GetSample($CPUPercent.HistoryBeginTime()))", "41"},
		{"in the future", full, "$CPUPercent.GetSample(time() + TimeInterval_Minute, time() + 2 * TimeInterval_Minute)", "[]"},
		{"no time at all", full, "$CPUPercent.GetSamplePercent(TimeInterval_Zero)", "0"},
		{"the newest, however old", late, "$CPUPercent.GetSample(1)", "[2]"},
		{"all", late, "$CPUPercent.Count()", "39"},
		{"what is not measured", late, "$NetworkInBytes.GetSamplePercent(TimeInterval_Hour)", "0"},
		{"nothing is measured", nil, "$CPUPercent.GetSamplePercent(TimeInterval_Hour)", "0"},
		{"nothing is measured, yet there is a period", nil, "$CPUPercent.GetSamplePeriod()", "PT30S"},
	} {
		if got := shown(t, c.expression, autoscale.Input{Samples: c.samples}); got != c.want {
			t.Errorf("%s: %s is %s, not %s", c.name, c.expression, got, c.want)
		}
	}
	if e := failure(t, "x = $CPUPercent.GetSample(TimeInterval_Minute * 10, 95)", autoscale.Input{Samples: late}); e.Column != 17 {
		t.Error(e)
	}
}

// With another period than the service's, percentages are of what is possible with it.
func TestSamplesOfAnotherPeriod(t *testing.T) {
	h := autoscale.NewHistory(5*time.Second, 100)
	for i := range 12 {
		h.Add(autoscale.Measurement{Time: now.Add(-time.Duration(11-i) * 5 * time.Second), Values: map[string]float64{"$ActiveTasks": 1}})
	}
	for expression, want := range map[string]string{
		"$ActiveTasks.GetSamplePercent(TimeInterval_Minute)":     "100",
		"$ActiveTasks.GetSamplePercent(2 * TimeInterval_Minute)": "50",
		"$ActiveTasks.GetSamplePeriod()":                         "PT5S",
	} {
		if got := shown(t, expression, autoscale.Input{Samples: h}); got != want {
			t.Errorf("%s is %s, not %s", expression, got, want)
		}
	}
}
