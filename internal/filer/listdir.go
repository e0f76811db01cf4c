package filer

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// How a directory is read. Its first page is one READDIRPLUS, which is all of most directories. Of the rest READDIR brings
// the names, tens of thousands in a round trip, and blocks of them are then described by READDIRPLUS from their cookies on,
// several at once: pages cannot be asked for before the cookies behind which they lie are known.
const (
	describedBlock  = 4096    // names that are described together
	describedAtOnce = 8       // blocks; as many wait in line, named and not described
	maxEntries      = 1 << 22 // of a listing; the reader of a larger directory goes on with another
)

// readListing reads the directory for all who wait for it. The directory stays in memory meanwhile.
func (f *Filer) readListing(ctx context.Context, as origin.Cred, dir *inode, l *listing) {
	if held := f.table.known(dir.id); held != nil {
		defer f.table.put(held)
	}
	r := &dirReader{f: f, as: as, dir: dir, l: l}
	dir.mu.Lock()
	r.changes = dir.changes
	dir.mu.Unlock()
	eof, err := r.read(ctx)
	if err == nil && eof && l.from.At == 0 {
		r.note()
	}
	l.finish(eof, f.stale(dir, err))
}

// dirReader reads one listing.
type dirReader struct {
	f       *Filer
	as      origin.Cred
	dir     *inode
	l       *listing
	changes uint64      // of the directory, when it began
	last    nfs.OptAttr // of the directory, on the last page
}

// read reads to the end, or what a listing that begins elsewhere than at the start needs: one page.
func (r *dirReader) read(ctx context.Context) (eof bool, err error) {
	sent := time.Now()
	p, err := r.dir.target.dirs.ReadDir(ctx, r.as, r.dir.oid(), r.l.from, true)
	if err != nil {
		return false, err
	}
	r.blind(p.Entries)
	entries, err := r.adopt(&p, sent)
	if err != nil {
		return false, err
	}
	r.first(p.Dir)
	r.l.append(entries, p.Next)
	if p.EOF || r.l.from.At != 0 {
		return p.EOF, nil
	}
	if p.Next == r.l.from {
		return false, nfs.ErrServerFault
	}
	return r.rest(ctx, p.Next)
}

// first notes the directory's state when its reading began.
func (r *dirReader) first(dir nfs.OptAttr) {
	r.last = dir
	if !dir.Present {
		return
	}
	r.dir.mu.Lock()
	defer r.dir.mu.Unlock()
	r.dir.observe(&dir.Attr, r.l.begun)
	r.l.state, r.l.known = dir.Attr.Pre(), r.dir.changes == r.changes
}

// blind takes the descriptions off entries whose names are on their way to the origin: what it has there is ours, and has
// an inode, or will be judged when that arrives.
func (r *dirReader) blind(entries []origin.DirEntry) {
	r.dir.mu.Lock()
	defer r.dir.mu.Unlock()
	if len(r.dir.owing.names) == 0 {
		return
	}
	for i := range entries {
		if r.dir.owing.names[entries[i].Name] != nil {
			entries[i].Node = nil
		}
	}
}

// adopt gives the described entries of a page their inodes.
func (r *dirReader) adopt(p *origin.Page, sent time.Time) ([]listed, error) {
	nodes := make([]*origin.Node, len(p.Entries))
	for i := range p.Entries {
		nodes[i] = p.Entries[i].Node
	}
	ids, err := r.f.adoptAll(r.dir.target, nodes, sent)
	if err != nil {
		return nil, err
	}
	out := make([]listed, len(ids))
	for i, e := range p.Entries {
		out[i] = listed{cookie: e.Cookie, fileID: e.FileID, inode: ids[i], name: e.Name}
	}
	return out, nil
}

// block is a run of names that are described together.
type block struct {
	at      origin.Cookie
	names   []origin.DirEntry
	next    origin.Cookie
	entries []listed // valid after done
	done    chan struct{}
}

// rest reads what follows the first page.
func (r *dirReader) rest(ctx context.Context, at origin.Cookie) (eof bool, err error) {
	g, ctx := errgroup.WithContext(ctx)
	line := make(chan *block, describedAtOnce)
	slots := make(chan struct{}, describedAtOnce)
	g.Go(func() error {
		defer close(line)
		var err error
		eof, err = r.names(ctx, at, func(b *block) error {
			if err := put(ctx, slots, struct{}{}); err != nil {
				return err
			}
			if err := put(ctx, line, b); err != nil {
				return err
			}
			g.Go(func() error {
				defer func() { <-slots }()
				return r.describe(ctx, b)
			})
			return nil
		})
		return err
	})
	g.Go(func() error {
		for b := range line {
			select {
			case <-b.done:
			case <-ctx.Done():
				return ctx.Err()
			}
			r.l.append(b.entries, b.next)
		}
		return nil
	})
	return eof, g.Wait()
}

func put[T any](ctx context.Context, to chan<- T, v T) error {
	select {
	case to <- v:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// names reads pages of names and passes them on in blocks.
func (r *dirReader) names(ctx context.Context, at origin.Cookie, pass func(*block) error) (eof bool, err error) {
	for n := 0; n < maxEntries; {
		p, err := r.dir.target.dirs.ReadDir(ctx, r.as, r.dir.oid(), at, false)
		if err != nil {
			return false, err
		}
		r.last = p.Dir
		for some := range slices.Chunk(p.Entries, describedBlock) {
			next := origin.Cookie{At: some[len(some)-1].Cookie, Verf: p.Next.Verf}
			if err := pass(&block{at: at, names: some, next: next, done: make(chan struct{})}); err != nil {
				return false, err
			}
			at, n = next, n+len(some)
		}
		if p.EOF {
			return true, nil
		}
		if len(p.Entries) == 0 && p.Next == at {
			return false, nfs.ErrServerFault
		}
		at = p.Next
	}
	return false, nil
}

// describe asks what the names of a block stand for. Whatever else the origin lists there by now, or no longer does, is
// left alone: the names are what the directory held.
func (r *dirReader) describe(ctx context.Context, b *block) error {
	m := matcher{entries: b.names}
	for at, barren := b.at, 0; !m.done() && barren < 2; {
		sent := time.Now()
		p, err := r.dir.target.dirs.ReadDir(ctx, r.as, r.dir.oid(), at, true)
		if errors.Is(err, nfs.ErrBadCookie) {
			break
		}
		if err != nil {
			return err
		}
		r.blind(p.Entries)
		if m.take(p.Entries) == 0 {
			barren++
		}
		ids, err := r.f.adoptAll(r.dir.target, m.nodes, sent)
		if err != nil {
			return err
		}
		m.settle(ids)
		if p.EOF || p.Next == at {
			break
		}
		at = p.Next
	}
	b.entries = m.listed()
	close(b.done)
	return nil
}

// note keeps the names of a listing that is whole, if the directory stood still while it was read.
func (r *dirReader) note() {
	l, dir := r.l, r.dir
	byName, complete := l.names() // before the lock: a large directory's take a while
	dir.mu.Lock()
	defer dir.mu.Unlock()
	if !l.known || !r.last.Present || r.last.Attr.Pre() != l.state {
		return
	}
	dir.observe(&r.last.Attr, l.begun)
	if dir.changes != r.changes || dir.chain.inflight > 0 || dir.attr.Pre() != l.state {
		return
	}
	l.current, l.known = true, true
	if n := dir.namesOf(); byName != nil {
		n.byName, n.complete = byName, complete
	}
}

// names returns the inodes of a listing by name, nil where they are too many, and whether that is all.
func (l *listing) names() (byName map[string]uint64, complete bool) {
	l.mu.Lock()
	entries := l.entries
	l.mu.Unlock()
	if len(entries) > maxListed {
		return nil, false
	}
	byName, complete = make(map[string]uint64, len(entries)), true
	for _, e := range entries {
		if e.inode == 0 { // the origin did not describe it
			complete = false
			continue
		}
		byName[e.name] = e.inode
	}
	return byName, complete
}
