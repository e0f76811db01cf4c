package filer

import (
	"crypto/sha256"
	"fmt"

	"github.com/spillway/spillway/nfs"
)

// ownVerifier makes the verifier of an exclusive CREATE one that no other client has. By RFC 1813 section 3.3.8 it is all
// that tells a repeat from another client's CREATE of the same name; Linux makes it of its uptime in ticks and a process
// id, which machines that were started together from one image have in common. It is the same after a restart.
func ownVerifier(req *nfs.Request, v nfs.Verifier) (own nfs.Verifier) {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%s", req.Client.Addr().Unmap(), req.Auth.Machine, v[:]))
	copy(own[:], sum[:])
	return own
}
