package filer

import (
	"testing"

	"pgregory.net/rapid"
)

// The set agrees with a plain array of booleans, whatever is done to it.
func TestRangesAgreeWithModel(t *testing.T) {
	const n = 64
	rapid.Check(t, func(t *rapid.T) {
		var r ranges
		var model [n]bool
		for range rapid.IntRange(1, 40).Draw(t, "ops") {
			a, b := rapid.Uint64Range(0, n).Draw(t, "a"), rapid.Uint64Range(0, n).Draw(t, "b")
			from, to := min(a, b), max(a, b)
			add := rapid.Bool().Draw(t, "add")
			var want uint64
			for i := from; i < to; i++ {
				if model[i] != add {
					want++
				}
				model[i] = add
			}
			var got uint64
			if add {
				got = r.add(from, to)
			} else {
				got = r.remove(from, to)
			}
			if got != want {
				t.Fatalf("changed %d bytes, want %d", got, want)
			}
			checkRanges(t, &r, &model)
		}
		decoded, rest, err := parseRanges(r.appendTo(nil))
		if err != nil || len(rest) != 0 {
			t.Fatalf("does not survive its encoding: %v", err)
		}
		checkRanges(t, &decoded, &model)
	})
}

func checkRanges(t *rapid.T, r *ranges, model *[64]bool) {
	for i, s := range r.spans {
		if s.from >= s.to || i > 0 && r.spans[i-1].to >= s.from {
			t.Fatalf("not normal: %v", r.spans)
		}
	}
	var size uint64
	for i := range model {
		if model[i] {
			size++
		}
		if r.has(uint64(i), uint64(i)+1) != model[i] {
			t.Fatalf("has(%d) = %v: %v", i, !model[i], r.spans)
		}
	}
	if r.size() != size {
		t.Fatalf("size = %d, want %d", r.size(), size)
	}
	var lacking uint64
	for _, s := range r.missing(0, 64) {
		lacking += s.to - s.from
		if r.has(s.from, s.from+1) {
			t.Fatalf("missing returned what is there: %v of %v", s, r.spans)
		}
	}
	if lacking != 64-size {
		t.Fatalf("missing %d bytes, want %d", lacking, 64-size)
	}
}

func FuzzParseRanges(f *testing.F) {
	r := ranges{[]span{{0, 10}, {20, 30}}}
	f.Add(r.appendTo(nil))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0x0f, 1, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, _, err := parseRanges(b)
		if err != nil {
			return
		}
		for i, s := range r.spans {
			if s.from >= s.to || i > 0 && r.spans[i-1].to >= s.from {
				t.Fatalf("accepted %v", r.spans)
			}
		}
	})
}
