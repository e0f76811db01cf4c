package rpc

import (
	"errors"
	"io"

	"github.com/spillway/spillway/nfs/xdr"
)

// Body is the results of a reply as they arrive.
type Body struct {
	record *recordReader
	buf    []byte // what has been read of the record
	taken  int    // bytes of buf already given away
	failed error  // why the connection can't be read any more
}

const (
	prefix   = 160       // bytes of a reply that are read first: its header and the attributes before a READ's data
	keepBody = 256 << 10 // bytes of memory that a Body keeps for the next reply
)

// open reads the start of the next record.
func (b *Body) open() error {
	b.taken = 0
	if cap(b.buf) < prefix || cap(b.buf) > keepBody {
		b.buf = make([]byte, 0, 4<<10)
	}
	b.buf = b.buf[:0]
	if err := b.record.next(); err != nil {
		return err
	}
	for len(b.buf) < prefix {
		n, err := b.record.Read(b.buf[len(b.buf):prefix])
		b.buf = b.buf[:len(b.buf)+n]
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Read reads results; io.EOF is their end.
func (b *Body) Read(p []byte) (int, error) {
	if b.taken < len(b.buf) {
		n := copy(p, b.buf[b.taken:])
		b.taken += n
		return n, nil
	}
	n, err := b.record.Read(p)
	return n, b.note(err)
}

// Rest returns a decoder of all results not yet read. It lends memory that is void when Decode returns.
func (b *Body) Rest() (xdr.Decoder, error) {
	for {
		if len(b.buf) == cap(b.buf) {
			bigger := make([]byte, len(b.buf), 2*cap(b.buf))
			copy(bigger, b.buf)
			b.buf = bigger
		}
		n, err := b.record.Read(b.buf[len(b.buf):cap(b.buf)])
		b.buf = b.buf[:len(b.buf)+n]
		if errors.Is(err, io.EOF) {
			return xdr.NewDecoder(b.buf[b.taken:]), nil
		}
		if err != nil {
			return xdr.Decoder{}, b.note(err)
		}
	}
}

// note remembers that the connection has failed, which the end of a record is not.
func (b *Body) note(err error) error {
	if err != nil && !errors.Is(err, io.EOF) {
		b.failed = err
	}
	return err
}
