package nfs

import "github.com/spillway/spillway/nfs/xdr"

// void is what a procedure has that takes or returns nothing.
type void struct {
	status Status // always OK
}

func (*void) encode(b []byte) []byte { return b }
func (*void) decode(*xdr.Decoder)    {}
func (v *void) outcome() *Status     { return &v.status }
