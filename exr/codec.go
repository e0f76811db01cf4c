package exr

import (
	"bytes"
	"compress/zlib"
	"errors"
	"io"
	"sync"
)

// codec unpacks chunks, one after another; its buffers stay for the next.
type codec struct {
	tables  *tables
	from    bytes.Reader
	inflate io.ReadCloser
	scratch []byte   // what zlib or RLE gave
	planes  []uint16 // what PIZ, B44 or DWA gave
	huffman huffman
	piz     *pizTables
	dwa     dwa
}

// tables are computed when a file first needs them.
type tables struct {
	onceLog, onceLinear sync.Once
	log                 *[1 << 16]uint16
	linear              *[1 << 16]uint16
}

// unpack fills the block of a slot from its packed bytes.
func (c *codec) unpack(s *slot) error {
	b := &s.block
	if len(s.packed) == len(b.data) { // what does not shrink is stored as it is
		copy(b.data, s.packed)
		return nil
	}
	switch b.layout.Compression {
	case RLE:
		c.scratch = grow(c.scratch, len(b.data))
		if err := unRLE(c.scratch, s.packed); err != nil {
			return err
		}
		restore(b.data, c.scratch)
		return nil
	case ZIP, ZIPS:
		c.scratch = grow(c.scratch, len(b.data))
		if err := c.unzip(c.scratch, s.packed); err != nil {
			return err
		}
		restore(b.data, c.scratch)
		return nil
	case PIZ:
		return c.unPIZ(b, s.packed)
	case PXR24:
		return c.unPXR24(b, s.packed)
	case B44, B44A:
		return c.unB44(b, s.packed)
	case DWAA, DWAB:
		return c.unDWA(b, s.packed)
	}
	return damaged("%d bytes where an uncompressed chunk has %d", len(s.packed), len(b.data))
}

// grow returns a slice of n elements, in the memory of s where that suffices. What is in it is anything.
func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// unzip inflates a zlib stream (RFC 1950) that must fill dst exactly.
func (c *codec) unzip(dst, src []byte) error {
	c.from.Reset(src)
	var err error
	if c.inflate == nil {
		c.inflate, err = zlib.NewReader(&c.from)
	} else {
		err = c.inflate.(zlib.Resetter).Reset(&c.from, nil)
	}
	if err != nil {
		return damaged("its zlib stream: %w", notEOF(err))
	}
	if _, err := io.ReadFull(c.inflate, dst); err != nil {
		return damaged("its zlib stream: %w", notEOF(err))
	}
	var more [1]byte
	n, err := c.inflate.Read(more[:])
	switch {
	case n > 0:
		return damaged("its zlib stream has more than %d bytes", len(dst))
	case err != nil && !errors.Is(err, io.EOF):
		return damaged("its zlib stream: %w", notEOF(err))
	}
	return nil
}

// notEOF keeps the end of a chunk from looking like the end of the file.
func notEOF(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("it ends too early")
	}
	return err
}

// restore undoes what RLE and ZIP do to bytes before they pack them: even bytes first, then odd ones, and all but the
// first as the difference to the one before, plus 128. It changes src.
func restore(dst, src []byte) {
	last := byte(128)
	for i, d := range src {
		last += d - 128
		src[i] = last
	}
	half := (len(src) + 1) / 2
	even, odd := src[:half], src[half:]
	for i, b := range odd {
		dst[2*i], dst[2*i+1] = even[i], b
	}
	if len(even) > len(odd) {
		dst[len(dst)-1] = even[half-1]
	}
}

// unRLE expands runs. A count n ≥ 0 says: the next byte n + 1 times; n < 0: the next -n bytes as they are.
func unRLE(dst, src []byte) error {
	for len(src) > 0 {
		n := int(int8(src[0]))
		src = src[1:]
		if n < 0 {
			n = -n
			if n > len(src) || n > len(dst) {
				return damaged("its runs do not fit")
			}
			copy(dst, src[:n])
			src = src[n:]
		} else {
			n++
			if len(src) == 0 || n > len(dst) {
				return damaged("its runs do not fit")
			}
			for i := range dst[:n] {
				dst[i] = src[0]
			}
			src = src[1:]
		}
		dst = dst[n:]
	}
	if len(dst) > 0 {
		return damaged("its runs end %d bytes too early", len(dst))
	}
	return nil
}
