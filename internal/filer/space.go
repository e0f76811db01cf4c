package filer

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/spillway/spillway/internal/fault"
)

// upkeep persists every second and makes space when asked to, until ctx ends.
func (f *Filer) upkeep(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			f.drc.expire(time.Now())
			f.watchDisk()
		case <-f.store.kick:
			f.makeSpace()
		}
		if err := f.persist(); err != nil {
			f.log.Error("cache index", "error", err)
		}
	}
}

// watchDisk keeps some of the disk free, so that the index never sees a full one: a sixteenth, from 8 MiB to 1 GiB.
func (f *Filer) watchDisk() {
	free, total, err := f.store.disk.Free(f.store.dir)
	if err != nil {
		return
	}
	if floor := min(max(total/16, 8<<20), 1<<30); free < floor {
		f.store.diskFull(fault.New(fault.Exhausted, "%d MiB of %d MiB free", free>>20, total>>20))
	}
}

// makeSpace evicts whole files, the least recently used first, until nine tenths of the capacity are left. Files with
// fetches or changes in flight stay. Ids, names and counters stay too: eviction drops data only.
func (f *Filer) makeSpace() {
	want := f.store.used.Load() - f.store.cap*9/10
	if !f.store.mayStore() { // the disk is full, whatever we are allowed
		want = max(want, f.store.used.Load()/10)
	}
	if want <= 0 {
		return
	}
	type candidate struct {
		inode   uint64
		bytes   int64
		lastUse int64
	}
	var all []candidate
	f.store.mu.Lock()
	for id, e := range f.store.entries {
		if n := e.bytes.Load(); n > 0 {
			all = append(all, candidate{id, n, e.lastUse.Load()})
		}
	}
	f.store.mu.Unlock()
	slices.SortFunc(all, func(a, b candidate) int { return cmp.Compare(a.lastUse, b.lastUse) })
	for _, c := range all {
		if want <= 0 {
			return
		}
		if f.evict(c.inode) {
			want -= c.bytes
			f.store.evicted.Add(uint64(c.bytes))
		}
	}
}

// evict drops the data of one file, if nothing is in flight on it.
func (f *Filer) evict(inode uint64) bool {
	ino, err := f.inode(inode)
	if err != nil {
		return false
	}
	defer f.table.put(ino)
	ino.mu.Lock()
	defer ino.mu.Unlock()
	c := f.contentQuietly(ino)
	if len(c.flights) > 0 || len(c.writes) > 0 {
		return false
	}
	asked := c.asked
	c.reset()
	c.asked = asked // asking again for evicted bytes does not make them new
	return true
}

// contentQuietly loads the content without counting it as used.
func (f *Filer) contentQuietly(ino *inode) *content {
	used := f.store.entry(ino.id).lastUse.Load()
	c := f.contentOf(ino)
	c.space.lastUse.Store(used)
	return c
}
