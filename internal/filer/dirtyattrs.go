package filer

import (
	"time"

	"github.com/spillway/spillway/nfs"
)

// originState is the state that the origin is believed to be in. Called with mu held.
func (ino *inode) originState() nfs.PreAttr {
	if ino.dirty != nil {
		return ino.dirty.base.Pre()
	}
	return ino.attr.Pre()
}

// observeDirty is observe for a file whose latest state is here: what the origin says moves the base or shows somebody
// else's change, which is judged when the file is written back. Called with mu held.
func (ino *inode) observeDirty(a *nfs.Attr, sent time.Time) {
	d := ino.dirty
	switch {
	case ino.chain.inflight > 0:
		ino.chain.see(a.Pre())
	case a.Pre() == d.base.Pre():
		ino.rebase(a)
		ino.verified = later(ino.verified, sent)
	case sent.Before(ino.settled) && !newer(a, &d.base): // overtaken
	case sameData(a, &d.base):
		ino.rebase(a)
	default:
		d.foreign = true
	}
}

// sameData says whether two states differ in ctime at most: a name, an owner or a mode was changed, but no data.
func sameData(a, b *nfs.Attr) bool {
	return a.Size == b.Size && a.Mtime == b.Mtime && a.FileID == b.FileID
}

// rebase moves the state that changes stand on. Called with mu held.
func (ino *inode) rebase(a *nfs.Attr) {
	ino.dirty.base = *a
	ino.showOwner(a)
}

// showOwner takes over what clients see of the origin's attributes though the file is dirty. Called with mu held.
func (ino *inode) showOwner(a *nfs.Attr) {
	l := &ino.attr
	l.Mode, l.UID, l.GID, l.Nlink = a.Mode, a.UID, a.GID, a.Nlink
}

// endDirty notes the outcome of a change of ours at the origin. Called with mu held.
func (ino *inode) endDirty(wcc nfs.WccData, last bool) {
	d := ino.dirty
	if after := &wcc.After; after.Present && (!d.hasNewest || !newer(&d.newest, &after.Attr)) {
		d.newest, d.hasNewest = after.Attr, true
		ino.showOwner(&after.Attr) // who has just changed them must not see the old ones while the file is being written back
	}
	if !last {
		return
	}
	ino.settled = time.Now()
	switch at := ino.chain.at; {
	case !ino.chain.ours():
		d.gap = true
	case d.hasNewest && d.newest.Pre() == at: // at the base too: the origin's clock may not tell a new mode from the state before
		ino.rebase(&d.newest)
	case at == d.base.Pre(): // nothing happened
	default:
		d.gap = true
	}
	d.hasNewest = false
}

func (ino *inode) isDirty() bool {
	ino.mu.Lock()
	defer ino.mu.Unlock()
	return ino.dirty != nil
}
