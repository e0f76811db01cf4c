package mount

import (
	"context"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/spillway/spillway/nfs"
)

var (
	_ fusefs.NodeOpendirHandler = (*node)(nil)
	_ fusefs.FileReaddirenter   = (*openDirectory)(nil)
	_ fusefs.FileLookuper       = (*openDirectory)(nil)
	_ fusefs.FileSeekdirer      = (*openDirectory)(nil)
	_ fusefs.FileReleasedirer   = (*openDirectory)(nil)
)

const (
	dirBytes  = 64 << 10  // of names in a page
	pageBytes = 256 << 10 // of a page: names, attributes and handles
	// mostPlus bounds the entries of one listing that the kernel gets attributes of: each costs it and us about a kilobyte.
	mostPlus = 200_000
)

// openDirectory lists a directory. A page of READDIRPLUS gives the kernel names, attributes and handles at once, so that
// what follows a listing (ls -l, find) needs no calls of its own; while a page is given out, the next is on its way. go-fuse
// calls an open directory's methods one at a time.
type openDirectory struct {
	n        *node
	auth     *nfs.Auth
	at       nfs.Cookie // behind what has been given out
	page     []nfs.DirEntry
	asked    time.Time // when the page was asked for
	given    int
	last     nfs.DirEntry // that Readdirent returned
	next     chan dirPage // with one page or none; nil if none is on its way
	end      bool         // no page follows
	verifier nfs.Verifier
	ctx      context.Context
	cancel   context.CancelFunc
}

// dirPage is an answer to READDIRPLUS.
type dirPage struct {
	res   nfs.ReaddirplusResult
	asked time.Time
	err   error
}

// OpendirHandle opens the directory for listing. Nothing of it is kept for the next listing.
func (n *node) OpendirHandle(ctx context.Context, _ uint32) (fusefs.FileHandle, uint32, syscall.Errno) {
	d := &openDirectory{n: n, auth: n.fsys.creds.of(ctx)}
	d.ctx, d.cancel = context.WithCancel(n.fsys.ctx)
	d.fetch()
	return d, 0, 0
}

// fetch asks for the page behind what is known.
func (d *openDirectory) fetch() {
	args := nfs.ReaddirplusArgs{Dir: d.n.handle, Cookie: d.at, Verifier: d.verifier, DirCount: dirBytes, MaxCount: pageBytes}
	if len(d.page) > 0 {
		args.Cookie = d.page[len(d.page)-1].Cookie
	}
	next := make(chan dirPage, 1)
	d.next = next
	go func() {
		asked := time.Now()
		res, err := patient(d.ctx, d.n.fsys, func() (nfs.ReaddirplusResult, error) {
			return d.n.fsys.client.Readdirplus(d.ctx, d.auth, args)
		})
		next <- dirPage{res, asked, err}
	}()
}

// turn waits for the next page, and asks for the one after it.
func (d *openDirectory) turn(ctx context.Context) syscall.Errno {
	if d.next == nil {
		d.fetch()
	}
	select {
	case p := <-d.next:
		d.next = nil
		if p.err != nil {
			return errnoOf(p.err)
		}
		d.page, d.asked, d.verifier = p.res.Entries, p.asked, p.res.Verifier
		d.end = p.res.EOF || len(d.page) == 0 // a page with nothing on it would repeat for ever
		if !d.end {
			d.fetch()
		}
		return 0
	case <-ctx.Done():
		return syscall.EINTR
	}
}

// Readdirent returns the next entry, nil behind the last.
func (d *openDirectory) Readdirent(ctx context.Context) (*fuse.DirEntry, syscall.Errno) {
	ctx, done := untilKilled(ctx)
	defer done()
	for len(d.page) == 0 && !d.end {
		if errno := d.turn(ctx); errno != 0 {
			return nil, errno
		}
	}
	if len(d.page) == 0 {
		return nil, 0
	}
	d.last, d.page = d.page[0], d.page[1:]
	d.at = d.last.Cookie
	d.given++
	out := &fuse.DirEntry{Name: d.last.Name, Ino: d.last.FileID, Off: uint64(d.last.Cookie)}
	if d.last.Attr.Present {
		out.Mode = typeBits(d.last.Attr.Attr.Type)
	}
	return out, 0
}

// Lookup gives the kernel the attributes of the entry that Readdirent returned last. An error means only that it gets none
// and asks for itself when it needs them.
func (d *openDirectory) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	e, age := &d.last, time.Since(d.asked)
	if e.Name != name || !e.Handle.Present || !e.Attr.Present || d.given > mostPlus {
		return nil, syscall.ENODATA
	}
	entry, attr := d.n.fsys.c.EntryTimeout-age, d.n.fsys.c.AttrTimeout-age
	if entry <= 0 || attr <= 0 {
		return nil, syscall.ENODATA
	}
	inode, errno := d.n.child(ctx, d.auth, e.Handle.Handle, e.Attr.Attr, d.asked, out)
	if errno == 0 {
		out.SetEntryTimeout(entry)
		out.SetAttrTimeout(attr)
	}
	return inode, errno
}

// Seekdir goes on behind the entry with the cookie, or from the start.
func (d *openDirectory) Seekdir(_ context.Context, off uint64) syscall.Errno {
	d.at, d.page, d.next, d.end, d.last = nfs.Cookie(off), nil, nil, false, nfs.DirEntry{}
	if off == 0 {
		d.given, d.verifier = 0, nfs.Verifier{}
	}
	return 0
}

// Releasedir ends the listing.
func (d *openDirectory) Releasedir(context.Context, uint32) { d.cancel() }
