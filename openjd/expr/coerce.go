package expr

import (
	"math"
	"strconv"
	"strings"

	"github.com/spillway/spillway/openjd/intrange"
)

// coercible reports whether a value of a type fits a parameter of another one (§1.2.3), without its value.
func coercible(from, to Type) bool {
	switch {
	case from == to:
		return true
	case from.IsList() && from.Base == NullBase:
		return to.Depth >= from.Depth
	case from == RangeType && to == ListOf(IntType):
		return true
	case from.Depth != to.Depth:
		return false
	}
	switch from.Base {
	case IntBase:
		return to.Base == FloatBase
	case PathBase:
		return to.Base == StringBase
	case RangeBase:
		return to.Base == StringBase && from.Depth == 0
	}
	return false
}

// coerce converts a value to a type that it is coercible to.
func coerce(v Value, to Type) (Value, bool) {
	switch {
	case v.typ == to:
		return v, true
	case !coercible(v.typ, to):
		return v, false
	case v.typ == RangeType && to.IsList():
		return List(to, rangeItems(v.rng)), true
	case to.IsList():
		items := make([]Value, len(v.list))
		for i, item := range v.list {
			items[i], _ = coerce(item, to.Item())
		}
		return List(to, items), true
	case to == FloatType:
		return Float(float64(v.num), ""), true
	}
	return String(v.Text()), true
}

func rangeItems(r intrange.Range) []Value {
	out := make([]Value, 0, r.Len())
	for i := range r.Len() {
		n, _ := r.At(i)
		out = append(out, Int(n))
	}
	return out
}

// convert makes a value fit a target (§1.2.3, §1.3.1).
func (ev *evaluator) convert(at int, v Value, target Target) (Value, *Error) {
	if target.Any() {
		return v, nil
	}
	if v.IsUnresolved() {
		return ev.convertOpen(at, v, target)
	}
	if v.IsNull() {
		if target.Optional {
			return v, nil
		}
		return v, failAt(at, "is null, must be %v", target)
	}
	for _, t := range target.Types {
		if v.typ == t {
			return v, nil
		}
	}
	if v.typ == RangeType {
		if err := ev.spend(at, v.rng.Len()); err != nil {
			return v, err
		}
	}
	for _, t := range target.Types {
		if out, ok := coerce(v, t); ok {
			return out, nil
		}
	}
	return ev.convertTo(at, v, target)
}

// convertTo tries the conversions that a single scalar or a single list type allows.
func (ev *evaluator) convertTo(at int, v Value, target Target) (Value, *Error) {
	var scalars, lists []Type
	for _, t := range target.Types {
		if t.IsList() {
			lists = append(lists, t)
		} else {
			scalars = append(scalars, t)
		}
	}
	switch {
	case !v.typ.IsList() && len(scalars) == 1:
		if out, problem := convertScalar(v, scalars[0]); problem == "" {
			return out, nil
		} else if problem != "kind" {
			return v, failAt(at, "%s", problem)
		}
	case v.typ.IsList() && len(lists) == 1:
		if err := ev.spend(at, int64(len(v.list))); err != nil {
			return v, err
		}
		items := make([]Value, len(v.list))
		for i, item := range v.list {
			converted, err := ev.convert(at, item, Target{Types: []Type{lists[0].Item()}})
			if err != nil {
				return v, err
			}
			items[i] = converted
		}
		return List(lists[0], items), nil
	}
	return v, failAt(at, "is %v, must be %v", v.typ, target)
}

// convertScalar converts without loss. problem is "kind" where the types do not fit at all.
func convertScalar(v Value, to Type) (out Value, problem string) {
	switch to {
	case StringType:
		return String(v.Text()), ""
	case PathType:
		if v.typ == StringType {
			return Path(v.text), ""
		}
	case IntType:
		return toInt(v)
	case FloatType:
		return toFloat(v)
	case RangeType:
		if v.typ == StringType {
			r, err := intrange.Parse(v.text)
			if err != nil {
				return v, err.Error()
			}
			return Range(r), ""
		}
	}
	return v, "kind"
}

func toInt(v Value) (Value, string) {
	switch v.typ {
	case IntType:
		return v, ""
	case FloatType:
		if v.flt != math.Trunc(v.flt) || v.flt < -(1<<63) || v.flt >= 1<<63 {
			return v, v.Text() + " is not an integer of 64 bits"
		}
		return Int(int64(v.flt)), ""
	case StringType:
		n, err := strconv.ParseInt(strings.TrimSpace(v.text), 10, 64)
		if err != nil {
			return v, strconv.Quote(clip(v.text)) + " is not an integer of 64 bits"
		}
		return Int(n), ""
	}
	return v, "kind"
}

func toFloat(v Value) (Value, string) {
	switch v.typ {
	case FloatType:
		return v, ""
	case IntType:
		return Float(float64(v.num), ""), ""
	case StringType:
		text := strings.TrimSpace(v.text)
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsInf(f, 0) || math.IsNaN(f) || strings.ContainsAny(text, "xXpP_") {
			return v, strconv.Quote(clip(v.text)) + " is not a finite number"
		}
		return Float(f, text), ""
	}
	return v, "kind"
}

// convertOpen checks what is not known yet against a target: one of its types must be able to fit.
func (ev *evaluator) convertOpen(at int, v Value, target Target) (Value, *Error) {
	var scalars, lists int
	for _, t := range target.Types {
		if t.IsList() {
			lists++
		} else {
			scalars++
		}
	}
	for _, from := range v.open {
		if from == NullType && target.Optional {
			return Unresolved(append(target.Types, NullType)...), nil
		}
		for _, to := range target.Types {
			if coercible(from, to) || scalars == 1 && openScalar(from, to) ||
				lists == 1 && from.Depth == to.Depth && openScalar(Type{from.Base, 0}, Type{to.Base, 0}) {
				return Unresolved(target.Types...), nil
			}
		}
	}
	return v, failAt(at, "is %s, must be %v", typesText(v.open), target)
}

// openScalar reports whether some value of one scalar type converts to another.
func openScalar(from, to Type) bool {
	if from.IsList() || to.IsList() || from == NullType {
		return false
	}
	switch to {
	case StringType:
		return true
	case PathType, RangeType:
		return from == StringType
	case IntType, FloatType:
		return from == StringType || from == IntType || from == FloatType
	}
	return from == to
}
