package blob

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"
	"sync"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// An ID is one byte that says file or directory, and a token.
const (
	idFile = 'f'
	idDir  = 'd'
)

type token [16]byte

func idOf(kind byte, t token) origin.ID { return origin.ID(kind) + origin.ID(t[:]) }

func tokenOf(id origin.ID) (t token) {
	copy(t[:], id[1:])
	return t
}

func validID(id origin.ID) bool { return len(id) == 17 && (id[0] == idFile || id[0] == idDir) }

func isDir(id origin.ID) bool { return len(id) > 0 && id[0] == idDir }

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return b
}

func newToken() token { return token(randomBytes(16)) }

// fileID is the file number of an identity. A token is random or a hash, so any eight bytes of it will do.
func fileID(id origin.ID) uint64 {
	t := tokenOf(id)
	return binary.BigEndian.Uint64(t[:8]) | 1 // never 0
}

// keyHash is what metadata say of the key that an identity is good at.
func keyHash(key string) string {
	sum := sha256.Sum256([]byte("key\x00" + key))
	return hex.EncodeToString(sum[:8])
}

// derive identifies what nobody gave a token: a version of an object, or an implied directory. The same gets the same
// again, unless it has been elsewhere since (salt).
func derive(kind byte, key, etag string, salt byte) token {
	h := sha256.New()
	h.Write([]byte{kind, salt})
	h.Write([]byte(key + "\x00" + etag))
	return token(h.Sum(nil)[:16])
}

// Places remembers where identities were last seen. It must be as durable as the IDs that were handed out: SetPlace
// takes effect before any later durable write of the same store. Safe for concurrent use. The names that are kept here
// are followed by a NUL and the ETag of the version that this origin wrote last.
type Places interface {
	Place(id origin.ID) (parent origin.ID, name string, ok bool)
	SetPlace(id, parent origin.ID, name string) error
}

// spot is where an identity is.
type spot struct {
	parent origin.ID // "": nowhere, the file is gone
	name   string
	etag   string // of the version that we wrote last: its metadata are ours, ctime included
}

func (o *Origin) spotOf(id origin.ID) (spot, bool) {
	parent, packed, ok := o.places.Place(id)
	name, etag, _ := strings.Cut(packed, "\x00")
	return spot{parent, name, etag}, ok
}

func (o *Origin) setSpot(id origin.ID, s spot) error {
	if old, ok := o.spotOf(id); ok && old == s {
		return nil
	}
	return o.places.SetPlace(id, s.parent, s.name+"\x00"+s.etag)
}

// forget notes that an identity is gone, so that it is not derived again for what has its key next.
func (o *Origin) forget(id origin.ID) error { return o.setSpot(id, spot{}) }

// maxDepth bounds the walk from a file to the root.
const maxDepth = 512

// keyOf returns the key at which id should be: of a directory with its "/", of the root the prefix itself.
func (o *Origin) keyOf(id origin.ID) (string, error) {
	if id == o.rootID {
		return o.prefix, nil
	}
	if !validID(id) {
		return "", nfs.ErrStale
	}
	var parts []string
	for at := id; at != o.rootID; {
		s, ok := o.spotOf(at)
		if !ok || s.parent == "" || len(parts) > maxDepth {
			return "", nfs.ErrStale
		}
		parts = append(parts, encodeName(s.name, &o.limits))
		at = s.parent
	}
	key := o.prefix
	for i := len(parts) - 1; i > 0; i-- {
		key += parts[i] + "/"
	}
	key += parts[0]
	if isDir(id) {
		key += "/"
	}
	return key, nil
}

// identify names what was seen at parent/name: obj is the object, or for an implied directory just its key.
func (o *Origin) identify(ctx context.Context, kind byte, obj *Object, parent origin.ID, name string) (origin.ID, error) {
	if obj.Key == o.prefix && kind == idDir {
		return o.rootID, nil
	}
	if t, ok := tokenAt(obj); ok {
		id := idOf(kind, t)
		s, known := o.spotOf(id)
		if known && s.parent == parent && s.name == name {
			return id, nil
		}
		switch twice, err := o.elsewhere(ctx, id, t, obj.Key); {
		case err != nil:
			return "", err
		case !twice:
			return id, o.setSpot(id, spot{parent, name, s.etag})
		}
	}
	for salt := range 256 {
		id := idOf(kind, derive(kind, obj.Key, obj.ETag, byte(salt)))
		s, known := o.spotOf(id)
		if known && (s.parent != parent || s.name != name) {
			continue // it has moved or gone: what is here now is something else
		}
		if known {
			return id, nil
		}
		return id, o.setSpot(id, spot{parent: parent, name: name})
	}
	return "", nfs.ErrServerFault
}

// elsewhere says whether the place where an identity was seen last, other than key, still has it: then what is at key is
// left of a rename that others cut short, or not finished yet.
func (o *Origin) elsewhere(ctx context.Context, id origin.ID, t token, key string) (bool, error) {
	known, err := o.keyOf(id)
	if err != nil || known == key {
		return false, nil //nolint:nilerr // nowhere
	}
	obj, err := o.head(ctx, known)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	is, ok := tokenAt(&obj)
	return err == nil && ok && is == t, status(err)
}

// tokenAt returns the token in the metadata, if it is good at the object's key.
func tokenAt(obj *Object) (t token, ok bool) {
	m := obj.Props.Meta
	if m[metaKey] != keyHash(obj.Key) {
		return t, false
	}
	b, err := hex.DecodeString(m[metaID])
	if err != nil || len(b) != len(t) {
		return t, false
	}
	return token(b), true
}

// memoryPlaces forgets at exit.
type memoryPlaces struct {
	mu sync.RWMutex
	at map[origin.ID][2]string // mu guards it
}

func newMemoryPlaces() *memoryPlaces { return &memoryPlaces{at: map[origin.ID][2]string{}} }

func (m *memoryPlaces) Place(id origin.ID) (origin.ID, string, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	p, ok := m.at[id]
	return origin.ID(p[0]), p[1], ok
}

func (m *memoryPlaces) SetPlace(id, parent origin.ID, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.at[id] = [2]string{string(parent), name}
	return nil
}
