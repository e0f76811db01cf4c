package filer

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

const (
	unit     = 512 // bytes of one value: a sector, the most that a cut leaves whole
	maxUnits = 700
	absent   = -1 // the value of a unit beyond the end
)

// copied is a file as its client knows it. Each unit has the values that may be read now, and those that may be found
// after a crash.
type copied struct {
	id          origin.ID // at the storage
	handle      nfs.Handle
	hasHandle   bool
	live, safe  [][]int
	uncommitted bool // there are unstable writes under verf
	verf        nfs.Verifier
	mixed       bool // or under several verifiers
	unsure      bool // the last calls did not answer
}

func newCopied() *copied {
	c := &copied{live: make([][]int, maxUnits), safe: make([][]int, maxUnits)}
	for i := range c.live {
		c.live[i], c.safe[i] = []int{absent}, []int{absent}
	}
	return c
}

func addTo(set *[]int, v int) {
	if !slices.Contains(*set, v) {
		*set = append(*set, v)
	}
}

func (c *copied) size() int {
	n := 0
	for i := range c.live {
		if last := c.live[i][len(c.live[i])-1]; last != absent {
			n = i + 1
		}
	}
	return n
}

// change applies a write or truncation: vals[i] for unit from+i. answered: nothing but the new values may be read now;
// stable: nor after a crash.
func (c *copied) change(from int, vals []int, answered, stable bool) {
	for i, v := range vals {
		u := from + i
		if answered {
			c.live[u] = []int{v}
		} else {
			addTo(&c.live[u], v)
		}
		if answered && stable {
			c.safe[u] = []int{v}
		} else {
			addTo(&c.safe[u], v)
		}
	}
}

// committed notes that what is read now is durable.
func (c *copied) committed(b []byte) {
	for u := range c.live {
		v, _ := valueAt(b, u)
		c.live[u], c.safe[u] = []int{v}, []int{v}
	}
	c.unsure, c.uncommitted, c.mixed = false, false, false
}

// unitsOf is n units of a value.
func unitsOf(v, n int) []byte {
	return bytes.Repeat(binary.BigEndian.AppendUint64(nil, uint64(v)), n*unit/8)
}

func valueAt(b []byte, u int) (int, bool) {
	if u*unit >= len(b) {
		return absent, true
	}
	piece := b[u*unit : min((u+1)*unit, len(b))]
	v := int(binary.BigEndian.Uint64(piece))
	for i := 0; i+8 <= len(piece); i += 8 {
		if int(binary.BigEndian.Uint64(piece[i:])) != v {
			return 0, false
		}
	}
	return v, len(piece) == unit
}

// allows says whether b is what may be read, now or after a crash.
func (c *copied) allows(b []byte, crashed bool) bool { return c.explain(b, crashed) == "" }

func (c *copied) explain(b []byte, crashed bool) string {
	if len(b) > maxUnits*unit {
		return fmt.Sprintf("%d bytes", len(b))
	}
	for u := range maxUnits {
		want := c.live[u]
		if crashed {
			want = c.safe[u]
		}
		v, whole := valueAt(b, u)
		if !whole {
			return fmt.Sprintf("unit %d is torn", u)
		}
		if slices.Contains(want, v) || v == 0 && slices.Contains(want, absent) && len(want) > 1 {
			continue // a unit that need not be there may be a hole
		}
		if crashed && v == 0 && slices.Contains(want, absent) && c.beyond(u) {
			continue
		}
		return fmt.Sprintf("unit %d is %d, not of %v (%d bytes)", u, v, want, len(b))
	}
	return ""
}

// beyond says whether some unit after u may be there: then u may be a hole.
func (c *copied) beyond(u int) bool {
	for ; u < maxUnits; u++ {
		if slices.ContainsFunc(c.safe[u], func(v int) bool { return v != absent }) {
			return true
		}
	}
	return false
}
