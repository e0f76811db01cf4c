package filer

import (
	"context"
	"time"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/filer/replace"
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
			f.meters.tick(time.Now())
			f.listen(time.Now())
			f.watchDisk()
		case <-f.store.kick:
			f.makeSpace()
		}
		passed := f.store.takePassed()
		if err := f.persist(); err != nil {
			f.log.Error("cache index", "error", err)
		}
		f.store.forget(passed) // they are on the disk now
		f.closeIdle()
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

// makeSpace evicts until nine tenths of the capacity are left. Files with fetches or changes in flight stay. Ids, names and
// counters stay too: eviction drops data only.
func (f *Filer) makeSpace() {
	used := f.store.cache.Bytes()
	want := used - f.store.cap*9/10
	if !f.store.mayStore() { // the disk is full, whatever we are allowed
		want = max(want, used/10)
	}
	if want > 0 {
		f.store.evicted.Add(uint64(f.store.cache.MakeRoom(want, f.evict)))
	}
}

// evict drops the data of a piece of a file, if nothing is in flight on it.
func (f *Filer) evict(p *replace.Piece) bool {
	ino, err := f.inode(p.Key.File)
	if err != nil {
		return false
	}
	defer f.table.put(ino)
	ino.mu.Lock()
	defer ino.mu.Unlock()
	c := f.contentOf(ino)
	if c.writing > 0 || ino.dirty != nil {
		return false
	}
	if c.space.only(p.Key.Part) {
		return c.evictAll()
	}
	return c.evictPart(p.Key.Part)
}

// evictAll lets go of all data and of the data file; replies that still send from it have it open.
func (c *content) evictAll() bool {
	if len(c.flights) > 0 || len(c.writes) > 0 {
		return false
	}
	asked := c.asked
	c.reset()
	c.asked = asked // asking again for evicted bytes does not make them new
	c.f.store.evictedFiles.Add(1)
	return true
}

// evictPart lets go of one part. The data file gets a hole there once no record says that there is data.
func (c *content) evictPart(no uint64) bool {
	s := c.space.span(no)
	for _, fl := range c.flights {
		if fl.from < s.to && s.from < fl.to {
			return false
		}
	}
	if len(c.writes) > 0 || c.space.lent(no) {
		return false
	}
	c.drop(s.from, s.to)
	c.f.store.putHoles([]hole{{c.ino.id, c.gen, s}})
	return true
}
