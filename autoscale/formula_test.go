package autoscale_test

import (
	"strings"
	"testing"
	"time"

	"github.com/spillway/spillway/autoscale"
)

// now is a Wednesday, a quarter past ten.
var now = time.Date(2026, 3, 4, 10, 15, 0, 0, time.UTC)

// series makes a history in which each variable has the given values, one each 30 s, the last of them now.
func series(values map[string][]float64) *autoscale.History {
	h := autoscale.NewHistory(autoscale.SamplePeriod, 5000)
	for name, xs := range values {
		for i, x := range xs {
			h.Add(autoscale.Measurement{Time: now.Add(-time.Duration(len(xs)-1-i) * autoscale.SamplePeriod), Values: map[string]float64{name: x}})
		}
	}
	return h
}

// constantly makes n equal values.
func constantly(x float64, n int) []float64 {
	xs := make([]float64, n)
	for i := range xs {
		xs[i] = x
	}
	return xs
}

// shown evaluates "x = EXPRESSION" and returns how x is shown.
func shown(t *testing.T, expression string, in autoscale.Input) string {
	t.Helper()
	f, err := autoscale.Parse("x = " + expression)
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	if in.Now.IsZero() {
		in.Now = now
	}
	r, err := f.Evaluate(in)
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return r.Variables[0].Value
}

// failure parses and evaluates a formula and returns the first error.
func failure(t *testing.T, text string, in autoscale.Input) *autoscale.Error {
	t.Helper()
	if in.Now.IsZero() {
		in.Now = now
	}
	f, err := autoscale.Parse(text)
	if err == nil {
		_, err = f.Evaluate(in)
	}
	es := autoscale.ErrorsOf(err)
	if len(es) == 0 {
		t.Fatalf("%q is not wrong (%v)", text, err)
	}
	return es[0]
}

func TestExpressions(t *testing.T) {
	in := autoscale.Input{
		Samples:              series(map[string][]float64{"$ActiveTasks": {1, 2, 3, 4}, "$CurrentDedicatedNodes": {5}, "$CurrentLowPriorityNodes": {7}}),
		TargetDedicatedNodes: 6,
		Random:               func() float64 { return 0.25 },
	}
	for expression, want := range map[string]string{
		// Numbers and precedence.
		"1 + 2 * 3":                       "7",
		"(1 + 2) * 3":                     "9",
		"7 - 2 - 1":                       "4",
		"8 / 4 / 2":                       "1",
		".5 + 1.25":                       "1.75",
		"1e3":                             "1000",
		"2.5E-1":                          "0.25",
		"1 / 3":                           "0.3333333333333333",
		"-2 * -3":                         "6",
		"--2":                             "2",
		"!0 + !7":                         "1",
		"!0 == 1":                         "1",
		"-1 < 0":                          "1",
		"1 < 2 == 2 > 1":                  "1",
		"1 + 1 == 2 && 2 + 2 == 4":        "1",
		"0 && 1 || 1":                     "1",
		"1 || 0 && 0":                     "1",
		"2 >= 2":                          "1",
		"2 <= 1":                          "0",
		"2 != 1":                          "1",
		"0/0 == 0/0":                      "0",
		"0/0 != 0/0":                      "1",
		"0/0 <= 1":                        "0",
		"-0.5 ? 10 : 20":                  "10",
		"0 ? 10 : 20":                     "20",
		"1 ? 0 ? 1 : 2 : 3":               "2",
		"0 ? 1 : 0 ? 2 : 3":               "3",
		"1 + 1 > 1 ? 2 * 3 : 4":           "6",
		"1 || 1 / len(vec()) > 0 ? 1 : 2": "1",
		// Vectors.
		"vec(1, 2, 3) * 2":            "[2,4,6]",
		"vec(1, 2, 3) - 1":            "[0,1,2]",
		"vec(1, 2) + vec(10, 20)":     "[11,22]",
		"vec(1, 2) / vec(2, 8)":       "[0.5,0.25]",
		"vec(vec(1, 2), 3, vec(), 4)": "[1,2,3,4]",
		// Strings.
		`"a" < "b"`:       "1",
		`"b" == "b"`:      "1",
		`1 ? "yes" : "n"`: "yes",
		// Times.
		"time()":                             "2026-03-04T10:15:00.000Z",
		`time("")`:                           "2026-03-04T10:15:00.000Z",
		"time().year":                        "2026",
		"time().month":                       "3",
		"time().day":                         "4",
		"time().weekday":                     "3",
		"time().hour":                        "10",
		"time().minute":                      "15",
		"time().second":                      "0",
		`time("2026-03-08").weekday`:         "0",
		"(time() + TimeInterval_Hour).hour":  "11",
		"time() + (-6 * TimeInterval_Hour)":  "2026-03-04T04:15:00.000Z",
		"TimeInterval_Day + time()":          "2026-03-05T10:15:00.000Z",
		`time() - time("2026-03-04T10:00Z")`: "PT15M",
		`time() - time("2026-03-05T10:15Z")`: "-P1D",
		`time() > time("Wed, 04 Mar 2026 10:14:59 GMT")`:            "1",
		"TimeInterval_Minute * 90":                                  "PT1H30M",
		"0.5 * TimeInterval_Second":                                 "PT0.5S",
		"TimeInterval_Week / 7 - TimeInterval_Day":                  "PT0S",
		"TimeInterval_Hour + TimeInterval_Minute":                   "PT1H1M",
		"-TimeInterval_100ns":                                       "-PT0.0000001S",
		"TimeInterval_Year == 365 * TimeInterval_Day":               "1",
		"TimeInterval_Millisecond > TimeInterval_Microsecond * 999": "1",
		"TimeInterval_Zero":                                         "PT0S",
		"2.5 * TimeInterval_Day":                                    "P2DT12H",
		// Functions.
		"avg(1, 2, 3)":                "2",
		"avg(vec(1,2,3), 7)":          "3.25",
		"len(vec(4,5), 6)":            "3",
		"len()":                       "0",
		"sum()":                       "0",
		"sum(vec(1,2), 3)":            "6",
		"max(3, vec(9, 1))":           "9",
		"min(3, vec(9, 1))":           "1",
		"max(0, vec())":               "0",
		"range(3, 9, 1)":              "8",
		"norm(3, 4)":                  "5",
		"std(2, 4, 4, 4, 5, 5, 7, 9)": "2.138089935299395",
		"lg(8)":                       "3",
		"lg(vec(8))":                  "[3]",
		"lg(8, 2)":                    "[3,1]",
		"ln(1)":                       "0",
		"log(1000, 10)":               "[3,1]",
		"log(100)":                    "2",
		"ceil(1.2)":                   "2",
		"floor(-1.2)":                 "-2",
		"round(2.5) + round(-2.5)":    "0",
		"round(1.5, 2.4)":             "[2,2]",
		"percentile(vec(15, 20, 35, 40, 50), 30)":  "20",
		"percentile(vec(15, 20, 35, 40, 50), 0)":   "15",
		"percentile(vec(50, 20, 35, 40, 15), 100)": "50",
		"val(vec(7, 8, 9), 0)":                     "7",
		"val(vec(7, 8, 9), 2.9)":                   "9",
		"rand()":                                   "0.25",
		// Service variables.
		"$ActiveTasks":                         "4",
		"$ActiveTasks * 1.5":                   "6",
		"min(3, $ActiveTasks)":                 "3",
		"$TargetDedicatedNodes / 4":            "1.5",
		"$TargetDedicated":                     "6",
		"$CurrentSpotNodes":                    "7",
		"$CurrentSpotNodes.Count()":            "1",
		"$NodeDeallocationOption":              "requeue",
		"1 ? taskcompletion : requeue":         "taskcompletion",
		"$ActiveTasks.GetSample(2)":            "[3,4]",
		"$ActiveTasks.GetSample(2.9)":          "[3,4]",
		"$ActiveTasks.GetSample(99)":           "[1,2,3,4]",
		"$ActiveTasks.GetSample(0)":            "[]",
		"$RunningTasks.GetSample(1)":           "[]",
		"max(0, $RunningTasks.GetSample(1))":   "0",
		"$ActiveTasks.Count()":                 "4",
		"$RunningTasks.Count()":                "0",
		"$ActiveTasks.GetSamplePeriod()":       "PT30S",
		"$ActiveTasks.HistoryBeginTime()":      "2026-03-04T10:13:30.000Z",
		"$ActiveTasks.HistoryBeginTime().hour": "10",
	} {
		if got := shown(t, expression, in); got != want {
			t.Errorf("%s is %s, not %s", expression, got, want)
		}
	}
}

// What is documented as the list of operations, and nothing else, is allowed: every operator is tried on every pair of types.
func TestOperationsAreThoseOfTheDocumentation(t *testing.T) {
	example := map[string]string{
		"double": "2", "doubleVec": "vec(1, 2)", "string": `"s"`, "timestamp": "time()", "timeinterval": "TimeInterval_Hour", "option": "requeue",
	}
	shape := map[string]string{ // how a result of the type ends, to tell types apart
		"double": " + 0 * 1", "doubleVec": " + vec(0, 0)", "timestamp": " + TimeInterval_Zero", "timeinterval": " + TimeInterval_Zero + TimeInterval_Zero",
	}
	allowed := map[string]string{}
	allow := func(left, operators, right, result string) {
		for _, op := range strings.Fields(operators) {
			allowed[left+op+right] = result
		}
	}
	allow("double", "+ - * /", "double", "double")
	allow("double", "*", "timeinterval", "timeinterval")
	allow("doubleVec", "+ - * /", "double", "doubleVec")
	allow("doubleVec", "+ - * /", "doubleVec", "doubleVec")
	allow("timeinterval", "* /", "double", "timeinterval")
	allow("timeinterval", "+ -", "timeinterval", "timeinterval")
	allow("timeinterval", "+", "timestamp", "timestamp")
	allow("timestamp", "+", "timeinterval", "timestamp")
	allow("timestamp", "-", "timestamp", "timeinterval")
	for _, same := range []string{"double", "string", "timestamp", "timeinterval"} {
		allow(same, "< <= == >= > !=", same, "double")
	}
	allow("double", "&& ||", "double", "double")

	for left, a := range example {
		for right, b := range example {
			for _, op := range strings.Fields("+ - * / < <= == >= > != && ||") {
				result, ok := allowed[left+op+right]
				text := "x = (" + a + " " + op + " " + b + ")"
				_, err := autoscale.Parse(text)
				if ok != (err == nil) {
					t.Errorf("%s: allowed %v, got %v", text, ok, err)
				}
				if !ok {
					continue
				}
				for kind, rest := range shape {
					_, err := autoscale.Parse(text + rest)
					if kind == result && err != nil {
						t.Errorf("%s%s: %v", text, rest, err)
					}
				}
				r, err := autoscale.Parse(text)
				if err != nil {
					continue
				}
				out, err := r.Evaluate(autoscale.Input{Now: now})
				if err != nil {
					t.Errorf("%s: %v", text, err)
				} else if got := out.Variables[0].Type.String(); got != result {
					t.Errorf("%s is a %s, not a %s", text, got, result)
				}
			}
		}
		for _, op := range []string{"-", "!"} {
			ok := left == "double" || left == "timeinterval" && op == "-"
			if _, err := autoscale.Parse("x = " + op + a); ok != (err == nil) {
				t.Errorf("%s%s: allowed %v, got %v", op, a, ok, err)
			}
		}
	}
}

func TestResults(t *testing.T) {
	in := autoscale.Input{
		Now: time.Date(2016, 10, 13, 19, 18, 47, 805_600_000, time.UTC), TargetDedicatedNodes: 3, TargetLowPriorityNodes: 4,
		Samples: series(map[string][]float64{"$ActiveTasks": {1}}),
	}
	for text, want := range map[string]string{
		"":                            "$TargetDedicatedNodes=3;$TargetLowPriorityNodes=4;$NodeDeallocationOption=requeue",
		"// nothing\n;;":              "$TargetDedicatedNodes=3;$TargetLowPriorityNodes=4;$NodeDeallocationOption=requeue",
		"$TargetDedicatedNodes=2.9":   "$TargetDedicatedNodes=2;$TargetLowPriorityNodes=4;$NodeDeallocationOption=requeue",
		"$TargetDedicatedNodes=-0.9;": "$TargetDedicatedNodes=0;$TargetLowPriorityNodes=4;$NodeDeallocationOption=requeue",
		"$TargetDedicatedNodes=-9;$TargetDedicatedNodes=max(0,$TargetDedicatedNodes)": "$TargetDedicatedNodes=0;$TargetLowPriorityNodes=4;$NodeDeallocationOption=requeue",
		"$TargetDedicatedNodes=5;$TargetDedicated=1;":                                 "$TargetDedicatedNodes=5;$TargetLowPriorityNodes=4;$NodeDeallocationOption=requeue",
		"$TargetLowPriority=1;$TargetSpotNodes=8":                                     "$TargetDedicatedNodes=3;$TargetLowPriorityNodes=8;$NodeDeallocationOption=requeue",
		"$TargetLowPriority=1":                                                        "$TargetDedicatedNodes=3;$TargetLowPriorityNodes=1;$NodeDeallocationOption=requeue",
		"$NodeDeallocationOption = 1 ? taskcompletion : terminate":                    "$TargetDedicatedNodes=3;$TargetLowPriorityNodes=4;$NodeDeallocationOption=taskcompletion",
		"$TargetDedicatedNodes=1; stop(); $TargetDedicatedNodes=2":                    "$TargetDedicatedNodes=1;$TargetLowPriorityNodes=4;$NodeDeallocationOption=requeue",
		"$TargetDedicatedNodes = 0 ? stop() : 7; x = 1 ? stop() : 3; never = 1":       "$TargetDedicatedNodes=7;$TargetLowPriorityNodes=4;$NodeDeallocationOption=requeue",
		"$isWeekday = time().weekday >= 1; $curTime = time(); b = vec(1,1); a = $b; $b = TimeInterval_Hour": "$TargetDedicatedNodes=3;$TargetLowPriorityNodes=4;$NodeDeallocationOption=requeue;" +
			"$a=[1,1];$b=PT1H;$curTime=2016-10-13T19:18:47.805Z;$isWeekday=1",
	} {
		f, err := autoscale.Parse(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		r, err := f.Evaluate(in)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		} else if r.String() != want {
			t.Errorf("%q gives\n%s, not\n%s", text, r, want)
		}
	}
}

func TestTimesAreRead(t *testing.T) {
	for text, want := range map[string]string{
		"2026":                            "2026-01-01T00:00:00.000Z",
		"2026-02":                         "2026-02-01T00:00:00.000Z",
		"2026-02-03":                      "2026-02-03T00:00:00.000Z",
		"2026-02-03T04:05Z":               "2026-02-03T04:05:00.000Z",
		"2026-02-03T04:05+01:00":          "2026-02-03T03:05:00.000Z",
		"2026-02-03T04:05:06-02:30":       "2026-02-03T06:35:06.000Z",
		"2026-02-03T04:05:06.5Z":          "2026-02-03T04:05:06.500Z",
		"2026-02-03T04:05:06.123456789Z":  "2026-02-03T04:05:06.123Z",
		"2026-02-03T04:05:06":             "2026-02-03T04:05:06.000Z",
		"Tue, 03 Feb 2026 04:05:06 GMT":   "2026-02-03T04:05:06.000Z",
		"Tue, 3 Feb 2026 04:05:06 GMT":    "2026-02-03T04:05:06.000Z",
		"Tue, 03 Feb 2026 04:05:06 +0100": "2026-02-03T03:05:06.000Z",
		" 2026-02-03T04:05:06Z ":          "2026-02-03T04:05:06.000Z",
	} {
		if got := shown(t, `time("`+text+`")`, autoscale.Input{}); got != want {
			t.Errorf("%s is %s, not %s", text, got, want)
		}
	}
	for _, text := range []string{"now", "2026-13", "2026-02-30", "0000-01-01", "04:05", "Tue, 03 Feb 2026 04:05:06 CET", "20260203", "2026-02-03 04:05"} {
		if e := failure(t, `x = time("`+text+`")`, autoscale.Input{}); !strings.Contains(e.Message, "W3C-DTF") {
			t.Errorf("%s: %v", text, e)
		}
	}
}
