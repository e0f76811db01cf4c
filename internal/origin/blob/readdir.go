package blob

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// A cookie is the number of names listed before it; its verifier is the scan, which knows where the store goes on. A
// scan that is not known (any more) is made again from the start.

// scans are the listings that clients are in the middle of.
type scans struct {
	mu sync.Mutex
	of map[nfs.Verifier]scan // mu guards it
}

// scan is a listing behind some page.
type scan struct {
	d  *looked // without entries
	at uint64
}

const maxScans = 1024

func newScans() *scans { return &scans{of: map[nfs.Verifier]scan{}} }

func (s *scans) put(v nfs.Verifier, sc scan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.of) >= maxScans {
		for old := range s.of { // any one
			delete(s.of, old)
			break
		}
	}
	s.of[v] = sc
}

func (s *scans) get(v nfs.Verifier, at uint64, dir origin.ID) (scan, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sc, ok := s.of[v]
	return sc, ok && sc.at == at && sc.d.id == dir
}

// ReadDir returns a page of the store's listing. Files cost a HEAD each, side by side, unless their version is known;
// directories a listing each.
func (o *Origin) ReadDir(ctx context.Context, as origin.Cred, dir origin.ID, cookie origin.Cookie, plus bool) (page origin.Page, err error) {
	if err := o.ready(ctx); err != nil {
		return page, err
	}
	d, err := o.pageAt(ctx, dir, cookie)
	if err != nil {
		return page, err
	}
	if err := permit(&as, &d.attr, mayRead); err != nil {
		return page, err
	}
	if page.Entries, err = o.describeAll(ctx, d, plus); err != nil {
		return page, err
	}
	page.Next = origin.Cookie{At: cookie.At + uint64(len(d.entries)), Verf: cookie.Verf}
	if page.EOF = d.next == ""; page.EOF {
		page.Dir = nfs.WithAttr(d.attr)
		return page, nil
	}
	if cookie.At == 0 {
		binary.BigEndian.PutUint64(page.Next.Verf[:], binary.BigEndian.Uint64(randomBytes(8)))
	}
	rest := *d
	rest.entries = nil
	o.scans.put(page.Next.Verf, scan{&rest, page.Next.At})
	if at, known := o.dirs.seen(d.key); known { // the last page proves it, or shows another
		page.Dir = nfs.WithAttr(o.dirAttr(d.marker, at, d.sum))
		page.Dir.Attr.FileID = d.attr.FileID
	}
	return page, nil
}

// pageAt lists the page behind a cookie.
func (o *Origin) pageAt(ctx context.Context, dir origin.ID, cookie origin.Cookie) (*looked, error) {
	if cookie.At == 0 {
		return o.look(ctx, dir)
	}
	if sc, ok := o.scans.get(cookie.Verf, cookie.At, dir); ok {
		d := *sc.d
		return &d, o.nextPage(ctx, &d)
	}
	d, err := o.look(ctx, dir)
	for err == nil {
		n := uint64(len(d.entries))
		if d.next == "" || cookie.At < n {
			return nil, nfs.ErrBadCookie // the directory has changed
		}
		cookie.At -= n
		if err = o.nextPage(ctx, d); cookie.At == 0 {
			return d, err
		}
	}
	return nil, err
}

// nextPage lists on. Behind the last page the directory's change time is proven.
func (o *Origin) nextPage(ctx context.Context, d *looked) error {
	l, err := o.store.List(ctx, Query{Prefix: d.key, Token: d.next})
	if err != nil {
		return gone(err)
	}
	d.entries = nil
	d.add(o.fold(&l, d.key, d.carried))
	if d.next == "" {
		id := d.attr.FileID
		d.attr = o.dirAttr(d.marker, o.dirs.judge(d.key, d.moves, d.sum, d.newest), d.sum)
		d.attr.FileID = id
	}
	return nil
}

// describedAtOnce is how many entries of a page are asked for side by side.
const describedAtOnce = 32

func (o *Origin) describeAll(ctx context.Context, d *looked, plus bool) ([]origin.DirEntry, error) {
	out := make([]origin.DirEntry, len(d.entries))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(describedAtOnce)
	for i := range d.entries {
		g.Go(func() error {
			e, err := o.dirEntry(ctx, d, d.entries[i], plus)
			if errors.Is(err, nfs.ErrNoEnt) { // gone since the listing
				return nil
			}
			out[i] = e
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	kept := out[:0]
	for _, e := range out {
		if e.Name != "" {
			kept = append(kept, e)
		}
	}
	return kept, nil
}

func (o *Origin) dirEntry(ctx context.Context, d *looked, e entry, plus bool) (origin.DirEntry, error) {
	out := origin.DirEntry{Name: e.name}
	var node origin.Node
	e, err := o.described(ctx, e)
	switch {
	case err != nil:
	case e.dir && !plus:
		m, headErr := o.head(ctx, e.obj.Key)
		if headErr != nil && !errors.Is(headErr, ErrNotFound) {
			return out, status(headErr)
		}
		m.Key = e.obj.Key
		node.ID, err = o.identify(ctx, idDir, &m, d.id, e.name)
	default:
		node, err = o.node(ctx, &e, d.id)
	}
	if err != nil {
		return out, err
	}
	out.FileID = fileID(node.ID)
	if plus {
		out.Node = &node
	}
	return out, nil
}
