package exr

import "encoding/binary"

// unPXR24 unpacks a chunk: zlib over, line by line and channel by channel, the differences of neighbouring samples, split
// into planes of their bytes, the highest first. A 32-bit float has lost its lowest byte.
func (c *codec) unPXR24(b *Block, src []byte) error {
	n := 0
	for i, ch := range b.layout.Channels {
		for y := b.Bounds.Min.Y; y < b.Bounds.Max.Y; y++ {
			n += len(b.Row(i, y)) / ch.Type.Size() * pxrBytes(ch.Type)
		}
	}
	c.scratch = grow(c.scratch, n)
	if err := c.unzip(c.scratch, src); err != nil {
		return err
	}
	rest := c.scratch
	for y := b.Bounds.Min.Y; y < b.Bounds.Max.Y; y++ {
		for i, ch := range b.layout.Channels {
			row := b.Row(i, y)
			w := len(row) / ch.Type.Size()
			in := rest[:w*pxrBytes(ch.Type)]
			rest = rest[len(in):]
			unpxr(row, in, w, ch.Type)
		}
	}
	return nil
}

// pxrBytes returns the bytes that PXR24 keeps of a sample.
func pxrBytes(t PixelType) int {
	if t == Float {
		return 3
	}
	return t.Size()
}

// unpxr sums up one line of w samples.
func unpxr(row, in []byte, w int, t PixelType) {
	var v uint32
	switch t {
	case Half:
		for x := range w {
			v += uint32(in[x])<<8 | uint32(in[w+x])
			binary.LittleEndian.PutUint16(row[2*x:], uint16(v))
		}
	case Float:
		for x := range w {
			v += uint32(in[x])<<24 | uint32(in[w+x])<<16 | uint32(in[2*w+x])<<8
			binary.LittleEndian.PutUint32(row[4*x:], v)
		}
	case Uint:
		for x := range w {
			v += uint32(in[x])<<24 | uint32(in[w+x])<<16 | uint32(in[2*w+x])<<8 | uint32(in[3*w+x])
			binary.LittleEndian.PutUint32(row[4*x:], v)
		}
	}
}
