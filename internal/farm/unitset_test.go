package farm_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/spillway/spillway/internal/farm"
)

// TestUnitSetAgainstNaive compares a UnitSet with a map over random operations.
func TestUnitSetAgainstNaive(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		const n = 40
		var set farm.UnitSet
		naive := map[int64]bool{}
		unit := rapid.Int64Range(0, n-1)
		for range rapid.IntRange(1, 60).Draw(r, "operations") {
			a, b := unit.Draw(r, "a"), unit.Draw(r, "b")
			switch rapid.IntRange(0, 4).Draw(r, "operation") {
			case 0:
				set.Add(a)
				naive[a] = true
			case 1:
				set.Remove(a)
				delete(naive, a)
			case 2:
				set.AddRange(a, b)
				for u := a; u <= b; u++ {
					naive[u] = true
				}
			case 3:
				set.RemoveRange(a, b)
				for u := a; u <= b; u++ {
					delete(naive, u)
				}
			case 4:
				set = reread(r, set)
			}
			compare(r, &set, naive, n)
		}
	})
}

func reread(r *rapid.T, set farm.UnitSet) farm.UnitSet {
	text, err := json.Marshal(set)
	if err != nil {
		r.Fatal(err)
	}
	var again farm.UnitSet
	if err := json.Unmarshal(text, &again); err != nil {
		r.Fatal(err)
	}
	return again
}

func compare(r *rapid.T, set *farm.UnitSet, naive map[int64]bool, n int64) {
	if set.Len() != int64(len(naive)) || set.IsZero() != (len(naive) == 0) {
		r.Fatalf("has %d units, want %d", set.Len(), len(naive))
	}
	var listed []int64
	end := int64(-2)
	for first, last := range set.Runs {
		if first <= end+1 || last < first {
			r.Fatalf("run [%d, %d] after one that ends at %d", first, last, end)
		}
		end = last
		for u := first; u <= last; u++ {
			listed = append(listed, u)
		}
	}
	if want := slices.Sorted(maps.Keys(naive)); !slices.Equal(listed, want) {
		r.Fatalf("holds %v, want %v", listed, want)
	}
	var none farm.UnitSet
	for u := range n {
		if set.Contains(u) != naive[u] {
			r.Fatalf("Contains(%d) = %v", u, set.Contains(u))
		}
		next, missing := u, u
		for next < n && !naive[next] {
			next++
		}
		for missing < n && naive[missing] {
			missing++
		}
		if got, ok := set.Next(u); ok != (next < n) || ok && got != next {
			r.Fatalf("Next(%d) = %d, %v; want %d", u, got, ok, next)
		}
		if got, ok := farm.NextMissing(u, n, &none, set); ok != (missing < n) || ok && got != missing {
			r.Fatalf("NextMissing(%d) = %d, %v; want %d", u, got, ok, missing)
		}
	}
}

func TestUnitSetText(t *testing.T) {
	var set farm.UnitSet
	set.AddRange(0, 4)
	set.Add(9)
	text, err := json.Marshal(set)
	if err != nil || string(text) != "[[0,4],[9,9]]" {
		t.Errorf("%s, %v", text, err)
	}
	for _, bad := range []string{"[[2,1]]", "[[-1,3]]", "[[0,9007199254740993]]", `"x"`, "[[1]", "{}"} {
		if err := json.Unmarshal([]byte(bad), &set); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
	if set.Len() != 6 {
		t.Error("a refused text changed the set")
	}
}

// FuzzUnitSet checks that no text makes a set that does not survive its own writing.
func FuzzUnitSet(f *testing.F) {
	for _, seed := range []string{"[]", "[[0,4],[9,9]]", "[[5,9],[0,7]]", "[[0,9007199254740992]]", "[[1]]", "null"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var set, again farm.UnitSet
		if json.Unmarshal(text, &set) != nil {
			return
		}
		out, err := json.Marshal(set)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(out, &again); err != nil || !again.Equal(&set) || again.Len() != set.Len() {
			t.Fatalf("%s came back as %v, %v", out, again, err)
		}
	})
}
