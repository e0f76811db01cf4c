package rpc

import (
	"github.com/spillway/spillway/nfs/xdr"
)

const (
	msgCall    = 0
	msgReply   = 1
	accepted   = 0
	denied     = 1
	rpcVersion = 2
	lastMark   = 1 << 31 // of a record mark: the fragment is the record's last one
)

// callHeader is what stands before the arguments of a call (RFC 5531 §9).
type callHeader struct {
	xid        uint32
	rpcVersion uint32
	program    uint32
	version    uint32
	procedure  uint32
	flavor     Flavor
	credential []byte // aliases the record
}

// decode reads the header. A record that is no call fails the decoder.
func (h *callHeader) decode(d *xdr.Decoder) {
	h.xid = d.Uint32()
	if d.Uint32() != msgCall {
		d.Fail(ErrMalformed)
		return
	}
	h.rpcVersion = d.Uint32()
	if h.rpcVersion != rpcVersion {
		return // what follows is another version's
	}
	h.program = d.Uint32()
	h.version = d.Uint32()
	h.procedure = d.Uint32()
	h.flavor = Flavor(d.Uint32())
	h.credential = d.Opaque(maxAuthBody)
	d.Uint32() // the verifier says nothing in AUTH_NONE and AUTH_SYS
	d.Opaque(maxAuthBody)
}

// appendCall appends the header of a call.
func appendCall(b []byte, xid, program, version, procedure uint32, auth *Auth) []byte {
	b = xdr.AppendUint32(b, xid)
	b = xdr.AppendUint32(b, msgCall)
	b = xdr.AppendUint32(b, rpcVersion)
	b = xdr.AppendUint32(b, program)
	b = xdr.AppendUint32(b, version)
	b = xdr.AppendUint32(b, procedure)
	b = auth.append(b)
	b = xdr.AppendUint32(b, uint32(AuthNone))
	return xdr.AppendUint32(b, 0)
}

// appendAccepted appends the header of a reply to an accepted call.
func appendAccepted(b []byte, xid uint32, stat AcceptStat) []byte {
	b = xdr.AppendUint32(b, xid)
	b = xdr.AppendUint32(b, msgReply)
	b = xdr.AppendUint32(b, accepted)
	b = xdr.AppendUint32(b, uint32(AuthNone))
	b = xdr.AppendUint32(b, 0)
	return xdr.AppendUint32(b, uint32(stat))
}

// appendRefusal appends the whole reply that says e.
func appendRefusal(b []byte, xid uint32, e *Error) []byte {
	if !e.Denied {
		b = appendAccepted(b, xid, e.Accept)
		if e.Accept == ProgMismatch {
			b = xdr.AppendUint32(b, e.Low)
			b = xdr.AppendUint32(b, e.High)
		}
		return b
	}
	b = xdr.AppendUint32(b, xid)
	b = xdr.AppendUint32(b, msgReply)
	b = xdr.AppendUint32(b, denied)
	if e.Auth != AuthOK {
		b = xdr.AppendUint32(b, 1)
		return xdr.AppendUint32(b, uint32(e.Auth))
	}
	b = xdr.AppendUint32(b, 0)
	b = xdr.AppendUint32(b, e.Low)
	return xdr.AppendUint32(b, e.High)
}

// decodeReply reads what stands between the xid and the results of a reply. A refusal is an *Error; everything else that
// is no success is ErrMalformed.
func decodeReply(d *xdr.Decoder) error {
	if d.Uint32() != msgReply || d.Err() != nil {
		return ErrMalformed
	}
	var e Error
	switch d.Uint32() {
	case accepted:
		d.Uint32()
		d.Opaque(maxAuthBody)
		e.Accept = AcceptStat(d.Uint32())
		if e.Accept == Success && d.Err() == nil {
			return nil
		}
		if e.Accept == ProgMismatch {
			e.Low, e.High = d.Uint32(), d.Uint32()
		}
	case denied:
		if e = decodeDenial(d); e.Auth == AuthOK && e.High == 0 {
			return ErrMalformed
		}
	default:
		return ErrMalformed
	}
	if d.Err() != nil {
		return ErrMalformed
	}
	refusal := e // only a refusal costs memory
	return &refusal
}

// decodeDenial reads a rejected_reply; one that gives no reason has none.
func decodeDenial(d *xdr.Decoder) Error {
	e := Error{Denied: true}
	switch d.Uint32() {
	case 0:
		e.Low, e.High = d.Uint32(), d.Uint32()
	case 1:
		e.Auth = AuthStat(d.Uint32())
	}
	return e
}
