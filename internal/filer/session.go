package filer

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/nfs"
)

// sessionRecord is a mount session as it is kept, in JSON under its id.
type sessionRecord struct {
	ID     uint64    `json:"id"`
	Owner  string    `json:"owner"` // certificate name, "agent/burst-1"
	Key    string    `json:"key"`
	Export string    `json:"export"`
	Secret string    `json:"secret"`
	Opened time.Time `json:"opened"`
	Fenced bool      `json:"fenced,omitempty"`
	Reason string    `json:"reason,omitempty"`
}

// session is one client's way into an export. Handles carry its id; once it is fenced none of them works any more.
type session struct {
	sessionRecord // Fenced and Reason are guarded by mu

	calls, read, written atomic.Uint64
	readCached           atomic.Uint64 // of read: from the cache

	mu       sync.Mutex
	inflight int                 // mu guards inflight, idle and unstable
	idle     chan struct{}       // closed when inflight falls to 0 while somebody waits
	unstable map[uint64]struct{} // inodes with acknowledged unstable writes
}

// enter counts a call in, unless the session is fenced.
func (s *session) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Fenced {
		return nfs.ErrStale
	}
	s.inflight++
	s.calls.Add(1)
	return nil
}

func (s *session) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inflight--; s.inflight == 0 && s.idle != nil {
		close(s.idle)
		s.idle = nil
	}
}

// drain waits for the calls in flight; enter must refuse by then.
func (s *session) drain(ctx context.Context) error {
	for {
		s.mu.Lock()
		if s.inflight == 0 {
			s.mu.Unlock()
			return nil
		}
		if s.idle == nil {
			s.idle = make(chan struct{})
		}
		idle, n := s.idle, s.inflight
		s.mu.Unlock()
		select {
		case <-idle:
		case <-ctx.Done():
			return fault.New(fault.Unavailable, "%d calls of session %d have not ended: %w", n, s.ID, ctx.Err())
		}
	}
}

func (s *session) record() sessionRecord {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessionRecord
}

// noteUnstable remembers, or with done forgets, that a file has writes of this session that are not yet durable.
func (s *session) noteUnstable(inode uint64, done bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if done {
		delete(s.unstable, inode)
	} else {
		s.unstable[inode] = struct{}{}
	}
}

func (s *session) takeUnstable() []uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.unstable))
}

// sessions is the durable table of mount sessions.
type sessions struct {
	kv    KV
	plain *session // session 0

	mu       sync.Mutex
	next     uint64
	byID     map[uint64]*session
	bySecret map[[32]byte]*session // by SHA-256 of the secret
}

func newSession(r sessionRecord) *session {
	return &session{sessionRecord: r, unstable: map[uint64]struct{}{}}
}

func openSessions(kv KV) (*sessions, error) {
	t := &sessions{kv: kv, next: 1, plain: newSession(sessionRecord{}), byID: map[uint64]*session{}, bySecret: map[[32]byte]*session{}}
	err := kv.Scan([]byte{'s'}, func(key, value []byte) error {
		var r sessionRecord
		if len(key) != 9 || json.Unmarshal(value, &r) != nil || r.ID != binary.BigEndian.Uint64(key[1:]) {
			return fault.New(fault.Internal, "session table: damaged record %x", key)
		}
		t.insert(newSession(r))
		t.next = max(t.next, r.ID+1)
		return nil
	})
	return t, err
}

func (t *sessions) insert(s *session) {
	t.byID[s.ID] = s
	t.bySecret[sha256.Sum256([]byte(s.Secret))] = s
}

func (t *sessions) save(r sessionRecord) error {
	v, err := json.Marshal(r)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "session")
	}
	return t.kv.Apply([]Change{{inodeKey('s', r.ID), v}}, true)
}

// open returns the owner's live session for the key, or a new one, durable.
func (t *sessions) open(owner, key, export string, now time.Time) (*session, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.byID {
		if r := s.record(); r.Owner == owner && r.Key == key && r.Export == export && !r.Fenced {
			return s, nil
		}
	}
	secret := make([]byte, 16)
	rand.Read(secret)
	s := newSession(sessionRecord{
		ID: t.next, Owner: owner, Key: key, Export: export, Secret: hex.EncodeToString(secret), Opened: now.UTC().Truncate(time.Millisecond),
	})
	if err := t.save(s.sessionRecord); err != nil {
		return nil, err
	}
	t.next++
	t.insert(s)
	return s, nil
}

// get returns a session by id; 0 is the plain one.
func (t *sessions) get(id uint64) (*session, bool) {
	if id == 0 {
		return t.plain, true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s, ok := t.byID[id]
	return s, ok
}

// bySecretPath returns the session whose secret a client mounts with. Looking up a digest takes the same time whatever
// the secret.
func (t *sessions) withSecret(secret string) (*session, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s, ok := t.bySecret[sha256.Sum256([]byte(secret))]
	return s, ok
}

// owned returns an owner's sessions by id.
func (t *sessions) owned(owner string) []*session {
	return slices.DeleteFunc(t.all(), func(s *session) bool { return s.Owner != owner })
}

// all returns every session by id.
func (t *sessions) all() []*session {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.SortedFunc(maps.Values(t.byID), func(a, b *session) int { return cmp.Compare(a.ID, b.ID) })
}

// fence marks the session, durably first, so that a crash in between leaves it fenced. It reports how many calls were in
// flight at that moment.
func (t *sessions) fence(s *session, reason string) (inflight int, err error) {
	r := s.record()
	if !r.Fenced {
		r.Fenced, r.Reason = true, reason
		if err := t.save(r); err != nil {
			return 0, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Fenced, s.Reason = true, r.Reason
	return s.inflight, nil
}
