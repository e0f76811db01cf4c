package filer

import (
	"context"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// Most changes of names are written through, data perhaps later: a name that is given to a file must not appear at the
// origin before the data that the client wrote for it. So what gives a dirty file a name writes it back first, and what takes its last name takes its data.

// settle writes a file back that is about to get a name. A conflict settles it too: the origin's version keeps the file.
func (c call) settle(ino *inode) error {
	if c.f.wb == nil {
		return nil
	}
	if err := c.f.wb.land(c.f.lasting(), ino); err != nil && !isConflict(err) {
		c.ino.target.note(err)
		return nfs.ErrJukebox
	}
	return nil
}

// settleName is settle for the file that has the name, if there is one and it is dirty.
func (c call) settleName(dir *inode, name string) error {
	if c.f.wb == nil {
		return nil
	}
	child := c.f.dirtyChild(c.f.lasting(), c.as, dir, name)
	if child == nil {
		return nil
	}
	defer c.f.table.put(child)
	return c.settle(child)
}

// dirtyChild returns the inode behind a name if it is known, to be put back, else nil. While files of the export are
// dirty the origin is asked for a name that is not known: it may be one of theirs.
func (f *Filer) dirtyChild(ctx context.Context, as origin.Cred, dir *inode, name string) *inode {
	if child := f.cachedChild(dir, name); child != nil || f.wb == nil || !f.wb.any(dir.target) {
		return child
	}
	child, err := f.lookup(ctx, as, dir, name, dir.target.freshEnough())
	if err != nil {
		return nil // the operation itself will say why
	}
	return child
}

// any says whether files of the export are dirty, or names owed.
func (w *writeBack) any(t *target) bool {
	if w.names.any(t) {
		return true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, ino := range w.files {
		if ino.target == t {
			return true
		}
	}
	return false
}

// foundAt remembers where a file was found: for people, and for a conflict copy of it.
func (ino *inode) foundAt(dir uint64, name string) {
	if name == "." || name == ".." {
		return
	}
	ino.mu.Lock()
	defer ino.mu.Unlock()
	if ino.place.dir != dir || ino.place.name != name {
		ino.place = place{dir, name}
	}
}

// madeAt is foundAt for a file that a client of this filer has made.
func (ino *inode) madeAt(dir uint64, name string) {
	ino.foundAt(dir, name)
	ino.mu.Lock()
	defer ino.mu.Unlock()
	ino.made = ino.made || ino.target.writeBack > 0
}

// unlinking counts removals of names of the file in flight.
func (ino *inode) unlinking(n int) {
	ino.mu.Lock()
	defer ino.mu.Unlock()
	ino.unlinks += n
}
