package openjd

import (
	"fmt"
	"slices"
)

// ChunkInt is the type of a task parameter that is run in chunks: its values are range expressions (§3.4.1.5).
const ChunkInt ParameterType = "CHUNK[INT]"

// Chunks says how a task parameter is cut into chunks (§3.4.1.5).
type Chunks struct {
	DefaultTaskCount     IntField        `json:"defaultTaskCount"`
	TargetRuntimeSeconds *IntField       `json:"targetRuntimeSeconds,omitempty"`
	RangeConstraint      RangeConstraint `json:"rangeConstraint"`
}

// RangeConstraint says which sets of values a chunk may have.
type RangeConstraint string

// Range constraints.
const (
	Contiguous    RangeConstraint = "CONTIGUOUS"    // one interval, written first-last
	Noncontiguous RangeConstraint = "NONCONTIGUOUS" // any range expression
)

// Chunking is how a task space is cut, resolved.
type Chunking struct {
	Parameter  string
	Size       int64 // values in a chunk at most
	Target     int64 // seconds that a chunk should take; 0: Size counts
	Contiguous bool
}

// chunks reads how a parameter is cut.
func (d *decoder) chunks(c cursor, s scope) *Chunks {
	out := new(Chunks)
	o, ok := c.object("defaultTaskCount", "targetRuntimeSeconds", "rangeConstraint")
	if !ok {
		return out
	}
	if c, ok := o.require("defaultTaskCount"); ok {
		if f := c.intField(s, 1, 0, true); f != nil {
			out.DefaultTaskCount = *f
		}
	}
	if c, ok := o.get("targetRuntimeSeconds"); ok {
		out.TargetRuntimeSeconds = c.intField(s, 0, 0, true)
	}
	if c, ok := o.require("rangeConstraint"); ok {
		out.RangeConstraint = choice(c, Contiguous, Noncontiguous)
	}
	return out
}

// resolve applies the symbols of job creation.
func (c *Chunks) resolve(parameter string, s *Symbols) (Chunking, error) {
	out := Chunking{Parameter: parameter, Contiguous: c.RangeConstraint == Contiguous}
	var err error
	if out.Size, _, err = c.DefaultTaskCount.resolve(s, 1, 0); err != nil {
		return out, fmt.Errorf("defaultTaskCount: %w", err)
	}
	out.Size = max(out.Size, 1)
	if out.Target, _, err = c.TargetRuntimeSeconds.resolve(s, 0, 0); err != nil {
		return out, fmt.Errorf("targetRuntimeSeconds: %w", err)
	}
	return out, nil
}

// chunkAxis is a set of integers cut into chunks of nearly equal size, computed from their index.
type chunkAxis struct {
	values     IntRange
	contiguous bool
	segments   []segment
	ends       []int64 // how many chunks there are up to the end of each segment
}

// segment is a part of the set that is cut by itself: values from..from+count-1 by position, in chunks pieces.
type segment struct {
	from, count, chunks int64
}

// newChunkAxis cuts the values into as few chunks of at most size values as there can be.
func newChunkAxis(values IntRange, c Chunking) chunkAxis {
	out := chunkAxis{values: values, contiguous: c.Contiguous}
	total := int64(0)
	add := func(from, count, chunks int64) {
		out.segments = append(out.segments, segment{from, count, chunks})
		total += chunks
		out.ends = append(out.ends, total)
	}
	if !c.Contiguous {
		add(0, values.Len(), pieces(values.Len(), c.Size))
		return out
	}
	at, runs := int64(0), values.Runs()
	for i := 0; i < len(runs); {
		r := runs[i]
		count := r.Count
		i++
		if r.Step != 1 && r.Count > 1 {
			add(at, count, count) // no two of them are neighbours
			at += count
			continue
		}
		last := r.First + (r.Count - 1)
		for i < len(runs) && runs[i].First == last+1 && (runs[i].Step == 1 || runs[i].Count == 1) {
			count += runs[i].Count
			last += runs[i].Count
			i++
		}
		add(at, count, pieces(count, c.Size))
		at += count
	}
	return out
}

func pieces(count, size int64) int64 { return (count-1)/size + 1 }

func (a chunkAxis) len() int64 { return a.ends[len(a.ends)-1] }

// bounds returns the positions of chunk i's values: from, and the one after the last.
func (a chunkAxis) bounds(i int64) (from, to int64) {
	k, _ := slices.BinarySearch(a.ends, i+1)
	s := a.segments[k]
	i -= a.ends[k] - s.chunks
	size, longer := s.count/s.chunks, s.count%s.chunks // the first chunks take one more
	from = s.from + i*size + min(i, longer)
	to = from + size
	if i < longer {
		to++
	}
	return from, to
}

func (a chunkAxis) text(i int64) string {
	from, to := a.bounds(i)
	if a.contiguous {
		first, _ := a.values.At(from)
		last, _ := a.values.At(to - 1)
		return fmt.Sprintf("%d-%d", first, last)
	}
	return a.values.Slice(from, to).String()
}

func (a chunkAxis) find(from int64, text string) (int64, bool) {
	r, err := ParseIntRange(text)
	if err != nil {
		return 0, false
	}
	first, _ := r.At(0)
	position, ok := a.values.Index(first)
	if !ok {
		return 0, false
	}
	i := a.chunkOf(position)
	if i < from || (text != a.text(i) && r.String() != a.text(i)) {
		return 0, false
	}
	return i, true
}

// chunkOf returns the chunk that holds a position.
func (a chunkAxis) chunkOf(position int64) int64 {
	low, high := int64(0), a.len()-1
	for low < high {
		middle := low + (high-low)/2
		if _, to := a.bounds(middle); position < to {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low
}
