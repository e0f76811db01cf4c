package openjd

import (
	"fmt"
	"maps"
	"math/bits"
	"slices"
)

// TaskSpace is the set of a step's tasks, computed from their indices: however many they are, it costs what its
// definition costs. In a product the rightmost factor changes fastest; a range expression counts upwards, a list goes
// in its order (§3.4.3). It is immutable and safe for concurrent use.
type TaskSpace struct {
	root       dimension
	parameters []taskParameter
}

// taskParameter names a parameter of the space.
type taskParameter struct {
	name  string
	kind  ParameterType
	place axis
}

// dimension is a part of the space: positions 0 to len()-1.
type dimension interface {
	len() int64
	// at adds the values at a position, which exists.
	at(i int64, out TaskValues)
	// next returns the first position from from on that has the wanted values.
	next(from int64, want map[string]string) (int64, bool)
}

// axis is the values of one parameter.
type axis interface {
	len() int64
	text(i int64) string
	find(from int64, text string) (int64, bool)
}

// Len returns the number of tasks, at least 1.
func (s *TaskSpace) Len() int64 { return s.root.len() }

// At returns the values of task i, from 0 to Len()-1. A space without parameters has one task without values.
func (s *TaskSpace) At(i int64) (TaskValues, error) {
	if i < 0 || i >= s.Len() {
		return nil, fmt.Errorf("there is no task %d, the step has %d", i, s.Len())
	}
	out := make(TaskValues, len(s.parameters))
	s.root.at(i, out)
	return out, nil
}

// Index returns the index of the task with exactly these values, the first if several have them. It gives up on spaces
// that associate lists of thousands of equal values.
func (s *TaskSpace) Index(values map[string]string) (int64, bool) {
	if len(values) != len(s.parameters) {
		return 0, false
	}
	want := make(map[string]string, len(values))
	for _, p := range s.parameters {
		given, ok := values[p.name]
		if !ok {
			return 0, false
		}
		text, problem := canonical(p.kind, given)
		if problem != "" {
			return 0, false
		}
		want[p.name] = text
	}
	return s.root.next(0, want)
}

// leaf is one parameter as a dimension.
type leaf struct{ taskParameter }

func (l leaf) len() int64 { return l.place.len() }

func (l leaf) at(i int64, out TaskValues) { out[l.name] = Value{l.kind, l.place.text(i)} }

func (l leaf) next(from int64, want map[string]string) (int64, bool) {
	return l.place.find(from, want[l.name])
}

// product is every combination of its parts, the last changing fastest. Without parts it has one position.
type product struct {
	parts []dimension
	total int64
}

func newProduct(parts []dimension) (product, error) {
	total := uint64(1)
	for _, part := range parts {
		high, low := bits.Mul64(total, uint64(part.len()))
		if high > 0 || int64(low) < 0 {
			return product{}, fmt.Errorf("the step has more than 2^63-1 tasks")
		}
		total = low
	}
	return product{parts, int64(total)}, nil
}

func (p product) len() int64 { return p.total }

func (p product) at(i int64, out TaskValues) {
	for k := len(p.parts) - 1; k >= 0; k-- {
		n := p.parts[k].len()
		p.parts[k].at(i%n, out)
		i /= n
	}
}

func (p product) next(from int64, want map[string]string) (int64, bool) {
	if from >= p.total {
		return 0, false
	}
	return p.nextFrom(len(p.parts), from, want)
}

// nextFrom looks at the first n parts alone, whose positions are numbered in the same way.
func (p product) nextFrom(n int, from int64, want map[string]string) (int64, bool) {
	if n == 0 {
		return 0, from == 0
	}
	last := p.parts[n-1]
	size := last.len()
	head, ok := p.nextFrom(n-1, from/size, want)
	if !ok {
		return 0, false
	}
	if head == from/size {
		if tail, ok := last.next(from%size, want); ok {
			return head*size + tail, true
		}
		if head, ok = p.nextFrom(n-1, head+1, want); !ok {
			return 0, false
		}
	}
	tail, ok := last.next(0, want)
	return head*size + tail, ok
}

// association goes through its parts, all equally long, side by side.
type association struct{ parts []dimension }

func (a association) len() int64 { return a.parts[0].len() }

func (a association) at(i int64, out TaskValues) {
	for _, part := range a.parts {
		part.at(i, out)
	}
}

func (a association) next(from int64, want map[string]string) (int64, bool) {
	const tries = 1 << 16 // bounds the search through repeated values
	for range tries {
		at := from
		for _, part := range a.parts {
			var ok bool
			if at, ok = part.next(at, want); !ok {
				return 0, false
			}
		}
		if at == from {
			return at, true
		}
		from = at
	}
	return 0, false
}

// rangeAxis is a range expression.
type rangeAxis struct{ IntRange }

func (a rangeAxis) len() int64 { return a.Len() }

func (a rangeAxis) text(i int64) string {
	v, _ := a.At(i)
	return fmt.Sprint(v)
}

func (a rangeAxis) find(from int64, text string) (int64, bool) {
	v, ok := parseInt(text)
	if !ok {
		return 0, false
	}
	i, ok := a.Index(v)
	return i, ok && i >= from
}

// listAxis is a list of values.
type listAxis struct {
	kind   ParameterType
	values []string
}

func (a listAxis) len() int64 { return int64(len(a.values)) }

func (a listAxis) text(i int64) string { return a.values[i] }

func (a listAxis) find(from int64, text string) (int64, bool) {
	for i := from; i < int64(len(a.values)); i++ {
		if equalValues(a.kind, a.values[i], text) {
			return i, true
		}
	}
	return 0, false
}

// Contains returns why the space has no task with exactly these values, with a hint where a name is misspelt, or nil.
func (s *TaskSpace) Contains(values map[string]string) error {
	var names []string
	for _, p := range s.parameters {
		names = append(names, p.name)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !slices.Contains(names, name) {
			return undefinedParameter(name, names)
		}
	}
	for _, name := range names {
		if _, ok := values[name]; !ok {
			return fmt.Errorf("the task parameter %s has no value", name)
		}
	}
	if _, ok := s.Index(values); !ok {
		return fmt.Errorf("the step has no task with these values")
	}
	return nil
}

func undefinedParameter(name string, known []string) error {
	if hint := didYouMean(name, known); hint != "" {
		return fmt.Errorf("there is no task parameter %q (%s)", clip(name), hint)
	}
	return fmt.Errorf("there is no task parameter %q", clip(name))
}
