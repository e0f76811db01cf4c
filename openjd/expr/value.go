package expr

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spillway/spillway/openjd/intrange"
)

// Value is a typed value, or one that is not known yet. The zero Value is null. It is immutable.
type Value struct {
	typ  Type
	num  int64   // int; bool: 0 or 1
	flt  float64 // float
	text string  // string, path; float: as it was written, empty after an operation (§1.3.4)
	list []Value
	rng  intrange.Range
	open []Type // the value is unresolved and of one of these types
	size int64  // bytes that a list's items take
}

// Written returns a range that shows itself as it was written, while it is only copied.
func (v Value) Written(text string) Value {
	v.text = text
	return v
}

// Null is the null value.
func Null() Value { return Value{} }

// Bool returns a bool.
func Bool(b bool) Value {
	v := Value{typ: BoolType}
	if b {
		v.num = 1
	}
	return v
}

// Int returns an int.
func Int(i int64) Value { return Value{typ: IntType, num: i} }

// Float returns a finite float. text is how it was written, empty for the shortest form. It is kept while the value is
// only copied.
func Float(f float64, text string) Value {
	if f == 0 {
		f = 0 // no negative zero
	}
	return Value{typ: FloatType, flt: f, text: text}
}

// String returns a string.
func String(s string) Value { return Value{typ: StringType, text: s} }

// Path returns a path, spelled as it is.
func Path(s string) Value { return Value{typ: PathType, text: s} }

// Range returns a range expression's value.
func Range(r intrange.Range) Value {
	return Value{typ: RangeType, rng: r, size: int64(len(r.Runs())) * 48}
}

// List returns a list of items that have the given type; t is the type of the list.
func List(t Type, items []Value) Value {
	v := Value{typ: t, list: items}
	for _, item := range items {
		v.size += item.bytes()
	}
	return v
}

// Unresolved returns a value that is not known yet but will be of one of these types.
func Unresolved(types ...Type) Value { return Value{open: types} }

// IsUnresolved reports whether the value is not known yet.
func (v Value) IsUnresolved() bool { return v.open != nil }

// IsNull reports whether the value is null.
func (v Value) IsNull() bool { return v.open == nil && v.typ == NullType }

// Type returns the type of a value that is known.
func (v Value) Type() Type { return v.typ }

// Types returns the types that the value can have.
func (v Value) Types() []Type {
	if v.open != nil {
		return v.open
	}
	return []Type{v.typ}
}

// Items returns the items of a list.
func (v Value) Items() []Value { return slices.Clone(v.list) }

// Int64 returns an int.
func (v Value) Int64() int64 { return v.num }

// Float64 returns an int or a float as a number.
func (v Value) Float64() float64 {
	if v.typ == IntType {
		return float64(v.num)
	}
	return v.flt
}

// Range returns a range expression's value.
func (v Value) Range() intrange.Range { return v.rng }

// isTrue reports whether the value is the bool true.
func (v Value) isTrue() bool { return v.typ == BoolType && v.num == 1 }

// falsy reports whether the value is null or false (§2.1.6).
func (v Value) falsy() bool { return v.IsNull() || v.typ == BoolType && v.num == 0 }

// bytes is what the value takes in memory.
func (v Value) bytes() int64 {
	const header = 160
	return header + int64(len(v.text)) + v.size
}

// Text returns the value as it stands in a string (§1.3.2): null is empty, a list is its JSON.
func (v Value) Text() string {
	switch {
	case v.open != nil, v.IsNull():
		return ""
	case v.typ.IsList():
		return v.json()
	}
	switch v.typ.Base {
	case BoolBase:
		return strconv.FormatBool(v.num == 1)
	case IntBase:
		return strconv.FormatInt(v.num, 10)
	case FloatBase:
		if v.text != "" {
			return v.text
		}
		return floatText(v.flt)
	case RangeBase:
		if v.text != "" {
			return v.text
		}
		return v.rng.String()
	}
	return v.text
}

// json returns the value as JSON, spaced as Python does it.
func (v Value) json() string {
	switch {
	case v.IsNull():
		return "null"
	case v.typ.IsList():
		items := make([]string, len(v.list))
		for i, item := range v.list {
			items[i] = item.json()
		}
		return "[" + strings.Join(items, ", ") + "]"
	case v.typ.Base == BoolBase, v.typ.Base == IntBase, v.typ.Base == FloatBase:
		return v.Text()
	}
	return jsonString(v.Text())
}

func jsonString(s string) string {
	var out strings.Builder
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if enc.Encode(s) != nil {
		return `""`
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// floatText is the shortest decimal form, as Python's repr gives it.
func floatText(f float64) string {
	if f == 0 {
		return "0.0"
	}
	exponent := int(math.Floor(math.Log10(math.Abs(f))))
	scientific := strconv.FormatFloat(f, 'e', -1, 64)
	if at := strings.IndexByte(scientific, 'e'); at >= 0 {
		exponent, _ = strconv.Atoi(scientific[at+1:])
	}
	if exponent < -4 || exponent >= 16 {
		return scientific
	}
	text := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}
