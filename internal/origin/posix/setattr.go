package posix

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// SetAttr changes attributes as the caller and syncs them: RFC 1813 §3.3.2 answers only when they are durable.
func (o *Origin) SetAttr(_ context.Context, as origin.Cred, id origin.ID, set nfs.SetAttr, guard *nfs.Time) (wcc nfs.WccData, err error) {
	err = o.with(id, func(fd int) error {
		unlock := o.lockWCC(id)
		before, err := statFD(fd)
		if err == nil && guard != nil && timeOf(before.Ctime) != *guard {
			err = nfs.ErrNotSync
		}
		if err == nil {
			err = o.apply(as, fd, &before, set)
		}
		after, statErr := statFD(fd)
		unlock()
		if statErr != nil {
			return errors.Join(err, statErr)
		}
		wcc = wccOf(&before, &after)
		if err == nil {
			err = syncObject(fd, typeOf(after.Mode))
		}
		return err
	})
	return wcc, err
}

// apply makes the changes in the order that lets the later ones succeed: size, owner, mode, times.
func (o *Origin) apply(as origin.Cred, fd int, st *unix.Statx_t, set nfs.SetAttr) error {
	if set.Size.Set {
		if err := o.truncate(as, fd, st, set.Size.Value); err != nil {
			return err
		}
	}
	return o.callers.run(as, func() error {
		if set.UID.Set || set.GID.Set {
			uid, gid := -1, -1
			if set.UID.Set {
				uid = int(set.UID.Value)
			}
			if set.GID.Set {
				gid = int(set.GID.Value)
			}
			if err := unix.Fchownat(fd, "", uid, gid, unix.AT_EMPTY_PATH); err != nil {
				return err
			}
		}
		if set.Mode.Set && typeOf(st.Mode) != nfs.TypeSymlink {
			if err := unix.Chmod(procPath(fd), set.Mode.Value&0o7777); err != nil {
				return err
			}
		}
		return setTimes(fd, set)
	})
}

func (o *Origin) truncate(as origin.Cred, fd int, st *unix.Statx_t, size uint64) error {
	switch typeOf(st.Mode) {
	case nfs.TypeRegular:
	case nfs.TypeDirectory:
		return unix.EISDIR
	default:
		return unix.EINVAL
	}
	if size > 1<<62 {
		return unix.EFBIG
	}
	f, err := o.reopen(as, fd, st, os.O_WRONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	return o.asWriter(as, st, func() error { return f.Truncate(int64(size)) })
}

func setTimes(fd int, set nfs.SetAttr) error {
	if set.Atime.How == nfs.DontChange && set.Mtime.How == nfs.DontChange {
		return nil
	}
	spec := func(t nfs.SetTime) unix.Timespec {
		switch t.How {
		case nfs.SetToServerTime:
			return unix.Timespec{Nsec: unix.UTIME_NOW}
		case nfs.SetToClientTime:
			return unix.NsecToTimespec(time.Unix(int64(t.Time.Sec), int64(t.Time.Nsec)).UnixNano())
		}
		return unix.Timespec{Nsec: unix.UTIME_OMIT}
	}
	return unix.UtimesNanoAt(fd, "", []unix.Timespec{spec(set.Atime), spec(set.Mtime)}, unix.AT_EMPTY_PATH)
}

// syncObject makes the attributes of a file or directory durable. Other types have no data; their inode goes with the
// directory.
func syncObject(fd int, kind nfs.FileType) error {
	if kind != nfs.TypeRegular && kind != nfs.TypeDirectory {
		return nil
	}
	f, err := os.OpenFile(procPath(fd), os.O_RDONLY|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.EACCES) {
		return nil // without root an unreadable file cannot be opened to sync it; its next commit tries again
	}
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Fsync(int(f.Fd()))
}
