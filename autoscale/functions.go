package autoscale

import (
	"errors"
	"fmt"
	"math"
)

// function is a predefined function. What it takes is one of the shapes; do gets a list as one vector.
type function struct {
	name  string
	takes shape
	do    func(m *machine, args []value) (value, error)
}

// shape is what a function takes and returns.
type shape uint8

const (
	listToDouble   shape = iota // any mix of doubles and vectors → double
	listToVector                // the same → doubleVec
	componentwise               // a lone double → double, else a list → doubleVec
	vectorAndValue              // doubleVec, double → double
	optionalString              // [string] → timestamp
	noneToDouble                // → double
	noneToNothing
)

// signature writes what a function takes, for hints.
func (f *function) signature() string {
	switch f.takes {
	case vectorAndValue:
		return f.name + "(doubleVec, double)"
	case optionalString:
		return f.name + `("2026-01-31T09:00Z") or ` + f.name + "()"
	case noneToDouble, noneToNothing:
		return f.name + "()"
	default:
		return f.name + "(numbers and vectors …)"
	}
}

// functions are the predefined functions. vec, which the documentation mentions only in passing, makes a vector of a list.
// ceil, floor and round are in newer documentation; halves are rounded away from zero.
func functions() []function {
	return []function{
		{"avg", listToDouble, of(average)},
		{"ceil", componentwise, each(math.Ceil)},
		{"floor", componentwise, each(math.Floor)},
		{"len", listToDouble, of(func(xs []float64) (float64, error) { return float64(len(xs)), nil })},
		{"lg", componentwise, each(math.Log2)},
		{"ln", componentwise, each(math.Log)},
		{"log", componentwise, each(math.Log10)},
		{"max", listToDouble, of(largest)},
		{"min", listToDouble, of(smallest)},
		{"norm", listToDouble, of(twoNorm)},
		{"percentile", vectorAndValue, withValue(percentile)},
		{"rand", noneToDouble, func(m *machine, _ []value) (value, error) { return doubleOf(m.in.Random()), nil }},
		{"range", listToDouble, of(spread)},
		{"round", componentwise, each(math.Round)},
		{"std", listToDouble, of(deviation)},
		{"stop", noneToNothing, func(*machine, []value) (value, error) { return value{}, errStopped }},
		{"sum", listToDouble, of(func(xs []float64) (float64, error) { return sum(xs), nil })},
		{"time", optionalString, currentOrParsed},
		{"val", vectorAndValue, withValue(element)},
		{"vec", listToVector, func(_ *machine, args []value) (value, error) { return args[0], nil }},
	}
}

func of(f func([]float64) (float64, error)) func(*machine, []value) (value, error) {
	return func(_ *machine, args []value) (value, error) {
		x, err := f(args[0].vector)
		return doubleOf(x), err
	}
}

func each(f func(float64) float64) func(*machine, []value) (value, error) {
	return func(_ *machine, args []value) (value, error) {
		if args[0].kind == Double {
			return doubleOf(f(args[0].number)), nil
		}
		return vectorOf(eachOf(args[0].vector, f)), nil
	}
}

func withValue(f func([]float64, float64) (float64, error)) func(*machine, []value) (value, error) {
	return func(_ *machine, args []value) (value, error) {
		x, err := f(args[0].vector, args[1].number)
		return doubleOf(x), err
	}
}

// errNotTime is what time says to a text that it cannot read.
var errNotTime = errors.New("is no time in W3C-DTF (2026-01-31T09:00:00Z) or RFC 1123 (Sat, 31 Jan 2026 09:00:00 GMT)")

// currentOrParsed is time: of the text, or now if there is none.
func currentOrParsed(m *machine, args []value) (value, error) {
	if len(args) == 0 || args[0].text == "" {
		return timestampOf(m.in.Now), nil
	}
	t, ok := parseTimestamp(args[0].text)
	if !ok {
		return value{}, fmt.Errorf("%q %w", args[0].text, errNotTime)
	}
	return timestampOf(t), nil
}
