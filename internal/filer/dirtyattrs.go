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
	l := &ino.attr
	l.Mode, l.UID, l.GID, l.Nlink = a.Mode, a.UID, a.GID, a.Nlink
}

// endDirty notes the outcome of a change of ours at the origin. Called with mu held.
func (ino *inode) endDirty(wcc nfs.WccData, last bool) {
	d := ino.dirty
	if after := &wcc.After; after.Present && (!d.hasNewest || newer(&after.Attr, &d.newest)) {
		d.newest, d.hasNewest = after.Attr, true
	}
	if !last {
		return
	}
	ino.settled = time.Now()
	switch at := ino.chain.at; {
	case !ino.chain.ours():
		d.gap = true
	case at == d.base.Pre(): // nothing happened
	case d.hasNewest && d.newest.Pre() == at:
		ino.rebase(&d.newest)
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
