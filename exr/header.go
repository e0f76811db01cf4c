package exr

import (
	"fmt"
	"image"
)

// Header describes one part.
type Header struct {
	Name        string // of the part; may be empty in a file of one part
	View        string // left or right in a stereo file, else usually empty
	Channels    []Channel
	Compression Compression
	LineOrder   LineOrder
	// DataWindow holds the pixels of the part, DisplayWindow the frame they belong to; the two may differ in either way.
	// Both are half open as usual in Go: the file's xMax + 1 is Max.X.
	DataWindow, DisplayWindow image.Rectangle
	PixelAspectRatio          float32
	Tiles                     *Tiles // nil for a scan-line part
	// Attributes are all others, in the order of the file.
	Attributes []Attribute
}

// Channel returns the index of the channel of that name, or -1.
func (h *Header) Channel(name string) int {
	for i, c := range h.Channels {
		if c.Name == name {
			return i
		}
	}
	return -1
}

// title names the part in messages.
func (h *Header) title(index int) string {
	if h.Name == "" {
		return fmt.Sprintf("part %d", index)
	}
	return fmt.Sprintf("part %d %q", index, h.Name)
}

// LineOrder is the order in which chunks were written. The numbers are those of the file.
type LineOrder uint8

// The orders.
const (
	IncreasingY LineOrder = iota
	DecreasingY
	RandomY // tiled parts only
)

// Attribute is an attribute that this package does not interpret: owner, say, or chromaticities.
type Attribute struct {
	Name, Type string
	Value      []byte // as in the file, little endian
}

// LevelMode says which resolutions a tiled part has. The numbers are those of the file.
type LevelMode uint8

// The level modes.
const (
	OneLevel LevelMode = iota
	Mipmap             // both sides halved, level by level
	Ripmap             // the sides halved independently
)

// Tiles describes the tiles of a tiled part.
type Tiles struct {
	Width, Height int // pixels; those at the right and the bottom may be smaller
	Mode          LevelMode
	RoundUp       bool // sides of lower levels are rounded up, else down
}

// levels returns how many levels there are in x and in y for a picture of w × h pixels.
func (t *Tiles) levels(w, h int) (int, int) {
	switch t.Mode {
	case Mipmap:
		n := t.count(max(w, h))
		return n, n
	case Ripmap:
		return t.count(w), t.count(h)
	}
	return 1, 1
}

// count returns how many times size can be halved, and one.
func (t *Tiles) count(size int) int {
	n := 1
	for size > 1 {
		if t.RoundUp {
			size++
		}
		size /= 2
		n++
	}
	return n
}

// side returns the pixels of a side of size at a level.
func (t *Tiles) side(size, level int) int {
	if t.RoundUp {
		size += 1<<level - 1
	}
	return max(size>>level, 1)
}
