package blob

import (
	"encoding/binary"
	"sync/atomic"

	"github.com/spillway/spillway/nfs"
)

// verifier is the write verifier: staged data live as long as this process, and less when they cannot be uploaded.
type verifier struct{ at atomic.Uint64 }

func (v *verifier) start() { v.at.Store(binary.BigEndian.Uint64(randomBytes(8))) }

// lost says that unstable data were dropped.
func (v *verifier) lost() { v.at.Add(1) }

func (v *verifier) now() (out nfs.Verifier) {
	binary.BigEndian.PutUint64(out[:], v.at.Load())
	return out
}
