package filer

import (
	"cmp"
	"context"
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
			r.owed = c.owedNames()
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

func (c call) owedNames() map[string]bool {
	c.ino.mu.Lock()
	defer c.ino.mu.Unlock()
	if len(c.ino.owing.names) == 0 {
		return nil
	}
	names := make(map[string]bool, len(c.ino.owing.names))
	for name := range c.ino.owing.names {
		names[name] = true
	}
	return names
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

// owedBehind returns the names that are to be told behind a place, in order: those that the origin does not have, and
// those that have landed since it was asked for the listing that was read before them.
func (c call) owedBehind(r *reading) []*nameOp {
	c.ino.mu.Lock()
	var ops []*nameOp
	for _, op := range c.ino.owing.names {
		ops = append(ops, op)
	}
	n := c.ino.namesOf()
	l, known := n.listing, map[string]uint64{}
	var late []landed
	for _, e := range c.ino.owing.lately {
		if l != nil && e.at.After(l.begun) && n.byName[e.op.name] == e.op.inode {
			late = append(late, e)
			known[e.op.name] = e.op.inode
		}
	}
	c.ino.mu.Unlock()
	if len(late) > 0 {
		l.mu.Lock()
		for i := range l.entries {
			delete(known, l.entries[i].name)
		}
		l.mu.Unlock()
		for _, e := range late {
			if known[e.op.name] != 0 {
				ops = append(ops, e.op)
			}
		}
	}
	ops = slices.DeleteFunc(ops, func(op *nameOp) bool { return cookieOwed|op.serial <= r.at || r.joints[op.name] })
	slices.SortFunc(ops, func(a, b *nameOp) int { return cmp.Compare(a.serial, b.serial) })
	return slices.CompactFunc(ops, func(a, b *nameOp) bool { return a.serial == b.serial })
}
