package posix

import (
	"context"
	"encoding/binary"
	"errors"

	"golang.org/x/sys/unix"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// change runs fn on the directory as the caller, with weak-cache-consistency data around it, and syncs the directory:
// names must be durable before they are acknowledged (RFC 1813 §4.8).
func (o *Origin) change(as origin.Cred, dir origin.ID, fn func(dfd int) error) (wcc nfs.WccData, err error) {
	err = o.with(dir, func(dfd int) error {
		unlock := o.lockWCC(dir)
		before, err := statFD(dfd)
		if err == nil && typeOf(before.Mode) != nfs.TypeDirectory {
			err = unix.ENOTDIR
		}
		if err == nil {
			err = o.callers.run(as, func() error { return fn(dfd) })
		}
		after, statErr := statFD(dfd)
		unlock()
		if statErr == nil {
			wcc = wccOf(&before, &after)
		}
		if err == nil {
			err = syncObject(dfd, nfs.TypeDirectory)
		}
		return err
	})
	return wcc, err
}

// makeObject runs fn to make name, then gives the new object the attributes asked for. fn returns a descriptor of it or -1.
func (o *Origin) makeObject(as origin.Cred, dir origin.ID, name string, set nfs.SetAttr, fn func(dfd int) (int, error)) (made origin.Made, err error) {
	if err := checkName(name); err != nil {
		return made, err
	}
	made.Dir, err = o.change(as, dir, func(dfd int) error {
		fd, err := fn(dfd)
		if err != nil {
			return err
		}
		if fd < 0 {
			if fd, err = openChild(dfd, name); err != nil {
				return err
			}
		}
		defer unix.Close(fd)
		st, err := statFD(fd)
		if err != nil {
			return err
		}
		if typeOf(st.Mode) == nfs.TypeDirectory { // it may have set-group-id from its parent, and keeps it
			set.Mode.Value |= uint32(st.Mode) & unix.S_ISGID
		}
		if set.Mode.Value == uint32(st.Mode)&0o7777 {
			set.Mode.Set = false // chmod(2) by somebody outside the group would take set-group-id away
		}
		if err := o.apply(as, fd, &st, set); err != nil {
			return err
		}
		made.Node, err = o.nodeOf(fd, dir, name)
		return err
	})
	return made, err
}

func modeOf(set nfs.SetAttr, otherwise uint32) uint32 {
	if set.Mode.Set {
		return set.Mode.Value & 0o7777
	}
	return otherwise
}

// Create makes a regular file. An exclusive create keeps its verifier in the file's times, the way servers have always
// done, so that a repeat succeeds even after a restart.
func (o *Origin) Create(_ context.Context, as origin.Cred, dir origin.ID, name string, how origin.CreateHow) (origin.Made, error) {
	set := how.Attr
	if how.Mode == nfs.Exclusive {
		set = exclusiveAttr(how.Verifier)
	}
	create := func(dfd int) (int, error) {
		fd, err := unix.Openat(dfd, name, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, modeOf(set, 0o644))
		if err != nil {
			return -1, err
		}
		return fd, nil
	}
	made, err := o.makeObject(as, dir, name, set, create)
	if !errors.Is(err, nfs.ErrExist) || how.Mode == nfs.Guarded || checkName(name) != nil {
		return made, err
	}
	return o.createExisting(as, dir, name, how)
}

// createExisting answers UNCHECKED and EXCLUSIVE when the name is there already.
func (o *Origin) createExisting(as origin.Cred, dir origin.ID, name string, how origin.CreateHow) (made origin.Made, err error) {
	made.Dir, err = o.change(as, dir, func(dfd int) error {
		fd, err := openChild(dfd, name)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		st, err := statFD(fd)
		if err != nil {
			return err
		}
		if typeOf(st.Mode) != nfs.TypeRegular {
			return unix.EEXIST
		}
		if how.Mode == nfs.Exclusive {
			a, want := attrOf(&st), exclusiveAttr(how.Verifier)
			if a.Atime.Sec != want.Atime.Time.Sec || a.Mtime.Sec != want.Mtime.Time.Sec {
				return unix.EEXIST
			}
		} else if how.Attr.Size.Set { // of an existing file only the size is applied, as open(O_CREAT|O_TRUNC) does
			if err := o.truncate(as, fd, &st, how.Attr.Size.Value); err != nil {
				return err
			}
		}
		made.Node, err = o.nodeOf(fd, dir, name)
		return err
	})
	return made, err
}

func exclusiveAttr(v nfs.Verifier) nfs.SetAttr {
	return nfs.SetAttr{
		Atime: nfs.SetTimeTo(nfs.Time{Sec: binary.BigEndian.Uint32(v[:4]) & 0x7fffffff}),
		Mtime: nfs.SetTimeTo(nfs.Time{Sec: binary.BigEndian.Uint32(v[4:]) & 0x7fffffff}),
	}
}

// MkDir makes a directory.
func (o *Origin) MkDir(_ context.Context, as origin.Cred, dir origin.ID, name string, set nfs.SetAttr) (origin.Made, error) {
	return o.makeObject(as, dir, name, set, func(dfd int) (int, error) {
		return -1, unix.Mkdirat(dfd, name, modeOf(set, 0o755))
	})
}

// Symlink makes a symbolic link.
func (o *Origin) Symlink(_ context.Context, as origin.Cred, dir origin.ID, name, target string, set nfs.SetAttr) (origin.Made, error) {
	return o.makeObject(as, dir, name, set, func(dfd int) (int, error) { return -1, unix.Symlinkat(target, dfd, name) })
}

// MkNod makes a FIFO, a socket or a device.
func (o *Origin) MkNod(_ context.Context, as origin.Cred, dir origin.ID, name string, kind origin.Special, set nfs.SetAttr) (origin.Made, error) {
	var format uint32
	switch kind.Type {
	case nfs.TypeFIFO:
		format = unix.S_IFIFO
	case nfs.TypeSocket:
		format = unix.S_IFSOCK
	case nfs.TypeChar:
		format = unix.S_IFCHR
	case nfs.TypeBlock:
		format = unix.S_IFBLK
	default:
		return origin.Made{}, nfs.ErrBadType
	}
	return o.makeObject(as, dir, name, set, func(dfd int) (int, error) {
		return -1, unix.Mknodat(dfd, name, format|modeOf(set, 0o644), int(unix.Mkdev(kind.Device.Major, kind.Device.Minor)))
	})
}

// Remove unlinks a name that is no directory.
func (o *Origin) Remove(_ context.Context, as origin.Cred, dir origin.ID, name string) (nfs.WccData, error) {
	return o.unlink(as, dir, name, 0)
}

// RmDir removes an empty directory.
func (o *Origin) RmDir(_ context.Context, as origin.Cred, dir origin.ID, name string) (nfs.WccData, error) {
	return o.unlink(as, dir, name, unix.AT_REMOVEDIR)
}

func (o *Origin) unlink(as origin.Cred, dir origin.ID, name string, flags int) (nfs.WccData, error) {
	if err := checkName(name); err != nil {
		return nfs.WccData{}, err
	}
	return o.change(as, dir, func(dfd int) error { return unix.Unlinkat(dfd, name, flags) })
}

// Rename renames, replacing what is there.
func (o *Origin) Rename(_ context.Context, as origin.Cred, from origin.ID, fromName string, to origin.ID, toName string) (r origin.RenameResult, err error) {
	if err := errors.Join(checkName(fromName), checkName(toName)); err != nil {
		return r, err
	}
	err = o.with(from, func(ffd int) error {
		return o.with(to, func(tfd int) error {
			unlock := o.lockWCC(from, to)
			fromBefore, toBefore, err := statPair(ffd, tfd)
			if err == nil {
				err = o.callers.run(as, func() error { return unix.Renameat(ffd, fromName, tfd, toName) })
			}
			fromAfter, toAfter, statErr := statPair(ffd, tfd)
			unlock()
			if statErr == nil {
				r = origin.RenameResult{From: wccOf(&fromBefore, &fromAfter), To: wccOf(&toBefore, &toAfter)}
			}
			if err != nil {
				return err
			}
			o.noteMoved(tfd, to, toName)
			if err := syncObject(tfd, nfs.TypeDirectory); err != nil || from == to {
				return err
			}
			return syncObject(ffd, nfs.TypeDirectory)
		})
	})
	return r, err
}

// noteMoved tells the finder where a renamed file is now. What it cannot note it will find by searching.
func (o *Origin) noteMoved(dfd int, dir origin.ID, name string) {
	if fd, err := openChild(dfd, name); err == nil {
		_, _ = o.nodeOf(fd, dir, name)
		unix.Close(fd)
	}
}

func statPair(a, b int) (sa, sb unix.Statx_t, err error) {
	sa, err1 := statFD(a)
	sb, err2 := statFD(b)
	return sa, sb, errors.Join(err1, err2)
}

// Link adds a name.
func (o *Origin) Link(_ context.Context, as origin.Cred, id, dir origin.ID, name string) (r origin.LinkResult, err error) {
	if err := checkName(name); err != nil {
		return r, err
	}
	err = o.with(id, func(fd int) error {
		r.Dir, err = o.change(as, dir, func(dfd int) error {
			return unix.Linkat(unix.AT_FDCWD, procPath(fd), dfd, name, unix.AT_SYMLINK_FOLLOW)
		})
		if st, statErr := statFD(fd); statErr == nil {
			r.File = nfs.WithAttr(attrOf(&st))
		}
		return err
	})
	return r, err
}
