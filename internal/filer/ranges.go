package filer

import (
	"encoding/binary"
	"errors"
	"slices"
)

// span is the bytes [from, to).
type span struct{ from, to uint64 }

// ranges is a set of byte positions, kept as sorted spans that neither touch nor overlap. The zero value is empty.
type ranges struct{ spans []span }

// find returns the index of the first span that ends at or after pos.
func (r *ranges) find(pos uint64) int {
	i, _ := slices.BinarySearchFunc(r.spans, pos, func(s span, pos uint64) int {
		if s.to < pos {
			return -1
		}
		return 1
	})
	return i
}

// add puts [from, to) into the set and returns how many bytes are new in it.
func (r *ranges) add(from, to uint64) uint64 {
	if from >= to {
		return 0
	}
	fresh := to - from
	i := r.find(from)
	j := i
	merged := span{from, to}
	for ; j < len(r.spans) && r.spans[j].from <= to; j++ {
		s := r.spans[j]
		if lo, hi := max(s.from, from), min(s.to, to); lo < hi {
			fresh -= hi - lo
		}
		merged.from, merged.to = min(merged.from, s.from), max(merged.to, s.to)
	}
	r.spans = slices.Replace(r.spans, i, j, merged)
	return fresh
}

// remove takes [from, to) out of the set and returns how many bytes left it.
func (r *ranges) remove(from, to uint64) uint64 {
	if from >= to {
		return 0
	}
	var gone uint64
	i := r.find(from)
	j := i
	var rest []span
	for ; j < len(r.spans) && r.spans[j].from < to; j++ {
		s := r.spans[j]
		if lo, hi := max(s.from, from), min(s.to, to); lo < hi {
			gone += hi - lo
		}
		if s.from < from {
			rest = append(rest, span{s.from, min(s.to, from)})
		}
		if s.to > to {
			rest = append(rest, span{max(s.from, to), s.to})
		}
	}
	r.spans = slices.Replace(r.spans, i, j, rest...)
	return gone
}

// has says whether all of [from, to) is in the set.
func (r *ranges) has(from, to uint64) bool {
	if from >= to {
		return true
	}
	i := r.find(from + 1)
	return i < len(r.spans) && r.spans[i].from <= from && r.spans[i].to >= to
}

// missing returns the parts of [from, to) that are not in the set.
func (r *ranges) missing(from, to uint64) []span {
	var out []span
	for i := r.find(from); i < len(r.spans) && r.spans[i].from < to; i++ {
		if s := r.spans[i]; s.from > from {
			out = append(out, span{from, s.from})
		}
		from = max(from, r.spans[i].to)
	}
	if from < to {
		out = append(out, span{from, to})
	}
	return out
}

// within returns how many bytes of [from, to) are in the set.
func (r *ranges) within(from, to uint64) (n uint64) {
	for i := r.find(from); i < len(r.spans) && r.spans[i].from < to; i++ {
		if lo, hi := max(r.spans[i].from, from), min(r.spans[i].to, to); lo < hi {
			n += hi - lo
		}
	}
	return n
}

// size returns the number of bytes in the set.
func (r *ranges) size() uint64 {
	var n uint64
	for _, s := range r.spans {
		n += s.to - s.from
	}
	return n
}

func (r *ranges) clone() ranges { return ranges{slices.Clone(r.spans)} }

// appendTo encodes the set: the number of spans, then each span's distance from the last end and its length, as varints.
func (r *ranges) appendTo(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(r.spans)))
	var at uint64
	for _, s := range r.spans {
		b = binary.AppendUvarint(b, s.from-at)
		b = binary.AppendUvarint(b, s.to-s.from)
		at = s.to
	}
	return b
}

var errRecord = errors.New("damaged record")

// parseRanges decodes what appendTo wrote and returns the rest of b.
func parseRanges(b []byte) (ranges, []byte, error) {
	count, b, err := uvarint(b)
	if err != nil || count > uint64(len(b)) {
		return ranges{}, nil, errRecord
	}
	r := ranges{make([]span, 0, count)}
	var at uint64
	for i := range count {
		var gap, n uint64
		if gap, b, err = uvarint(b); err == nil {
			n, b, err = uvarint(b)
		}
		if err != nil || n == 0 || i > 0 && gap == 0 || at+gap < at || at+gap+n < at+gap {
			return ranges{}, nil, errRecord
		}
		r.spans = append(r.spans, span{at + gap, at + gap + n})
		at += gap + n
	}
	return r, b, nil
}

func uvarint(b []byte) (uint64, []byte, error) {
	v, n := binary.Uvarint(b)
	if n <= 0 {
		return 0, nil, errRecord
	}
	return v, b[n:], nil
}
