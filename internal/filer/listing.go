package filer

import (
	"context"
	"iter"
	"sync"
	"time"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// listing is one reading of a directory at its origin, from a cookie on. Its entries are in the origin's order, under the
// origin's cookies, and can be read as they arrive: nobody waits for the last who reads the first. As those cookies mean
// the same place in every listing of the directory, a client may begin in one and go on in another.
type listing struct {
	from  origin.Cookie
	begun time.Time // when its first question was sent

	// Guarded by the directory's mu:
	state   nfs.PreAttr // of the directory, on the first page
	known   bool        // state is
	current bool        // what it holds is all there is, unless the directory has left state

	mu      sync.Mutex // guards the next; the directory's mu may be held when it is taken
	entries []listed   // only grows
	places  map[uint64]int
	ordered bool // cookies ascend: then there are no places
	done    bool
	eof     bool // the last entry is the directory's; else somebody goes on behind it with another listing
	err     error
	next    origin.Cookie
	more    chan struct{} // closed when any of it changes
}

type listed struct {
	cookie uint64
	fileID uint64
	inode  uint64 // 0 where the origin did not describe it
	name   string
}

func newListing(from origin.Cookie) *listing {
	return &listing{from: from, next: from, begun: time.Now(), ordered: true, more: make(chan struct{})}
}

// append adds entries that have arrived; next is where the origin goes on.
func (l *listing) append(entries []listed, next origin.Cookie) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range entries {
		n := len(l.entries)
		if l.ordered && n > 0 && e.cookie <= l.entries[n-1].cookie {
			l.ordered, l.places = false, make(map[uint64]int, 2*n)
			for i := range l.entries {
				l.places[l.entries[i].cookie] = i
			}
		}
		if !l.ordered {
			l.places[e.cookie] = n
		}
		l.entries = append(l.entries, e)
	}
	l.next = next
	l.changed()
}

// finish says that no more entries come.
func (l *listing) finish(eof bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done, l.eof, l.err = true, eof, err
	l.changed()
}

func (l *listing) changed() {
	close(l.more)
	l.more = make(chan struct{})
}

// place returns the index of the entry that follows a cookie. It must know the very cookie: of one whose entry is gone only
// the origin can tell what follows.
func (l *listing) place(cookie uint64) (int, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if cookie == l.from.At {
		return 0, true
	}
	if !l.ordered {
		i, ok := l.places[cookie]
		return i + 1, ok
	}
	lo, hi := 0, len(l.entries)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if l.entries[mid].cookie < cookie {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo + 1, lo < len(l.entries) && l.entries[lo].cookie == cookie
}

// exhausted says that the listing has ended before the entry at an index, and the directory has not.
func (l *listing) exhausted(i int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.done && !l.eof && i >= len(l.entries)
}

// at waits until there are entries from an index on and returns them. None: the directory ends there, or, with cut, the
// listing only.
func (l *listing) at(ctx context.Context, i int) (entries []listed, cut bool, err error) {
	err = l.await(ctx, func() bool { return len(l.entries) > i || l.done })
	if err != nil {
		return nil, false, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if entries = l.entries[i:]; len(entries) > 0 {
		return entries, false, nil
	}
	return nil, !l.eof, l.err
}

// await waits until cond, which is called with mu held, is true.
func (l *listing) await(ctx context.Context, cond func() bool) error {
	for {
		l.mu.Lock()
		ok, more := cond(), l.more
		l.mu.Unlock()
		if ok {
			return nil
		}
		nfs.Wait(ctx)
		select {
		case <-more:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// running says that entries may still come.
func (l *listing) running() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.done
}

// outdate says that the directory may hold something else by now. Called with the directory's mu held.
func (l *listing) outdate() {
	if l != nil {
		l.current, l.known = false, false
	}
}

const (
	// continueFor is how long a listing of a directory that has changed answers those who are in the middle of it.
	continueFor = time.Minute
	// maxListings bounds the listings of a directory that are kept.
	maxListings = 8
	// maxRunning bounds how many readings of one directory from its start go on side by side: while it changes all the
	// time, each who begins to list it would want one of his own.
	maxRunning = 2
)

// list returns a listing to read from behind a cookie, and the index there. A read that starts (cookie 0) gets one that
// holds what the directory holds now. Another goes on in whichever listing knows its place.
func (f *Filer) list(ctx context.Context, as origin.Cred, dir *inode, cookie uint64) (*listing, int, error) {
	if cookie == 0 {
		if err := f.landNames(ctx, dir); err != nil {
			return nil, 0, err
		}
		notBefore := time.Now()
		if dir.target.reach.serving(notBefore) {
			notBefore = ever()
		}
		l, err := f.listFromStart(ctx, as, dir, notBefore)
		return l, 0, err
	}
	dir.mu.Lock()
	defer dir.mu.Unlock()
	n := dir.namesOf()
	for i := len(n.listings) - 1; i >= 0; i-- {
		l := n.listings[i]
		if !l.current && time.Since(l.begun) > continueFor && !l.running() {
			continue
		}
		if at, ok := l.place(cookie); ok && !l.exhausted(at) {
			return l, at, nil
		}
	}
	l, err := f.startListing(as, dir, origin.Cookie{At: cookie})
	return l, 0, err
}

// listFromStart returns a listing that holds what the directory held at the given time or later, beginning one if none
// at hand does.
func (f *Filer) listFromStart(ctx context.Context, as origin.Cred, dir *inode, notBefore time.Time) (*listing, error) {
	for {
		l, running, err := f.usable(ctx, as, dir, notBefore)
		if l != nil || err != nil {
			return l, err
		}
		if len(running) >= maxRunning {
			if err := running[0].await(ctx, func() bool { return running[0].done }); err != nil {
				return nil, err
			}
			continue
		}
		dir.mu.Lock()
		n := dir.namesOf()
		if n.listing != nil && n.listing.begun.After(notBefore) { // somebody else was quicker
			l = n.listing
		} else if l, err = f.startListing(as, dir, origin.Cookie{}); err == nil {
			n.listing = l
		}
		dir.mu.Unlock()
		return l, err
	}
}

// usable returns the listing at hand if the directory is unchanged since it was begun, as the origin says now, and else
// those that are still being read.
func (f *Filer) usable(ctx context.Context, as origin.Cred, dir *inode, notBefore time.Time) (l *listing, running []*listing, err error) {
	dir.mu.Lock()
	l = dir.namesOf().listing
	dir.mu.Unlock()
	if l == nil {
		return nil, nil, nil
	}
	if !l.begun.Before(notBefore) {
		return l, nil, nil
	}
	if _, err := f.trusted(ctx, as, dir, notBefore); err != nil { // READDIR from the start always checks
		return nil, nil, err
	}
	if err := l.await(ctx, func() bool { return len(l.entries) > 0 || l.done }); err != nil { // then its state is known
		return nil, nil, err
	}
	dir.mu.Lock()
	defer dir.mu.Unlock()
	recent := !l.begun.Before(dir.target.freshEnough()) // its entries' attributes are no older
	if recent && l.known && l.state == dir.attr.Pre() && (l.current || l.running()) && dir.chain.inflight == 0 {
		return l, nil, nil
	}
	for _, o := range dir.namesOf().listings {
		if o.from.At == 0 && o.running() {
			running = append(running, o)
		}
	}
	return nil, running, nil
}

// startListing begins to read the directory. It is read to its end though the asker has gone, if it is read from the start:
// a client that asks again finds it. Called with the directory's mu held.
func (f *Filer) startListing(as origin.Cred, dir *inode, from origin.Cookie) (*listing, error) {
	n, l := dir.namesOf(), newListing(from)
	if !f.spawn(func(ctx context.Context) { f.readListing(ctx, as, dir, l) }) {
		return nil, errClosing
	}
	kept := n.listings[:0]
	for i, o := range n.listings {
		old := time.Since(o.begun) > continueFor || len(n.listings)-i >= maxListings
		if o == n.listing || o.running() || !old {
			kept = append(kept, o)
		}
	}
	clear(n.listings[len(kept):])
	n.listings = append(kept, l)
	return l, nil
}

// eachName yields what a directory holds now, for the filer itself. An error ends it.
func (f *Filer) eachName(ctx context.Context, dir *inode) iter.Seq2[listed, error] {
	return func(yield func(listed, error) bool) {
		if dir.target.caps.Local {
			f.eachLocal(ctx, dir, yield)
			return
		}
		l, i, err := f.list(ctx, origin.Cred{}, dir, 0)
		for err == nil {
			var entries []listed
			var cut bool
			if entries, cut, err = l.at(ctx, i); len(entries) == 0 && err == nil {
				if !cut {
					return
				}
				l.mu.Lock()
				next := l.next.At
				l.mu.Unlock()
				l, i, err = f.list(ctx, origin.Cred{}, dir, next)
				continue
			}
			for _, e := range entries {
				if !yield(e, nil) {
					return
				}
			}
			i += len(entries)
		}
		yield(listed{}, err)
	}
}

// eachLocal yields what a directory of this machine holds.
func (f *Filer) eachLocal(ctx context.Context, dir *inode, yield func(listed, error) bool) {
	r := dirReader{f: f, dir: dir}
	for at, eof := (origin.Cookie{}), false; !eof; {
		sent := time.Now()
		p, err := dir.target.dirs.ReadDir(ctx, origin.Cred{}, dir.oid(), at, true)
		var entries []listed
		if err == nil {
			entries, err = r.adopt(&p, sent)
		}
		if err != nil {
			yield(listed{}, err)
			return
		}
		for _, e := range entries {
			if !yield(e, nil) {
				return
			}
		}
		at, eof = p.Next, p.EOF
	}
}
