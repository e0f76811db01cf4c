package filer

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"sync"

	"github.com/spillway/spillway/nfs"
)

// handle names a file for NFS clients: 37 bytes, the same after restart, upgrade and eviction.
//
//	0      version, 1
//	1..4   export
//	5..12  inode id
//	13..20 mount session (0: plain)
//	21..36 HMAC-SHA256 over bytes 0..20, first 16 bytes, with the filer's durable key
type handle struct {
	export  uint32
	inode   uint64
	session uint64
}

const (
	handleVersion = 1
	handleBody    = 21
	handleSize    = handleBody + 16
)

// sealer makes and checks handles.
type sealer struct{ macs sync.Pool }

func openSealer(kv KV) (*sealer, error) {
	key, err := kv.Get(metaKey("handleKey"))
	if err != nil {
		return nil, err
	}
	if len(key) != 32 {
		key = make([]byte, 32)
		rand.Read(key)
		if err := kv.Apply([]Change{{metaKey("handleKey"), key}}, true); err != nil {
			return nil, err
		}
	}
	return &sealer{macs: sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}, nil
}

func (s *sealer) mac(body []byte, out *[sha256.Size]byte) {
	h := s.macs.Get().(hash.Hash)
	h.Reset()
	h.Write(body)
	h.Sum(out[:0])
	s.macs.Put(h)
}

// seal encodes a handle.
func (s *sealer) seal(h handle) nfs.Handle {
	var b [handleSize]byte
	var mac [sha256.Size]byte
	b[0] = handleVersion
	binary.BigEndian.PutUint32(b[1:], h.export)
	binary.BigEndian.PutUint64(b[5:], h.inode)
	binary.BigEndian.PutUint64(b[13:], h.session)
	s.mac(b[:handleBody], &mac)
	copy(b[handleBody:], mac[:])
	out, _ := nfs.NewHandle(b[:]) // 37 bytes always fit
	return out
}

// open checks a handle; whatever we did not make is ErrBadHandle.
func (s *sealer) open(in *nfs.Handle) (handle, error) {
	b := in.Bytes()
	if len(b) != handleSize || b[0] != handleVersion {
		return handle{}, nfs.ErrBadHandle
	}
	var mac [sha256.Size]byte
	s.mac(b[:handleBody], &mac)
	if !hmac.Equal(mac[:16], b[handleBody:]) {
		return handle{}, nfs.ErrBadHandle
	}
	h, _ := parseHandle(in)
	return h, nil
}

// parseHandle reads a handle without checking its seal; false if it cannot be one of ours.
func parseHandle(in *nfs.Handle) (handle, bool) {
	b := in.Bytes()
	if len(b) != handleSize || b[0] != handleVersion {
		return handle{}, false
	}
	return handle{
		export: binary.BigEndian.Uint32(b[1:]), inode: binary.BigEndian.Uint64(b[5:]), session: binary.BigEndian.Uint64(b[13:]),
	}, true
}
