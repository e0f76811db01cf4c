package nlm

import (
	"errors"

	"github.com/spillway/spillway/nfs"
	"github.com/spillway/spillway/nfs/xdr"
)

// errEnum fails a decoder that meets a value outside an enumeration.
var errEnum = errors.New("nlm: value outside its enumeration")

// object reads a netobj of which the result is a copy; nil if it is empty.
func object(d *xdr.Decoder) []byte {
	b := d.Opaque(MaxNetobj)
	if len(b) == 0 {
		return nil
	}
	return append([]byte(nil), b...)
}

func appendFile(b []byte, h *nfs.Handle) []byte { return xdr.AppendOpaque(b, h.Bytes()) }

func file(d *xdr.Decoder) nfs.Handle {
	h, err := nfs.NewHandle(d.Opaque(nfs.MaxHandle))
	if err != nil {
		d.Fail(err)
	}
	return h
}

func status(d *xdr.Decoder) Status {
	s := Status(d.Uint32())
	if s > Failed {
		d.Fail(errEnum)
	}
	return s
}

func sharing(d *xdr.Decoder) Sharing {
	s := Sharing(d.Uint32())
	if s > ShareReadWrite {
		d.Fail(errEnum)
	}
	return s
}

// AppendXDR appends the lock.
func (l *Lock) AppendXDR(b []byte) []byte {
	b = appendFile(xdr.AppendString(b, l.Caller), &l.File)
	b = xdr.AppendUint32(xdr.AppendOpaque(b, l.Owner), uint32(l.SVID))
	return xdr.AppendUint64(xdr.AppendUint64(b, l.Offset), l.Length)
}

// DecodeXDR reads the lock.
func (l *Lock) DecodeXDR(d *xdr.Decoder) {
	l.Caller = d.String(MaxCaller)
	l.File = file(d)
	l.Owner = object(d)
	l.SVID = int32(d.Uint32())
	l.Offset, l.Length = d.Uint64(), d.Uint64()
}

// AppendXDR appends the arguments.
func (a *TestArgs) AppendXDR(b []byte) []byte {
	return a.Lock.AppendXDR(xdr.AppendBool(xdr.AppendOpaque(b, a.Cookie), a.Exclusive))
}

// DecodeXDR reads the arguments.
func (a *TestArgs) DecodeXDR(d *xdr.Decoder) {
	a.Cookie, a.Exclusive = object(d), d.Bool()
	a.Lock.DecodeXDR(d)
}

// AppendXDR appends the answer.
func (r *TestResult) AppendXDR(b []byte) []byte {
	b = xdr.AppendUint32(xdr.AppendOpaque(b, r.Cookie), uint32(r.Status))
	if r.Status != Denied {
		return b
	}
	h := &r.Holder
	b = xdr.AppendUint32(xdr.AppendBool(b, h.Exclusive), uint32(h.SVID))
	return xdr.AppendUint64(xdr.AppendUint64(xdr.AppendOpaque(b, h.Owner), h.Offset), h.Length)
}

// DecodeXDR reads the answer.
func (r *TestResult) DecodeXDR(d *xdr.Decoder) {
	*r = TestResult{Cookie: object(d), Status: status(d)}
	if r.Status == Denied {
		r.Holder = Holder{Exclusive: d.Bool(), SVID: int32(d.Uint32()), Owner: object(d), Offset: d.Uint64(), Length: d.Uint64()}
	}
}

// AppendXDR appends the arguments.
func (a *LockArgs) AppendXDR(b []byte) []byte {
	b = xdr.AppendBool(xdr.AppendOpaque(b, a.Cookie), a.Block)
	b = a.Lock.AppendXDR(xdr.AppendBool(b, a.Exclusive))
	return xdr.AppendUint32(xdr.AppendBool(b, a.Reclaim), uint32(a.State))
}

// DecodeXDR reads the arguments.
func (a *LockArgs) DecodeXDR(d *xdr.Decoder) {
	a.Cookie, a.Block, a.Exclusive = object(d), d.Bool(), d.Bool()
	a.Lock.DecodeXDR(d)
	a.Reclaim, a.State = d.Bool(), int32(d.Uint32())
}

// AppendXDR appends the arguments.
func (a *CancelArgs) AppendXDR(b []byte) []byte {
	b = xdr.AppendBool(xdr.AppendOpaque(b, a.Cookie), a.Block)
	return a.Lock.AppendXDR(xdr.AppendBool(b, a.Exclusive))
}

// DecodeXDR reads the arguments.
func (a *CancelArgs) DecodeXDR(d *xdr.Decoder) {
	a.Cookie, a.Block, a.Exclusive = object(d), d.Bool(), d.Bool()
	a.Lock.DecodeXDR(d)
}

// AppendXDR appends the arguments.
func (a *UnlockArgs) AppendXDR(b []byte) []byte {
	return a.Lock.AppendXDR(xdr.AppendOpaque(b, a.Cookie))
}

// DecodeXDR reads the arguments.
func (a *UnlockArgs) DecodeXDR(d *xdr.Decoder) {
	a.Cookie = object(d)
	a.Lock.DecodeXDR(d)
}

// AppendXDR appends the answer.
func (r *Result) AppendXDR(b []byte) []byte {
	return xdr.AppendUint32(xdr.AppendOpaque(b, r.Cookie), uint32(r.Status))
}

// DecodeXDR reads the answer.
func (r *Result) DecodeXDR(d *xdr.Decoder) { r.Cookie, r.Status = object(d), status(d) }

// AppendXDR appends the arguments.
func (a *ShareArgs) AppendXDR(b []byte) []byte {
	b = appendFile(xdr.AppendString(xdr.AppendOpaque(b, a.Cookie), a.Caller), &a.File)
	b = xdr.AppendUint32(xdr.AppendOpaque(b, a.Owner), uint32(a.Deny))
	return xdr.AppendBool(xdr.AppendUint32(b, uint32(a.Access)), a.Reclaim)
}

// DecodeXDR reads the arguments.
func (a *ShareArgs) DecodeXDR(d *xdr.Decoder) {
	a.Cookie, a.Caller = object(d), d.String(MaxCaller)
	a.File, a.Owner = file(d), object(d)
	a.Deny, a.Access, a.Reclaim = sharing(d), sharing(d), d.Bool()
}

// AppendXDR appends the answer.
func (r *ShareResult) AppendXDR(b []byte) []byte {
	b = xdr.AppendUint32(xdr.AppendOpaque(b, r.Cookie), uint32(r.Status))
	return xdr.AppendUint32(b, uint32(r.Sequence))
}

// DecodeXDR reads the answer.
func (r *ShareResult) DecodeXDR(d *xdr.Decoder) {
	r.Cookie, r.Status, r.Sequence = object(d), status(d), int32(d.Uint32())
}

// AppendXDR appends the arguments.
func (a *FreeAllArgs) AppendXDR(b []byte) []byte {
	return xdr.AppendUint32(xdr.AppendString(b, a.Name), uint32(a.State))
}

// DecodeXDR reads the arguments. RFC 1813 gives the state 64 bits, what is in use 32: both are understood.
func (a *FreeAllArgs) DecodeXDR(d *xdr.Decoder) {
	a.Name, a.State = d.String(MaxCaller+1), int32(d.Uint32())
	if d.Err() == nil && d.Len() == 4 {
		a.State = int32(d.Uint32())
	}
}
