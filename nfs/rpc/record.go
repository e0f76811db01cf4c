package rpc

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
)

// recordReader reads records of any number of fragments (RFC 5531 §11).
type recordReader struct {
	r    *bufio.Reader
	max  int  // bytes of a record, its marks after the first included
	left int  // bytes of the fragment not yet read
	last bool // the fragment is the record's last one
	size int  // bytes of the record so far announced
}

func newRecordReader(r io.Reader, size, limit int) *recordReader {
	return &recordReader{r: bufio.NewReaderSize(r, size), max: limit}
}

// next starts the next record. It returns io.EOF where the stream ends between two records. What is left of the record
// before is skipped.
func (r *recordReader) next() error {
	if err := r.skip(); err != nil {
		return err
	}
	r.size = 0
	return r.fragment(io.EOF)
}

// fragment reads a record mark; atEnd is the error for a stream that ends before it.
func (r *recordReader) fragment(atEnd error) error {
	b, err := r.r.Peek(4)
	if err != nil {
		if errors.Is(err, io.EOF) && len(b) == 0 {
			return atEnd
		}
		return unexpected(err)
	}
	mark := binary.BigEndian.Uint32(b)
	r.left, r.last = int(mark&^lastMark), mark&lastMark != 0
	if r.left > r.max-r.size {
		return ErrRecordSize
	}
	r.size += r.left
	if !r.last {
		r.size += 4 // so that a record of many empty fragments ends too
		if r.size > r.max {
			return ErrRecordSize
		}
	}
	_, err = r.r.Discard(4)
	return err
}

// Read reads bytes of the record; io.EOF is its end.
func (r *recordReader) Read(p []byte) (int, error) {
	for r.left == 0 {
		if r.last {
			return 0, io.EOF
		}
		if err := r.fragment(io.ErrUnexpectedEOF); err != nil {
			return 0, err
		}
	}
	n, err := r.r.Read(p[:min(len(p), r.left)])
	r.left -= n
	if n > 0 {
		err = nil
	}
	return n, unexpected(err)
}

// skip passes over the rest of the record.
func (r *recordReader) skip() error {
	for r.left > 0 || !r.last && r.size > 0 {
		n, err := r.r.Discard(r.left)
		r.left -= n
		if err != nil {
			return unexpected(err)
		}
		if !r.last {
			if err := r.fragment(io.ErrUnexpectedEOF); err != nil {
				return err
			}
		}
	}
	return nil
}

// peekXID returns the xid of a record that next has refused for its size.
func (r *recordReader) peekXID() (uint32, bool) {
	b, err := r.r.Peek(8)
	if err != nil {
		return 0, false
	}
	return binary.BigEndian.Uint32(b[4:]), true
}

// firstBytes is how much of a record must have arrived before memory is taken for all of it.
const firstBytes = 32 << 10

// record reads a whole record into a buffer of the pool. The buffer grows only as far as the peer has sent bytes.
func (r *recordReader) record(p *pool) (*buffer, error) {
	if err := r.next(); err != nil {
		return nil, err
	}
	buf := p.get(min(r.left, firstBytes))
	n := 0
	for {
		if n == len(buf.b) {
			if r.left == 0 && r.last {
				return buf, nil
			}
			buf = p.grow(buf, n, r.left)
		}
		m, err := r.Read(buf.b[n:])
		n += m
		if errors.Is(err, io.EOF) {
			buf.b = buf.b[:n]
			return buf, nil
		}
		if err != nil {
			p.put(buf)
			return nil, err
		}
	}
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
