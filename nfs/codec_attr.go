package nfs

import (
	"encoding/binary"
	"slices"

	"github.com/spillway/spillway/nfs/xdr"
)

// Limits of names on the wire. RFC 1813 has none; servers answer ErrNameTooLong to what is too long for them.
const (
	maxName   = 4096
	maxTarget = 8192
)

func appendHandle(b []byte, h *Handle) []byte { return xdr.AppendOpaque(b, h.Bytes()) }

func decodeHandle(d *xdr.Decoder, h *Handle) {
	b := d.Opaque(MaxHandle)
	*h = Handle{n: uint8(len(b))}
	copy(h.b[:], b)
}

func appendTime(b []byte, t Time) []byte { return xdr.AppendUint32(xdr.AppendUint32(b, t.Sec), t.Nsec) }

func decodeTime(d *xdr.Decoder) Time { return Time{Sec: d.Uint32(), Nsec: d.Uint32()} }

// appendAttr appends attributes with one check for room, as every reply has some and a page of READDIRPLUS hundreds.
func appendAttr(b []byte, a *Attr) []byte {
	n := len(b)
	b = slices.Grow(b, attrSize)[:n+attrSize]
	p := (*[attrSize]byte)(b[n:])
	binary.BigEndian.PutUint32(p[0:], uint32(a.Type))
	binary.BigEndian.PutUint32(p[4:], a.Mode)
	binary.BigEndian.PutUint32(p[8:], a.Nlink)
	binary.BigEndian.PutUint32(p[12:], a.UID)
	binary.BigEndian.PutUint32(p[16:], a.GID)
	binary.BigEndian.PutUint64(p[20:], a.Size)
	binary.BigEndian.PutUint64(p[28:], a.Used)
	binary.BigEndian.PutUint32(p[36:], a.Rdev.Major)
	binary.BigEndian.PutUint32(p[40:], a.Rdev.Minor)
	binary.BigEndian.PutUint64(p[44:], a.FSID)
	binary.BigEndian.PutUint64(p[52:], a.FileID)
	for i, t := range [...]Time{a.Atime, a.Mtime, a.Ctime} {
		binary.BigEndian.PutUint32(p[60+8*i:], t.Sec)
		binary.BigEndian.PutUint32(p[64+8*i:], t.Nsec)
	}
	return b
}

func decodeAttr(d *xdr.Decoder, a *Attr) {
	*a = Attr{
		Type:   FileType(d.Uint32()),
		Mode:   d.Uint32(),
		Nlink:  d.Uint32(),
		UID:    d.Uint32(),
		GID:    d.Uint32(),
		Size:   d.Uint64(),
		Used:   d.Uint64(),
		Rdev:   Device{Major: d.Uint32(), Minor: d.Uint32()},
		FSID:   d.Uint64(),
		FileID: d.Uint64(),
		Atime:  decodeTime(d),
		Mtime:  decodeTime(d),
		Ctime:  decodeTime(d),
	}
}

func appendOptAttr(b []byte, a *OptAttr) []byte {
	b = xdr.AppendBool(b, a.Present)
	if a.Present {
		b = appendAttr(b, &a.Attr)
	}
	return b
}

func decodeOptAttr(d *xdr.Decoder, a *OptAttr) {
	*a = OptAttr{Present: d.Bool()}
	if a.Present {
		decodeAttr(d, &a.Attr)
	}
}

func appendWcc(b []byte, w *WccData) []byte {
	b = xdr.AppendBool(b, w.Before.Present)
	if w.Before.Present {
		b = xdr.AppendUint64(b, w.Before.Attr.Size)
		b = appendTime(b, w.Before.Attr.Mtime)
		b = appendTime(b, w.Before.Attr.Ctime)
	}
	return appendOptAttr(b, &w.After)
}

func decodeWcc(d *xdr.Decoder, w *WccData) {
	w.Before = OptPreAttr{Present: d.Bool()}
	if w.Before.Present {
		w.Before.Attr = PreAttr{Size: d.Uint64(), Mtime: decodeTime(d), Ctime: decodeTime(d)}
	}
	decodeOptAttr(d, &w.After)
}

func appendOptHandle(b []byte, h *OptHandle) []byte {
	b = xdr.AppendBool(b, h.Present)
	if h.Present {
		b = appendHandle(b, &h.Handle)
	}
	return b
}

func decodeOptHandle(d *xdr.Decoder, h *OptHandle) {
	*h = OptHandle{Present: d.Bool()}
	if h.Present {
		decodeHandle(d, &h.Handle)
	}
}

func appendSet32(b []byte, s SetUint32) []byte {
	b = xdr.AppendBool(b, s.Set)
	if s.Set {
		b = xdr.AppendUint32(b, s.Value)
	}
	return b
}

func decodeSet32(d *xdr.Decoder) SetUint32 {
	if d.Bool() {
		return Set32(d.Uint32())
	}
	return SetUint32{}
}

func appendSetTime(b []byte, s SetTime) []byte {
	b = xdr.AppendUint32(b, uint32(s.How))
	if s.How == SetToClientTime {
		b = appendTime(b, s.Time)
	}
	return b
}

func decodeSetTime(d *xdr.Decoder) SetTime {
	s := SetTime{How: TimeHow(d.Uint32())}
	switch s.How {
	case DontChange, SetToServerTime:
	case SetToClientTime:
		s.Time = decodeTime(d)
	default:
		d.Fail(errEnum)
	}
	return s
}

func appendSetAttr(b []byte, s *SetAttr) []byte {
	b = appendSet32(b, s.Mode)
	b = appendSet32(b, s.UID)
	b = appendSet32(b, s.GID)
	b = xdr.AppendBool(b, s.Size.Set)
	if s.Size.Set {
		b = xdr.AppendUint64(b, s.Size.Value)
	}
	b = appendSetTime(b, s.Atime)
	return appendSetTime(b, s.Mtime)
}

func decodeSetAttr(d *xdr.Decoder, s *SetAttr) {
	*s = SetAttr{Mode: decodeSet32(d), UID: decodeSet32(d), GID: decodeSet32(d)}
	if d.Bool() {
		s.Size = Set64(d.Uint64())
	}
	s.Atime, s.Mtime = decodeSetTime(d), decodeSetTime(d)
}

func appendVerifier(b []byte, v *Verifier) []byte { return append(b, v[:]...) }

func decodeVerifier(d *xdr.Decoder, v *Verifier) {
	*v = Verifier{}
	copy(v[:], d.Fixed(len(v)))
}
