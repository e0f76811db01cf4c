package filer

import (
	"context"

	"github.com/spillway/spillway/nfs"
)

// removeHere is a REMOVE or RMDIR of what its origin does not have yet: it is given up, and the origin never hears of it.
// errThrough: it has it, or may have. The name is held.
func (c call) removeHere(ctx context.Context, name string, isDir bool) (wcc nfs.WccData, err error) {
	dir := c.ino
	dir.mu.Lock()
	op := dir.owing.names[name]
	shown := dir.shownTimes()
	dir.mu.Unlock()
	if op == nil {
		return wcc, errThrough
	}
	got, err := c.granted(ctx, dir, nfs.AccessDelete)
	if err == nil && got == 0 {
		err = nfs.ErrAcces
	}
	if err != nil {
		return wcc, err
	}
	child, err := c.f.inode(op.inode)
	if err != nil { // it has gone the same way
		return wcc, errThrough
	}
	defer c.f.table.put(child)
	child.mu.Lock()
	owner := child.attr.UID
	child.mu.Unlock()
	switch {
	case isDir && op.kind != opMkdir:
		return wcc, nfs.ErrNotDir
	case !isDir && op.kind == opMkdir:
		return wcc, nfs.ErrIsDir
	case shown.Mode&modeSticky != 0 && !c.owns(&nfs.Attr{UID: owner}):
		return wcc, errThrough
	case !child.leave():
		return wcc, nfs.ErrNotEmpty
	}
	defer child.stay()
	n := c.f.wb.names
	n.mu.Lock()
	s := &op.state
	if s.tried || s.landed || s.ended {
		n.mu.Unlock()
		return wcc, errThrough
	}
	seq, err := n.giveUp(op)
	n.mu.Unlock()
	if err != nil {
		c.f.wb.wake()
		return wcc, nfs.ErrJukebox
	}
	c.f.unmade(op)
	if c.f.wb.wait(seq) != nil {
		return wcc, nfs.ErrJukebox
	}
	wcc.Before = nfs.OptPreAttr{Present: true, Attr: shown.Pre()}
	wcc.After = dir.raw()
	return wcc, nil
}

// removeOwed is removeHere with the name held.
func (c call) removeOwed(ctx context.Context, name string, isDir bool) (nfs.WccData, error) {
	defer c.ino.hold(name)()
	return c.removeHere(ctx, name, isDir)
}

// modeSticky is the bit of folders in which only owners remove things.
const modeSticky = 0o1000
