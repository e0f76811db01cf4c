package expr

import "slices"

// lists are the list functions (§2.2.3).
func (b builder) lists() {
	b.add("range(int) list[int]", func(c *frame, a []Value) (Value, *Error) { return c.rangeOf(0, a[0].num, 1) })
	b.add("range(int, int) list[int]", func(c *frame, a []Value) (Value, *Error) { return c.rangeOf(a[0].num, a[1].num, 1) })
	b.add("range(int, int, int) list[int]", func(c *frame, a []Value) (Value, *Error) {
		return c.rangeOf(a[0].num, a[1].num, a[2].num)
	})
	b.addTyped("flatten(list[T]) list[T]", func(args []Type) (Type, bool) {
		t := args[0]
		if t == RangeType {
			t = ListOf(IntType)
		}
		if t.Depth > 1 {
			t.Depth--
		}
		return t, t.IsList()
	}, flatten)
	b.add("sorted(list[T]) list[T]", sortedList)
	b.add("reversed(list[T]) list[T]", func(c *frame, a []Value) (Value, *Error) {
		out := slices.Clone(a[0].list)
		slices.Reverse(out)
		return List(a[0].typ, out), c.spend(c.at, int64(len(out)))
	})
	b.add("unique(list[T]) list[T]", unique)
	b.add("any(list[bool]) bool", func(c *frame, a []Value) (Value, *Error) {
		return Bool(slices.ContainsFunc(a[0].list, Value.isTrue)), c.spend(c.at, int64(len(a[0].list)))
	})
	b.add("all(list[bool]) bool", func(c *frame, a []Value) (Value, *Error) {
		no := func(v Value) bool { return !v.isTrue() }
		return Bool(!slices.ContainsFunc(a[0].list, no)), c.spend(c.at, int64(len(a[0].list)))
	})
}

func (c *frame) rangeOf(start, stop, step int64) (Value, *Error) {
	if step == 0 {
		return c.fail("the step of range() must not be 0")
	}
	count := uint64(0)
	if step > 0 && start < stop {
		count = (uint64(stop)-uint64(start)-1)/uint64(step) + 1
	} else if step < 0 && start > stop {
		count = (uint64(start)-uint64(stop)-1)/-uint64(step) + 1
	}
	if err := c.spend(c.at, int64(min(count, 1<<62))); err != nil {
		return Value{}, err
	}
	if err := c.room(c.at, times(int64(count), Int(0).bytes())); err != nil {
		return Value{}, err
	}
	out := make([]Value, count)
	for i := range out {
		out[i] = Int(start + int64(i)*step)
	}
	return List(ListOf(IntType), out), nil
}

func flatten(c *frame, a []Value) (Value, *Error) {
	if a[0].typ.Depth < 2 {
		return a[0], c.spend(c.at, int64(len(a[0].list)))
	}
	var out []Value
	for _, inner := range a[0].list {
		out = append(out, inner.list...)
	}
	return List(a[0].typ.Item(), out), c.spend(c.at, int64(len(a[0].list)+len(out)))
}

func sortedList(c *frame, a []Value) (Value, *Error) {
	out := slices.Clone(a[0].list)
	if err := c.spend(c.at, int64(len(out))); err != nil {
		return Value{}, err
	}
	if len(out) > 0 {
		if _, ok := ordered([]Type{out[0].typ, out[0].typ}); !ok {
			return c.fail("%v has no order", out[0].typ)
		}
	}
	var failed *Error
	slices.SortStableFunc(out, func(x, y Value) int {
		if failed != nil {
			return 0
		}
		n, err := c.order(x, y)
		failed = err
		return n
	})
	return List(a[0].typ, out), failed
}

// unique keeps the first of equal items. Equal items of one type have equal text, but floats may be spelled apart.
func unique(c *frame, a []Value) (Value, *Error) {
	if err := c.count(a[0]); err != nil {
		return Value{}, err
	}
	seen := make(map[string]bool, len(a[0].list))
	var out []Value
	for _, v := range a[0].list {
		key := v
		key.text = ""
		text := v.Text()
		if v.typ == FloatType {
			text = key.Text()
		}
		if !seen[text] {
			seen[text] = true
			out = append(out, v)
		}
	}
	return List(a[0].typ, out), nil
}
