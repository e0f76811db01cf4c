package expr

import (
	"math"
	"math/big"
	"strconv"
)

// numbers are the mathematical functions (§2.2.2).
func (b builder) numbers() {
	b.add("abs(int) int", func(c *frame, a []Value) (Value, *Error) {
		if a[0].num == math.MinInt64 {
			return c.fail("the result does not fit into 64 bits")
		}
		return Int(max(a[0].num, -a[0].num)), nil
	})
	b.add("abs(float) float", func(c *frame, a []Value) (Value, *Error) { return c.float(math.Abs(a[0].flt)) })
	b.extreme("min", -1, func(r Value) int64 { n, _ := r.rng.At(0); return n })
	b.extreme("max", 1, func(r Value) int64 { n, _ := r.rng.At(r.rng.Len() - 1); return n })

	b.add("sum(list[int]) int", func(c *frame, a []Value) (Value, *Error) {
		total := int64(0)
		for _, v := range a[0].list {
			next := total + v.num
			if (next > total) != (v.num > 0) && v.num != 0 {
				return c.fail("the sum does not fit into 64 bits")
			}
			total = next
		}
		return Int(total), c.spend(c.at, int64(len(a[0].list)))
	})
	b.add("sum(list[float]) float", func(c *frame, a []Value) (Value, *Error) {
		total := 0.0
		for _, v := range a[0].list {
			total += v.flt
		}
		if err := c.spend(c.at, int64(len(a[0].list))); err != nil {
			return Value{}, err
		}
		return c.float(total)
	})
	b.add("sum(range_expr) int", sumRange)

	b.add("floor(int) int", func(_ *frame, a []Value) (Value, *Error) { return a[0], nil })
	b.add("ceil(int) int", func(_ *frame, a []Value) (Value, *Error) { return a[0], nil })
	b.add("floor(float) int", func(c *frame, a []Value) (Value, *Error) { return c.whole(math.Floor(a[0].flt)) })
	b.add("ceil(float) int", func(c *frame, a []Value) (Value, *Error) { return c.whole(math.Ceil(a[0].flt)) })
	b.add("round(float) int", func(c *frame, a []Value) (Value, *Error) { return c.whole(math.RoundToEven(a[0].flt)) })
	b.add("round(int) int", func(_ *frame, a []Value) (Value, *Error) { return a[0], nil })
	b.add("round(float, int) float", roundFloat)
	b.add("round(int, int) int", func(c *frame, a []Value) (Value, *Error) { return c.roundInt(a[0].num, a[1].num) })
}

// extreme adds min (sign -1) or max (sign 1).
func (b builder) extreme(name string, sign int, ofRange func(Value) int64) {
	pick := func(c *frame, a []Value) (Value, *Error) {
		if len(a) == 0 {
			return c.fail("%s() requires a non-empty list", name)
		}
		best := a[0]
		for _, v := range a[1:] {
			n, err := c.order(v, best)
			if err != nil {
				return Value{}, err
			}
			if n*sign > 0 {
				best = v
			}
		}
		return best, c.spend(c.at, int64(len(a)))
	}
	for _, t := range []string{"int", "float"} {
		b.add(name+"("+t+", "+t+") "+t, pick)
		b.add(name+"("+t+", "+t+", "+t+") "+t, pick)
		b.add(name+"(list["+t+"]) "+t, func(c *frame, a []Value) (Value, *Error) { return pick(c, a[0].list) })
	}
	b.add(name+"(range_expr) int", func(_ *frame, a []Value) (Value, *Error) { return Int(ofRange(a[0])), nil })
}

// sumRange adds arithmetic series, however long.
func sumRange(c *frame, a []Value) (Value, *Error) {
	total := new(big.Int)
	for _, r := range a[0].rng.Runs() {
		count := big.NewInt(r.Count)
		series := new(big.Int).Mul(count, big.NewInt(r.First))
		steps := new(big.Int).Mul(count, big.NewInt(r.Count-1))
		steps.Rsh(steps, 1).Mul(steps, new(big.Int).SetUint64(r.Step))
		total.Add(total, series.Add(series, steps))
	}
	if !total.IsInt64() {
		return c.fail("the sum does not fit into 64 bits")
	}
	return Int(total.Int64()), c.spend(c.at, int64(len(a[0].rng.Runs())))
}

// roundFloat keeps the zeros of the wanted decimals; without decimals it is an int.
func roundFloat(c *frame, a []Value) (Value, *Error) {
	const most = 300
	digits := min(max(a[1].num, -most), most)
	if digits <= 0 {
		exact, _ := new(big.Float).SetFloat64(a[0].flt).Rat(nil)
		if exact == nil {
			return Int(0), nil
		}
		unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(-digits), nil)
		n := roundHalfEven(exact.Num(), new(big.Int).Mul(exact.Denom(), unit))
		return c.bigInt(n.Mul(n, unit))
	}
	text := strconv.FormatFloat(a[0].flt, 'f', int(digits), 64)
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return c.fail("the result is not a finite number")
	}
	if f == 0 {
		text = strconv.FormatFloat(0, 'f', int(digits), 64)
	}
	return Float(f, text), nil
}

func (c *frame) roundInt(n, digits int64) (Value, *Error) {
	if digits >= 0 {
		return Int(n), nil
	}
	if digits < -20 {
		return Int(0), nil
	}
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(-digits), nil)
	rounded := roundHalfEven(big.NewInt(n), unit)
	return c.bigInt(rounded.Mul(rounded, unit))
}

func (c *frame) bigInt(n *big.Int) (Value, *Error) {
	if !n.IsInt64() {
		return c.fail("the result does not fit into 64 bits")
	}
	return Int(n.Int64()), nil
}

// roundHalfEven divides and rounds, ties to even. The divisor is positive.
func roundHalfEven(n, by *big.Int) *big.Int {
	quotient, rest := new(big.Int).DivMod(n, by, new(big.Int))
	switch rest.Lsh(rest, 1).Cmp(by) {
	case 1:
		quotient.Add(quotient, big.NewInt(1))
	case 0:
		if quotient.Bit(0) == 1 {
			quotient.Add(quotient, big.NewInt(1))
		}
	}
	return quotient
}
