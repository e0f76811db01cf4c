package filer

import (
	"sync/atomic"

	"github.com/spillway/spillway/nfs"
)

// bornHere is set in the ids of inodes that were made here before their origin had them. Clients know such a file by a
// number of ours, before and after: one that changed when the origin gives its own would be another file to them.
const bornHere = 1 << 62

// shift is by how much a directory differs here from what its origin says, through names that the origin does not have
// as they are here: clients see by its times that it has changed.
type shift struct {
	times atomic.Uint64 // mtime and ctime are shown no older than this: seconds << 32 | nanoseconds
	links atomic.Int32  // subdirectories made here, less those removed
}

func (s *shift) since() nfs.Time {
	v := s.times.Load()
	return nfs.Time{Sec: uint32(v >> 32), Nsec: uint32(v)}
}

// to moves the times. Called with the inode's mu held.
func (s *shift) to(t nfs.Time) { s.times.Store(uint64(t.Sec)<<32 | uint64(t.Nsec)) }

func (s *shift) apply(mtime, ctime *nfs.Time) {
	since := s.since()
	if mtime.Before(since) {
		*mtime = since
	}
	if ctime.Before(since) {
		*ctime = since
	}
}

// fileIDOf returns the number under which clients know a file that was made here. Numbers of several filers in a row
// must not meet: each scatters them in its own way.
func (t *target) fileIDOf(inode uint64) uint64 {
	x := inode ^ t.scatter // the mix of SplitMix64, which is a permutation
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	x ^= x >> 31
	return x>>2 | 1<<62
}

// show returns attributes of the inode as clients see them: the file-system id is the export's, the file id the origin's
// unless the file was made here.
func (ino *inode) show(a nfs.Attr) nfs.Attr {
	a.FSID = uint64(ino.target.id)
	if ino.id&bornHere != 0 {
		a.FileID = ino.target.fileIDOf(ino.id)
	}
	if ino.shift.times.Load() != 0 {
		ino.shift.apply(&a.Mtime, &a.Ctime)
		a.Nlink = uint32(max(int32(a.Nlink)+ino.shift.links.Load(), 0))
	}
	return a
}

func (ino *inode) showOpt(a nfs.OptAttr) nfs.OptAttr {
	if a.Present {
		a.Attr = ino.show(a.Attr)
	}
	return a
}

func (ino *inode) showWcc(w nfs.WccData) nfs.WccData {
	w.After = ino.showOpt(w.After)
	if w.Before.Present {
		ino.shift.apply(&w.Before.Attr.Mtime, &w.Before.Attr.Ctime)
	}
	return w
}
