package filer

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
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
	name := at.name
	if name == "" {
		name = fmt.Sprintf("inode-%d", ino.id)
	}
	suffix := fmt.Sprintf(".conflict-%s-%s", w.f.cfg.Name, first.UTC().Format("20060102T150405.000Z"))
	if over := len(name) + len(suffix) - 255; over > 0 {
		name = name[:max(len(name)-over, 1)]
	}
	name += suffix
	copied, err := w.makeCopy(ctx, ino, as, at.dir, name, &a)
	if err != nil {
		return fault.Wrap(origin.KindOf(err), err, "make "+name)
	}
	kept := have.and(&ranges{[]span{{0, a.Size}}})
	if err := w.fillCopy(ctx, ino, as, copied, &kept, min(cut, base.Size, a.Size), &a); err != nil {
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
	if ino.content == nil || ino.content.file == nil {
		return ranges{}
	}
	return ino.content.have.clone()
}

// makeCopy makes or finds the file for a conflict copy: in the directory of the original, else in the export's folder
// for such.
func (w *writeBack) makeCopy(ctx context.Context, ino *inode, as origin.Cred, dir uint64, name string, a *nfs.Attr) (origin.ID, error) {
	o := ino.target.origin
	how := origin.CreateHow{Mode: nfs.Unchecked, Attr: nfs.SetAttr{Mode: nfs.Set32(a.Mode), Size: nfs.Set64(0)}}
	if dir != 0 {
		if at, err := w.f.inode(dir); err == nil {
			made, err := o.Create(ctx, as, at.oid, name, how)
			at.distrust()
			w.f.table.put(at)
			if err == nil || !origin.IsGone(err) && !errors.Is(err, nfs.ErrNotDir) {
				return made.Node.ID, err
			}
		}
	}
	root, err := o.Root(ctx)
	if err != nil {
		return "", err
	}
	folder, _, err := o.Lookup(ctx, as, root.ID, conflictFolder)
	if errors.Is(err, nfs.ErrNoEnt) {
		var made origin.Made
		made, err = o.MkDir(ctx, as, root.ID, conflictFolder, nfs.SetAttr{Mode: nfs.Set32(0o1777)})
		folder = made.Node
	}
	if err != nil {
		return "", err
	}
	made, err := o.Create(ctx, as, folder.ID, name, how)
	return made.Node.ID, err
}

// fillCopy writes our version: the bytes that are here, and what lies below clean and is not here from the origin's
// version.
func (w *writeBack) fillCopy(ctx context.Context, ino *inode, as origin.Cred, to origin.ID, have *ranges, clean uint64, a *nfs.Attr) error {
	o := ino.target.origin
	var verf nfs.Verifier
	first, restarted := true, false
	put := func(off uint64, data []byte) error {
		for len(data) > 0 {
			r, err := o.Write(ctx, as, to, off, data, nfs.Unstable)
			if err != nil {
				return err
			}
			if r.N <= 0 || r.N > len(data) {
				return fault.New(fault.Internal, "the storage wrote %d of %d bytes", r.N, len(data))
			}
			if first {
				verf, first = r.Verifier, false
			}
			restarted = restarted || r.Verifier != verf
			off, data = off+uint64(r.N), data[r.N:]
		}
		return nil
	}
	for s := range have.chunks(maxIO) {
		data, err := w.load(ino, s)
		if err == nil {
			err = put(s.from, data)
		}
		if err != nil {
			return err
		}
	}
	missing := ranges{have.missing(0, clean)}
	buf := make([]byte, maxIO)
	for s := range missing.chunks(maxIO) {
		n, err := readFull(ctx, ino, as, s.from, buf[:s.to-s.from])
		if err == nil {
			err = put(s.from, buf[:n])
		}
		if err != nil {
			return err
		}
	}
	if _, err := o.SetAttr(ctx, as, to, nfs.SetAttr{Size: nfs.Set64(a.Size), Mtime: nfs.SetTimeTo(a.Mtime)}, nil); err != nil {
		return err
	}
	r, err := o.Commit(ctx, as, to, 0, 0)
	if err == nil && !first && (restarted || r.Verifier != verf) {
		err = fault.New(fault.Unavailable, "the storage restarted")
	}
	return err
}

// Aside is dirty data that can no longer land under its name: the file is gone from the storage, or a fence ended the
// session that wrote it before the storage took it. It is kept in the cache directory until somebody ends it.
type Aside struct {
	Inode  uint64    `json:"inode"`
	Export string    `json:"export"`
	Name   string    `json:"name"` // as last seen
	Size   uint64    `json:"size"`
	Bytes  uint64    `json:"bytes"` // of the file that are here
	Mtime  time.Time `json:"mtime"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
	File   string    `json:"file"` // below the cache directory; sparse
	Gen    uint64    `json:"gen"`
}

// setAside keeps a file's dirty data out of the way, durably, and makes the inode clean. Called without mu; nothing may
// be running.
func (w *writeBack) setAside(ino *inode, d *dirty, reason string) error {
	ino.mu.Lock()
	content := ino.content
	ino.mu.Unlock()
	if content != nil {
		content.hardening.Lock()
		err := w.syncData(ino, d)
		content.hardening.Unlock()
		if err != nil {
			return err
		}
	}
	ino.mu.Lock()
	defer ino.mu.Unlock()
	if ino.dirty != d {
		return nil
	}
	a := Aside{
		Inode: ino.id, Export: ino.target.path, Name: ino.place.name, Size: ino.attr.Size, Mtime: ino.attr.Mtime.Time(),
		Reason: reason, At: time.Now().UTC(),
	}
	if c := ino.content; c != nil && c.gen != 0 {
		kept := ino.have()
		a.Gen, a.Bytes = c.gen, kept.size()
		file, err := filepath.Rel(w.f.cfg.CacheDir, w.f.store.path(c.gen))
		if err != nil {
			return err
		}
		a.File = file
	}
	v, err := json.Marshal(a)
	if err != nil {
		return err
	}
	key := binary.BigEndian.AppendUint64(inodeKey('a', ino.id), uint64(a.At.UnixNano()))
	if err := w.f.kv.Apply([]Change{{key, v}}, true); err != nil {
		return err
	}
	w.clean(ino)
	w.aside.Add(1)
	if c := ino.content; c != nil {
		c.space.clear()
		c.have, c.lenders = ranges{}, nil
		if c.file != nil {
			c.file.put()
			c.file = nil
		}
		c.gen, c.linked, c.recorded = 0, false, false // the file is the aside's now
		c.reset()
	}
	ino.attr, ino.verified = d.base, time.Time{}
	w.f.log.Warn("dirty data was set aside", "export", a.Export, "name", a.Name, "bytes", a.Bytes, "reason", reason, "file", a.File)
	return nil
}

// goneDirty deals with what is dirty of a file that the origin no longer has: it goes with the file if we removed that,
// else it is set aside. False: that failed, and the file must not be forgotten.
func (f *Filer) goneDirty(ino *inode) bool {
	ino.mu.Lock()
	d := ino.dirty
	if d != nil && ino.unlinks > 0 {
		f.wb.clean(ino)
		d = nil
	}
	ino.mu.Unlock()
	if d == nil {
		return true
	}
	err := f.wb.setAside(ino, d, "the file is gone from the storage")
	if err != nil {
		f.log.Error("set dirty data aside", "inode", ino.id, "error", err)
	}
	return err == nil
}

// Asides lists what was set aside.
func (f *Filer) Asides() (out []Aside, err error) {
	err = f.kv.Scan([]byte{'a'}, func(_, v []byte) error {
		var a Aside
		if json.Unmarshal(v, &a) == nil {
			out = append(out, a)
		}
		return nil
	})
	return out, err
}
