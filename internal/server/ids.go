package server

import (
	"encoding/base32"

	"github.com/google/uuid"
)

// idText keeps the order of what it encodes.
var idText = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// newID makes an identifier: the prefix and a UUIDv7, whose order is that of creation, also within a millisecond.
func newID(prefix string) string {
	id := uuid.Must(uuid.NewV7()) // fails only with the system's random source
	return prefix + idText.EncodeToString(id[:])
}
