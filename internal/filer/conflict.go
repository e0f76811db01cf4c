package filer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// errConflict is in the chain of errors of files that somebody else changed meanwhile.
var errConflict = errors.New("changed at the storage while it was dirty here")

func isConflict(err error) bool { return errors.Is(err, errConflict) }

// conflictFolder takes conflict copies whose directory is not known or gone, below the export's root.
const conflictFolder = ".spillway-conflicts"

// conflict gives way: the origin's version keeps the name, ours is written beside it as NAME.conflict-FILER-TIME. The
// name depends on nothing that a restart changes, so that a repeat goes to the same file. On any failure the file stays
// dirty, and the next try finds the same conflict.
func (w *writeBack) conflict(ctx context.Context, ino *inode, d *dirty, as origin.Cred, x *nfs.Attr) error {
	ino.mu.Lock()
	if ino.dirty != d {
		ino.mu.Unlock()
		return errAgain
	}
	version, at, first := d.version, ino.place, d.first
	a := ino.attr
	have, cut, base := ino.have(), d.cut(), d.base
	ino.mu.Unlock()
	name := w.copyName(at.name, ino.id, first)
	copied, err := w.makeCopy(ctx, ino.target, as, at.dir, name, a.Mode)
	if err != nil {
		return fault.Wrap(origin.KindOf(err), err, "make "+name)
	}
	src := copySource{
		here: have.and(&ranges{[]span{{0, a.Size}}}), clean: min(cut, base.Size, a.Size), size: a.Size, mtime: a.Mtime,
		ours:   func(s span) ([]byte, error) { return w.load(ino, s) },
		theirs: func(off uint64, buf []byte) (int, error) { return readFull(ctx, ino, as, off, buf) },
	}
	if _, err := src.land(ctx, ino.target.origin, as, copied); err != nil {
		return fault.Wrap(origin.KindOf(err), err, "write "+name)
	}
	ino.mu.Lock()
	defer ino.mu.Unlock()
	if ino.dirty != d || d.version != version { // written again: that must be in the copy too
		return errAgain
	}
	w.clean(ino)
	w.conflicts.Add(1)
	ino.attr, ino.verified, ino.settled = *x, time.Time{}, time.Now()
	if ino.content != nil {
		ino.content.reset()
	}
	w.f.log.Warn("conflict: the storage's version keeps the name", "export", ino.target.path, "name", at.name, "copy", name)
	return fault.WithHint(fault.New(fault.Conflict, "%s: %w", at.name, errConflict), "the version written here is %s", name)
}

// have returns the bytes that are here. Called with mu held.
func (ino *inode) have() ranges {
	if ino.content == nil || ino.content.reopen() != nil || ino.content.file == nil {
		return ranges{}
	}
	return ino.content.have.clone()
}

// copyName is what the copy of a file is called: it depends on nothing that a restart changes, so that a repeat goes to
// the same file.
func (w *writeBack) copyName(name string, inode uint64, first time.Time) string {
	if name == "" {
		name = fmt.Sprintf("inode-%d", inode)
	}
	suffix := fmt.Sprintf(".conflict-%s-%s", w.f.cfg.Name, first.UTC().Format("20060102T150405.000Z"))
	if over := len(name) + len(suffix) - 255; over > 0 {
		name = name[:max(len(name)-over, 1)]
	}
	return name + suffix
}

// makeCopy makes or finds the file for a conflict copy: in the directory of the original, else in the export's folder
// for such.
func (w *writeBack) makeCopy(ctx context.Context, t *target, as origin.Cred, dir uint64, name string, mode uint32) (origin.ID, error) {
	how := origin.CreateHow{Mode: nfs.Unchecked, Attr: nfs.SetAttr{Mode: nfs.Set32(mode), Size: nfs.Set64(0)}}
	node, err := w.beside(ctx, t, as, dir, func(dir origin.ID) (origin.Node, error) {
		made, err := t.origin.Create(ctx, as, dir, name, how)
		return made.Node, err
	})
	return node.ID, err
}

// beside makes something in a directory or, if that is gone, in the export's folder for such.
func (w *writeBack) beside(ctx context.Context, t *target, as origin.Cred, dir uint64, fn func(dir origin.ID) (origin.Node, error)) (origin.Node, error) {
	o := t.origin
	if dir != 0 {
		if at, err := w.f.inode(dir); err == nil {
			made, err := fn(at.oid())
			at.distrust()
			w.f.table.put(at)
			if err == nil || !origin.IsGone(err) && !errors.Is(err, nfs.ErrNotDir) {
				return made, err
			}
		}
	}
	root, err := o.Root(ctx)
	if err != nil {
		return origin.Node{}, err
	}
	folder, _, err := o.Lookup(ctx, as, root.ID, conflictFolder)
	if errors.Is(err, nfs.ErrNoEnt) {
		var made origin.Made
		made, err = o.MkDir(ctx, as, root.ID, conflictFolder, nfs.SetAttr{Mode: nfs.Set32(0o1777)})
		folder = made.Node
	}
	if err != nil {
		return origin.Node{}, err
	}
	return fn(folder.ID)
}
