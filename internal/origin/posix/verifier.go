package posix

import (
	"crypto/sha256"
	"encoding/binary"
	"os"
	"sync/atomic"

	"github.com/spillway/spillway/nfs"
)

// verifier makes the write verifier. Unstable data sits in the kernel's page cache: it outlives this process and is lost
// when the machine goes down or a write-back fails. So the verifier is derived from the boot id and moves on after every
// failed sync.
type verifier struct {
	boot   [32]byte
	failed atomic.Uint64
}

func newVerifier() *verifier {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil { // cannot tell boots apart: every process counts as one
		id = binary.BigEndian.AppendUint64(nil, uint64(os.Getpid()))
	}
	return &verifier{boot: sha256.Sum256(id)}
}

func (v *verifier) now() (out nfs.Verifier) {
	n := binary.BigEndian.Uint64(v.boot[:8]) + v.failed.Load()
	binary.BigEndian.PutUint64(out[:], n)
	return out
}

func (v *verifier) syncFailed() { v.failed.Add(1) }
