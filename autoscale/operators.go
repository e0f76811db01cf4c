package autoscale

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"time"
)

// operation is what an operator does with operands of certain types. A unary operator gets only a.
type operation struct {
	result Type
	do     func(a, b value) (value, error)
}

// What can go wrong with operands of the right types.
var (
	errIntervalRange  = errors.New("the timeinterval is out of range")
	errTimestampRange = errors.New("the timestamp is out of range")
)

// infixOperation returns what an operator other than && and || does with two types; its do is nil if they do not go together.
// It is the table of the documentation's section "Operations".
func infixOperation(op string, left, right Type) operation {
	if left == right && left != DoubleVec && left != Deallocation {
		if holds := comparison(op); holds != nil {
			return operation{Double, func(a, b value) (value, error) { return truth(holds(compare(a, b))), nil }}
		}
	}
	switch {
	case left == Double && right == Double:
		if f := arithmetic(op); f != nil {
			return operation{Double, func(a, b value) (value, error) { return doubleOf(f(a.number, b.number)), nil }}
		}
	case left == DoubleVec && right == Double:
		if f := arithmetic(op); f != nil {
			return operation{DoubleVec, func(a, b value) (value, error) {
				return vectorOf(eachOf(a.vector, func(x float64) float64 { return f(x, b.number) })), nil
			}}
		}
	case left == DoubleVec && right == DoubleVec:
		if f := arithmetic(op); f != nil {
			return operation{DoubleVec, func(a, b value) (value, error) { return pairwise(a.vector, b.vector, f) }}
		}
	case op == "*" && left == Double && right == TimeInterval:
		return operation{TimeInterval, func(a, b value) (value, error) { return scaled(b.ticks, a.number) }}
	case op == "*" && left == TimeInterval && right == Double:
		return operation{TimeInterval, func(a, b value) (value, error) { return scaled(a.ticks, b.number) }}
	case op == "/" && left == TimeInterval && right == Double:
		return operation{TimeInterval, func(a, b value) (value, error) { return scaled(a.ticks, 1/b.number) }}
	case op == "+" && left == TimeInterval && right == TimeInterval:
		return operation{TimeInterval, func(a, b value) (value, error) { return summed(a.ticks, b.ticks) }}
	case op == "-" && left == TimeInterval && right == TimeInterval:
		return operation{TimeInterval, func(a, b value) (value, error) { return summed(a.ticks, -b.ticks) }}
	case op == "+" && left == TimeInterval && right == Timestamp:
		return operation{Timestamp, func(a, b value) (value, error) { return moved(b.at, a.ticks) }}
	case op == "+" && left == Timestamp && right == TimeInterval:
		return operation{Timestamp, func(a, b value) (value, error) { return moved(a.at, b.ticks) }}
	case op == "-" && left == Timestamp && right == Timestamp:
		return operation{TimeInterval, func(a, b value) (value, error) {
			return intervalOf(between(b.at, a.at)), nil
		}}
	}
	return operation{}
}

// prefixOperation returns what a unary operator does with a type; its do is nil if they do not go together.
func prefixOperation(op string, of Type) operation {
	switch {
	case op == "-" && of == Double:
		return operation{Double, func(a, _ value) (value, error) { return doubleOf(-a.number), nil }}
	case op == "!" && of == Double:
		return operation{Double, func(a, _ value) (value, error) { return truth(a.number == 0), nil }}
	case op == "-" && of == TimeInterval:
		return operation{TimeInterval, func(a, _ value) (value, error) { return intervalOf(-a.ticks), nil }}
	}
	return operation{}
}

// operatorHint says what to write instead of operands that do not go together.
func operatorHint(op string, left, right Type) string {
	switch {
	case left == Timestamp && op == "-" && right == TimeInterval:
		return "add a negative timeinterval: time() + (-1 * TimeInterval_Hour)"
	case left == Double && right == DoubleVec && arithmetic(op) != nil:
		return "the vector stands on the left, as in v * 2"
	case left == DoubleVec || right == DoubleVec:
		return "make one number of a vector with avg(v), max(v) or val(v, 0)"
	case (left == String || right == String) && op == "+":
		return "strings can be compared, not joined"
	case left == Timestamp && right == Double || left == Double && right == Timestamp,
		left == TimeInterval && right == Double || left == Double && right == TimeInterval:
		return "give a number a unit, as in 5 * TimeInterval_Minute"
	}
	return ""
}

func arithmetic(op string) func(a, b float64) float64 {
	switch op {
	case "+":
		return func(a, b float64) float64 { return a + b }
	case "-":
		return func(a, b float64) float64 { return a - b }
	case "*":
		return func(a, b float64) float64 { return a * b }
	case "/":
		return func(a, b float64) float64 { return a / b }
	}
	return nil
}

// unordered is how NaN compares to anything.
const unordered = 2

// comparison returns when an operator holds, given how its operands compare.
func comparison(op string) func(order int) bool {
	switch op {
	case "<":
		return func(o int) bool { return o == -1 }
	case "<=":
		return func(o int) bool { return o == -1 || o == 0 }
	case "==":
		return func(o int) bool { return o == 0 }
	case "!=":
		return func(o int) bool { return o != 0 }
	case ">=":
		return func(o int) bool { return o == 1 || o == 0 }
	case ">":
		return func(o int) bool { return o == 1 }
	}
	return nil
}

// compare returns -1, 0, 1 or unordered for two values of one type.
func compare(a, b value) int {
	switch a.kind {
	case Double:
		if math.IsNaN(a.number) || math.IsNaN(b.number) {
			return unordered
		}
		return cmp.Compare(a.number, b.number)
	case Timestamp:
		return a.at.Compare(b.at)
	case TimeInterval:
		return cmp.Compare(a.ticks, b.ticks)
	default:
		return cmp.Compare(a.text, b.text)
	}
}

func scaled(i interval, by float64) (value, error) {
	ticks, ok := i.times(by)
	if !ok {
		return value{}, errIntervalRange
	}
	return intervalOf(ticks), nil
}

func summed(a, b interval) (value, error) {
	ticks, ok := a.plus(b)
	if !ok {
		return value{}, errIntervalRange
	}
	return intervalOf(ticks), nil
}

func moved(t time.Time, by interval) (value, error) {
	at, ok := by.after(t)
	if !ok {
		return value{}, errTimestampRange
	}
	return timestampOf(at), nil
}

// eachOf applies a function to every value.
func eachOf(xs []float64, f func(float64) float64) []float64 {
	out := make([]float64, len(xs))
	for i, x := range xs {
		out[i] = f(x)
	}
	return out
}

// pairwise applies a function to the values of two vectors of one length.
func pairwise(xs, ys []float64, f func(a, b float64) float64) (value, error) {
	if len(xs) != len(ys) {
		return value{}, fmt.Errorf("the vectors have different lengths: %d and %d", len(xs), len(ys))
	}
	out := make([]float64, len(xs))
	for i := range xs {
		out[i] = f(xs[i], ys[i])
	}
	return vectorOf(out), nil
}
