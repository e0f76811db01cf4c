// Package xdr reads and writes XDR (RFC 4506) without reflection and without copying what it need not.
//
// A Decoder never panics and never trusts a length: an item that is longer than its limit or than the input makes the
// Decoder fail, and after a failure every further item is zero. So a caller may decode a whole structure and ask for the
// error once.
package xdr

import (
	"encoding/binary"
	"errors"
)

// Errors of a Decoder.
var (
	ErrShort   = errors.New("xdr: input ends early")
	ErrLength  = errors.New("xdr: length over the limit")
	ErrBool    = errors.New("xdr: boolean is neither 0 nor 1")
	ErrPadding = errors.New("xdr: padding is not zero")
)

// Decoder reads items from a byte slice.
type Decoder struct {
	rest []byte
	err  error
}

// NewDecoder returns a Decoder that reads b.
func NewDecoder(b []byte) Decoder { return Decoder{rest: b} }

// Reset makes the Decoder read b and forgets its error.
func (d *Decoder) Reset(b []byte) { d.rest, d.err = b, nil }

// Err returns the first error.
func (d *Decoder) Err() error { return d.err }

// Len returns the number of bytes not yet read.
func (d *Decoder) Len() int { return len(d.rest) }

// Fail makes the Decoder fail with err unless it has failed already.
func (d *Decoder) Fail(err error) {
	if d.err == nil {
		d.err = err
	}
	d.rest = nil
}

// Uint32 reads an unsigned integer or an enumeration.
func (d *Decoder) Uint32() uint32 {
	if len(d.rest) < 4 {
		d.Fail(ErrShort)
		return 0
	}
	v := binary.BigEndian.Uint32(d.rest)
	d.rest = d.rest[4:]
	return v
}

// Uint64 reads an unsigned hyper integer.
func (d *Decoder) Uint64() uint64 {
	if len(d.rest) < 8 {
		d.Fail(ErrShort)
		return 0
	}
	v := binary.BigEndian.Uint64(d.rest)
	d.rest = d.rest[8:]
	return v
}

// Bool reads a boolean.
func (d *Decoder) Bool() bool {
	switch d.Uint32() {
	case 0:
		return false
	case 1:
		return true
	}
	d.Fail(ErrBool)
	return false
}

// Fixed returns the next n bytes of fixed-length opaque data, which alias the input.
func (d *Decoder) Fixed(n int) []byte {
	padded := Padded(n)
	if n < 0 || padded < n || padded > len(d.rest) {
		d.Fail(ErrShort)
		return nil
	}
	b := d.rest[:n:n]
	for _, p := range d.rest[n:padded] {
		if p != 0 {
			d.Fail(ErrPadding)
			return nil
		}
	}
	d.rest = d.rest[padded:]
	return b
}

// Opaque returns variable-length opaque data of at most limit bytes, which alias the input.
func (d *Decoder) Opaque(limit int) []byte {
	n := d.Uint32()
	if int64(n) > int64(limit) {
		d.Fail(ErrLength)
		return nil
	}
	return d.Fixed(int(n))
}

// String returns a copy of a string of at most limit bytes. XDR's strings have no encoding here: names are bytes.
func (d *Decoder) String(limit int) string { return string(d.Opaque(limit)) }

// Padded returns n rounded up to the unit of XDR, four bytes.
func Padded(n int) int { return (n + 3) &^ 3 }
