package replace

import "sync/atomic"

// Key names a piece: part Part of file File.
type Key struct{ File, Part uint64 }

// Piece is what comes and goes as one: a small file, or a part of a large one. It belongs to a Cache while it has bytes.
type Piece struct {
	Key Key

	served atomic.Int64 // bytes given out since it was queued, or since the hand passed

	// Guarded by the cache's mu.
	bytes      int64
	asked      uint64 // the last round that asked for it
	in         *queue
	next, prev *Piece
}

// Use notes that n bytes of the piece were given out. It takes no lock.
func (p *Piece) Use(n int64) { p.served.Add(n) }

// again reports whether bytes were given out a second time. Half a piece may be: clients ask twice for what they lost.
func (p *Piece) again() bool { return p.served.Load()*2 >= p.bytes*3 }

// queue is a ring of pieces, each new one behind all others.
type queue struct {
	first *Piece // the oldest; its prev is the newest
	len   int
	bytes int64
}

func (q *queue) push(p *Piece) {
	p.in = q
	q.len++
	q.bytes += p.bytes
	if q.first == nil {
		q.first, p.next, p.prev = p, p, p
		return
	}
	p.next, p.prev = q.first, q.first.prev
	p.prev.next, p.next.prev = p, p
}

func (q *queue) remove(p *Piece) {
	q.len--
	q.bytes -= p.bytes
	if q.first == p {
		q.first = p.next
	}
	if q.len == 0 {
		q.first = nil
	}
	p.prev.next, p.next.prev = p.next, p.prev
	p.in, p.next, p.prev = nil, nil, nil
}

// turn makes the oldest piece the newest.
func (q *queue) turn() { q.first = q.first.next }
