package filer

import (
	"cmp"
	"context"
	"hash/fnv"
	"slices"
	"time"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// listing is a snapshot of a directory. Entries are ordered by cookie, and a cookie is a hash of the name: it means the
// same place after insertions, deletions, refetching and restart, so no client ever gets BAD_COOKIE, a name twice or a
// name too few. It is never changed after it was made; only current is.
type listing struct {
	entries []listed
	plus    bool // entries carry inodes
	made    time.Time
	state   nfs.PreAttr // of the directory
	current bool        // the directory has not changed since; guarded by the directory's mu
}

type listed struct {
	cookie uint64
	fileID uint64
	inode  uint64 // 0 unless listed with plus
	name   string
	joint  bool // another export hangs here: what the target knows of the name is not told
}

// Cookies 1 and 2 stand for "." and ".."; hashes start above.
const firstCookie = 16

// cookieOf hashes a name into 63 bits: clients take cookies as signed.
func cookieOf(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	v := h.Sum64()
	v ^= v >> 29 // FNV leaves the last character in the low bits
	v *= 0xbf58476d1ce4e5b9
	v ^= v >> 32
	return v>>1 | firstCookie
}

// order sorts the entries and moves colliding cookies apart.
func (l *listing) order() {
	slices.SortFunc(l.entries, func(a, b listed) int {
		return cmp.Or(cmp.Compare(a.cookie, b.cookie), cmp.Compare(a.name, b.name))
	})
	for i := 1; i < len(l.entries); i++ {
		if l.entries[i].cookie <= l.entries[i-1].cookie {
			l.entries[i].cookie = l.entries[i-1].cookie + 1
		}
	}
}

// after returns the entries that follow a cookie.
func (l *listing) after(cookie uint64) []listed {
	i, found := slices.BinarySearchFunc(l.entries, cookie, func(e listed, c uint64) int { return cmp.Compare(e.cookie, c) })
	if found {
		i++
	}
	return l.entries[i:]
}

// continueFor is how long a snapshot answers continuation pages of a directory that has changed.
const continueFor = time.Minute

// list returns a snapshot to read from. A read that starts (cookie 0) gets one that is confirmed; a continuing one gets
// the snapshot it began with, as long as that is there.
func (f *Filer) list(ctx context.Context, as origin.Cred, dir *inode, start, plus bool) (*listing, error) {
	dir.mu.Lock()
	l := dir.namesOf().listing
	dir.mu.Unlock()
	if l != nil && !start && (l.plus || !plus) && time.Since(l.made) < continueFor {
		return l, nil
	}
	if dir.target.caps.Local {
		return f.makeListing(ctx, as, dir, plus)
	}
	return f.listOnce(ctx, as, dir, time.Now())
}

// making is a snapshot being read from the origin.
type making struct {
	sent time.Time
	done chan struct{}
	l    *listing // valid after done
	err  error
}

// listOnce returns a snapshot that holds what the directory held at the given time or later. A directory is read once at
// a time, whoever asks, and is read to its end though the asker has gone: a client that asks again finds it.
func (f *Filer) listOnce(ctx context.Context, as origin.Cred, dir *inode, notBefore time.Time) (*listing, error) {
	for {
		if l, err := f.usable(ctx, as, dir, notBefore); l != nil || err != nil {
			return l, err
		}
		dir.mu.Lock()
		n := dir.namesOf()
		m := n.making
		if m == nil {
			m = &making{sent: time.Now(), done: make(chan struct{})}
			n.making = m
			if !f.spawn(func(ctx context.Context) { f.readAll(ctx, as, dir, m) }) {
				n.making = nil
				dir.mu.Unlock()
				return nil, errClosing
			}
		}
		dir.mu.Unlock()
		nfs.Wait(ctx)
		select {
		case <-m.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if !m.sent.Before(notBefore) {
			return m.l, m.err
		}
	}
}

// readAll makes the snapshot for all who wait for it. The directory stays in memory meanwhile.
func (f *Filer) readAll(ctx context.Context, as origin.Cred, dir *inode, m *making) {
	if held := f.table.known(dir.id); held != nil {
		defer f.table.put(held)
	}
	m.l, m.err = f.makeListing(ctx, as, dir, true)
	dir.mu.Lock()
	dir.namesOf().making = nil
	dir.mu.Unlock()
	close(m.done)
}

// usable returns the snapshot at hand if the directory is unchanged since, as the origin says now.
func (f *Filer) usable(ctx context.Context, as origin.Cred, dir *inode, notBefore time.Time) (*listing, error) {
	dir.mu.Lock()
	l := dir.namesOf().listing
	dir.mu.Unlock()
	if l == nil || !l.plus {
		return nil, nil
	}
	if _, err := f.fresh(ctx, as, dir, notBefore); err != nil { // READDIR from the start always checks
		return nil, err
	}
	dir.mu.Lock()
	defer dir.mu.Unlock()
	if l.current && dir.attr.Pre() == l.state && time.Since(l.made) <= time.Duration(dir.target.verify.Load()) {
		return l, nil
	}
	return nil, nil
}

// maxListing bounds the entries of one directory.
const maxListing = 1 << 22

// makeListing reads the whole directory from the origin.
func (f *Filer) makeListing(ctx context.Context, as origin.Cred, dir *inode, plus bool) (*listing, error) {
	nfs.Wait(ctx)
	t := dir.target
	dir.mu.Lock()
	changes := dir.changes
	dir.mu.Unlock()
	l := &listing{plus: plus, made: time.Now()}
	var first, last nfs.OptAttr
	var at origin.Cookie
	for page := 0; ; page++ {
		sent := time.Now()
		p, err := t.origin.ReadDir(ctx, as, dir.oid, at, plus)
		if err != nil {
			if origin.IsGone(err) {
				f.staleFile(dir)
			}
			return nil, err
		}
		if page == 0 {
			first = p.Dir
		}
		if err := f.addPage(t, l, &p, sent); err != nil {
			return nil, err
		}
		last = p.Dir
		if p.EOF {
			break
		}
		if len(l.entries) > maxListing {
			return nil, fault.New(fault.Exhausted, "a directory with more than %d entries", maxListing)
		}
		if len(p.Entries) == 0 && p.Next == at {
			return nil, nfs.ErrServerFault
		}
		at = p.Next
	}
	l.order()
	steady := first.Present && last.Present && first.Attr.Pre() == last.Attr.Pre()
	f.noteListing(dir, l, &last.Attr, steady, changes)
	return l, nil
}

func (f *Filer) addPage(t *target, l *listing, p *origin.Page, sent time.Time) error {
	ids := make([]uint64, len(p.Entries))
	if l.plus {
		nodes := make([]*origin.Node, len(p.Entries))
		for i := range p.Entries {
			nodes[i] = p.Entries[i].Node
		}
		var err error
		if ids, err = f.adoptAll(t, nodes, sent); err != nil {
			return err
		}
	}
	for i, e := range p.Entries {
		l.entries = append(l.entries, listed{cookie: cookieOf(e.Name), fileID: e.FileID, inode: ids[i], name: e.Name})
	}
	return nil
}

// noteListing keeps the snapshot, and its names too if the directory stood still while it was read.
func (f *Filer) noteListing(dir *inode, l *listing, attr *nfs.Attr, steady bool, changes uint64) {
	byName, complete := l.names() // before the lock: a large directory's take a while
	dir.mu.Lock()
	defer dir.mu.Unlock()
	n := dir.namesOf()
	if steady && !dir.target.caps.Local {
		dir.observe(attr, l.made)
		steady = dir.changes == changes && dir.chain.inflight == 0 && dir.attr.Pre() == attr.Pre()
	}
	n.listing = l
	if !steady || dir.target.caps.Local {
		return
	}
	l.state, l.current = attr.Pre(), true
	if byName != nil {
		n.byName, n.complete = byName, complete
	}
}

// names returns the inodes of a listing by name, nil where they are not known or too many, and whether that is all.
func (l *listing) names() (byName map[string]uint64, complete bool) {
	if !l.plus || len(l.entries) > maxNames {
		return nil, false
	}
	byName, complete = make(map[string]uint64, len(l.entries)), true
	for _, e := range l.entries {
		if e.inode == 0 { // the origin did not describe it
			complete = false
			continue
		}
		byName[e.name] = e.inode
	}
	return byName, complete
}
