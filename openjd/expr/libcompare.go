package expr

import (
	"cmp"
	"strings"
)

// comparisons are == != < > <= >= in and not in (§1.2.5, §2.1.4).
func (b builder) comparisons() {
	b.always("==", func(c *frame, a []Value) (Value, *Error) { return c.equal(a[0], a[1], true) })
	b.always("!=", func(c *frame, a []Value) (Value, *Error) { return c.equal(a[0], a[1], false) })
	b.ordering("<", func(n int) bool { return n < 0 })
	b.ordering(">", func(n int) bool { return n > 0 })
	b.ordering("<=", func(n int) bool { return n <= 0 })
	b.ordering(">=", func(n int) bool { return n >= 0 })
	for _, in := range []bool{true, false} {
		name := map[bool]string{true: "in", false: "not in"}[in]
		b.add(name+"(string, string) bool", func(c *frame, a []Value) (Value, *Error) {
			return Bool(strings.Contains(a[1].text, a[0].text) == in), c.chars(len(a[1].text))
		})
		b.add(name+"(int, range_expr) bool", func(_ *frame, a []Value) (Value, *Error) {
			_, ok := a[1].rng.Index(a[0].num)
			return Bool(ok == in), nil
		})
		b[name] = append(b[name], signature{params: []param{{any: true}, {any: true}}, typed: memberType,
			do: func(c *frame, a []Value) (Value, *Error) { return c.member(a[0], a[1], in) }})
	}
}

// always adds a form that takes any two values.
func (b builder) always(name string, do impl) {
	b[name] = append(b[name], signature{params: []param{{any: true}, {any: true}},
		typed: func([]Type) (Type, bool) { return BoolType, true }, do: do})
}

func (b builder) ordering(name string, ok func(int) bool) {
	b[name] = append(b[name], signature{params: []param{{any: true}, {any: true}}, typed: ordered,
		do: func(c *frame, a []Value) (Value, *Error) {
			n, err := c.order(a[0], a[1])
			return Bool(ok(n)), err
		}})
}

// ordered reports whether values of two types have an order.
func ordered(args []Type) (Type, bool) {
	shared, ok := common(args[0], args[1])
	if !ok || shared == NullType || shared.Base == RangeBase {
		return shared, false
	}
	return BoolType, true
}

// memberType reports whether a value can be looked for in a list.
func memberType(args []Type) (Type, bool) {
	if !args[1].IsList() || args[0] == NullType {
		return BoolType, false
	}
	if args[1].Base == NullBase && args[1].Depth == 1 {
		return BoolType, true
	}
	_, ok := common(args[0], args[1].Item())
	return BoolType, ok
}

func (c *frame) member(item, list Value, in bool) (Value, *Error) {
	for _, v := range list.list {
		if err := c.spend(c.at, 1); err != nil {
			return Value{}, err
		}
		same, err := c.same(item, v)
		if err != nil {
			return Value{}, err
		}
		if same {
			return Bool(in), nil
		}
	}
	return Bool(!in), nil
}

func (c *frame) equal(a, b Value, want bool) (Value, *Error) {
	same, err := c.same(a, b)
	return Bool(same == want), err
}

// same compares values of any types (§1.2.5).
func (c *frame) same(a, b Value) (bool, *Error) {
	if a.typ == RangeType && b.typ == RangeType {
		return a.rng.String() == b.rng.String(), c.chars(len(a.rng.Runs()) + len(b.rng.Runs()))
	}
	atA, lenA, listA := elements(a)
	atB, lenB, listB := elements(b)
	if listA && listB {
		if lenA != lenB {
			return false, nil
		}
		if err := c.spend(c.at, lenA); err != nil {
			return false, err
		}
		for i := range lenA {
			if same, err := c.same(atA(i), atB(i)); !same || err != nil {
				return false, err
			}
		}
		return true, nil
	}
	if listA || listB {
		return false, nil
	}
	shared, ok := common(a.typ, b.typ)
	if !ok {
		return false, nil
	}
	if shared == NullType {
		return true, nil
	}
	n, err := c.order(a, b)
	return n == 0, err
}

// order compares values whose types have an order.
func (c *frame) order(a, b Value) (int, *Error) {
	if a.typ.IsList() {
		for i := range min(len(a.list), len(b.list)) {
			if err := c.spend(c.at, 1); err != nil {
				return 0, err
			}
			if n, err := c.order(a.list[i], b.list[i]); n != 0 || err != nil {
				return n, err
			}
		}
		return cmp.Compare(len(a.list), len(b.list)), nil
	}
	switch a.typ.Base {
	case IntBase:
		if b.typ == IntType {
			return cmp.Compare(a.num, b.num), nil
		}
		return cmp.Compare(float64(a.num), b.flt), nil
	case FloatBase:
		return cmp.Compare(a.flt, b.Float64()), nil
	case BoolBase:
		return cmp.Compare(a.num, b.num), nil
	}
	return cmp.Compare(a.text, b.text), c.chars(min(len(a.text), len(b.text)))
}
