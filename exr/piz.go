package exr

import "encoding/binary"

// pizTables is what PIZ needs beside the Huffman decoder.
type pizTables struct {
	bitmap [1 << 13]byte // which 16-bit values the chunk has
	values [1 << 16]uint16
}

// unPIZ unpacks a chunk of 16-bit words (a 32-bit sample is two): the values that occur are numbered, each channel is
// wavelet transformed by itself, and the words of all channels are Huffman coded together. The chunk starts with the part of
// the bitmap of values that is not zero: first byte, last byte, bytes.
func (c *codec) unPIZ(b *Block, src []byte) error {
	if c.piz == nil {
		c.piz = &pizTables{}
	}
	t := c.piz
	if len(src) < 4 {
		return damaged("its PIZ stream has %d bytes", len(src))
	}
	low, high := int(binary.LittleEndian.Uint16(src)), int(binary.LittleEndian.Uint16(src[2:]))
	src = src[4:]
	clear(t.bitmap[:])
	if low <= high {
		n := high - low + 1
		if high >= len(t.bitmap) || n > len(src) {
			return damaged("its bitmap of values is cut off")
		}
		copy(t.bitmap[low:], src[:n])
		src = src[n:]
	}
	top := t.number()

	if len(src) < 4 {
		return damaged("its PIZ stream is cut off")
	}
	n := binary.LittleEndian.Uint32(src)
	if src = src[4:]; uint64(n) > uint64(len(src)) {
		return damaged("its PIZ stream is cut off")
	}
	c.planes = grow(c.planes, len(b.data)/2)
	if err := c.huffman.decode(c.planes, src[:n]); err != nil {
		return err
	}
	rest := c.planes
	for _, ch := range b.layout.Channels {
		w, h := b.width(ch), samples(b.Bounds.Min.Y, b.Bounds.Max.Y, ch.Y)
		words := ch.Type.Size() / 2
		for i := range words {
			wavelet(rest[min(i, len(rest)):], w, words, h, w*words, top)
		}
		rest = rest[w*h*words:]
	}
	for i, v := range c.planes {
		c.planes[i] = t.values[v]
	}
	b.fromPlanes(c.planes)
	return nil
}

// number gives the values of the bitmap their numbers and returns the highest number. Zero always has number 0.
func (t *pizTables) number() uint16 {
	n := 1
	t.values[0] = 0
	for i, bits := range t.bitmap {
		if bits == 0 {
			continue
		}
		for bit := range 8 {
			if v := 8*i + bit; v > 0 && bits>>bit&1 != 0 {
				t.values[n] = uint16(v)
				n++
			}
		}
	}
	clear(t.values[n:])
	return uint16(n - 1)
}

// fromPlanes fills the block from 16-bit words that are ordered by channel.
func (b *Block) fromPlanes(words []uint16) {
	for i := range b.layout.Channels {
		for y := b.Bounds.Min.Y; y < b.Bounds.Max.Y; y++ {
			row := b.Row(i, y)
			for x, v := range words[:len(row)/2] {
				row[2*x], row[2*x+1] = byte(v), byte(v>>8)
			}
			words = words[len(row)/2:]
		}
	}
}
