// Package frames reads lists of frame numbers as the managers and applications of the field write them, and keeps the order in
// which they name the frames. It does no I/O.
package frames

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Stride is First, First+Step, … up to Last, which is one of them. Step is not 0; it is negative if Last is below First.
type Stride struct {
	First int64 `json:"first"`
	Last  int64 `json:"last"`
	Step  int64 `json:"step"`
}

// List is frames in an order. A frame that comes a second time does not count.
type List []Stride

// MaxFrames bounds a list.
const MaxFrames = 1_000_000

// stride makes a stride of any bounds; step is positive.
func stride(first, last, step int64) Stride {
	if last < first {
		return Stride{first, last + (first-last)%step, -step}
	}
	return Stride{first, last - (last-first)%step, step}
}

// Len is how many frames the stride names.
func (s Stride) Len() int64 { return (s.Last-s.First)/s.Step + 1 }

// Frames returns each frame once, in the list's order.
func (l List) Frames() []int64 {
	seen := map[int64]bool{}
	var out []int64
	for _, s := range l {
		for i := range s.Len() {
			if n := s.First + i*s.Step; !seen[n] {
				seen[n] = true
				out = append(out, n)
			}
		}
	}
	return out
}

// Ascending reports whether the order is by number, which every template has by itself.
func (l List) Ascending() bool { return slices.IsSorted(l.Frames()) }

// Range writes the frames as an Open Job Description range expression: ascending, each once, "1-9:2,12,20-30".
func (l List) Range() string {
	all := l.Frames()
	slices.Sort(all)
	var out []string
	for i := 0; i < len(all); {
		j := i + 1
		for j < len(all) && j > i && all[j]-all[j-1] == all[i+1]-all[i] {
			j++
		}
		n := j - i
		if n == 2 { // two frames are no stride
			j, n = i+1, 1
		}
		text := strconv.FormatInt(all[i], 10)
		if n > 1 {
			text = fmt.Sprintf("%s-%d", text, all[j-1])
			if step := all[i+1] - all[i]; step > 1 {
				text += fmt.Sprintf(":%d", step)
			}
		}
		out = append(out, text)
		i = j
	}
	return strings.Join(out, ",")
}
