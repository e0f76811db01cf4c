package filer

import (
	"context"
	"iter"
	"slices"
	"time"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

func (f *Filer) readdir(ctx context.Context, req *nfs.Request, args *nfs.ReaddirArgs, res *nfs.ReaddirResult) {
	f.readNames(ctx, req, &args.Dir, args.Cookie, false, res)
}

func (f *Filer) readdirplus(ctx context.Context, req *nfs.Request, args *nfs.ReaddirplusArgs, res *nfs.ReaddirplusResult) {
	f.readNames(ctx, req, &args.Dir, args.Cookie, true, res)
}

// Cookies of the two names that are in no listing.
const (
	cookieDot    = 1
	cookieDotDot = 2
)

// readNames answers READDIR and READDIRPLUS from a snapshot.
func (f *Filer) readNames(ctx context.Context, req *nfs.Request, dir *nfs.Handle, cookie nfs.Cookie, plus bool, res *nfs.ReaddirResult) {
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
	var l *listing
	if err == nil {
		l, err = f.list(ctx, c.as, c.ino, cookie == 0, plus && !t.caps.Local)
	}
	if err == nil {
		l, err = c.overlay(ctx, l)
	}
	if err != nil {
		res.Status = origin.StatusOf(c.noted(t, err))
		return
	}
	res.DirAttr, res.Verifier = c.ino.opt(), nfs.Verifier{7: 1}
	if !res.DirAttr.Present {
		res.DirAttr = nfs.WithAttr(t.show(a))
	}
	if !c.suid {
		hide(&res.DirAttr.Attr)
	}
	if !c.addDots(ctx, cookie, &a, res) {
		return
	}
	for e := range c.entries(ctx, l.after(uint64(cookie)), plus) {
		entry := nfs.DirEntry{FileID: e.fileID, Name: e.name, Cookie: nfs.Cookie(e.cookie)}
		if plus && e.inode != 0 {
			entry.Handle = nfs.WithHandle(c.handle(e.inode))
			if child := f.table.peek(e.inode); child != nil {
				child.foundAt(c.ino.id, e.name)
				entry.Attr = child.opt()
				if !c.suid {
					hide(&entry.Attr.Attr)
				}
			}
		}
		if !res.Add(entry) {
			return
		}
	}
	res.EOF = true
}

// describeAtOnce is how many names of a page are described together: ids of files seen for the first time then cost one
// durable write, and what no longer fits into the page is not much.
const describeAtOnce = 64

// entries yields the listed names with their inodes. An origin on this machine lists names alone, which is quick, and
// describes each when its page is read, so that the first page does not wait for the description of the last name, and
// attributes are never those of a snapshot.
func (c call) entries(ctx context.Context, all []listed, plus bool) iter.Seq[listed] {
	return func(yield func(listed) bool) {
		for len(all) > 0 {
			next := all
			if plus && c.ino.target.caps.Local {
				next = c.describe(ctx, all[:min(len(all), describeAtOnce)])
			}
			for _, e := range next {
				if !yield(e) {
					return
				}
			}
			all = all[len(next):]
		}
	}
}

// describe looks names up and returns them with the inodes of those that are still there and that the caller may find.
func (c call) describe(ctx context.Context, some []listed) []listed {
	t, sent := c.ino.target, time.Now()
	nodes := make([]*origin.Node, len(some))
	nfs.Wait(ctx)
	for i, e := range some {
		if e.joint {
			continue
		}
		if node, _, err := t.origin.Lookup(ctx, c.as, c.ino.oid, e.name); err == nil {
			nodes[i] = &node
		}
	}
	ids, err := c.f.adoptAll(t, nodes, sent)
	if err != nil { // names alone are an answer too
		c.f.log.Error("describe names", "error", err)
		return some
	}
	out := slices.Clone(some)
	for i := range out {
		out[i].inode = ids[i]
	}
	return out
}

// addDots adds "." and ".." where the reading starts with them; false when the page is full.
func (c call) addDots(ctx context.Context, cookie nfs.Cookie, self *nfs.Attr, res *nfs.ReaddirResult) bool {
	if cookie < cookieDot && !res.Add(nfs.DirEntry{FileID: self.FileID, Name: ".", Cookie: cookieDot}) {
		return false
	}
	if cookie >= cookieDotDot {
		return true
	}
	up := self.FileID
	if parent, _, err := c.stepUp(ctx); err == nil {
		parent.mu.Lock()
		if parent.known {
			up = parent.attr.FileID
		}
		parent.mu.Unlock()
		c.f.table.put(parent)
	}
	return res.Add(nfs.DirEntry{FileID: up, Name: "..", Cookie: cookieDotDot})
}
