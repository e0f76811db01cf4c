package exr

import (
	"encoding/binary"
	"math"
)

// unB44 unpacks a chunk: channel by channel, 32-bit samples as they are, halfs in blocks of 4 × 4 pixels. A block is 14
// bytes, or 3 if all its pixels are equal. Blocks at the right and the bottom hold pixels that are not in the picture.
func (c *codec) unB44(b *Block, src []byte) error {
	for i, ch := range b.layout.Channels {
		if ch.Type != Half {
			for y := b.Bounds.Min.Y; y < b.Bounds.Max.Y; y++ {
				row := b.Row(i, y)
				if len(src) < len(row) {
					return damaged("its channel %q is cut off", ch.Name)
				}
				src = src[copy(row, src):]
			}
			continue
		}
		var log *[1 << 16]uint16
		if ch.Linear {
			log = c.tables.logarithm()
		}
		for y := b.Bounds.Min.Y; y < b.Bounds.Max.Y; {
			var rows [4][]byte
			n := 0
			for ; y < b.Bounds.Max.Y && n < 4; y++ {
				if row := b.Row(i, y); row != nil {
					rows[n] = row
					n++
				}
			}
			var ok bool
			if src, ok = unB44Rows(rows, src, log); !ok {
				return damaged("its channel %q is cut off", ch.Name)
			}
		}
	}
	if len(src) > 0 {
		return damaged("%d bytes follow its last block", len(src))
	}
	return nil
}

// unB44Rows unpacks four lines, of which the last may be missing, and returns what follows them in src.
func unB44Rows(rows [4][]byte, src []byte, log *[1 << 16]uint16) (rest []byte, ok bool) {
	var s [16]uint16
	for x := 0; x < len(rows[0]); x += 8 {
		switch {
		case len(src) >= 3 && src[2] >= 13<<2: // no shift is that large
			flat := fromOrdered(binary.BigEndian.Uint16(src))
			for i := range s {
				s[i] = flat
			}
			src = src[3:]
		case len(src) >= 14:
			unpack14(&s, src)
			src = src[14:]
		default:
			return nil, false
		}
		if log != nil {
			for i, v := range s {
				s[i] = log[v]
			}
		}
		for i, row := range rows {
			for n := 0; n < 4 && x+2*n < len(row); n++ {
				binary.LittleEndian.PutUint16(row[x+2*n:], s[4*i+n])
			}
		}
	}
	return src, true
}

// unpack14 unpacks a block: 16 bits of the first pixel, 6 bits of a shift, and 15 differences of 6 bits each, biased by
// 32: down the first column, then from each column to the next.
func unpack14(s *[16]uint16, src []byte) {
	s[0] = binary.BigEndian.Uint16(src)
	shift := src[2] >> 2
	high := uint64(binary.BigEndian.Uint16(src[2:]))<<32 | uint64(binary.BigEndian.Uint32(src[4:])) // 6 + 42 bits
	low := uint64(binary.BigEndian.Uint16(src[8:]))<<32 | uint64(binary.BigEndian.Uint32(src[10:])) // 48 bits
	difference := func(n int) uint16 {
		bits := high >> max(36-6*n, 0)
		if n > 6 {
			bits = low >> (42 - 6*(n-7))
		}
		return (uint16(bits&63) - 32) << shift
	}
	for i := range 3 {
		s[4*i+4] = s[4*i] + difference(i)
	}
	for column := range 3 {
		for i := range 4 {
			s[4*i+column+1] = s[4*i+column] + difference(3+4*column+i)
		}
	}
	for i, v := range s {
		s[i] = fromOrdered(v)
	}
}

// fromOrdered maps the integers that are ordered as their floats back to the bits of a half.
func fromOrdered(v uint16) uint16 {
	if v&0x8000 != 0 {
		return v &^ 0x8000
	}
	return ^v
}

// logarithm returns the table that maps a half x to 8 ln x: B44 stores exp(x/8) of perceptually linear channels.
func (t *tables) logarithm() *[1 << 16]uint16 {
	t.onceLog.Do(func() {
		t.log = new([1 << 16]uint16)
		for i := range t.log {
			if f := HalfToFloat(uint16(i)); i&0x7c00 != 0x7c00 && i <= 0x8000 {
				t.log[i] = HalfFromFloat(float32(8 * math.Log(float64(f))))
			}
		}
	})
	return t.log
}
