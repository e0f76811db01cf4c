package expr

import (
	"strings"

	"github.com/spillway/spillway/openjd/intrange"
)

// conversions are the general functions (§2.2.1).
func (b builder) conversions() {
	b.add("len(list[T]) int", func(_ *frame, a []Value) (Value, *Error) { return Int(int64(len(a[0].list))), nil })
	b.add("len(range_expr) int", func(_ *frame, a []Value) (Value, *Error) { return Int(a[0].rng.Len()), nil })
	length := func(_ *frame, a []Value) (Value, *Error) { return Int(int64(len([]rune(a[0].text)))), nil }
	b.add("len(string) int", length)
	b.add("len(path) int", length)

	b.add("bool(bool) bool", func(_ *frame, a []Value) (Value, *Error) { return a[0], nil })
	b.add("bool(nulltype) bool", func(*frame, []Value) (Value, *Error) { return Bool(false), nil })
	b.add("bool(int) bool", func(_ *frame, a []Value) (Value, *Error) { return Bool(a[0].num != 0), nil })
	b.add("bool(float) bool", func(_ *frame, a []Value) (Value, *Error) { return Bool(a[0].flt != 0), nil })
	b.add("bool(string) bool", func(c *frame, a []Value) (Value, *Error) {
		truth, ok := ParseBool(a[0].text)
		if !ok {
			return c.fail("%q is neither true, yes, on, 1 nor false, no, off, 0", clip(a[0].text))
		}
		return Bool(truth), nil
	})
	refuse := func(what string) impl {
		return func(c *frame, _ []Value) (Value, *Error) { return c.fail("Cannot convert %s to bool", what) }
	}
	b.add("bool(path) bool", refuse("path"))
	b.add("bool(list[T]) bool", refuse("list"))

	b["string"] = []signature{{params: []param{{any: true}}, result: param{typ: StringType}, do: func(c *frame, a []Value) (Value, *Error) {
		if a[0].IsNull() {
			return String("null"), nil
		}
		if err := c.count(a[0]); err != nil {
			return Value{}, err
		}
		return c.text(a[0].Text())
	}}}
	for _, t := range []string{"int", "float", "string"} {
		b.add("int("+t+") int", converting(toInt))
		b.add("float("+t+") float", converting(toFloat))
	}
	b.add("list(range_expr) list[int]", func(c *frame, a []Value) (Value, *Error) {
		if err := c.expand(c.at, a[0]); err != nil {
			return Value{}, err
		}
		return List(ListOf(IntType), rangeItems(a[0].rng)), nil
	})
	b.add("range_expr(string) range_expr", func(c *frame, a []Value) (Value, *Error) {
		r, err := intrange.Parse(a[0].text)
		if err != nil {
			return c.fail("%v", err)
		}
		return Range(r), c.chars(len(a[0].text))
	})
	b.add("range_expr(list[int]) range_expr", func(c *frame, a []Value) (Value, *Error) {
		if len(a[0].list) == 0 {
			return c.fail("a range expression holds at least one value")
		}
		values := make([]int64, len(a[0].list))
		for i, v := range a[0].list {
			values[i] = v.num
		}
		return Range(intrange.Of(values)), c.spend(c.at, int64(len(values)))
	})
	b.add("fail(string) nulltype", func(c *frame, a []Value) (Value, *Error) { return c.fail("%s", a[0].text) })
}

func converting(convert func(Value) (Value, string)) impl {
	return func(c *frame, a []Value) (Value, *Error) {
		v, problem := convert(a[0])
		if problem != "" {
			return c.fail("%s", problem)
		}
		return v, nil
	}
}

// count counts the operations of going through all of a value.
func (c *frame) count(v Value) *Error {
	for _, item := range v.list {
		if err := c.count(item); err != nil {
			return err
		}
	}
	return c.spend(c.at, int64(len(v.list)+(len(v.text)+255)/256))
}

// ParseBool reads a bool as templates write it as text (§2.2.1).
func ParseBool(s string) (value, ok bool) {
	switch strings.ToLower(s) {
	case "1", "true", "on", "yes":
		return true, true
	case "0", "false", "off", "no":
		return false, true
	}
	return false, false
}
