package nfs

import (
	"slices"

	"github.com/spillway/spillway/nfs/xdr"
)

// Sizes of READDIR's parts in bytes, XDR's overhead included (RFC 1813 §3.3.16).
const (
	attrSize    = 84
	dirHeadSize = 4 + attrSize + 8 + 4 + 4 // attributes, verifier, end of the list, EOF
	maxDirReply = 1 << 20                  // whatever a client asks for
)

// Limit makes the result ready for a page of READDIR: at most count bytes.
func (r *ReaddirResult) Limit(count uint32) { r.limit(count, count, false) }

// LimitPlus makes the result ready for a page of READDIRPLUS: at most dirCount bytes of names, cookies and file ids, and
// maxCount bytes in all.
func (r *ReaddirResult) LimitPlus(dirCount, maxCount uint32) { r.limit(dirCount, maxCount, true) }

func (r *ReaddirResult) limit(dirCount, maxCount uint32, plus bool) {
	clear(r.Entries)
	*r = ReaddirResult{
		Entries:   r.Entries[:0],
		plus:      plus,
		dirBytes:  int(min(dirCount, maxDirReply)),
		bodyBytes: int(min(maxCount, maxDirReply)) - dirHeadSize,
	}
}

// Add appends the entry and reports whether it still fitted into what the client asked for. After false the page is
// full: EOF stays false. If not even the first entry fits, the server answers ErrTooSmall.
func (r *ReaddirResult) Add(e DirEntry) bool {
	name := 8 + 4 + xdr.Padded(len(e.Name)) + 8
	body := 4 + name
	if r.plus {
		body += 4 + 4
		if e.Attr.Present {
			body += attrSize
		}
		if e.Handle.Present {
			body += 4 + xdr.Padded(e.Handle.Handle.Len())
		}
	}
	if r.full || body > r.bodyBytes || name > r.dirBytes {
		r.full = true
		return false
	}
	r.bodyBytes -= body
	r.dirBytes -= name
	r.encoded += body
	r.Entries = append(r.Entries, e)
	return true
}

func (r *ReaddirResult) encode(b []byte) []byte { return r.encodePage(b, r.plus) }
func (r *ReaddirResult) decode(d *xdr.Decoder)  { r.decodePage(d, r.plus) }

// encodePage appends the result of READDIR, or of READDIRPLUS if plus.
func (r *ReaddirResult) encodePage(b []byte, plus bool) []byte {
	b = appendOptAttr(appendStatus(b, r.Status), &r.DirAttr)
	if r.Status != OK {
		return b
	}
	b = appendVerifier(b, &r.Verifier)
	b = slices.Grow(b, r.encoded+8)
	for i := range r.Entries {
		e := &r.Entries[i]
		b = xdr.AppendUint64(xdr.AppendBool(b, true), e.FileID)
		b = xdr.AppendUint64(xdr.AppendString(b, e.Name), uint64(e.Cookie))
		if plus {
			b = appendOptHandle(appendOptAttr(b, &e.Attr), &e.Handle)
		}
	}
	return xdr.AppendBool(xdr.AppendBool(b, false), r.EOF)
}

// decodePage reads the result of READDIR, or of READDIRPLUS if plus. An entry takes at least 24 bytes of the input, so
// the input bounds the entries.
func (r *ReaddirResult) decodePage(d *xdr.Decoder, plus bool) {
	*r = ReaddirResult{Status: decodeStatus(d), Entries: r.Entries[:0], plus: plus}
	decodeOptAttr(d, &r.DirAttr)
	if r.Status != OK {
		return
	}
	decodeVerifier(d, &r.Verifier)
	for d.Bool() {
		e := DirEntry{FileID: d.Uint64(), Name: d.String(maxName), Cookie: Cookie(d.Uint64())}
		if plus {
			decodeOptAttr(d, &e.Attr)
			decodeOptHandle(d, &e.Handle)
		}
		if d.Err() != nil {
			return
		}
		r.Entries = append(r.Entries, e)
	}
	r.EOF = d.Bool()
}
