package nfs

import (
	"errors"

	"github.com/spillway/spillway/nfs/xdr"
)

// Wire is the arguments or the results of a procedure, as they travel.
type Wire interface {
	encode(b []byte) []byte
	decode(d *xdr.Decoder)
}

// AppendWire encodes a message, without the data of READ and WRITE, and appends it.
func AppendWire(b []byte, m Wire) []byte { return m.encode(b) }

// ParseWire decodes what AppendWire made, and nothing else.
func ParseWire(b []byte, m Wire) error {
	d := xdr.NewDecoder(b)
	m.decode(&d)
	if d.Err() == nil && d.Len() > 0 {
		return errors.New("nfs: there is more than one message")
	}
	return d.Err()
}
