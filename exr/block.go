package exr

import (
	"encoding/binary"
	"image"
	"math"
)

// Block is an unpacked chunk: some lines of a scan-line part, or a tile.
type Block struct {
	Part   int             // index in File.Parts
	Level  image.Point     // its level in x and y; 0,0 is the full picture
	Bounds image.Rectangle // its pixels; at lower levels they count from the data window's minimum too

	layout *layout
	data   []byte // line by line, and in a line channel by channel, as in an uncompressed file
	starts []int  // where each line starts in data, and where the last ends
}

// reset makes b the block of a chunk, with data of the right size.
func (b *Block) reset(l *layout, index int) {
	b.layout = l
	b.Level, b.Bounds, _ = l.place(index)
	b.starts = b.starts[:0]
	pos := 0
	for y := b.Bounds.Min.Y; y < b.Bounds.Max.Y; y++ {
		b.starts = append(b.starts, pos)
		for _, c := range l.Channels {
			if c.Y == 1 || y%c.Y == 0 {
				pos += b.width(c) * c.Type.Size()
			}
		}
	}
	b.starts = append(b.starts, pos)
	if cap(b.data) < pos {
		b.data = make([]byte, pos)
	}
	b.data = b.data[:pos]
}

// width returns the samples of a channel in one line.
func (b *Block) width(c Channel) int { return samples(b.Bounds.Min.X, b.Bounds.Max.X, c.X) }

// Row returns the samples of a channel (its index in Header.Channels) in line y as they stand in an uncompressed file:
// little endian, from left to right, one for each x in Bounds that the channel's X divides. It is nil where the channel
// has no samples in that line. The slice is part of the block.
func (b *Block) Row(channel, y int) []byte {
	pos := b.starts[y-b.Bounds.Min.Y]
	for i, c := range b.layout.Channels {
		if c.Y != 1 && y%c.Y != 0 {
			if i == channel {
				return nil
			}
			continue
		}
		n := b.width(c) * c.Type.Size()
		if i == channel {
			return b.data[pos : pos+n : pos+n]
		}
		pos += n
	}
	panic("exr: no such channel")
}

// Floats appends the samples of a channel in line y to dst. Unsigned integers above 2^24 lose their low bits.
func (b *Block) Floats(dst []float32, channel, y int) []float32 {
	row := b.Row(channel, y)
	switch b.layout.Channels[channel].Type {
	case Half:
		for ; len(row) >= 2; row = row[2:] {
			dst = append(dst, HalfToFloat(binary.LittleEndian.Uint16(row)))
		}
	case Float:
		for ; len(row) >= 4; row = row[4:] {
			dst = append(dst, math.Float32frombits(binary.LittleEndian.Uint32(row)))
		}
	case Uint:
		for ; len(row) >= 4; row = row[4:] {
			dst = append(dst, float32(binary.LittleEndian.Uint32(row)))
		}
	}
	return dst
}
