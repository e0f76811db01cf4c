package nfs

import (
	"encoding/hex"
	"errors"
)

// MaxHandle is the longest file handle in bytes (NFS3_FHSIZE, RFC 1813 §2.4).
const MaxHandle = 64

// ErrHandleSize reports a file handle of more than [MaxHandle] bytes.
var ErrHandleSize = errors.New("nfs: file handle longer than 64 bytes")

// Handle is an opaque file handle of 0 to 64 bytes. Handles are values: they compare with == and serve as map keys.
// The zero Handle has no bytes and names no file.
type Handle struct {
	n uint8
	b [MaxHandle]byte
}

// NewHandle returns the handle of the bytes in b, or ErrHandleSize.
func NewHandle(b []byte) (Handle, error) {
	var h Handle
	if len(b) > MaxHandle {
		return h, ErrHandleSize
	}
	h.n = uint8(len(b))
	copy(h.b[:], b)
	return h, nil
}

// Bytes returns the handle's bytes, which belong to h and must not be changed.
func (h *Handle) Bytes() []byte { return h.b[:h.n] }

// Len returns the handle's length in bytes.
func (h *Handle) Len() int { return int(h.n) }

// IsZero reports whether the handle has no bytes.
func (h Handle) IsZero() bool { return h.n == 0 }

// String returns the handle in hexadecimal.
func (h Handle) String() string { return hex.EncodeToString(h.b[:h.n]) }
