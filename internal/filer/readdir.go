package filer

import (
	"context"
	"hash/fnv"
	"time"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

func (f *Filer) readdir(ctx context.Context, req *nfs.Request, args *nfs.ReaddirArgs, res *nfs.ReaddirResult) {
	f.readNames(ctx, req, &args.Dir, reading{at: uint64(args.Cookie), room: int(args.Count)}, res)
}

func (f *Filer) readdirplus(ctx context.Context, req *nfs.Request, args *nfs.ReaddirplusArgs, res *nfs.ReaddirplusResult) {
	f.readNames(ctx, req, &args.Dir, reading{at: uint64(args.Cookie), room: int(args.MaxCount), plus: true}, res)
}

// reading is what a client wants to read of a directory.
type reading struct {
	at   uint64 // the cookie behind which
	room int    // bytes of the reply
	plus bool

	joints map[string]bool // names under which exports hang: the origin's are not told
}

// Cookies of what comes before the origin's entries: ".", "..", and exports that hang in the directory. The origin's cookies
// are passed on as they are; none has these values, unless by a chance of 2^-48 for each of a file system's that hashes.
const (
	cookieDot    = 0x7ffa_5e1d_0c93_b401
	cookieDotDot = cookieDot + 1
	cookieJoint  = 0x7ffb << 48 // and a hash of the name
	cookieOwed   = 0x7ffc << 48 // and the serial number of a name that the origin does not have: these come last
)

func cookieOfJoint(name string) uint64 { return cookieJoint | nameHash(name)>>16 }

func nameHash(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return h.Sum64()
}

// readNames answers READDIR and READDIRPLUS. No client ever gets BAD_COOKIE: the verifier is always the same.
func (f *Filer) readNames(ctx context.Context, req *nfs.Request, dir *nfs.Handle, r reading, res *nfs.ReaddirResult) {
	c, err := f.begin(req, dir)
	if err != nil {
		res.Status = origin.StatusOf(err)
		return
	}
	defer c.end()
	t := c.ino.target
	a, err := c.attrs(ctx, c.ino)
	if err == nil && a.Type != nfs.TypeDirectory {
		err = nfs.ErrNotDir
	}
	if err == nil {
		err = c.allowed(ctx, c.ino, nfs.AccessRead)
	}
	full := false
	if err == nil {
		full, err = c.addFirst(ctx, &r, &a, res)
	}
	first := len(res.Entries)
	switch {
	case err != nil || full:
	case t.caps.Local:
		err = c.addLocal(ctx, &r, res)
	case t.owes:
		err = c.addAll(ctx, &r, res)
	default:
		err = c.addListed(ctx, &r, res)
	}
	if err != nil && len(res.Entries) == first { // else the client has something, and asks again
		res.Status = origin.StatusOf(c.noted(t, err))
		return
	}
	res.DirAttr, res.Verifier = c.ino.opt(), nfs.Verifier{7: 1}
	if !res.DirAttr.Present || t.caps.Local {
		res.DirAttr = nfs.WithAttr(c.ino.show(a))
	}
	if !c.suid {
		hide(&res.DirAttr.Attr)
	}
}

// addFirst adds what comes before the origin's entries, as far as the client has not read it, and moves r to where those
// begin. full: the page is.
func (c call) addFirst(ctx context.Context, r *reading, self *nfs.Attr, res *nfs.ReaddirResult) (full bool, err error) {
	joints, names, err := c.jointsHere(ctx)
	if err != nil {
		return false, err
	}
	r.joints = names
	if r.at == 0 && !res.Add(nfs.DirEntry{FileID: c.ino.show(*self).FileID, Name: ".", Cookie: cookieDot}) {
		return true, nil
	}
	if r.at == 0 || r.at == cookieDot {
		if !res.Add(nfs.DirEntry{FileID: c.above(ctx, self), Name: "..", Cookie: cookieDotDot}) {
			return true, nil
		}
		r.at = cookieDotDot
	}
	if r.at != cookieDotDot && r.at>>48 != cookieJoint>>48 {
		return false, nil
	}
	for _, j := range joints {
		if !j.visible || r.at != cookieDotDot && j.cookie <= r.at {
			continue
		}
		if !res.Add(nfs.DirEntry{FileID: nameHash(c.export.path+j.name) >> 1, Name: j.name, Cookie: nfs.Cookie(j.cookie)}) {
			return true, nil
		}
	}
	r.at = 0
	return false, nil
}

// above returns the file id of the directory above the call's.
func (c call) above(ctx context.Context, self *nfs.Attr) uint64 {
	up := c.ino.show(*self).FileID
	if parent, _, err := c.stepUp(ctx); err == nil {
		parent.mu.Lock()
		if parent.known {
			up = parent.show(parent.attr).FileID
		}
		parent.mu.Unlock()
		c.f.table.put(parent)
	}
	return up
}

// addListed adds entries from a listing.
func (c call) addListed(ctx context.Context, r *reading, res *nfs.ReaddirResult) error {
	l, i, err := c.f.list(ctx, c.as, c.ino, r.at)
	for err == nil {
		var entries []listed
		var cut bool
		entries, cut, err = l.at(ctx, i)
		switch {
		case err != nil:
		case len(entries) == 0 && cut:
			l, i, err = c.f.list(ctx, c.as, c.ino, r.at)
		case len(entries) == 0:
			res.EOF = true
			return nil
		case !c.addEntries(entries, r, res):
			return nil
		}
		i += len(entries)
	}
	return err
}

// addEntries adds entries and moves r behind them; false when the page is full.
func (c call) addEntries(entries []listed, r *reading, res *nfs.ReaddirResult) bool {
	for i := range entries {
		e := &entries[i]
		if r.joints[e.name] {
			r.at = e.cookie
			continue
		}
		entry := nfs.DirEntry{FileID: e.fileID, Name: e.name, Cookie: nfs.Cookie(e.cookie)}
		if e.inode&bornHere != 0 {
			entry.FileID = c.ino.target.fileIDOf(e.inode)
		}
		if r.plus && e.inode != 0 {
			entry.Handle = nfs.WithHandle(c.handle(e.inode))
			if child := c.f.table.peek(e.inode); child != nil {
				child.foundAt(c.ino.id, e.name)
				entry.Attr = child.opt()
				if !c.suid {
					hide(&entry.Attr.Attr)
				}
			}
		}
		if !res.Add(entry) {
			return false
		}
		r.at = e.cookie
	}
	return true
}

// entrySize is what an entry of READDIRPLUS takes besides its name (RFC 1813 §3.3.17), with handles of ours.
const entrySize = 160

// addLocal adds entries straight from an origin on this machine, as many as the page has room for: they are described
// together, so that ids of files seen for the first time cost one durable write.
func (c call) addLocal(ctx context.Context, r *reading, res *nfs.ReaddirResult) error {
	nfs.Wait(ctx)
	t := c.ino.target
	for room := r.room; ; room = 4 << 10 { // a second round if the estimate was low
		var some []origin.DirEntry
		sent, end, at := time.Now(), false, origin.Cookie{At: r.at}
		for room > 0 && !end {
			p, err := t.dirs.ReadDir(ctx, c.as, c.ino.oid(), at, r.plus)
			if err != nil {
				return c.f.stale(c.ino, err)
			}
			for i := 0; i < len(p.Entries) && room > 0; i++ {
				some = append(some, p.Entries[i])
				if room -= 24 + len(p.Entries[i].Name); r.plus {
					room -= entrySize - 24
				}
			}
			at, end = p.Next, p.EOF && room > 0
		}
		added, err := c.addDescribed(some, r, sent, res)
		if err != nil || !added {
			return err
		}
		if end {
			res.EOF = true
			return nil
		}
	}
}

// addDescribed adds entries as the origin has just told of them and moves r behind them; false when the page is full.
func (c call) addDescribed(some []origin.DirEntry, r *reading, sent time.Time, res *nfs.ReaddirResult) (bool, error) {
	t, ids := c.ino.target, make([]uint64, len(some))
	if r.plus {
		nodes := make([]*origin.Node, len(some))
		for i := range some {
			nodes[i] = some[i].Node
		}
		var err error
		if ids, err = c.f.adoptAll(t, nodes, sent); err != nil {
			return false, err
		}
	}
	for i := range some {
		e := &some[i]
		if r.joints[e.Name] {
			r.at = e.Cookie
			continue
		}
		entry := nfs.DirEntry{FileID: e.FileID, Name: e.Name, Cookie: nfs.Cookie(e.Cookie)}
		if ids[i] != 0 {
			entry.Handle, entry.Attr = nfs.WithHandle(c.handle(ids[i])), nfs.WithAttr(e.Node.Attr)
			entry.Attr.Attr.FSID = uint64(t.id)
			if !c.suid {
				hide(&entry.Attr.Attr)
			}
		}
		if !res.Add(entry) {
			return false, nil
		}
		r.at = e.Cookie
	}
	return true, nil
}
