package filer

import "github.com/spillway/spillway/internal/origin"

// streams recognises sequential readers of one file. Several nodes may read it at once, each at its own place.
type streams [4]stream

type stream struct {
	next   uint64 // where it goes on
	run    uint64 // bytes read in sequence so far
	used   uint64 // for replacing the oldest
	behind uint64 // memory was told to let go of what is before
}

// maxReorder is how far off its place a read of a long stream may be. Clients have as much in flight as their read-ahead
// is, 15 MiB where it was raised, on several connections: taken for other readers, their reads would each begin a short
// stream anew, and what is fetched ahead would never fill a long link.
const maxReorder = 16 << 20

// read notes a read of [from, to) and returns its stream. Clients reorder reads: one
// that is off its stream's place by up to slack bytes, and as many as the stream has read so far, still belongs to it.
func (s *streams) read(from, to, slack uint64) *stream {
	oldest := 0
	var latest uint64
	for i := range s {
		latest = max(latest, s[i].used)
		if s[i].used < s[oldest].used {
			oldest = i
		}
	}
	for i := range s {
		st := &s[i]
		off := slack + min(st.run, maxReorder)
		if st.used == 0 || from > st.next+off || to+off < st.next {
			continue
		}
		if to > st.next {
			st.run += to - max(st.next, from)
			st.next = to
		}
		st.used = latest + 1
		return st
	}
	s[oldest] = stream{next: to, run: to - from, used: latest + 1}
	return &s[oldest]
}

// readAhead starts fetches beyond what a client just read. The window grows with the length of the sequential run, ends
// at the end of the file, and closes when too much of what was fetched ahead has not been asked for: the link is paid for
// by the byte. Called with the inode's mu held.
func (c *content) readAhead(as origin.Cred, from, to uint64) {
	t := c.ino.target
	st := c.streams.read(from, to, t.block)
	c.passBy(st)
	if c.have.has(to, c.ino.attr.Size) { // nothing is missing ahead
		return
	}
	run := st.run
	if t.ahead == 0 || run < 2*t.block && from != 0 || run < min(t.block, c.ino.attr.Size)/2 {
		return
	}
	window := min(max(run/2, t.block), t.ahead)
	end := min(to+window, c.ino.attr.Size)
	for b := to / t.block; b*t.block < end; b++ {
		if c.flights[b] != nil {
			continue
		}
		lo, hi := b*t.block, min((b+1)*t.block, c.ino.attr.Size)
		if c.have.has(lo, hi) {
			continue
		}
		if !t.traffic.mayReadAhead(t.block) {
			return
		}
		c.join(b, as, causeReadAhead)
	}
}
