package autoscale_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/spillway/spillway/autoscale"
)

// Each formula's first error, with its place; what stands behind the bar is part of the hint.
func TestErrors(t *testing.T) {
	in := autoscale.Input{Samples: series(map[string][]float64{"$ActiveTasks": constantly(3, 18)})}
	for text, want := range map[string]string{
		// The one text that the service's own tests show.
		"$something_useless": "Line 1, Col 1: Undefined symbol: $something_useless",
		// Characters.
		"x = 3 % 2":            "Line 1, Col 7: Unexpected character '%' | + - * / only",
		"x = 1 & 2":            "Line 1, Col 7: Unexpected character '&' | &&",
		"x = 1 | 2":            "Line 1, Col 7: Unexpected character '|' | ||",
		"x = 'a'":              "Line 1, Col 5: Unexpected character '\\'' | double quotation marks",
		"# no":                 "Line 1, Col 1: Unexpected character '#' | //",
		"/* no */":             "Line 1, Col 1: Unexpected character '/' | //",
		"x = [1, 2]":           "Line 1, Col 5: Unexpected character '[' | vec(1, 2, 3)",
		"x = 1;\ny = é":        "Line 2, Col 5: Unexpected character 'é'",
		"x = \xff":             "Line 1, Col 5: Unexpected character '�'",
		"x = \"a;\ny = 1":      "Line 1, Col 5: the string has no closing quotation mark",
		"x = \"":               "Line 1, Col 5: the string has no closing quotation mark",
		"x = 1e999":            "Line 1, Col 5: 1e999 is out of range",
		"x = 1 // é\n\t y = 2": "Line 2, Col 3: Unexpected y | semicolon",
		// Syntax.
		"x = ":           "Line 1, Col 5: Unexpected the end of the formula",
		"x = 1 +;":       "Line 1, Col 8: Unexpected ;",
		"x = (1":         "Line 1, Col 7: Unexpected the end of the formula | not closed",
		"x = (y = 1)":    "Line 1, Col 8: Unexpected = | ==",
		"x = 1 = 2":      "Line 1, Col 7: a statement assigns one variable | ==",
		"1 = 2":          "Line 1, Col 3: only a variable can be assigned | ==",
		"x == = 2":       "Line 1, Col 6: Unexpected = | ==",
		"x = 1 ? 2":      "Line 1, Col 10: Unexpected the end of the formula | condition ? value : other",
		"x = 1 ? 2, 3":   "Line 1, Col 10: Unexpected , | condition ? value : other",
		"x = max(1 2)":   "Line 1, Col 11: Unexpected 2 | commas",
		"x = max(1,":     "Line 1, Col 11: Unexpected the end of the formula",
		"x = time().5":   "Line 1, Col 11: Unexpected .5 | semicolon",
		"x = time().(1)": "Line 1, Col 12: Unexpected ( | weekday",
		"x = 1 y = 2":    "Line 1, Col 7: Unexpected y | semicolon",
		"x = 3x":         "Line 1, Col 6: Unexpected x | semicolon",
		"x = 1 \"a\"":    "Line 1, Col 7: Unexpected \"a\" | semicolon",
		"x = " + strings.Repeat("(", 300) + "1" + strings.Repeat(")", 300): "Line 1, Col 205: the expression is nested too deep | statement of its own",
		"x = " + strings.Repeat("-", 300) + "1":                            "Line 1, Col 204: the expression is nested too deep | statement of its own",
		"x = " + strings.Repeat("1?1:", 300) + "1":                         "Line 1, Col 803: the expression is nested too deep | statement of its own",
		// Names.
		"x = y":                                  "Line 1, Col 5: Undefined symbol: y",
		"x = x":                                  "Line 1, Col 5: Undefined symbol: x",
		"x = PendingTasks":                       "Line 1, Col 5: Undefined symbol: PendingTasks | did you mean $PendingTasks?",
		"x = $pendingtasks":                      "Line 1, Col 5: Undefined symbol: $pendingtasks | did you mean $PendingTasks?",
		"x = $PendngTasks":                       "Line 1, Col 5: Undefined symbol: $PendngTasks | did you mean $PendingTasks?",
		"idle = 1; x = idel":                     "Line 1, Col 15: Undefined symbol: idel | did you mean idle?",
		"x = TimeInterval_Minutes":               "Line 1, Col 5: Undefined symbol: TimeInterval_Minutes | did you mean TimeInterval_Minute?",
		"x = true":                               "Line 1, Col 5: Undefined symbol: true | written 1",
		"x = False":                              "Line 1, Col 5: Undefined symbol: False | written 0",
		"x = null":                               "Line 1, Col 5: Undefined symbol: null | no null",
		"x = time":                               "Line 1, Col 5: Undefined symbol: time | time()",
		"x = avrg(1)":                            "Line 1, Col 5: Undefined function: avrg | did you mean avg?",
		"x = Max(1)":                             "Line 1, Col 5: Undefined function: Max | did you mean max?",
		"x = GetSample(1)":                       "Line 1, Col 5: Undefined function: GetSample | $ActiveTasks.GetSample",
		"x = $ActiveTasks.GetSamples(1)":         "Line 1, Col 18: Undefined method: GetSamples | did you mean GetSample?",
		"x = $ActiveTasks.Count":                 "Line 1, Col 18: Count is a method | Count()",
		"x = time().weekday()":                   "Line 1, Col 12: weekday is a member of a timestamp, not a method | without ()",
		"x = time().weekdy":                      "Line 1, Col 12: a timestamp has no member weekdy | did you mean weekday?",
		"x = time().week":                        "Line 1, Col 12: a timestamp has no member week",
		"x = (1).year":                           "Line 1, Col 9: a double has no members",
		"x = 1; y = x.GetSample(1)":              "Line 1, Col 12: only read-only service variables have samples | $ActiveTasks",
		"x = $TargetDedicatedNodes.GetSample(1)": "Line 1, Col 5: only read-only service variables have samples",
		"$ = 1":                                  "Line 1, Col 1: a name is missing after $",
		"$ActiveTasks = 1":                       "Line 1, Col 1: $ActiveTasks is read-only | $TargetDedicatedNodes",
		"TargetDedicatedNodes = 1":               "Line 1, Col 1: TargetDedicatedNodes is the name of a service variable | $TargetDedicatedNodes",
		"requeue = 1":                            "Line 1, Col 1: requeue is a constant",
		"$TimeInterval_Day = 1":                  "Line 1, Col 1: TimeInterval_Day is a constant",
		// Types.
		"x = 1 + time()":                        "Line 1, Col 7: + cannot be applied to a double and a timestamp | TimeInterval_Minute",
		"x = time() - TimeInterval_Hour":        "Line 1, Col 12: - cannot be applied to a timestamp and a timeinterval | negative timeinterval",
		"x = 2 * vec(1)":                        "Line 1, Col 7: * cannot be applied to a double and a doubleVec | on the left",
		"x = vec(1) > 2":                        "Line 1, Col 12: > cannot be applied to a doubleVec and a double | avg(v)",
		"x = vec(1) && 2":                       "Line 1, Col 12: && cannot be applied to a doubleVec and a double | avg(v)",
		`x = "a" + "b"`:                         "Line 1, Col 9: + cannot be applied to a string and a string | not joined",
		"x = -vec(1)":                           "Line 1, Col 5: - cannot be applied to a doubleVec | v * -1",
		`x = !"a"`:                              "Line 1, Col 5: ! cannot be applied to a string",
		"x = time() ? 1 : 2":                    "Line 1, Col 5: a condition is a double, not a timestamp; nonzero is true",
		"x = 1 ? vec(1) : 2":                    "Line 1, Col 7: both sides of a ternary have one type, these are a doubleVec and a double | avg(v)",
		"x = 1 ? time() : 2":                    "Line 1, Col 7: both sides of a ternary have one type, these are a timestamp and a double",
		"x = stop()":                            "Line 1, Col 5: stop() has no value",
		"x = 1 + stop()":                        "Line 1, Col 7: + cannot be applied to a double and a nothing",
		`x = avg("a")`:                          "Line 1, Col 5: avg does not take (string) | avg(numbers and vectors …)",
		"x = lg()":                              "Line 1, Col 5: lg does not take no arguments",
		"x = percentile(1, 2)":                  "Line 1, Col 5: percentile does not take (double, double) | percentile(doubleVec, double)",
		"x = val(vec(1))":                       "Line 1, Col 5: val does not take (doubleVec)",
		"x = time(1)":                           "Line 1, Col 5: time does not take (double) | time()",
		"x = rand(1)":                           "Line 1, Col 5: rand does not take (double) | rand()",
		"x = stop(1)":                           "Line 1, Col 5: stop does not take (double)",
		"x = max(1,2,3,4,5,6,\"a\")":            "Line 1, Col 5: max does not take (double, double, double, double, double, double, …)",
		"x = $ActiveTasks.GetSample()":          "Line 1, Col 18: GetSample does not take no arguments | GetSample(start, end [, percent])",
		"x = $ActiveTasks.GetSample(1, 2)":      "Line 1, Col 18: GetSample does not take (double, double) | timeinterval back from now",
		"x = $ActiveTasks.GetSamplePercent(60)": "Line 1, Col 18: GetSamplePercent does not take (double)",
		"x = $ActiveTasks.Count(1)":             "Line 1, Col 18: Count does not take (double)",
		"$TargetDedicatedNodes = vec(1)":        "Line 1, Col 25: $TargetDedicatedNodes is a double, not a doubleVec | avg(v)",
		"$TargetDedicatedNodes = requeue":       "Line 1, Col 25: $TargetDedicatedNodes is a double, not a deallocation option",
		`$NodeDeallocationOption = "requeue"`:   "Line 1, Col 27: $NodeDeallocationOption is a deallocation option, not a string | without quotation marks",
		"$NodeDeallocationOption = 1":           "Line 1, Col 27: $NodeDeallocationOption is a deallocation option, not a double",
		"x = requeue == requeue":                "Line 1, Col 13: == cannot be applied to a deallocation option and a deallocation option",
		// Evaluation.
		"x = $RunningTasks":                                        "Line 1, Col 5: there are no samples of $RunningTasks | newest sample",
		"x = avg($RunningTasks.GetSample(1))":                      "Line 1, Col 5: avg: there are no values | max(0, v)",
		"x = min()":                                                "Line 1, Col 5: min: there are no values",
		"x = max()":                                                "Line 1, Col 5: max: there are no values",
		"x = range(vec())":                                         "Line 1, Col 5: range: there are no values",
		"x = std(1)":                                               "Line 1, Col 5: std: a standard deviation takes at least 2 values, there are 1",
		"x = percentile(vec(), 50)":                                "Line 1, Col 5: percentile: there are no values",
		"x = percentile(vec(1), 101)":                              "Line 1, Col 5: percentile: 101 is no percentage from 0 to 100",
		"x = percentile(vec(1), 0/0)":                              "Line 1, Col 5: percentile: NaN is no percentage from 0 to 100",
		"x = val(vec(1), 1)":                                       "Line 1, Col 5: val: there is no value 1 in a vector of 1",
		"x = val(vec(1), -1)":                                      "Line 1, Col 5: val: there is no value -1 in a vector of 1",
		"x = vec(1, 2) + vec(1)":                                   "Line 1, Col 15: the vectors have different lengths: 2 and 1",
		`x = time("soon")`:                                         `Line 1, Col 5: time: "soon" is no time in W3C-DTF (2026-01-31T09:00:00Z) or RFC 1123 (Sat, 31 Jan 2026 09:00:00 GMT)`,
		"x = TimeInterval_Year * 1e9":                              "Line 1, Col 23: the timeinterval is out of range",
		"x = TimeInterval_Year / 0":                                "Line 1, Col 23: the timeinterval is out of range",
		"y = TimeInterval_Year * 15000;\nx = y + y":                "Line 2, Col 7: the timeinterval is out of range",
		"x = time() + TimeInterval_Year * 9000":                    "Line 1, Col 12: the timestamp is out of range",
		"x = $ActiveTasks.GetSample(-1)":                           "Line 1, Col 18: GetSample: -1 is no number of samples",
		"x = $ActiveTasks.GetSample(TimeInterval_Year * 9000)":     "Line 1, Col 18: GetSample: the timestamp is out of range",
		"x = $RunningTasks.HistoryBeginTime()":                     "Line 1, Col 19: HistoryBeginTime: there are no samples of $RunningTasks",
		"x = $ActiveTasks.GetSample(TimeInterval_Minute * 10, 95)": "Line 1, Col 18: GetSample: 18 of 20 samples of $ActiveTasks are available, 90 percent; at least 95 percent are asked for | GetSamplePercent",
		"x = 1;\n  $TargetDedicatedNodes = x - 3":                  "Line 2, Col 3: $TargetDedicatedNodes is negative: -2 | max(0, …)",
		"$TargetSpotNodes = 1 / 0":                                 "Line 1, Col 1: $TargetLowPriorityNodes is no number of nodes: +Inf | division by zero",
		"$TargetDedicated = 0 / 0":                                 "Line 1, Col 1: $TargetDedicatedNodes is no number of nodes: NaN | division by zero",
	} {
		e := failure(t, text, in)
		message, hint, _ := strings.Cut(want, " | ")
		if got := fmt.Sprintf("Line %d, Col %d: %s", e.Line, e.Column, e.Message); got != message || !strings.Contains(e.Hint, hint) {
			t.Errorf("%q\n gives %s (%s)\nwanted %s (%s)", text, got, e.Hint, message, hint)
		}
	}
}

// All that is wrong is told at once, each with its line and a caret.
func TestReport(t *testing.T) {
	text := "$tasks = avg($PendingTasks.GetSample(5));\n\tx = $Pendingtasks + 1;\r\n// a comment\n$TargetDedicatedNodes = min(10, tsks) + x;\n"
	_, err := autoscale.Parse(text)
	var es autoscale.Errors
	if !errors.As(err, &es) {
		t.Fatal(err)
	}
	want := `Line 2, Col 6: Undefined symbol: $Pendingtasks (did you mean $PendingTasks?)
   2 |  x = $Pendingtasks + 1;
     |      ^
Line 4, Col 33: Undefined symbol: tsks (did you mean tasks?)
   4 | $TargetDedicatedNodes = min(10, tsks) + x;
     |                                 ^
`
	if es.Report() != want {
		t.Errorf("the report is\n%s, not\n%s", es.Report(), want)
	}
	if _, err := autoscale.Parse("a = (;b = );c = 1 +;d = 4"); len(autoscale.ErrorsOf(err)) != 3 {
		t.Errorf("after a wrong statement the next one is read: %v", err)
	}
	if _, err := autoscale.Parse(strings.Repeat("x = y;", 50)); len(autoscale.ErrorsOf(err)) != 10 {
		t.Errorf("there are not ten errors: %v", err)
	}
	long := &autoscale.Error{Line: 1, Column: 150, Source: strings.Repeat("a", 149) + "b" + strings.Repeat("c", 100)}
	line, caret, _ := strings.Cut(long.Excerpt(), "\n")
	if at := strings.Index(caret, "^"); line[at] != 'b' || len(line) > 110 {
		t.Errorf("a long line is cut as\n%s", long.Excerpt())
	}
}

func TestLimits(t *testing.T) {
	fits := "$TargetDedicatedNodes = 1;" + strings.Repeat(" ", autoscale.MaxCharacters-26)
	if _, err := autoscale.Parse(fits); err != nil {
		t.Error(err)
	}
	if e := failure(t, fits+"é", autoscale.Input{}); e.Line != 1 || e.Column != 8193 || !strings.Contains(e.Message, "at most 8192 characters, this one has 8193") {
		t.Error(e)
	}
	if _, err := autoscale.Parse("// " + strings.Repeat("é", 8189)); err != nil {
		t.Error("characters are counted, not bytes:", err)
	}
	if _, err := autoscale.Parse(strings.Repeat("x=1;\n", 99) + "x=1;;\n;"); err != nil {
		t.Error(err)
	}
	if e := failure(t, strings.Repeat("x=1;\n", 100)+"x=1", autoscale.Input{}); e.Line != 101 || e.Message != "a formula has at most 100 statements" {
		t.Error(e)
	}
	// Doubling a vector in each statement ends before memory does.
	if e := failure(t, "x=vec(1);"+strings.Repeat("x=vec(x,x);", 90), autoscale.Input{}); !strings.Contains(e.Message, "too many values") {
		t.Error(e)
	}
	all := series(map[string][]float64{"$ActiveTasks": constantly(1, 5000)})
	calls := strings.Repeat("x=$ActiveTasks.GetSample(5000);x=x+1+1+1+1+1+1+1+1+1+1;", 49)
	if e := failure(t, calls, autoscale.Input{Samples: all}); !strings.Contains(e.Message, "ask for fewer samples") {
		t.Error(e)
	}
}

func TestWarnings(t *testing.T) {
	for text, want := range map[string]string{
		"$TargetDedicatedNodes = 1":                          "",
		"$TargetDedicatedNode = 1; $TargetSpotNodes = 1":     "Line 1, Col 1: $TargetDedicatedNode is no service variable, but one of this formula (did you mean $TargetDedicatedNodes?)",
		"$TargetSpotNodes = 1; x = $SampleNodeCount":         "Line 1, Col 27: $SampleNodeCount is of an older version of the service; it has no samples unless they are recorded here",
		"$NodeDeallocationOption = taskcompletion; mine = 1": "Line 1, Col 1: the formula assigns no target (assign $TargetDedicatedNodes or $TargetLowPriorityNodes)",
	} {
		f, err := autoscale.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := f.Warnings().Error(); got != want {
			t.Errorf("%s warns %q, not %q", text, got, want)
		}
	}
}

// The answers have the service's form, right or wrong.
func TestEvaluateAutoScale(t *testing.T) {
	in := autoscale.Input{Now: now.In(time.FixedZone("", 3600)), TargetDedicatedNodes: 2}
	right := autoscale.EvaluateAutoScale("$TargetDedicatedNodes=3;", in)
	if right.Error != nil || right.Results != "$TargetDedicatedNodes=3;$TargetLowPriorityNodes=0;$NodeDeallocationOption=requeue" || right.Timestamp.Location() != time.UTC {
		t.Errorf("%+v", right)
	}
	wrong := autoscale.EvaluateAutoScale("$something_useless", in)
	if wrong.Results != "$TargetDedicatedNodes=2;$TargetLowPriorityNodes=0;$NodeDeallocationOption=requeue" ||
		wrong.Error.Error() != "AutoScalingFormulaEvaluationError: The specified auto-scaling formula has evaluation error; Message: Line 1, Col 1: Undefined symbol: $something_useless" {
		t.Errorf("%+v", wrong)
	}
	late := autoscale.EvaluateAutoScale("$TargetDedicatedNodes=9;x=avg($CPUPercent.GetSample(TimeInterval_Hour, 50))", in)
	if late.Error == nil || len(late.Error.Values) != 1 || !strings.HasPrefix(late.Results, "$TargetDedicatedNodes=2;") {
		t.Errorf("%+v", late)
	}
	if autoscale.ErrorsOf(errors.New("other")) != nil {
		t.Error("any error is a formula's")
	}
}
