package replace

import "sync"

// probationShare is the part of the capacity that new pieces may have at least: one in so many.
const probationShare = 10

// Cache knows the pieces that are there.
type Cache struct {
	capacity int64

	mu        sync.Mutex
	probation queue
	kept      queue
	gone      ghosts
	round     uint64 // counts calls of MakeRoom
}

// New returns a cache without pieces. capacity is in bytes.
func New(capacity int64) *Cache { return &Cache{capacity: capacity} }

// Bytes returns how many bytes the pieces have.
func (c *Cache) Bytes() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bytes()
}

func (c *Cache) bytes() int64 { return c.probation.bytes + c.kept.bytes }

// Grow notes that a piece has n more bytes. wanted says that somebody has asked for them by name, as priming does: such a
// piece needs no probation. It reports whether there is more than the capacity now.
func (c *Cache) Grow(p *Piece, n int64, wanted bool) (full bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n <= 0 {
		return false
	}
	if p.in == nil {
		q := &c.probation
		if c.gone.take(p.Key) || wanted {
			q = &c.kept
		}
		p.bytes = 0
		p.served.Store(0)
		q.push(p)
	} else if wanted && p.in == &c.probation {
		c.move(p, &c.kept)
	}
	p.bytes += n
	p.in.bytes += n
	return c.bytes() > c.capacity
}

// Shrink notes that a piece has n bytes less. One without bytes is none of the cache's any more.
func (c *Cache) Shrink(p *Piece, n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.in == nil {
		return
	}
	p.bytes -= n
	p.in.bytes -= n
	if p.bytes == 0 {
		p.in.remove(p)
	}
}

// Set makes a piece n bytes large.
func (c *Cache) Set(p *Piece, n int64) {
	c.mu.Lock()
	has := p.bytes
	c.mu.Unlock()
	if n >= has {
		c.Grow(p, n-has, false)
	} else {
		c.Shrink(p, has-n)
	}
}

// Has reports whether a piece is there.
func (c *Cache) Has(p *Piece) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return p.in != nil
}

// Passing reports whether a piece is on probation and has been read no more than once.
func (c *Cache) Passing(p *Piece) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return p.in == &c.probation && !p.again()
}

// Drop takes a piece out of the cache with all its bytes.
func (c *Cache) Drop(p *Piece) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.in != nil {
		p.in.remove(p)
	}
	p.bytes = 0
}

// Restore enters a piece of an earlier run, of n bytes, once. Pieces must come in the order of their last use, oldest first.
func (c *Cache) Restore(p *Piece, n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.in != nil {
		return
	}
	p.bytes = n
	c.kept.push(p)
}

// MakeRoom asks evict to let pieces go until want bytes have gone or every piece was asked for once. evict reports
// whether the piece went, having called Shrink for all its bytes; it is called without locks.
func (c *Cache) MakeRoom(want int64, evict func(*Piece) bool) (went int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.round++
	h := hand{round: c.round, probation: c.probation.len, kept: c.kept.len}
	h.chances = h.kept
	h.turns = 4 * (h.probation + h.kept)
	for went < want {
		p := c.pick(&h)
		if p == nil {
			return went
		}
		n, kept := p.bytes, p.in == &c.kept
		c.mu.Unlock()
		ok := evict(p)
		c.mu.Lock()
		if !ok {
			continue
		}
		went += n
		if !kept {
			c.gone.add(p.Key, n, c.capacity)
		}
	}
	return went
}

// hand is how far one MakeRoom has come.
type hand struct {
	round           uint64
	probation, kept int // pieces of each queue that it has not asked for yet
	chances         int // how many used pieces it may still pass by: uses that come meanwhile must not keep it going
	turns           int // an end in any case: pieces come and go while one is evicted
}

// pick returns the piece that should go next, nil if there is none.
func (c *Cache) pick(h *hand) *Piece {
	for ; h.turns > 0; h.turns-- {
		large := c.probation.bytes*probationShare > c.capacity
		if p := c.probation.first; p != nil && h.probation > 0 && (large || h.kept <= 0) {
			if p.asked == h.round {
				c.probation.turn()
				continue
			}
			h.probation--
			if large && p.again() {
				c.move(p, &c.kept)
				h.kept++
				continue
			}
			c.probation.turn()
			p.asked = h.round
			return p
		}
		p := c.kept.first
		if p == nil || h.kept <= 0 {
			return nil
		}
		c.kept.turn()
		if p.asked == h.round {
			continue
		}
		if used := p.served.Swap(0) != 0; used && h.chances > 0 {
			h.chances--
			continue
		}
		h.kept--
		p.asked = h.round
		return p
	}
	return nil
}

func (c *Cache) move(p *Piece, to *queue) {
	p.in.remove(p)
	p.served.Store(0)
	to.push(p)
}
