package farm

import (
	"encoding/json"
	"fmt"
	"slices"
	"sort"
)

// UnitSet is a set of unit indices, kept as sorted runs: what it costs follows how scattered the set is, not how large.
// The zero value is the empty set. In JSON it is a list of runs, [[first,last],…].
type UnitSet struct {
	runs []run // sorted, disjoint, never touching
	n    int64
}

// run is an interval of units, both ends included.
type run struct{ first, last int64 }

// Len returns how many units are in the set.
func (s *UnitSet) Len() int64 { return s.n }

// IsZero reports whether the set is empty.
func (s UnitSet) IsZero() bool { return s.n == 0 }

// Contains reports whether u is in the set.
func (s *UnitSet) Contains(u int64) bool {
	i := s.search(u)
	return i < len(s.runs) && s.runs[i].first <= u
}

// search returns the position of the first run that ends at u or behind it.
func (s *UnitSet) search(u int64) int {
	return sort.Search(len(s.runs), func(i int) bool { return s.runs[i].last >= u })
}

// Add puts u in.
func (s *UnitSet) Add(u int64) { s.AddRange(u, u) }

// AddRange puts all units from first to last in, both included.
func (s *UnitSet) AddRange(first, last int64) {
	if first > last {
		return
	}
	i := s.search(first - 1) // also a run that ends just before first
	j := i
	merged := run{first, last}
	for ; j < len(s.runs) && s.runs[j].first <= last+1; j++ {
		merged.first = min(merged.first, s.runs[j].first)
		merged.last = max(merged.last, s.runs[j].last)
		s.n -= s.runs[j].last - s.runs[j].first + 1
	}
	s.n += merged.last - merged.first + 1
	s.runs = slices.Replace(s.runs, i, j, merged)
}

// Remove takes u out.
func (s *UnitSet) Remove(u int64) { s.RemoveRange(u, u) }

// RemoveRange takes all units from first to last out, both included.
func (s *UnitSet) RemoveRange(first, last int64) {
	if first > last {
		return
	}
	i := s.search(first)
	var left []run // what stays of the runs that are cut
	j := i
	for ; j < len(s.runs) && s.runs[j].first <= last; j++ {
		r := s.runs[j]
		s.n -= r.last - r.first + 1
		if r.first < first {
			left = append(left, run{r.first, first - 1})
			s.n += first - r.first
		}
		if r.last > last {
			left = append(left, run{last + 1, r.last})
			s.n += r.last - last
		}
	}
	s.runs = slices.Replace(s.runs, i, j, left...)
}

// AddSet puts all units of other in.
func (s *UnitSet) AddSet(other *UnitSet) {
	for _, r := range other.runs {
		s.AddRange(r.first, r.last)
	}
}

// Clear takes everything out.
func (s *UnitSet) Clear() { *s = UnitSet{} }

// Clone returns a copy that shares nothing.
func (s *UnitSet) Clone() UnitSet { return UnitSet{slices.Clone(s.runs), s.n} }

// Equal reports whether both sets hold the same units.
func (s *UnitSet) Equal(o *UnitSet) bool { return slices.Equal(s.runs, o.runs) }

// Runs yields the set's intervals in order, both ends included.
func (s *UnitSet) Runs(yield func(first, last int64) bool) {
	for _, r := range s.runs {
		if !yield(r.first, r.last) {
			return
		}
	}
}

// Next returns the smallest unit of the set that is u or above.
func (s *UnitSet) Next(u int64) (int64, bool) {
	i := s.search(u)
	if i == len(s.runs) {
		return 0, false
	}
	return max(u, s.runs[i].first), true
}

// And returns the units that are in both sets.
func (s *UnitSet) And(o *UnitSet) UnitSet {
	var out UnitSet
	for i, j := 0, 0; i < len(s.runs) && j < len(o.runs); {
		a, b := s.runs[i], o.runs[j]
		out.AddRange(max(a.first, b.first), min(a.last, b.last))
		if a.last < b.last {
			i++
		} else {
			j++
		}
	}
	return out
}

// last returns the largest unit.
func (s *UnitSet) last() (int64, bool) {
	if len(s.runs) == 0 {
		return 0, false
	}
	return s.runs[len(s.runs)-1].last, true
}

// NextMissing returns the smallest unit in [from, n) that is in none of the sets.
func NextMissing(from, n int64, sets ...*UnitSet) (int64, bool) {
	u := from
	for moved := true; moved; {
		moved = false
		for _, s := range sets {
			if i := s.search(u); i < len(s.runs) && s.runs[i].first <= u {
				u, moved = s.runs[i].last+1, true
			}
		}
	}
	return u, u < n
}

// MarshalJSON writes the runs.
func (s UnitSet) MarshalJSON() ([]byte, error) {
	pairs := make([][2]int64, len(s.runs))
	for i, r := range s.runs {
		pairs[i] = [2]int64{r.first, r.last}
	}
	return json.Marshal(pairs)
}

// UnmarshalJSON reads the runs; they need not be sorted, but must not be negative or reversed.
func (s *UnitSet) UnmarshalJSON(text []byte) error {
	var pairs [][2]int64
	if err := json.Unmarshal(text, &pairs); err != nil {
		return err
	}
	set := UnitSet{}
	for _, p := range pairs {
		if p[0] < 0 || p[1] < p[0] || p[1] > maxUnit {
			return fmt.Errorf("unit set: bad run [%d, %d]", p[0], p[1])
		}
		set.AddRange(p[0], p[1])
	}
	*s = set
	return nil
}

// maxUnit bounds unit indices so that arithmetic on them cannot overflow.
const maxUnit = 1 << 53
