package filer

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/spillway/spillway/nfs"
)

// addAll adds what the origin lists and, behind that, names that it does not have: those it does not take, or all while it
// is away, for otherwise they have landed before a directory is listed.
func (c call) addAll(ctx context.Context, r *reading, res *nfs.ReaddirResult) error {
	c.ino.mu.Lock()
	unborn := c.ino.making != nil
	c.ino.mu.Unlock()
	if unborn && r.at == 0 {
		if err := c.f.landNames(ctx, c.ino); err != nil {
			return err
		}
		c.ino.mu.Lock()
		unborn = c.ino.making != nil
		c.ino.mu.Unlock()
	}
	if r.at>>48 != cookieOwed>>48 {
		res.EOF = unborn
		if !unborn {
			if err := c.addListed(ctx, r, res); err != nil {
				return err
			}
		}
		if !res.EOF {
			return nil
		}
		r.at = cookieOwed
	}
	res.EOF = c.addOwed(r, res)
	return nil
}

// addOwed adds names that the origin does not have, in the order in which they were made; false when the page is full.
func (c call) addOwed(r *reading, res *nfs.ReaddirResult) bool {
	for _, op := range c.owedBehind(r) {
		entry := nfs.DirEntry{FileID: c.ino.target.fileIDOf(op.inode), Name: op.name, Cookie: nfs.Cookie(cookieOwed | op.serial)}
		if r.plus {
			entry.Handle = nfs.WithHandle(c.handle(op.inode))
			if child := c.f.table.peek(op.inode); child != nil {
				entry.Attr = child.opt()
				if !c.suid {
					hide(&entry.Attr.Attr)
				}
			}
		}
		if !res.Add(entry) {
			return false
		}
	}
	return true
}

// owedBehind returns the names that are to be told behind a place, in order: those that the listing does not have which
// was read before them, and that are on their way to the origin, or came there since it was asked for the listing.
func (c call) owedBehind(r *reading) []*nameOp {
	c.ino.mu.Lock()
	ops := map[string]*nameOp{}
	n := c.ino.namesOf()
	l := n.listing
	for _, e := range c.ino.owing.lately {
		if l != nil && e.at.After(l.begun) && n.byName[e.op.name] == e.op.inode {
			ops[e.op.name] = e.op
		}
	}
	for name, op := range c.ino.owing.names {
		ops[name] = op
	}
	c.ino.mu.Unlock()
	if len(ops) > 0 && l != nil {
		l.mu.Lock()
		for i := range l.entries {
			delete(ops, l.entries[i].name)
		}
		l.mu.Unlock()
	}
	maps.DeleteFunc(ops, func(name string, op *nameOp) bool { return cookieOwed|op.serial <= r.at || r.joints[name] })
	return slices.SortedFunc(maps.Values(ops), func(a, b *nameOp) int { return cmp.Compare(a.serial, b.serial) })
}
