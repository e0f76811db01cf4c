package mount

import (
	"context"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/spillway/spillway/nfs"
)

var _ fusefs.NodeReaddirer = (*node)(nil)

// listing holds what READDIRPLUS said of a directory, so that the lookups that follow a listing (ls -l, find) need no
// calls of their own. It is as old as attributes may be at most.
type listing struct {
	read    time.Time
	entries map[string]nfs.DirEntry
}

// mostListed bounds the names kept of one directory.
const mostListed = 100_000

// listed looks a name up in the last listing, if that is fresh and said all about it.
func (n *node) listed(name string) (nfs.Handle, nfs.Attr, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.listing == nil {
		return nfs.Handle{}, nfs.Attr{}, false
	}
	if time.Since(n.listing.read) > min(n.fsys.c.AttrTimeout, n.fsys.c.EntryTimeout) {
		n.listing = nil
		return nfs.Handle{}, nfs.Attr{}, false
	}
	e, ok := n.listing.entries[name]
	return e.Handle.Handle, e.Attr.Attr, ok && e.Handle.Present && e.Attr.Present
}

func (n *node) dropListing() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.listing = nil
}

// Readdir opens the directory for listing.
func (n *node) Readdir(ctx context.Context) (fusefs.DirStream, syscall.Errno) {
	s := &dirStream{n: n, auth: n.fsys.creds.of(ctx), fresh: &listing{read: time.Now(), entries: map[string]nfs.DirEntry{}}}
	return s, s.fill()
}

// dirStream reads a directory page by page.
type dirStream struct {
	n        *node
	auth     *nfs.Auth
	page     []nfs.DirEntry
	cookie   nfs.Cookie
	verifier nfs.Verifier
	eof      bool
	err      error
	fresh    *listing // nil once it grew too large
}

// fill reads the next page when the last one is used up.
func (s *dirStream) fill() syscall.Errno {
	const pageBytes = 64 << 10
	for len(s.page) == 0 && !s.eof && s.err == nil {
		res, err := patient(s.n.fsys.ctx, func() (nfs.ReaddirplusResult, error) {
			return s.n.fsys.client.Readdirplus(s.n.fsys.ctx, s.auth, nfs.ReaddirplusArgs{
				Dir: s.n.handle, Cookie: s.cookie, Verifier: s.verifier, DirCount: pageBytes, MaxCount: 4 * pageBytes,
			})
		})
		if err != nil {
			s.err = err
			return errnoOf(err)
		}
		s.page, s.eof, s.verifier = res.Entries, res.EOF, res.Verifier
		if len(s.page) == 0 {
			s.eof = true // a page with nothing on it would repeat for ever
		}
		s.remember(res.Entries)
	}
	return 0
}

// remember keeps a page for the lookups to come; the whole listing counts once it is complete.
func (s *dirStream) remember(entries []nfs.DirEntry) {
	if s.fresh == nil {
		return
	}
	if len(s.fresh.entries)+len(entries) > mostListed {
		s.fresh = nil
		return
	}
	for _, e := range entries {
		s.fresh.entries[e.Name] = e
	}
	if s.eof {
		s.n.mu.Lock()
		defer s.n.mu.Unlock()
		s.n.listing = s.fresh
	}
}

// HasNext reports whether Next has something to say: an entry or an error.
func (s *dirStream) HasNext() bool {
	return len(s.page) > 0 || s.err != nil || s.fill() != 0 || len(s.page) > 0
}

// Next returns the next entry.
func (s *dirStream) Next() (fuse.DirEntry, syscall.Errno) {
	if s.err != nil {
		err := s.err
		s.err, s.eof = nil, true
		return fuse.DirEntry{}, errnoOf(err)
	}
	e := s.page[0]
	s.page, s.cookie = s.page[1:], e.Cookie
	mode := uint32(0) // unknown
	if e.Attr.Present {
		mode = typeBits(e.Attr.Attr.Type)
	}
	return fuse.DirEntry{Name: e.Name, Ino: e.FileID, Mode: mode}, 0
}

// Close ends the listing.
func (s *dirStream) Close() {}
