// Package intrange holds sets of integers as Open Job Description writes them: "1-10:2,20" (Template Schemas §3.4.1.1.1).
package intrange

import (
	"cmp"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// Range is a set of integers in increasing order, written as an <IntRangeExpr> (§3.4.1.1.1) such as "1-10:2,20".
// It costs what its text costs, however many integers it holds.
type Range struct {
	runs []run
	ends []int64 // how many values there are up to the end of each run
}

// run is first, first+step, … with count values; step is positive.
type run struct {
	first int64
	step  uint64
	count int64
	// low and high are what was written; runs must not overlap in these bounds.
	low, high int64
}

const maxRangeText = 1 << 20 // bytes

// Parse parses an <IntRangeExpr> in which every format string is resolved.
func Parse(s string) (Range, error) {
	var r Range
	if len(s) > maxRangeText {
		return r, fmt.Errorf("the range has %d bytes, at most %d are allowed", len(s), maxRangeText)
	}
	if strings.Trim(s, " \t") == "" {
		return r, errors.New("the range is empty")
	}
	for element := range strings.SplitSeq(s, ",") {
		one, err := parseRun(element)
		if err != nil {
			return Range{}, err
		}
		r.runs = append(r.runs, one)
	}
	slices.SortFunc(r.runs, func(a, b run) int { return cmp.Compare(a.low, b.low) })
	total := int64(0)
	for i, one := range r.runs {
		if i > 0 && one.low <= r.runs[i-1].high {
			return Range{}, fmt.Errorf("the ranges %v and %v overlap", r.runs[i-1], one)
		}
		sum, carry := bits.Add64(uint64(total), uint64(one.count), 0)
		if carry > 0 || int64(sum) < 0 {
			return Range{}, errTooMany
		}
		total = int64(sum)
		r.ends = append(r.ends, total)
	}
	return r, nil
}

var errTooMany = errors.New("there are more than 2^63-1 values")

// String returns the bounds as written.
func (r run) String() string {
	if r.low == r.high {
		return fmt.Sprint(r.low)
	}
	return fmt.Sprintf("%d-%d", r.low, r.high)
}

// parseRun parses an <Element>.
func parseRun(element string) (run, error) {
	p := rangeParser{text: strings.Trim(element, " \t")}
	bad := fmt.Errorf("%q is not an integer or a range such as 1-10 or 1-10:2", clip(strings.TrimSpace(element)))
	from, ok := p.integer()
	if !ok {
		return run{}, bad
	}
	to, step := from, int64(1)
	if p.take('-') {
		if to, ok = p.integer(); !ok {
			return run{}, bad
		}
		if p.take(':') {
			if step, ok = p.integer(); !ok {
				return run{}, bad
			}
		}
	}
	if p.text != "" {
		return run{}, bad
	}
	if step == 0 {
		return run{}, fmt.Errorf("the step of %q must not be 0", clip(element))
	}
	return newRun(from, to, step)
}

// newRun is x-y:n. Going the other way than its step, it is x alone.
func newRun(from, to, step int64) (run, error) {
	if from != to && (from < to) != (step > 0) {
		to = from
	}
	size := uint64(step)
	low, high := from, to
	if step < 0 {
		size, low, high = -uint64(step), to, from
	}
	last := (uint64(high) - uint64(low)) / size // index of the last value
	if last >= 1<<63-1 {
		return run{}, errTooMany
	}
	r := run{first: low, step: size, count: int64(last) + 1, low: low, high: high}
	if step < 0 {
		r.first = int64(uint64(high) - last*size)
	}
	return r, nil
}

// rangeParser cuts tokens from the front of a text.
type rangeParser struct{ text string }

func (p *rangeParser) skip() { p.text = strings.TrimLeft(p.text, " \t") }

func (p *rangeParser) take(b byte) bool {
	p.skip()
	if p.text == "" || p.text[0] != b {
		return false
	}
	p.text = p.text[1:]
	p.skip()
	return true
}

func (p *rangeParser) integer() (int64, bool) {
	end := 0
	for end < len(p.text) && (p.text[end] >= '0' && p.text[end] <= '9' || end == 0 && p.text[end] == '-') {
		end++
	}
	i, ok := parseInt(p.text[:end])
	p.text = p.text[end:]
	p.skip()
	return i, ok
}

// Run is first, first+step, … with count values.
type Run struct {
	First int64
	Step  uint64
	Count int64
}

// Runs returns the runs of the set in increasing order.
func (r Range) Runs() []Run {
	out := make([]Run, len(r.runs))
	for i, one := range r.runs {
		out[i] = Run{one.first, one.step, one.count}
	}
	return out
}

// Len returns the number of values.
func (r Range) Len() int64 {
	if len(r.ends) == 0 {
		return 0
	}
	return r.ends[len(r.ends)-1]
}

// At returns value i, counted from 0 in increasing order.
func (r Range) At(i int64) (int64, bool) {
	if i < 0 || i >= r.Len() {
		return 0, false
	}
	k, _ := slices.BinarySearch(r.ends, i+1)
	one := r.runs[k]
	within := uint64(i - (r.ends[k] - one.count))
	return int64(uint64(one.first) + within*one.step), true
}

// Index returns the position of a value.
func (r Range) Index(value int64) (int64, bool) {
	k, found := slices.BinarySearchFunc(r.runs, value, func(a run, v int64) int { return cmp.Compare(a.first, v) })
	if !found {
		k--
	}
	if k < 0 {
		return 0, false
	}
	one := r.runs[k]
	offset := uint64(value) - uint64(one.first)
	if offset%one.step != 0 || offset/one.step >= uint64(one.count) {
		return 0, false
	}
	return r.ends[k] - one.count + int64(offset/one.step), true
}

// Slice returns the values at the positions from to to-1.
func (r Range) Slice(from, to int64) Range {
	var out Range
	for k, one := range r.runs {
		start := r.ends[k] - one.count
		low, high := max(from, start)-start, min(to, r.ends[k])-start
		if low >= high {
			continue
		}
		part := run{first: int64(uint64(one.first) + uint64(low)*one.step), step: one.step, count: high - low}
		part.low, part.high = part.first, int64(uint64(part.first)+uint64(part.count-1)*part.step)
		out.push(part)
	}
	return out
}

func (r *Range) push(one run) {
	r.runs = append(r.runs, one)
	r.ends = append(r.ends, r.Len()+one.count)
}

// Of returns the set of some integers.
func Of(values []int64) Range {
	var out Range
	sorted := slices.Compact(slices.Sorted(slices.Values(values)))
	for i := 0; i < len(sorted); {
		one := run{first: sorted[i], step: 1, count: 1, low: sorted[i], high: sorted[i]}
		if i+1 < len(sorted) {
			step := uint64(sorted[i+1]) - uint64(sorted[i])
			n := 1
			for i+n < len(sorted) && uint64(sorted[i+n])-uint64(sorted[i+n-1]) == step {
				n++
			}
			if n > 2 || step == 1 {
				one.step, one.count, one.high = step, int64(n), sorted[i+n-1]
			}
		}
		out.push(one)
		i += int(one.count)
	}
	return out
}

// String returns the range as an expression in its shortest form: runs of two values are written apart.
func (r Range) String() string {
	var out []string
	for _, one := range r.runs {
		last := int64(uint64(one.first) + uint64(one.count-1)*one.step)
		switch {
		case one.count == 1:
			out = append(out, fmt.Sprint(one.first))
		case one.count == 2:
			out = append(out, fmt.Sprint(one.first), fmt.Sprint(last))
		case one.step == 1:
			out = append(out, fmt.Sprintf("%d-%d", one.first, last))
		default:
			out = append(out, fmt.Sprintf("%d-%d:%d", one.first, last, one.step))
		}
	}
	return strings.Join(out, ",")
}

// parseInt reads a base-10 integer.
func parseInt(s string) (int64, bool) {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	return n, err == nil
}

// clip shortens foreign text for a message.
func clip(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
