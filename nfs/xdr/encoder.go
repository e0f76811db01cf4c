package xdr

import "encoding/binary"

// The functions of this file append an item to a byte slice, as append does.

// AppendUint32 appends an unsigned integer or an enumeration.
func AppendUint32(b []byte, v uint32) []byte { return binary.BigEndian.AppendUint32(b, v) }

// AppendUint64 appends an unsigned hyper integer.
func AppendUint64(b []byte, v uint64) []byte { return binary.BigEndian.AppendUint64(b, v) }

// AppendBool appends a boolean.
func AppendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 0, 0, 0, 1)
	}
	return append(b, 0, 0, 0, 0)
}

// AppendFixed appends fixed-length opaque data.
func AppendFixed(b, v []byte) []byte { return AppendPadding(append(b, v...), len(v)) }

// AppendOpaque appends variable-length opaque data.
func AppendOpaque(b, v []byte) []byte { return AppendFixed(AppendUint32(b, uint32(len(v))), v) }

// AppendString appends a string.
func AppendString(b []byte, v string) []byte {
	return AppendPadding(append(AppendUint32(b, uint32(len(v))), v...), len(v))
}

// AppendPadding appends the zero bytes that follow n bytes of data.
func AppendPadding(b []byte, n int) []byte {
	var zero [3]byte
	return append(b, zero[:Padded(n)-n]...)
}
