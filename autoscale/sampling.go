package autoscale

import (
	"fmt"
	"math"
)

// sampling is a method by which a formula asks for a variable's samples.
type sampling struct {
	name   string
	usage  string
	result Type
	takes  func(args []Type) bool
	do     func(m *machine, variable string, args []value) (value, error)
}

// samplings are the methods of variables that have samples.
func samplings() []sampling {
	return []sampling{
		{"GetSample", "GetSample(count), GetSample(start [, percent]) or GetSample(start, end [, percent])", DoubleVec, takesSample, getSample},
		{"GetSamplePercent", "GetSamplePercent(start [, end])", Double, takesWindow, getSamplePercent},
		{"GetSamplePeriod", "GetSamplePeriod()", TimeInterval, takesNothing, getSamplePeriod},
		{"Count", "Count()", Double, takesNothing, count},
		{"HistoryBeginTime", "HistoryBeginTime()", Timestamp, takesNothing, historyBeginTime},
	}
}

func isMoment(t Type) bool { return t == Timestamp || t == TimeInterval }

func takesNothing(args []Type) bool { return len(args) == 0 }

func takesWindow(args []Type) bool {
	return (len(args) == 1 || len(args) == 2 && isMoment(args[1])) && isMoment(args[0])
}

func takesSample(args []Type) bool {
	if len(args) == 1 && args[0] == Double {
		return true
	}
	if n := len(args); n > 1 && args[n-1] == Double {
		args = args[:n-1]
	}
	return takesWindow(args)
}

// getSample returns the newest n samples, or those of a window, the oldest first. A window with fewer samples than the asked
// percentage fails the evaluation, so that the pool stays as it is.
func getSample(m *machine, variable string, args []value) (value, error) {
	all := m.samples.Of(variable)
	if len(args) == 1 && args[0].kind == Double {
		n := math.Trunc(args[0].number)
		if !(n >= 0) {
			return value{}, fmt.Errorf("%s is no number of samples", formatDouble(n))
		}
		return m.sampled(all[len(all)-int(min(n, float64(len(all)))):])
	}
	needed := 0.0
	if last := args[len(args)-1]; last.kind == Double {
		needed, args = last.number, args[:len(args)-1]
	}
	w, ok := windowOf(m.in.Now, args)
	if !ok {
		return value{}, errTimestampRange
	}
	found := w.in(all)
	if have := w.percent(all, m.samples.Period()); have < needed {
		return value{}, &tooFew{variable: variable, have: len(found), possible: int(w.possible(m.samples.Period())), percent: have, needed: needed}
	}
	return m.sampled(found)
}

// tooFew says that samples are missing.
type tooFew struct {
	variable        string
	have, possible  int
	percent, needed float64
}

func (e *tooFew) Error() string {
	return fmt.Sprintf("%d of %d samples of %s are available, %.3g percent; at least %s percent are asked for",
		e.have, e.possible, e.variable, e.percent, formatDouble(e.needed))
}

func getSamplePercent(m *machine, variable string, args []value) (value, error) {
	w, ok := windowOf(m.in.Now, args)
	if !ok {
		return value{}, errTimestampRange
	}
	return doubleOf(w.percent(m.samples.Of(variable), m.samples.Period())), nil
}

func getSamplePeriod(m *machine, _ string, _ []value) (value, error) {
	return intervalOf(interval(m.samples.Period() / 100)), nil
}

func count(m *machine, variable string, _ []value) (value, error) {
	return doubleOf(float64(len(m.samples.Of(variable)))), nil
}

func historyBeginTime(m *machine, variable string, _ []value) (value, error) {
	all := m.samples.Of(variable)
	if len(all) == 0 {
		return value{}, fmt.Errorf("there are no samples of %s", variable)
	}
	return timestampOf(all[0].Time), nil
}
