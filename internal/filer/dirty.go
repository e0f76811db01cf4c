package filer

import (
	"slices"
	"time"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// dirty is what a regular file has that its origin has not: the difference between the attributes clients are told
// (inode.attr) and data they read, and base. Guarded by the inode's mu.
type dirty struct {
	base  nfs.Attr // the origin's attributes that the changes stand on
	layer layer    // changes that are not on their way
	sent  *layer   // changes on their way to the origin; nil: none
	// stable are the bytes that a crash leaves, in this or an older version: in the log, or in the data file when it was
	// last synced. loose are those whose latest version it may lose.
	stable ranges
	loose  ranges
	size   uint64 // of the file that stable bytes and truncations make: what a crash leaves
	synced uint64 // log position: every write before it is in the data file, and that has been synced
	logged bool   // log or index hold a state of this file
	due    bool   // stable bytes came with a sync, and no state says so yet
	seq    uint64 // of its latest record

	as       origin.Cred // who writes it back
	sessions []uint64    // that wrote to it
	first    time.Time   // change, and the last one
	last     time.Time
	version  uint64 // counts changes
	cuts     uint64 // counts truncations

	// tried is when a write-back that has not ended last sent something: what the origin shows from before may be our own
	// work, of which no reply came. Zero: base is all that we did.
	tried time.Time
	slack time.Duration // how much later it may have been

	gap       bool   // the chain of our changes at the origin broke: compare
	foreign   bool   // the origin showed a state that nobody here made
	urgent    bool   // write back now
	run       *run   // writing back, now
	landed    uint64 // the version that the origin has
	tries     int    // failures in a row
	err       error  // of the last try
	next      time.Time
	newest    nfs.Attr // the latest attributes that a reply to a change of ours showed
	hasNewest bool
}

// layer is a set of changes.
type layer struct {
	bytes ranges   // written
	cut   uint64   // the smallest size meanwhile: what lies beyond and is not in bytes is zero
	size  uint64   // the file's, once the layer is on its way
	mtime nfs.Time // likewise
	times bool     // times were set
	atime nfs.SetTime
}

// pending says whether the layer that is not on its way changes anything; size is the file's.
func (d *dirty) pending(size uint64) bool {
	return len(d.layer.bytes.spans) > 0 || d.layer.times || d.layer.cut < d.base.Size || size != d.base.Size
}

// all returns the bytes of both layers.
func (d *dirty) all() ranges {
	if d.sent == nil {
		return d.layer.bytes.clone()
	}
	r := d.sent.bytes.clone()
	r.remove(d.layer.cut, maxOffset)
	for _, s := range d.layer.bytes.spans {
		r.add(s.from, s.to)
	}
	return r
}

// cut is where zeros begin that the origin may not have: the smallest size since base.
func (d *dirty) cut() uint64 {
	if d.sent != nil {
		return min(d.sent.cut, d.layer.cut)
	}
	return d.layer.cut
}

// maxOffset is beyond every file.
const maxOffset = 1 << 62

// wrote notes bytes written.
func (d *dirty) wrote(from, to uint64) {
	d.layer.bytes.add(from, to)
	d.loose.add(from, to)
}

// truncated notes a new size.
func (d *dirty) truncated(size uint64) {
	d.layer.cut = min(d.layer.cut, size)
	d.layer.bytes.remove(size, maxOffset)
	d.stable.remove(size, maxOffset)
	d.loose.remove(size, maxOffset)
	d.size = size
	d.cuts++
}

// send puts the changes on their way and returns a copy of them.
func (d *dirty) send(a *nfs.Attr) layer {
	l := d.layer
	l.size, l.mtime = a.Size, a.Mtime
	d.sent = &l
	d.layer = layer{cut: a.Size}
	out := l
	out.bytes = l.bytes.clone()
	return out
}

// failed takes back what was on its way: it lies below what was changed since.
func (d *dirty) failed() {
	if d.sent == nil {
		return
	}
	l := layer{bytes: d.all(), cut: d.cut(), times: d.sent.times || d.layer.times, atime: d.layer.atime}
	if l.atime.How == nfs.DontChange {
		l.atime = d.sent.atime
	}
	d.layer, d.sent = l, nil
}

// arrived notes that what was on its way is at the origin, which then shows base. What was changed meanwhile stays.
func (d *dirty) arrived(base nfs.Attr) {
	d.sent, d.base, d.tried = nil, base, time.Time{}
	d.stable, d.loose = d.stable.and(&d.layer.bytes), d.loose.and(&d.layer.bytes)
}

// secured notes bytes whose latest version a crash leaves from now on.
func (d *dirty) secured(from, to uint64) {
	d.stable.add(from, to)
	d.loose.remove(from, to)
	d.size = max(d.size, to)
}

// by notes who changed the file.
func (d *dirty) by(as origin.Cred, session uint64, now time.Time) {
	d.as, d.last = as, now
	if d.first.IsZero() {
		d.first = now
	}
	d.version++
	if !slices.Contains(d.sessions, session) {
		d.sessions = append(d.sessions, session)
	}
}

// and returns the bytes that are in both sets.
func (r *ranges) and(o *ranges) ranges {
	var out ranges
	for _, s := range r.spans {
		at := s.from
		for _, hole := range o.missing(s.from, s.to) {
			out.add(at, hole.from)
			at = hole.to
		}
		out.add(at, s.to)
	}
	return out
}

// tick returns the time for a change of a file: later than its ctime, which so moves with every change, and not later
// than the origin's clock, so that ctime does not go back when the origin sets it at write-back.
func (t *target) tick(a *nfs.Attr) nfs.Time {
	now := nfs.TimeOf(time.Now().Add(time.Duration(min(t.skew.Load(), 0))))
	if a.Ctime.Before(now) {
		return now
	}
	now = a.Ctime
	if now.Nsec++; now.Nsec >= 1e9 {
		now = nfs.Time{Sec: now.Sec + 1}
	}
	return now
}
