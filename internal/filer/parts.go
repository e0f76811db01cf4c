package filer

import (
	"cmp"
	"iter"
	"math"
	"slices"
	"sync/atomic"

	"github.com/spillway/spillway/internal/filer/replace"
)

// partSize returns by how much large files are evicted: about a sixty-fourth of the capacity, a power of two from 1 to
// 64 MiB.
func partSize(capacity int64) uint64 {
	size := uint64(1) << 20
	for size < 64<<20 && size < uint64(capacity)/64 {
		size *= 2
	}
	return size
}

// space is what one file takes of the cache disk, in parts that are evicted as one. It outlives the file's inode in
// memory. Guarded by the inode's mu.
type space struct {
	store *store
	inode uint64
	parts []*part // by number; nil or without bytes: not there
}

type part struct {
	replace.Piece
	lent atomic.Int32 // replies that send from it
}

// space returns the space account of an inode.
func (s *store) space(inode uint64) *space {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sp := s.spaces[inode]; sp != nil {
		return sp
	}
	return &space{store: s, inode: inode} // known from its first part on
}

// maxParts bounds what a file may cost, sparse ones of exabytes too: the last part is all the rest.
const maxParts = 4096

// number returns the number of the part that a byte is in.
func (s *space) number(at uint64) uint64 { return min(at/s.store.part, maxParts-1) }

// span is where a part is in the file.
func (s *space) span(no uint64) span {
	if no == maxParts-1 {
		return span{no * s.store.part, math.MaxUint64}
	}
	return span{no * s.store.part, (no + 1) * s.store.part}
}

// end is the end of the last part that there may be.
func (s *space) end() uint64 {
	if len(s.parts) == 0 {
		return 0
	}
	return s.span(uint64(len(s.parts) - 1)).to
}

// cut yields the pieces of [from, to) with the numbers of the parts that they are in.
func (s *space) cut(from, to uint64) iter.Seq2[uint64, span] {
	return func(yield func(uint64, span) bool) {
		for from < to {
			no := s.number(from)
			end := min(to, s.span(no).to)
			if !yield(no, span{from, end}) {
				return
			}
			from = end
		}
	}
}

// at returns a part, making it on first use.
func (s *space) at(no uint64) *part {
	if len(s.parts) == 0 {
		s.store.mu.Lock()
		s.store.spaces[s.inode] = s
		s.store.mu.Unlock()
	}
	for uint64(len(s.parts)) <= no {
		s.parts = append(s.parts, nil)
	}
	if s.parts[no] == nil {
		s.parts[no] = &part{}
		s.parts[no].Key = replace.Key{File: s.inode, Part: no}
	}
	return s.parts[no]
}

func (s *space) grow(no uint64, n int64, wanted bool) {
	if n > 0 && s.store.cache.Grow(&s.at(no).Piece, n, wanted) {
		s.store.wake()
	}
}

func (s *space) shrink(no uint64, n int64) { s.store.cache.Shrink(&s.at(no).Piece, n) }

// clear lets all parts go: their data file does.
func (s *space) clear() {
	for _, p := range s.parts {
		if p != nil {
			s.store.cache.Drop(&p.Piece)
		}
	}
	if s.parts != nil {
		s.parts = nil
		s.store.mu.Lock()
		delete(s.store.spaces, s.inode)
		s.store.mu.Unlock()
	}
}

// match makes the account that of the bytes that are there.
func (s *space) match(have *ranges) {
	end := uint64(len(s.parts))
	if n := len(have.spans); n > 0 {
		end = max(end, s.number(have.spans[n-1].to-1)+1)
	}
	for no := range end {
		sp := s.span(no)
		if n := have.within(sp.from, sp.to); n > 0 || no < uint64(len(s.parts)) && s.parts[no] != nil {
			s.store.cache.Set(&s.at(no).Piece, int64(n))
		}
	}
}

// use notes that [from, to) was given to a client.
func (s *space) use(from, to uint64) {
	for no, piece := range s.cut(from, to) {
		if no < uint64(len(s.parts)) && s.parts[no] != nil {
			s.parts[no].Use(int64(piece.to - piece.from))
		}
	}
}

// only reports whether there is no part but this one.
func (s *space) only(no uint64) bool {
	for i, p := range s.parts {
		if uint64(i) != no && p != nil && s.store.cache.Has(&p.Piece) {
			return false
		}
	}
	return true
}

func (s *space) lent(no uint64) bool { return s.at(no).lent.Load() > 0 }

// foundSpace is what a record of an earlier run says.
type foundSpace struct {
	inode   uint64
	lastUse int64
	have    ranges
}

// restore accounts for what earlier runs left.
func (s *store) restore(found []foundSpace) {
	slices.SortStableFunc(found, func(a, b foundSpace) int { return cmp.Compare(a.lastUse, b.lastUse) })
	for _, f := range found {
		sp := s.space(f.inode)
		if len(sp.parts) > 0 { // what is dirty has been recovered
			continue
		}
		for _, have := range f.have.spans {
			for no := range sp.cut(have.from, have.to) {
				in := sp.span(no)
				s.cache.Restore(&sp.at(no).Piece, int64(f.have.within(in.from, in.to)))
			}
		}
	}
}

// lender lends the data file to replies, one part of it at a time, so that a part from which somebody sends stays. release
// is made once: a reply that borrows costs no memory.
type lender struct {
	part    *part
	release func()
}

// lend returns what to call when [from, to) has been sent. Called with mu held.
func (c *content) lend(from, to uint64) (release func()) {
	no, last := c.space.number(from), c.space.number(to-1)
	file := c.file.take()
	if no != last {
		a, b := c.space.at(no), c.space.at(last)
		a.lent.Add(1)
		b.lent.Add(1)
		return func() { a.lent.Add(-1); b.lent.Add(-1); file.put() }
	}
	for uint64(len(c.lenders)) <= no {
		c.lenders = append(c.lenders, lender{})
	}
	l, p := &c.lenders[no], c.space.at(no)
	if l.part != p {
		*l = lender{p, func() { p.lent.Add(-1); file.put() }}
	}
	p.lent.Add(1)
	return l.release
}

// hole is where a part of a data file was.
type hole struct {
	inode, gen uint64
	span
}

func (s *store) putHoles(h []hole) {
	s.mu.Lock()
	s.holes = append(s.holes, h...)
	s.mu.Unlock()
}

func (s *store) takeHoles() []hole {
	s.mu.Lock()
	defer s.mu.Unlock()
	holes := s.holes
	s.holes = nil
	return holes
}

// makeHoles gives the space of evicted parts back to the disk. No record claims them any more, except those of the files
// in later, whose turn comes then.
func (f *Filer) makeHoles(holes []hole, later map[uint64]struct{}) {
	for _, h := range holes {
		if _, wait := later[h.inode]; wait {
			f.store.putHoles([]hole{h})
		} else if err := f.makeHole(h); err != nil {
			f.log.Warn("cache disk: make a hole", "error", err)
		}
	}
}

// makeHole makes it where nothing has come back meanwhile. Whoever writes to the data file holds io.
func (f *Filer) makeHole(h hole) error {
	ino, err := f.inode(h.inode)
	if err != nil {
		return nil // the file is gone, and its data file with it
	}
	defer f.table.put(ino)
	ino.mu.Lock()
	c := f.contentOf(ino)
	ino.mu.Unlock()
	c.io.Lock()
	defer c.io.Unlock()
	ino.mu.Lock()
	if err := c.reopen(); err != nil || c.gen != h.gen || c.file == nil {
		ino.mu.Unlock()
		return err
	}
	file, missing := c.file.take(), c.have.missing(h.from, h.to)
	ino.mu.Unlock()
	defer file.put()
	for _, s := range missing {
		n := min(s.to-s.from, math.MaxInt64-s.from)
		if err := f.store.disk.Punch(file.f, int64(s.from), int64(n)); err != nil {
			return err
		}
	}
	return nil
}
