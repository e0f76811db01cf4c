package filer

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// inode is what the filer knows of one file. It stays in memory while it is used or recently was; its id and its cached
// data survive that.
type inode struct {
	id     uint64
	target *target
	origin atomic.Pointer[origin.ID] // nil: its origin does not have it yet (unborn.go)
	shift  shift

	refs int  // guarded by its shard's mu, as are:
	used bool // since the shard's hand last passed
	slot int  // in the shard's ring

	mu       sync.Mutex // guards everything below
	attr     nfs.Attr
	known    bool      // attr has been learnt
	verified time.Time // when the question was sent whose answer confirmed attr
	settled  time.Time // when attr became what it is
	check    *check    // GETATTR in flight
	chain    chain     // our changes in flight
	changes  uint64    // how many of our changes have begun or ended
	renamed  bool      // our rename or link may have moved ctime: the next attributes may differ in that alone
	content  *content  // of regular files, once used
	names    *names    // of directories, once used
	grants   map[string]grant
	unstable unstable
	dirty    *dirty   // what the origin has not; nil: nothing
	making   *nameOp  // brings it to the origin, which does not have it; nil: it has
	owing    owing    // of directories: names that the origin does not have as they are here
	owed     uint64   // bytes of dirty that are counted
	place    place    // where it was last found
	made     bool     // by a client of this filer, on exports that write back
	unlinks  int      // removals of its names in flight
	link     linkText // of symbolic links, once read
}

// place is a name in a directory.
type place struct {
	dir  uint64 // inode id; 0: not known
	name string
}

// unstable is what this file owes to the origin's COMMIT.
type unstable struct {
	bytes uint64
	verf  nfs.Verifier // of the first uncommitted write
	mixed bool         // writes under different verifiers: some may be lost already
}

// What inodes in memory may take: an eighth of the machine's. Each comes to 800 bytes, with its name and its places in the
// table, and to more before garbage is collected. Two million are enough: those that left memory are found in the index
// within a fraction of a millisecond, and their attributes at the origin.
const (
	inodeBytes   = 1300
	inodeShare   = 8
	inodesAtMost = 1 << 21
)

func maxInodes(memory int64) int { return int(min(memory/inodeShare/inodeBytes, inodesAtMost)) }

// table holds the inodes in memory. It is cut into shards, as every call takes an inode and puts it back.
type table struct {
	shards [64]shard
	limit  int // inodes in a shard

	mu       sync.Mutex // before that of a shard
	byOrigin map[fileKey]*inode
}

// shard holds the inodes whose ids are equal modulo the number of shards.
type shard struct {
	mu   sync.Mutex
	byID map[uint64]*inode
	ring []*inode // those of byID
	hand int      // goes round the ring and takes out what was not used since it last passed

	_ [64]byte // shards do not share a cache line
}

func newTable(limit int) *table {
	t := &table{byOrigin: map[fileKey]*inode{}}
	t.limit = max(limit/len(t.shards), 1)
	for i := range t.shards {
		t.shards[i].byID = map[uint64]*inode{}
	}
	return t
}

func (t *table) shard(id uint64) *shard { return &t.shards[id%uint64(len(t.shards))] }

// known returns the inode if it is in memory. Whoever gets an inode must put it back.
func (t *table) known(id uint64) *inode {
	s := t.shard(id)
	s.mu.Lock()
	ino := s.byID[id]
	if ino != nil {
		ino.refs++
		ino.used = true
	}
	s.mu.Unlock()
	return ino
}

// peek returns the inode if it is in memory, not to be put back: it may leave memory while it is looked at.
func (t *table) peek(id uint64) *inode {
	s := t.shard(id)
	s.mu.Lock()
	ino := s.byID[id]
	if ino != nil {
		ino.used = true
	}
	s.mu.Unlock()
	return ino
}

func (t *table) knownOrigin(key fileKey) *inode {
	t.mu.Lock()
	defer t.mu.Unlock()
	ino := t.byOrigin[key]
	if ino == nil {
		return nil
	}
	return t.known(ino.id)
}

// oid is the origin's identity of the file; "" while the origin does not have it.
func (ino *inode) oid() origin.ID {
	if id := ino.origin.Load(); id != nil {
		return *id
	}
	return ""
}

// born gives an inode the identity that its file has got at the origin.
func (t *table) born(ino *inode, oid origin.ID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	ino.origin.Store(&oid)
	t.byOrigin[fileKey{ino.target.id, oid}] = ino
}

// add returns the inode with the id, making it if it is not in memory. oid is "" for one that its origin does not have.
func (t *table) add(id uint64, tg *target, oid origin.ID) *inode {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	ino := s.byID[id]
	if ino != nil {
		ino.refs++
		ino.used = true
		return ino
	}
	ino = &inode{id: id, target: tg, slot: len(s.ring), refs: 1, used: true} // or the hand might take it at once
	if oid != "" {
		ino.origin.Store(&oid)
		t.byOrigin[fileKey{tg.id, oid}] = ino
	}
	s.byID[id] = ino
	s.ring = append(s.ring, ino)
	t.sweep(s)
	return ino
}

// sweep takes inodes that were not used lately out of a shard that has too many, except those in use and those with work
// that only they know of. Called with both locks held.
func (t *table) sweep(s *shard) {
	for tries := 0; len(s.ring) > t.limit && tries < 16; tries++ {
		s.hand %= len(s.ring)
		ino := s.ring[s.hand]
		if ino.refs == 0 && !ino.used && ino.mu.TryLock() {
			busy := ino.busy()
			ino.closeIdle()
			ino.mu.Unlock()
			if !busy {
				t.remove(s, ino) // another takes its place under the hand
				continue
			}
		}
		ino.used = ino.refs > 0
		s.hand++
	}
}

// put gives an inode back.
func (t *table) put(ino *inode) {
	s := t.shard(ino.id)
	s.mu.Lock()
	ino.refs--
	s.mu.Unlock()
}

// forget takes an inode out of memory for good: the origin says that the file is gone.
func (t *table) forget(ino *inode) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.shard(ino.id)
	s.mu.Lock()
	defer s.mu.Unlock()
	t.remove(s, ino)
}

func (t *table) remove(s *shard, ino *inode) {
	if s.byID[ino.id] != ino {
		return
	}
	last := s.ring[len(s.ring)-1]
	s.ring[ino.slot], last.slot = last, ino.slot
	s.ring[len(s.ring)-1] = nil
	s.ring = s.ring[:len(s.ring)-1]
	delete(s.byID, ino.id)
	if key := (fileKey{ino.target.id, ino.oid()}); t.byOrigin[key] == ino {
		delete(t.byOrigin, key)
	}
}

func (t *table) len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.byOrigin)
}

// each calls fn for the inodes of a shard until it returns false; fn runs under the shard's lock, before which an inode's mu
// comes: it may only try that one.
func (t *table) each(shard int, fn func(*inode) bool) {
	s := &t.shards[shard]
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ino := range s.ring {
		if !fn(ino) {
			return
		}
	}
}

// snapshot returns the inodes in memory for which want is true, taken; want runs under a shard's lock.
func (t *table) snapshot(want func(*inode) bool) []*inode {
	var out []*inode
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		for _, ino := range s.ring {
			if want(ino) {
				ino.refs++
				out = append(out, ino)
			}
		}
		s.mu.Unlock()
	}
	return out
}

// busy says whether the inode knows something that is nowhere else. Called with mu held.
func (ino *inode) busy() bool {
	return ino.chain.inflight > 0 || ino.check != nil || ino.unstable.bytes > 0 || ino.dirty != nil || ino.making != nil || ino.owing.busy() || ino.content != nil && ino.content.busy()
}
