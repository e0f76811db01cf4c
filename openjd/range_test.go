package openjd_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/spillway/spillway/openjd"
)

func TestIntRangeValues(t *testing.T) {
	for text, want := range map[string][]int64{
		"7":                    {7},
		"1 - 5":                {1, 2, 3, 4, 5},
		"1 - -1":               {1},
		"-1 - 1":               {-1, 0, 1},
		"1-5:2":                {1, 3, 5},
		"10-15:2,1-5":          {1, 2, 3, 4, 5, 10, 12, 14},
		"1-10:4":               {1, 5, 9},
		"-10--5:2":             {-10, -8, -6},
		"10-1:-3":              {1, 4, 7, 10},
		"10-2:-3":              {4, 7, 10},
		"1-10:-3":              {1},
		"5\t-\t7 : 2,\t9 ":     {5, 7, 9},
		"-9223372036854775808": {math.MinInt64},
		"9223372036854775806-9223372036854775807":                      {math.MaxInt64 - 1, math.MaxInt64},
		"-9223372036854775808-9223372036854775807:9223372036854775807": {math.MinInt64, -1, math.MaxInt64 - 1},
	} {
		r, err := openjd.ParseIntRange(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		var got []int64
		for i := range r.Len() {
			v, ok := r.At(i)
			if back, found := r.Index(v); !ok || !found || back != i {
				t.Errorf("%q: At(%d) is %d, %v; Index of that is %d, %v", text, i, v, ok, back, found)
			}
			got = append(got, v)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

func TestIntRangeRefuses(t *testing.T) {
	for _, text := range []string{
		"", " ", ",", "1,", "1-", "-", "--1", "- 1", "1-2-3", "1:2", "1-3:", "1-3:0", "1-3:x", "a", "1.5", "1 2", "+1", "0x1",
		"1-3,3", "1-10:4,10-15", "5-1:-1,1", "9223372036854775808", "1-9223372036854775808",
		"-9223372036854775808-9223372036854775807",
		"-9223372036854775808--1,0-9223372036854775807",
		strings.Repeat("1", 2<<20),
	} {
		if r, err := openjd.ParseIntRange(text); err == nil {
			t.Errorf("%.40q: accepted with %d values", text, r.Len())
		}
	}
}

// TestIntRangeAgainstAModel builds ranges that do not overlap and compares with a sorted list.
func TestIntRangeAgainstAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var elements []string
		var want []int64
		at := rapid.Int64Range(-50, 50).Draw(t, "start")
		for range rapid.IntRange(1, 6).Draw(t, "elements") {
			length := rapid.Int64Range(0, 20).Draw(t, "length")
			step := rapid.Int64Range(1, 7).Draw(t, "step")
			low, high := at, at+length
			at = high + 1 + rapid.Int64Range(0, 3).Draw(t, "gap")
			switch rapid.IntRange(0, 2).Draw(t, "form") {
			case 0:
				elements = append(elements, fmt.Sprint(low))
				want = append(want, low)
			case 1:
				elements = append(elements, fmt.Sprintf("%d-%d:%d", low, high, step))
				for v := low; v <= high; v += step {
					want = append(want, v)
				}
			case 2:
				elements = append(elements, fmt.Sprintf(" %d - %d : %d ", high, low, -step))
				for v := high; v >= low; v -= step {
					want = append(want, v)
				}
			}
		}
		slices.Sort(want)
		r, err := openjd.ParseIntRange(strings.Join(rapid.Permutation(elements).Draw(t, "order"), ","))
		if err != nil {
			t.Fatal(err)
		}
		if r.Len() != int64(len(want)) {
			t.Fatalf("Len is %d, want %d", r.Len(), len(want))
		}
		for i, v := range want {
			if got, ok := r.At(int64(i)); !ok || got != v {
				t.Fatalf("At(%d) is %d, want %d", i, got, v)
			}
		}
		v := rapid.Int64Range(-100, 300).Draw(t, "value")
		i, found := r.Index(v)
		if want := slices.Index(want, v); found != (want >= 0) || found && i != int64(want) {
			t.Fatalf("Index(%d) is %d, %v, want %d", v, i, found, want)
		}
	})
}
