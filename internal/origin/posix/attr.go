package posix

import (
	"context"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

func statFD(fd int) (unix.Statx_t, error) {
	var st unix.Statx_t
	err := unix.Statx(fd, "", unix.AT_EMPTY_PATH|unix.AT_STATX_SYNC_AS_STAT, unix.STATX_BASIC_STATS|unix.STATX_BTIME, &st)
	return st, err
}

func attrOf(st *unix.Statx_t) nfs.Attr {
	return nfs.Attr{
		Type: typeOf(st.Mode), Mode: uint32(st.Mode) & 0o7777, Nlink: st.Nlink, UID: st.Uid, GID: st.Gid,
		Size: st.Size, Used: st.Blocks * 512, Rdev: nfs.Device{Major: st.Rdev_major, Minor: st.Rdev_minor},
		FSID: unix.Mkdev(st.Dev_major, st.Dev_minor), FileID: st.Ino,
		Atime: timeOf(st.Atime), Mtime: timeOf(st.Mtime), Ctime: timeOf(st.Ctime),
	}
}

func timeOf(t unix.StatxTimestamp) nfs.Time { return nfs.TimeOf(time.Unix(t.Sec, int64(t.Nsec))) }

func typeOf(mode uint16) nfs.FileType {
	switch uint32(mode) & unix.S_IFMT {
	case unix.S_IFDIR:
		return nfs.TypeDirectory
	case unix.S_IFLNK:
		return nfs.TypeSymlink
	case unix.S_IFBLK:
		return nfs.TypeBlock
	case unix.S_IFCHR:
		return nfs.TypeChar
	case unix.S_IFSOCK:
		return nfs.TypeSocket
	case unix.S_IFIFO:
		return nfs.TypeFIFO
	}
	return nfs.TypeRegular
}

// with opens id, runs fn on its O_PATH descriptor and closes it.
func (o *Origin) with(id origin.ID, fn func(fd int) error) error {
	fd, err := o.find.open(id)
	if err != nil {
		return status(err)
	}
	defer unix.Close(fd)
	return status(fn(fd))
}

// GetAttr stats the file.
func (o *Origin) GetAttr(_ context.Context, _ origin.Cred, id origin.ID) (a nfs.Attr, err error) {
	err = o.with(id, func(fd int) error {
		st, err := statFD(fd)
		a = attrOf(&st)
		return err
	})
	return a, err
}

// Lookup finds name in dir; ".." of the root is the root.
func (o *Origin) Lookup(_ context.Context, as origin.Cred, dir origin.ID, name string) (node origin.Node, after nfs.OptAttr, err error) {
	if name != ".." {
		if err := checkName(name); err != nil {
			return node, after, err
		}
	}
	err = o.with(dir, func(dfd int) error {
		child := -1
		err := o.callers.run(as, func() (err error) {
			if name == ".." {
				child, err = o.parentOf(dfd, dir)
			} else {
				child, err = openChild(dfd, name)
			}
			return err
		})
		if st, statErr := statFD(dfd); statErr == nil {
			after = nfs.WithAttr(attrOf(&st))
			if after.Attr.Type != nfs.TypeDirectory {
				err = unix.ENOTDIR
			}
		}
		if child >= 0 {
			defer unix.Close(child)
		}
		if err != nil {
			return err
		}
		node, err = o.nodeOf(child, dir, name)
		return err
	})
	return node, after, err
}

// nodeOf describes an open file seen as name in parent. A name of ".." leaves the file's place alone.
func (o *Origin) nodeOf(fd int, parent origin.ID, name string) (origin.Node, error) {
	st, err := statFD(fd)
	if err != nil {
		return origin.Node{}, err
	}
	if name == ".." {
		name = ""
	}
	id, err := o.find.identify(fd, &st, parent, name)
	return origin.Node{ID: id, Attr: attrOf(&st)}, err
}

// Access asks the kernel for each bit.
func (o *Origin) Access(_ context.Context, as origin.Cred, id origin.ID, want nfs.Access) (got nfs.Access, err error) {
	err = o.with(id, func(fd int) error {
		st, err := statFD(fd)
		if err != nil {
			return err
		}
		isDir := typeOf(st.Mode) == nfs.TypeDirectory
		return o.callers.run(as, func() error {
			may := func(mode uint32) bool {
				return unix.Faccessat2(fd, "", mode, unix.AT_EMPTY_PATH|unix.AT_EACCESS) == nil
			}
			if may(unix.R_OK) {
				got |= nfs.AccessRead
			}
			if may(unix.W_OK) {
				got |= nfs.AccessModify | nfs.AccessExtend
				if isDir {
					got |= nfs.AccessDelete
				}
			}
			if may(unix.X_OK) {
				got |= nfs.AccessExecute | nfs.AccessLookup
			}
			return nil
		})
	})
	return got & want, err
}

// ReadLink reads a symbolic link.
func (o *Origin) ReadLink(_ context.Context, _ origin.Cred, id origin.ID) (target string, err error) {
	err = o.with(id, func(fd int) error {
		buf := make([]byte, unix.PathMax)
		n, err := unix.Readlinkat(fd, "", buf)
		if err == unix.ENOENT { // what the kernel says for anything but a link
			err = unix.EINVAL
		}
		target = string(buf[:max(n, 0)])
		return err
	})
	return target, err
}

// StatFS describes the file system below id.
func (o *Origin) StatFS(_ context.Context, id origin.ID) (s origin.FSStat, err error) {
	err = o.with(id, func(fd int) error {
		var st unix.Statfs_t
		if err := unix.Fstatfs(fd, &st); err != nil {
			return err
		}
		unit := uint64(st.Frsize)
		s = origin.FSStat{
			TotalBytes: st.Blocks * unit, FreeBytes: st.Bfree * unit, AvailBytes: st.Bavail * unit,
			TotalFiles: st.Files, FreeFiles: st.Ffree, AvailFiles: st.Ffree,
		}
		return nil
	})
	return s, err
}

// PathConf returns Linux's limits.
func (o *Origin) PathConf(_ context.Context, id origin.ID) (origin.PathConf, error) {
	err := o.with(id, func(int) error { return nil })
	return origin.PathConf{LinkMax: 65000, NameMax: 255}, err
}

// reopen opens what the O_PATH descriptor refers to for reading or writing, as the caller; a file's owner is never
// refused, as NFS clients check modes at open and not at each write.
func (o *Origin) reopen(as origin.Cred, fd int, st *unix.Statx_t, flags int) (*os.File, error) {
	switch typeOf(st.Mode) {
	case nfs.TypeRegular, nfs.TypeDirectory:
	default:
		return nil, unix.EINVAL
	}
	var f *os.File
	open := func() (err error) {
		f, err = os.OpenFile(procPath(fd), flags|unix.O_CLOEXEC, 0)
		return err
	}
	if as.UID == st.Uid && typeOf(st.Mode) == nfs.TypeRegular {
		return f, open()
	}
	err := o.callers.run(as, open)
	return f, err
}
