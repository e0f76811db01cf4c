package expr

import (
	"math"
	"math/bits"
	"strings"
)

// operators are + - * / // % ** and not (§2.1.1 to §2.1.3, §2.1.6).
func (b builder) operators() {
	b.add("+(int, int) int", intOp(func(x, y int64) (int64, bool) { return x + y, (x+y > x) == (y > 0) }))
	b.add("-(int, int) int", intOp(func(x, y int64) (int64, bool) { return x - y, (x-y < x) == (y > 0) }))
	b.add("*(int, int) int", intOp(multiply))
	b.add("+(float, float) float", floatOp(func(x, y float64) float64 { return x + y }))
	b.add("-(float, float) float", floatOp(func(x, y float64) float64 { return x - y }))
	b.add("*(float, float) float", floatOp(func(x, y float64) float64 { return x * y }))
	b.add("/(float, float) float", dividing(func(c *frame, x, y float64) (Value, *Error) { return c.float(x / y) }))
	b.add("//(float, float) int", dividing(func(c *frame, x, y float64) (Value, *Error) { return c.whole(math.Floor(x / y)) }))
	b.add("%(float, float) float", dividing(func(c *frame, x, y float64) (Value, *Error) { return c.float(floorMod(x, y)) }))
	b.add("//(int, int) int", integerDivision(func(quotient, _ int64) int64 { return quotient }))
	b.add("%(int, int) int", integerDivision(func(_, rest int64) int64 { return rest }))
	b.add("**(int, int) int", power)
	b.add("**(float, float) float", func(c *frame, a []Value) (Value, *Error) { return c.floatPower(a[0].flt, a[1].flt) })
	b.add("unary -(int) int", func(c *frame, a []Value) (Value, *Error) {
		if a[0].num == math.MinInt64 {
			return c.fail("the result does not fit into 64 bits")
		}
		return Int(-a[0].num), nil
	})
	b.add("unary -(float) float", func(c *frame, a []Value) (Value, *Error) { return c.float(-a[0].flt) })
	b.add("unary +(int) int", func(_ *frame, a []Value) (Value, *Error) { return a[0], nil })
	b.add("unary +(float) float", func(c *frame, a []Value) (Value, *Error) { return c.float(a[0].flt) })
	b.add("unary not(bool) bool", func(_ *frame, a []Value) (Value, *Error) { return Bool(!a[0].isTrue()), nil })

	b.add("+(string, string) string", concatenate)
	b.add("+(string, range_expr) string", concatenate)
	b.add("+(range_expr, string) string", concatenate)
	b.add("*(string, int) string", repeatString)
	b.addTyped("+(list[T], list[T]) list[T]", concatenated, concatenateLists)
	b.addTyped("+(range_expr, range_expr) list[int]", nil, concatenateLists)
	b.add("*(list[T], int) list[T]", repeatList)
}

func intOp(op func(x, y int64) (int64, bool)) impl {
	return func(c *frame, a []Value) (Value, *Error) {
		x, y := a[0].num, a[1].num
		if y == 0 {
			n, _ := op(x, y)
			return Int(n), nil
		}
		n, ok := op(x, y)
		if !ok {
			return c.fail("the result does not fit into 64 bits")
		}
		return Int(n), nil
	}
}

func multiply(x, y int64) (int64, bool) {
	high, low := bits.Mul64(uint64(x), uint64(y))
	if x < 0 {
		high -= uint64(y)
	}
	if y < 0 {
		high -= uint64(x)
	}
	return int64(low), int64(high) == int64(low)>>63
}

// float returns a finite float (§1.3.4).
func (c *frame) float(f float64) (Value, *Error) {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return c.fail("the result is not a finite number")
	}
	return Float(f, ""), nil
}

// whole returns a float that is whole as an int.
func (c *frame) whole(f float64) (Value, *Error) {
	if !(f >= -(1<<63) && f < 1<<63) {
		return c.fail("the result does not fit into 64 bits")
	}
	return Int(int64(f)), nil
}

func floatOp(op func(x, y float64) float64) impl {
	return func(c *frame, a []Value) (Value, *Error) { return c.float(op(a[0].flt, a[1].flt)) }
}

func dividing(op func(c *frame, x, y float64) (Value, *Error)) impl {
	return func(c *frame, a []Value) (Value, *Error) {
		if a[1].flt == 0 {
			return c.fail("division by zero")
		}
		return op(c, a[0].flt, a[1].flt)
	}
}

func floorMod(x, y float64) float64 {
	m := math.Mod(x, y)
	if m != 0 && (m < 0) != (y < 0) {
		m += y
	}
	return m
}

// integerDivision rounds towards minus infinity.
func integerDivision(pick func(quotient, rest int64) int64) impl {
	return func(c *frame, a []Value) (Value, *Error) {
		x, y := a[0].num, a[1].num
		switch {
		case y == 0:
			return c.fail("division by zero")
		case y == -1 && x == math.MinInt64:
			if n := pick(1, 0); n == 0 {
				return Int(0), nil
			}
			return c.fail("the result does not fit into 64 bits")
		}
		quotient, rest := x/y, x%y
		if rest != 0 && (rest < 0) != (y < 0) {
			quotient, rest = quotient-1, rest+y
		}
		return Int(pick(quotient, rest)), nil
	}
}

// power is an int for exponents from 0 on, else a float.
func power(c *frame, a []Value) (Value, *Error) {
	base, exponent := a[0].num, a[1].num
	if exponent < 0 {
		return c.floatPower(float64(base), float64(exponent))
	}
	result := int64(1)
	for exponent > 0 {
		if exponent&1 == 1 {
			var ok bool
			if result, ok = multiply(result, base); !ok {
				return c.fail("the result does not fit into 64 bits")
			}
		}
		if exponent >>= 1; exponent > 0 {
			var ok bool
			if base, ok = multiply(base, base); !ok {
				return c.fail("the result does not fit into 64 bits")
			}
		}
	}
	return Int(result), nil
}

func (c *frame) floatPower(x, y float64) (Value, *Error) {
	switch {
	case x == 0 && y < 0:
		return c.fail("zero has no negative power")
	case x < 0 && y != math.Trunc(y):
		return c.fail("a negative number has no fractional power")
	}
	return c.float(math.Pow(x, y))
}

// chars counts what handling so many bytes of text costs (§1.3.10).
func (c *frame) chars(n int) *Error { return c.spend(c.at, int64(n+255)/256) }

// text makes a string after its cost has been counted.
func (c *frame) text(s string) (Value, *Error) { return String(s), c.chars(len(s)) }

func concatenate(c *frame, a []Value) (Value, *Error) {
	x, y := a[0].Text(), a[1].Text()
	if err := c.room(c.at, int64(len(x)+len(y))); err != nil {
		return Value{}, err
	}
	return c.text(x + y)
}

// times returns n·size unless it is out of all bounds.
func times(n, size int64) int64 {
	if product, ok := multiply(n, size); ok {
		return product
	}
	return -1
}

func repeatString(c *frame, a []Value) (Value, *Error) {
	n := max(a[1].num, 0)
	size := times(n, int64(len(a[0].text)))
	if err := c.room(c.at, size); err != nil {
		return Value{}, err
	}
	if size == 0 {
		return String(""), nil
	}
	if err := c.chars(int(size)); err != nil {
		return Value{}, err
	}
	return String(strings.Repeat(a[0].text, int(n))), nil
}

func repeatList(c *frame, a []Value) (Value, *Error) {
	n, list := max(a[1].num, 0), a[0]
	count := times(n, int64(len(list.list)))
	if err := c.room(c.at, max(times(n, list.size), count)); err != nil || count < 0 {
		return Value{}, err
	}
	if err := c.spend(c.at, count); err != nil {
		return Value{}, err
	}
	var out []Value
	for int64(len(out)) < count {
		out = append(out, list.list...)
	}
	return List(list.typ, out), nil
}

// concatenated is the type of two lists together (§2.1.3).
func concatenated(args []Type) (Type, bool) {
	var types [2]Type
	for i, t := range args {
		if t == RangeType {
			t = ListOf(IntType)
		}
		types[i] = t
	}
	return common(types[0], types[1])
}

func concatenateLists(c *frame, a []Value) (Value, *Error) {
	t, _ := concatenated([]Type{a[0].typ, a[1].typ})
	var out []Value
	for _, v := range a {
		at, count, _ := elements(v)
		if v.typ == RangeType {
			if err := c.expand(c.at, v); err != nil {
				return Value{}, err
			}
		}
		if err := c.spend(c.at, count); err != nil {
			return Value{}, err
		}
		for i := range count {
			item, _ := coerce(at(i), t.Item())
			out = append(out, item)
		}
	}
	return List(t, out), nil
}
