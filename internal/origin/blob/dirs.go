package blob

import (
	"sync"
	"time"

	"github.com/spillway/spillway/nfs"
)

// dirs keeps the change times of directories, which no store keeps. A directory's state is a sum over its entries, so
// that changes of our own move it on without a listing, and a listing that gives another sum shows somebody else's.
type dirs struct {
	tick func() nfs.Time // later than every time before
	now  func() time.Time

	mu sync.Mutex
	of map[string]*dirState // by key; mu guards it and what it holds
}

type dirState struct {
	known   bool     // sum and changed are right
	sum     uint64   // of the entries' sums
	changed nfs.Time // what is shown as the time of the last change
	judged  time.Time
	running int    // changes of our own
	moves   uint64 // counts their begins and ends
}

const (
	maxDirs = 1 << 16
	// longBusy is how long a directory that is changed by us all the time goes without a judgement before it counts as
	// changed by others too.
	longBusy = 5 * time.Second
)

func newDirs(tick func() nfs.Time) *dirs {
	return &dirs{tick: tick, now: time.Now, of: map[string]*dirState{}}
}

// entrySum is an entry's part in the sum of its directory. The ETag of a directory entry is "/"; the directory's own
// marker counts under the name "".
func entrySum(name, etag string) uint64 {
	if name != "" && etag == "" {
		return 0
	}
	return stableHash(name + "\x00" + etag)
}

func (d *dirs) state(key string) *dirState {
	st := d.of[key]
	if st == nil {
		for old, s := range d.of {
			if len(d.of) < maxDirs {
				break
			}
			if s.running == 0 {
				delete(d.of, old)
			}
		}
		st = &dirState{}
		d.of[key] = st
	}
	return st
}

// glance begins a listing; judge ends it.
func (d *dirs) glance(key string) (moves uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state(key).moves
}

// judge compares a complete listing that began with glance. newest is the latest time of an entry by the store's clock. It
// returns when the directory last changed.
func (d *dirs) judge(key string, moves, sum uint64, newest time.Time) nfs.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	st := d.state(key)
	switch {
	case st.running > 0 || st.moves != moves: // the listing may or may not show our own changes
		if !st.known {
			return d.tick()
		}
		if d.now().Sub(st.judged) < longBusy {
			return st.changed
		}
		st.known = false
		return d.tick()
	case !st.known && st.changed == nfs.Time{}: // the first look says the same in every process
		st.changed = nfs.TimeOf(newest)
		st.changed.Nsec = uint32(sum % 1_000_000_000)
	case !st.known, st.sum != sum:
		st.changed = d.tick()
	}
	st.known, st.sum, st.judged = true, sum, d.now()
	return st.changed
}

// seen returns the time of the last change as far as it is known.
func (d *dirs) seen(key string) (nfs.Time, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	st := d.state(key)
	return st.changed, st.known
}

// born notes a directory that was made just now.
func (d *dirs) born(key string, sum uint64, at nfs.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	st := d.state(key)
	st.known, st.sum, st.changed, st.judged = true, sum, at, d.now()
	st.moves++
}

// dirChange is a change of our own under way.
type dirChange struct {
	d   *dirs
	key string
}

func (d *dirs) begin(key string) dirChange {
	d.mu.Lock()
	defer d.mu.Unlock()
	st := d.state(key)
	st.running++
	st.moves++
	return dirChange{d, key}
}

// How a change of our own ended.
type outcome uint8

const (
	nothing   outcome = iota // nothing was changed
	names                    // names were changed
	content                  // only what a name stands for: no change of the directory
	ambiguous                // it is not known
)

// times are a directory's change times around a change of our own.
type times struct {
	before, after nfs.Time
	known         bool
}

// end moves the state on by the difference of the sums.
func (c dirChange) end(how outcome, delta uint64) times {
	c.d.mu.Lock()
	defer c.d.mu.Unlock()
	st := c.d.state(c.key)
	st.running--
	st.moves++
	if how == ambiguous {
		st.known = false
	}
	before := st.changed
	if how == names || how == content {
		st.sum += delta
	}
	if how == names {
		st.changed = c.d.tick()
	}
	return times{before, st.changed, st.known}
}
