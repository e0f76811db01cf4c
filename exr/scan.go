package exr

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"io"
	"math"
)

// scanner reads the head of a file, in which every thing follows the one before it.
type scanner struct {
	from  io.ReaderAt
	pos   int64
	size  int64 // of the file
	names int   // the longest a name may be, in bytes
}

// bytes returns the next n bytes.
func (s *scanner) bytes(n int64) ([]byte, error) {
	if n < 0 || n > s.size-s.pos {
		return nil, truncated("the header")
	}
	b := make([]byte, n)
	if err := readFull(s.from, b, s.pos); err != nil {
		return nil, err
	}
	s.pos += n
	return b, nil
}

func (s *scanner) uint32() (uint32, error) {
	b, err := s.bytes(4)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(b), nil
}

// text returns the string that the next zero byte ends.
func (s *scanner) text() (string, error) {
	b := make([]byte, min(int64(s.names)+1, s.size-s.pos))
	if err := readFull(s.from, b, s.pos); err != nil {
		return "", err
	}
	end := bytes.IndexByte(b, 0)
	switch {
	case end < 0 && len(b) <= s.names:
		return "", truncated("the header")
	case end < 0:
		return "", damaged("a name of more than %d bytes", s.names)
	}
	s.pos += int64(end) + 1
	return string(b[:end]), nil
}

// readFull fills b from off. An end of the file inside is io.ErrUnexpectedEOF.
func readFull(from io.ReaderAt, b []byte, off int64) error {
	n, err := from.ReadAt(b, off)
	switch {
	case n == len(b):
		return nil
	case err == nil || errors.Is(err, io.EOF):
		return truncated("the file became shorter")
	}
	return err
}

// values decodes the value of one attribute. After the first error it returns zeros.
type values struct {
	b   []byte
	bad bool
}

func (v *values) next(n int) []byte {
	if n > len(v.b) {
		v.bad, v.b = true, nil
		return make([]byte, n)
	}
	b := v.b[:n]
	v.b = v.b[n:]
	return b
}

func (v *values) byte() byte       { return v.next(1)[0] }
func (v *values) uint32() uint32   { return binary.LittleEndian.Uint32(v.next(4)) }
func (v *values) int32() int       { return int(int32(v.uint32())) }
func (v *values) float32() float32 { return math.Float32frombits(v.uint32()) }

func (v *values) text() string {
	end := bytes.IndexByte(v.b, 0)
	if end < 0 {
		v.bad = true
		return ""
	}
	return string(v.next(end + 1)[:end])
}

// box decodes a box2i, whose maximum is inclusive.
func (v *values) box() image.Rectangle {
	x0, y0, x1, y1 := v.int32(), v.int32(), v.int32(), v.int32()
	return image.Rectangle{Min: image.Pt(x0, y0), Max: image.Pt(x1+1, y1+1)}
}
