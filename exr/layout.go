package exr

import (
	"fmt"
	"image"
	"math"
)

// layout computes where the pixels of a part's chunks are. A chunk is known by its index in the part's offset table.
type layout struct {
	*Header
	levels []level // one for a scan-line part
	chunks int
}

// level is one resolution of a part.
type level struct {
	at         image.Point // its number in x and y
	bounds     image.Rectangle
	step       image.Point // pixels of a whole chunk
	columns    int         // chunks side by side
	first, end int         // indices of its chunks
}

// newLayout fails if there are more than most chunks.
func newLayout(h *Header, most int64) (*layout, error) {
	l := &layout{Header: h}
	size := h.DataWindow.Size()
	if h.Tiles == nil {
		err := l.add(image.Point{}, size, image.Pt(size.X, h.Compression.lines()), most)
		return l, err
	}
	t := h.Tiles
	nx, ny := t.levels(size.X, size.Y)
	for y := range ny {
		for x := range nx {
			if t.Mode == Mipmap && x != y {
				continue
			}
			small := image.Pt(t.side(size.X, x), t.side(size.Y, y))
			if err := l.add(image.Pt(x, y), small, image.Pt(t.Width, t.Height), most); err != nil {
				return nil, err
			}
		}
	}
	return l, nil
}

func (l *layout) add(number, size, step image.Point, most int64) error {
	columns, rows := ceilDiv(size.X, step.X), ceilDiv(size.Y, step.Y)
	if n := int64(columns) * int64(rows); n > most-int64(l.chunks) {
		return truncated(fmt.Sprintf("the table of %d chunks", int64(l.chunks)+n))
	}
	first := l.chunks
	l.chunks += columns * rows
	l.levels = append(l.levels, level{
		at: number, bounds: image.Rectangle{Min: l.DataWindow.Min, Max: l.DataWindow.Min.Add(size)},
		step: step, columns: columns, first: first, end: l.chunks,
	})
	return nil
}

// place returns the level of a chunk, its pixels, and its column and row.
func (l *layout) place(index int) (number image.Point, bounds image.Rectangle, tile image.Point) {
	i := 0
	for index >= l.levels[i].end {
		i++
	}
	lv := l.levels[i]
	n := index - lv.first
	tile = image.Pt(n%lv.columns, n/lv.columns)
	low := lv.bounds.Min.Add(image.Pt(tile.X*lv.step.X, tile.Y*lv.step.Y))
	return lv.at, image.Rectangle{Min: low, Max: low.Add(lv.step)}.Intersect(lv.bounds), tile
}

// bytes returns how many bytes the samples of a chunk have, unpacked; MaxInt64 if they cannot be counted.
func (l *layout) bytes(bounds image.Rectangle) int64 {
	var total int64
	for _, c := range l.Channels {
		w := int64(samples(bounds.Min.X, bounds.Max.X, c.X)) * int64(c.Type.Size())
		h := int64(samples(bounds.Min.Y, bounds.Max.Y, c.Y))
		if w > 0 && h > (math.MaxInt64-total)/w {
			return math.MaxInt64
		}
		total += w * h
	}
	return total
}

// where names a chunk in messages.
func (l *layout) where(index int) string {
	number, bounds, tile := l.place(index)
	switch {
	case l.Tiles == nil && bounds.Dy() == 1:
		return fmt.Sprintf("line %d", bounds.Min.Y)
	case l.Tiles == nil:
		return fmt.Sprintf("lines %d to %d", bounds.Min.Y, bounds.Max.Y-1)
	case l.Tiles.Mode == OneLevel:
		return fmt.Sprintf("tile %d,%d", tile.X, tile.Y)
	}
	return fmt.Sprintf("tile %d,%d of level %d,%d", tile.X, tile.Y, number.X, number.Y)
}
