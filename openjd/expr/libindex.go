package expr

import (
	"math"
	"unicode/utf8"

	"github.com/spillway/spillway/openjd/intrange"
)

// subscripts are [index] and [start:stop:step] (§2.1.7, §2.1.8).
func (b builder) subscripts() {
	b.add("[](list[T], int) T", func(c *frame, a []Value) (Value, *Error) {
		i, err := c.index(a[1].num, int64(len(a[0].list)))
		if err != nil {
			return Value{}, err
		}
		return a[0].list[i], nil
	})
	b.add("[](range_expr, int) int", func(c *frame, a []Value) (Value, *Error) {
		i, err := c.index(a[1].num, a[0].rng.Len())
		if err != nil {
			return Value{}, err
		}
		n, _ := a[0].rng.At(i)
		return Int(n), nil
	})
	b.add("[](string, int) string", func(c *frame, a []Value) (Value, *Error) {
		runes := []rune(a[0].text)
		i, err := c.index(a[1].num, int64(len(runes)))
		if err != nil {
			return Value{}, err
		}
		return String(string(runes[i])), c.chars(len(a[0].text))
	})
	b.add("[::](list[T], int?, int?, int?) list[T]", func(c *frame, a []Value) (Value, *Error) {
		positions, err := c.span(a[1:], int64(len(a[0].list)))
		if err != nil {
			return Value{}, err
		}
		out := make([]Value, 0, positions.count)
		for k := range positions.count {
			out = append(out, a[0].list[positions.at(k)])
		}
		return List(a[0].typ, out), nil
	})
	b.add("[::](string, int?, int?, int?) string", func(c *frame, a []Value) (Value, *Error) {
		runes := []rune(a[0].text)
		positions, err := c.span(a[1:], int64(len(runes)))
		if err != nil {
			return Value{}, err
		}
		out := make([]byte, 0, positions.count)
		for k := range positions.count {
			out = utf8.AppendRune(out, runes[positions.at(k)])
		}
		return c.text(string(out))
	})
	b.addTyped("[::](range_expr, int?, int?, int?) range_expr", nil, sliceRange)
}

func (c *frame) index(i, length int64) (int64, *Error) {
	at := i
	if at < 0 {
		at += length
	}
	if at < 0 || at >= length {
		return 0, failAt(c.at, "index %d is out of bounds, the length is %d", i, length)
	}
	return at, nil
}

// span is the positions of a slice: start, start+step, …
type span struct{ start, step, count int64 }

func (s span) at(k int64) int64 { return s.start + k*s.step }

// span applies Python's rules for slices; count operations as well.
func (c *frame) span(bounds []Value, length int64) (span, *Error) {
	step := int64(1)
	if !bounds[2].IsNull() {
		step = bounds[2].num
	}
	if step == 0 {
		return span{}, failAt(c.at, "the step of a slice must not be 0")
	}
	low, high := int64(0), length
	if step < 0 {
		low, high = -1, length-1
	}
	clamp := func(v Value, preset int64) int64 {
		if v.IsNull() {
			return preset
		}
		n := v.num
		if n < 0 {
			n += length
		}
		return min(max(n, low), high)
	}
	out := span{step: step}
	if step > 0 {
		out.start = clamp(bounds[0], low)
		if stop := clamp(bounds[1], high); stop > out.start {
			out.count = (stop-out.start-1)/step + 1
		}
	} else {
		out.start = clamp(bounds[0], high)
		if stop := clamp(bounds[1], low); stop < out.start {
			out.count = (out.start-stop-1)/-max(step, -math.MaxInt64) + 1
		}
	}
	return out, c.spend(c.at, out.count)
}

// sliceRange is a range for positive steps, else a list. A range cannot be empty, so nothing is the empty list.
func sliceRange(c *frame, a []Value) (Value, *Error) {
	r := a[0].rng
	positions, err := c.span(a[1:], r.Len())
	if err != nil {
		return Value{}, err
	}
	if positions.count == 0 {
		return List(ListOf(IntType), nil), nil
	}
	if positions.step == 1 {
		return Range(r.Slice(positions.start, positions.start+positions.count)), nil
	}
	if err := c.room(c.at, times(positions.count, Int(0).bytes())); err != nil {
		return Value{}, err
	}
	values := make([]int64, positions.count)
	items := make([]Value, positions.count)
	for k := range positions.count {
		values[k], _ = r.At(positions.at(k))
		items[k] = Int(values[k])
	}
	if positions.step > 0 {
		return Range(intrange.Of(values)), nil
	}
	return List(ListOf(IntType), items), nil
}
