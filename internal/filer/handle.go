package filer

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"hash"
	"sync"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/nfs"
)

// handle names a file for NFS clients: 37 bytes, the same after restart, upgrade and eviction.
//
//	0      version, 2
//	1..4   export
//	5..12  inode id
//	13..20 mount session (0: plain)
//	21..36 seal over bytes 0..20 with the filer's durable key
//
// The seal of version 2 is the CBC-MAC of AES-256 over the bytes, padded with zeros to two blocks; all messages have one
// length, for which CBC-MAC is a pseudo-random function. It costs a tenth of version 1's, which was the first 16 bytes of
// HMAC-SHA256: handles of that version are accepted, and no longer made.
type handle struct {
	export  uint32
	inode   uint64
	session uint64
}

const (
	handleVersion = 2
	handleHMAC    = 1 // the version before
	handleBody    = 21
	handleSize    = handleBody + 16
)

// sealer makes and checks handles.
type sealer struct {
	block    cipher.Block
	scatter  uint64    // of this filer: for numbers that must not meet another's
	messages sync.Pool // of *message
	macs     sync.Pool // of hash.Hash, for version 1
}

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
	return newSealer(key)
}

// newSealer uses one key for both versions, each under a name of its own.
func newSealer(key []byte) (*sealer, error) {
	derived := hmac.New(sha256.New, key)
	derived.Write([]byte("handles, version 2"))
	block, err := aes.NewCipher(derived.Sum(nil))
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "handle key")
	}
	derived.Reset()
	derived.Write([]byte("file ids"))
	return &sealer{
		block:    block,
		scatter:  binary.BigEndian.Uint64(derived.Sum(nil)),
		messages: sync.Pool{New: func() any { return new(message) }},
		macs:     sync.Pool{New: func() any { return hmac.New(sha256.New, key) }},
	}, nil
}

// message is a handle's body as it is sealed, and then its seal.
type message [2 * aes.BlockSize]byte

// mac writes the seal of a body into out.
func (s *sealer) mac(body []byte, out *[aes.BlockSize]byte) {
	m := s.messages.Get().(*message) // the cipher is behind an interface, so what it is given leaves the stack
	clear(m[copy(m[:], body):])
	first, second := m[:aes.BlockSize], m[aes.BlockSize:]
	s.block.Encrypt(first, first)
	subtle.XORBytes(second, second, first)
	s.block.Encrypt(second, second)
	copy(out[:], second)
	s.messages.Put(m)
}

// hmac writes the seal of a body of version 1 into out.
func (s *sealer) hmac(body []byte, out *[aes.BlockSize]byte) {
	var sum [sha256.Size]byte
	h := s.macs.Get().(hash.Hash)
	h.Reset()
	h.Write(body)
	h.Sum(sum[:0])
	s.macs.Put(h)
	copy(out[:], sum[:])
}

// seal encodes a handle.
func (s *sealer) seal(h handle) nfs.Handle {
	var b [handleSize]byte
	var mac [aes.BlockSize]byte
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
	if len(b) != handleSize {
		return handle{}, nfs.ErrBadHandle
	}
	var mac [aes.BlockSize]byte
	switch b[0] {
	case handleVersion:
		s.mac(b[:handleBody], &mac)
	case handleHMAC:
		s.hmac(b[:handleBody], &mac)
	default:
		return handle{}, nfs.ErrBadHandle
	}
	if subtle.ConstantTimeCompare(mac[:], b[handleBody:]) != 1 {
		return handle{}, nfs.ErrBadHandle
	}
	h, _ := parseHandle(in)
	return h, nil
}

// parseHandle reads a handle without checking its seal; false if it cannot be one of ours.
func parseHandle(in *nfs.Handle) (handle, bool) {
	b := in.Bytes()
	if len(b) != handleSize || b[0] != handleVersion && b[0] != handleHMAC {
		return handle{}, false
	}
	return handle{
		export: binary.BigEndian.Uint32(b[1:]), inode: binary.BigEndian.Uint64(b[5:]), session: binary.BigEndian.Uint64(b[13:]),
	}, true
}
