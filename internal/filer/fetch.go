package filer

import (
	"context"
	"time"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/origin"
)

// cause says who wanted bytes fetched.
type cause uint8

const (
	causeDemand cause = iota
	causeReadAhead
	causePrime
)

// flight is a fetch from the origin that any number of readers wait for.
type flight struct {
	from, to uint64 // what is fetched, within one block
	epoch    uint64
	cause    cause
	dead     bool // not to be stored: guarded by the inode's mu

	done chan struct{} // closed when buf and err are final
	buf  []byte        // the bytes of [from, from+len(buf))
	err  error
}

// join returns the flight that brings the missing part of block b, starting it if there is none; nil when nothing is
// missing. Called with the inode's mu held.
func (c *content) join(b uint64, as origin.Cred, why cause) *flight {
	t, size := c.ino.target, c.ino.attr.Size
	lo, hi := b*t.block, min((b+1)*t.block, size)
	missing := c.have.missing(lo, hi)
	if len(missing) == 0 {
		return nil
	}
	if fl := c.flights[b]; fl != nil {
		return fl
	}
	fl := &flight{
		from: missing[0].from, to: missing[len(missing)-1].to, epoch: c.epoch, cause: why, done: make(chan struct{}),
	}
	c.flights[b] = fl
	if why == causeReadAhead {
		t.traffic.aheadInFlight.Add(fl.to - fl.from)
	}
	if !c.f.spawn(func(ctx context.Context) { c.fetch(ctx, b, fl, as) }) {
		delete(c.flights, b)
		fl.err = errClosing
		close(fl.done)
	}
	return fl
}

var errClosing = fault.New(fault.Unavailable, "the filer is stopping")

// fetch reads from the origin, wakes the readers, then stores the bytes if they still are what the file holds.
func (c *content) fetch(ctx context.Context, b uint64, fl *flight, as origin.Cred) {
	n := int64(fl.to - fl.from)
	if fl.cause == causeReadAhead {
		defer sub(&c.ino.target.traffic.aheadInFlight, uint64(n))
	}
	if fl.err = c.f.fetchBudget.Acquire(ctx, n); fl.err != nil {
		c.land(b, fl)
		close(fl.done)
		return
	}
	defer c.f.fetchBudget.Release(n)
	buf := make([]byte, n)
	sent := time.Now()
	res, err := c.ino.target.origin.Read(ctx, as, c.ino.oid(), fl.from, buf)
	store := false
	if err != nil {
		fl.err = c.f.stale(c.ino, err)
	} else {
		fl.buf = buf[:res.N]
		c.ino.target.traffic.fetched(fl.cause, uint64(res.N))
		c.ino.mu.Lock()
		c.ino.observe(&res.Attr, sent)
		store = !fl.dead && res.N == len(buf) && (c.ino.chain.inflight > 0 || res.Attr.Pre() == c.ino.originState())
		if fl.cause != causeDemand {
			c.speculated(fl)
		}
		c.ino.mu.Unlock()
	}
	close(fl.done)
	if store {
		c.install(fl)
	}
	c.land(b, fl)
}

// speculated counts bytes that were fetched before anybody asked. Called with mu held.
func (c *content) speculated(fl *flight) {
	set, counter := &c.ahead, &c.ino.target.traffic.unusedAhead
	if fl.cause == causePrime {
		set, counter = &c.primed, &c.ino.target.traffic.unusedPrimed
	}
	for _, s := range c.asked.missing(fl.from, fl.from+uint64(len(fl.buf))) {
		n := s.to - s.from
		if fl.epoch == c.epoch {
			n = set.add(s.from, s.to)
		}
		counter.Add(n)
	}
}

// land takes the flight off the board.
func (c *content) land(b uint64, fl *flight) {
	c.ino.mu.Lock()
	if c.flights[b] == fl {
		delete(c.flights, b)
	}
	c.ino.mu.Unlock()
}

// install writes fetched bytes to the data file and then notes them as present, unless they were overtaken.
func (c *content) install(fl *flight) {
	if !c.f.store.mayStore() {
		return
	}
	c.io.Lock()
	defer c.io.Unlock()
	c.ino.mu.Lock()
	var missing []span
	var file *dataFile
	if !fl.dead {
		missing = c.have.missing(fl.from, fl.to)
		f, err := c.open()
		if err != nil {
			c.ino.mu.Unlock()
			c.f.store.diskFull(err)
			return
		}
		file = f.take()
	}
	c.ino.mu.Unlock()
	if file == nil {
		return
	}
	defer file.put()
	for _, s := range missing {
		if err := c.f.store.disk.WriteAt(file.f, fl.buf[s.from-fl.from:s.to-fl.from], int64(s.from)); err != nil {
			c.f.store.diskFull(err)
			return
		}
	}
	c.ino.mu.Lock()
	defer c.ino.mu.Unlock()
	if fl.dead {
		return
	}
	for _, s := range missing {
		c.addFor(s.from, s.to, fl.cause)
	}
}
