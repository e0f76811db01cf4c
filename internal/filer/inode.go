package filer

import (
	"container/list"
	"sync"
	"time"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// inode is what the filer knows of one file. It stays in memory while it is used or recently was; its id and its cached
// data survive that.
type inode struct {
	id     uint64
	target *target
	oid    origin.ID

	refs int           // guarded by table.mu
	lru  *list.Element // guarded by table.mu; set while refs is 0

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
}

// unstable is what this file owes to the origin's COMMIT.
type unstable struct {
	bytes uint64
	verf  nfs.Verifier // of the first uncommitted write
	mixed bool         // writes under different verifiers: some may be lost already
}

// table holds the inodes in memory.
type table struct {
	mu       sync.Mutex
	byID     map[uint64]*inode
	byOrigin map[fileKey]*inode
	idle     *list.List // of *inode, least recently used first
	limit    int
}

func newTable(limit int) *table {
	return &table{byID: map[uint64]*inode{}, byOrigin: map[fileKey]*inode{}, idle: list.New(), limit: limit}
}

// known returns the inode if it is in memory. Whoever gets an inode must put it back.
func (t *table) known(id uint64) *inode {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.take(t.byID[id])
}

func (t *table) knownOrigin(key fileKey) *inode {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.take(t.byOrigin[key])
}

func (t *table) take(ino *inode) *inode {
	if ino == nil {
		return nil
	}
	if ino.lru != nil {
		t.idle.Remove(ino.lru)
		ino.lru = nil
	}
	ino.refs++
	return ino
}

// add returns the inode with the id, making it if it is not in memory.
func (t *table) add(id uint64, tg *target, oid origin.ID) *inode {
	t.mu.Lock()
	defer t.mu.Unlock()
	ino := t.byID[id]
	if ino == nil {
		ino = &inode{id: id, target: tg, oid: oid}
		t.byID[id] = ino
		t.byOrigin[fileKey{tg.id, oid}] = ino
	}
	return t.take(ino)
}

// put gives an inode back. The least recently used ones leave memory when there are too many, except those with work
// that only they know of.
func (t *table) put(ino *inode) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if ino.refs--; ino.refs > 0 {
		return
	}
	if t.byID[ino.id] != ino { // forgotten meanwhile
		return
	}
	ino.lru = t.idle.PushBack(ino)
	for tries := 0; t.idle.Len() > t.limit && tries < 8; tries++ {
		oldest := t.idle.Front().Value.(*inode)
		if oldest.mu.TryLock() {
			busy := oldest.busy()
			oldest.mu.Unlock()
			if !busy {
				t.remove(oldest)
				continue
			}
		}
		t.idle.MoveToBack(oldest.lru)
	}
}

// forget takes an inode out of memory for good: the origin says that the file is gone.
func (t *table) forget(ino *inode) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.remove(ino)
}

func (t *table) remove(ino *inode) {
	if t.byID[ino.id] != ino {
		return
	}
	if ino.lru != nil {
		t.idle.Remove(ino.lru)
		ino.lru = nil
	}
	delete(t.byID, ino.id)
	delete(t.byOrigin, fileKey{ino.target.id, ino.oid})
}

func (t *table) len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.byID)
}

// snapshot returns the inodes in memory for which want is true, taken; want runs under the table's lock.
func (t *table) snapshot(want func(*inode) bool) []*inode {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []*inode
	for _, ino := range t.byID {
		if want(ino) {
			out = append(out, t.take(ino))
		}
	}
	return out
}

// busy says whether the inode knows something that is nowhere else. Called with mu held.
func (ino *inode) busy() bool {
	return ino.chain.inflight > 0 || ino.check != nil || ino.unstable.bytes > 0 || ino.content != nil && ino.content.busy()
}
