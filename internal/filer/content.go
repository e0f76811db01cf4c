package filer

import (
	"sync"
	"sync/atomic"

	"github.com/spillway/spillway/nfs"
)

// content is the cached data of a regular file in one state. All fields but io are guarded by the inode's mu. io is held
// over every write to the data file, so that a late fetch cannot overwrite newer bytes.
type content struct {
	io sync.Mutex
	// hardening is held while dirty bytes are made durable, so that whoever finds nothing loose can rely on it. It comes
	// before io.
	hardening sync.Mutex

	f        *Filer
	ino      *inode
	gen      uint64 // of the data file; 0: none yet
	file     *dataFile
	state    nfs.PreAttr // the state of the file that the data belong to
	unproven bool        // loaded from an earlier run, not yet compared with the origin
	linked   bool        // the data file's name is durable
	recorded bool        // the index may hold a record of this generation that counts
	voids    uint64      // how often records of this file were declared void
	writing  int         // local writes under way: neither evict nor record
	epoch    uint64      // counts resets
	have     ranges      // bytes present
	asked    ranges      // bytes clients asked for, rounded to blocks
	ahead    ranges      // bytes read ahead and not asked for yet
	primed   ranges      // bytes primed and not asked for yet
	flights  map[uint64]*flight
	writes   []*ownWrite
	dirty    bool
	space    *space
	lenders  []lender // by part
	streams  streams
}

// ownWrite is a WRITE or truncation of ours in flight.
type ownWrite struct {
	from, to  uint64
	contended bool // another one in flight overlaps: their order at the origin is unknown
}

// contentOf returns the inode's content, loading what an earlier run left. Called with mu held.
func (f *Filer) contentOf(ino *inode) *content {
	if ino.content == nil {
		c := &content{f: f, ino: ino, flights: map[uint64]*flight{}, space: f.store.space(ino.id), state: ino.attr.Pre()}
		c.load()
		c.space.match(&c.have)
		ino.content = c
		if ino.known {
			ino.matchContent()
		}
	}
	return ino.content
}

func (c *content) busy() bool {
	return c.writing > 0 || len(c.flights) > 0 || len(c.writes) > 0 || c.dirty
}

// reset drops all data: they belong to a state that is no longer. Fetches in flight are not stored.
func (c *content) reset() {
	if c.ino.dirty != nil { // our own changes stay, and what is between them goes when they are written back
		return
	}
	c.epoch++
	for b, fl := range c.flights {
		fl.dead = true
		delete(c.flights, b)
	}
	c.space.clear()
	c.lenders = nil
	c.have, c.asked, c.ahead, c.primed = ranges{}, ranges{}, ranges{}, ranges{}
	if c.file != nil {
		c.file.put()
		c.file = nil
	}
	if c.gen != 0 {
		c.f.store.discard(c.gen)
		c.gen, c.linked, c.recorded = 0, false, false
		c.touched()
	}
	c.unproven = false
	c.state = c.ino.attr.Pre()
}

// touched notes that the record on disk is behind.
func (c *content) touched() {
	if !c.dirty {
		c.dirty = true
		c.f.store.markDirty(c.ino.id)
	}
}

// open returns the data file, creating it on first use.
func (c *content) open() (*dataFile, error) {
	if err := c.reopen(); c.file != nil || err != nil {
		return c.file, err
	}
	gen, err := c.f.ids.generation()
	if err != nil {
		return nil, err
	}
	file, err := c.f.store.openFile(gen, true)
	if err != nil {
		return nil, err
	}
	c.gen, c.file = gen, file
	return file, nil
}

// add notes that [from, to) is in the data file.
func (c *content) add(from, to uint64) { c.addFor(from, to, causeDemand) }

// addFor is add with why the bytes came.
func (c *content) addFor(from, to uint64, why cause) {
	for no, s := range c.space.cut(from, to) {
		c.space.grow(no, int64(c.have.add(s.from, s.to)), why == causePrime)
	}
	c.touched()
}

// drop forgets [from, to).
func (c *content) drop(from, to uint64) {
	for no, s := range c.space.cut(from, min(to, c.space.end())) {
		if n := c.have.remove(s.from, s.to); n > 0 {
			c.space.shrink(no, int64(n))
			c.touched()
		}
	}
}

// ask notes a client's wish for [from, to), rounded to blocks within the file.
func (c *content) ask(from, to uint64) {
	t, size := c.ino.target, c.ino.attr.Size
	from -= from % t.block
	to = min((to+t.block-1)/t.block*t.block, size)
	if c.asked.has(from, to) { // then it is neither ahead nor primed
		return
	}
	if n := c.asked.add(from, to); n > 0 {
		t.traffic.unique.Add(n)
		c.touched()
	}
	sub(&t.traffic.unusedAhead, c.ahead.remove(from, to))
	sub(&t.traffic.unusedPrimed, c.primed.remove(from, to))
}

func sub(counter *atomic.Uint64, n uint64) { counter.Add(-n) }

// beginWrite announces a change of [from, to): fetches of it in flight are not stored, and nobody joins them any more.
func (c *content) beginWrite(from, to uint64) *ownWrite {
	w := &ownWrite{from: from, to: to}
	for _, o := range c.writes {
		if o.from < to && from < o.to {
			o.contended, w.contended = true, true
		}
	}
	c.writes = append(c.writes, w)
	c.kill(from, to)
	return w
}

func (c *content) endWrite(w *ownWrite) {
	for i, o := range c.writes {
		if o == w {
			c.writes = append(c.writes[:i], c.writes[i+1:]...)
			break
		}
	}
	c.kill(w.from, w.to)
}

func (c *content) kill(from, to uint64) {
	for b, fl := range c.flights {
		if fl.from < to && from < fl.to {
			fl.dead = true
			delete(c.flights, b)
		}
	}
}

// storeWrite puts written bytes into the data file, before the change is known to be settled. It reports whether they
// are there. Called with io held, mu free.
func (c *content) storeWrite(w *ownWrite, data []byte) bool {
	c.ino.mu.Lock()
	ok := !w.contended && c.f.store.mayStore()
	var file *dataFile
	if ok {
		f, err := c.open()
		if err != nil {
			c.f.store.diskFull(err)
			ok = false
		} else {
			file = f.take()
		}
	}
	c.ino.mu.Unlock()
	if !ok {
		return false
	}
	defer file.put()
	if err := c.f.store.disk.WriteAt(file.f, data, int64(w.from)); err != nil {
		c.f.store.diskFull(err)
		return false
	}
	return true
}

// resize makes the data file follow a SETATTR of the size: bytes beyond a smaller size become a hole (the file itself
// never shrinks, somebody may be sending from it), a larger size reads as zeros. Called with io and mu held.
func (c *content) resize(before, after uint64) {
	c.drop(after, 1<<63)
	c.asked.remove(after, 1<<63)
	c.ahead.remove(after, 1<<63)
	c.primed.remove(after, 1<<63)
	if c.gen == 0 && after <= before {
		return
	}
	file, err := c.open()
	if err == nil && after < before {
		err = c.f.store.disk.Punch(file.f, int64(after), int64(before-after))
	} else if err == nil && after > before {
		if err = grow(c.f.store.disk, file, after); err == nil {
			c.add(before, after)
		}
	}
	if err != nil {
		c.reset()
	}
}

// grow makes the file at least n bytes long.
func grow(d disk, file *dataFile, n uint64) error {
	st, err := file.f.Stat()
	if err != nil || uint64(st.Size()) >= n {
		return err
	}
	return d.Truncate(file.f, int64(n))
}
