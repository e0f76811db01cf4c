package mount

import (
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/spillway/spillway/nfs"
)

// typeBits returns the S_IF bits of a file type.
func typeBits(t nfs.FileType) uint32 {
	switch t {
	case nfs.TypeDirectory:
		return syscall.S_IFDIR
	case nfs.TypeBlock:
		return syscall.S_IFBLK
	case nfs.TypeChar:
		return syscall.S_IFCHR
	case nfs.TypeSymlink:
		return syscall.S_IFLNK
	case nfs.TypeSocket:
		return syscall.S_IFSOCK
	case nfs.TypeFIFO:
		return syscall.S_IFIFO
	}
	return syscall.S_IFREG
}

// fileType is the inverse for what MKNOD can make.
func fileType(mode uint32) nfs.FileType {
	switch mode & syscall.S_IFMT {
	case syscall.S_IFBLK:
		return nfs.TypeBlock
	case syscall.S_IFCHR:
		return nfs.TypeChar
	case syscall.S_IFSOCK:
		return nfs.TypeSocket
	case syscall.S_IFIFO:
		return nfs.TypeFIFO
	}
	return nfs.TypeRegular
}

// fillAttr says attributes the kernel's way.
func fillAttr(a *nfs.Attr, out *fuse.Attr) {
	out.Ino, out.Size, out.Blocks, out.Blksize = a.FileID, a.Size, (a.Used+511)/512, 1<<20
	out.Mode, out.Nlink = typeBits(a.Type)|a.Mode, a.Nlink
	out.Uid, out.Gid = a.UID, a.GID
	out.Rdev = a.Rdev.Major<<8&0xfff00 | a.Rdev.Minor&0xff | a.Rdev.Minor<<12&0xfff00000 // the kernel's new_encode_dev
	out.Atime, out.Atimensec = uint64(a.Atime.Sec), a.Atime.Nsec
	out.Mtime, out.Mtimensec = uint64(a.Mtime.Sec), a.Mtime.Nsec
	out.Ctime, out.Ctimensec = uint64(a.Ctime.Sec), a.Ctime.Nsec
}

// changes turns what the kernel wants changed into SETATTR's words.
func changes(in *fuse.SetAttrIn) nfs.SetAttr {
	var set nfs.SetAttr
	if mode, ok := in.GetMode(); ok {
		set.Mode = nfs.Set32(mode & 0o7777)
	}
	if uid, ok := in.GetUID(); ok {
		set.UID = nfs.Set32(uid)
	}
	if gid, ok := in.GetGID(); ok {
		set.GID = nfs.Set32(gid)
	}
	if size, ok := in.GetSize(); ok {
		set.Size = nfs.Set64(size)
	}
	if at, ok := in.GetATime(); ok {
		set.Atime = nfs.SetTimeTo(nfs.TimeOf(at))
	}
	if in.Valid&fuse.FATTR_ATIME_NOW != 0 {
		set.Atime = nfs.SetTime{How: nfs.SetToServerTime}
	}
	if mt, ok := in.GetMTime(); ok {
		set.Mtime = nfs.SetTimeTo(nfs.TimeOf(mt))
	}
	if in.Valid&fuse.FATTR_MTIME_NOW != 0 {
		set.Mtime = nfs.SetTime{How: nfs.SetToServerTime}
	}
	return set
}
