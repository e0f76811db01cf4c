package portmap

import (
	"github.com/spillway/spillway/nfs/xdr"
)

// Limits of what is decoded.
const (
	maxMappings = 4096
	maxText     = 1024 // bytes of a name or an address
)

// AppendXDR appends the mapping.
func (m *Mapping) AppendXDR(b []byte) []byte {
	b = xdr.AppendUint32(xdr.AppendUint32(b, m.Program), m.Version)
	return xdr.AppendUint32(xdr.AppendUint32(b, uint32(m.Transport)), m.Port)
}

// DecodeXDR reads the mapping.
func (m *Mapping) DecodeXDR(d *xdr.Decoder) {
	*m = Mapping{Program: d.Uint32(), Version: d.Uint32(), Transport: Transport(d.Uint32()), Port: d.Uint32()}
}

// mappings is the answer to DUMP.
type mappings []Mapping

func (l *mappings) AppendXDR(b []byte) []byte {
	for i := range *l {
		b = (*l)[i].AppendXDR(xdr.AppendBool(b, true))
	}
	return xdr.AppendBool(b, false)
}

func (l *mappings) DecodeXDR(d *xdr.Decoder) {
	*l = nil
	for d.Bool() {
		if len(*l) == maxMappings {
			d.Fail(xdr.ErrLength)
		}
		var m Mapping
		m.DecodeXDR(d)
		if d.Err() != nil {
			return
		}
		*l = append(*l, m)
	}
}

// bound is rpcbind's mapping (rpcb).
type bound struct {
	Program, Version      uint32
	Netid, Address, Owner string
}

func (r *bound) AppendXDR(b []byte) []byte {
	b = xdr.AppendUint32(xdr.AppendUint32(b, r.Program), r.Version)
	return xdr.AppendString(xdr.AppendString(xdr.AppendString(b, r.Netid), r.Address), r.Owner)
}

func (r *bound) DecodeXDR(d *xdr.Decoder) {
	*r = bound{Program: d.Uint32(), Version: d.Uint32(), Netid: d.String(maxText), Address: d.String(maxText), Owner: d.String(maxText)}
}

// bounds is the answer to rpcbind's DUMP.
type bounds []bound

func (l *bounds) AppendXDR(b []byte) []byte {
	for i := range *l {
		b = (*l)[i].AppendXDR(xdr.AppendBool(b, true))
	}
	return xdr.AppendBool(b, false)
}

func (l *bounds) DecodeXDR(d *xdr.Decoder) {
	*l = nil
	for d.Bool() {
		if len(*l) == maxMappings {
			d.Fail(xdr.ErrLength)
		}
		var r bound
		r.DecodeXDR(d)
		if d.Err() != nil {
			return
		}
		*l = append(*l, r)
	}
}

type boolean bool

func (v *boolean) AppendXDR(b []byte) []byte { return xdr.AppendBool(b, bool(*v)) }
func (v *boolean) DecodeXDR(d *xdr.Decoder)  { *v = boolean(d.Bool()) }

type number uint32

func (v *number) AppendXDR(b []byte) []byte { return xdr.AppendUint32(b, uint32(*v)) }
func (v *number) DecodeXDR(d *xdr.Decoder)  { *v = number(d.Uint32()) }

type text string

func (v *text) AppendXDR(b []byte) []byte { return xdr.AppendString(b, string(*v)) }
func (v *text) DecodeXDR(d *xdr.Decoder)  { *v = text(d.String(maxText)) }
