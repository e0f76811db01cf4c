package posix

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/spillway/spillway/nfs"
)

// status maps an errno to the RFC 1813 status that says the same.
func status(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := nfs.StatusOf(err); ok {
		return err
	}
	var errno unix.Errno
	if !errors.As(err, &errno) {
		return nfs.ErrIO
	}
	switch errno {
	case unix.EPERM:
		return nfs.ErrPerm
	case unix.ENOENT:
		return nfs.ErrNoEnt
	case unix.ENXIO:
		return nfs.ErrNXIO
	case unix.EACCES:
		return nfs.ErrAcces
	case unix.EEXIST:
		return nfs.ErrExist
	case unix.EXDEV:
		return nfs.ErrXDev
	case unix.ENODEV:
		return nfs.ErrNoDev
	case unix.ENOTDIR:
		return nfs.ErrNotDir
	case unix.EISDIR:
		return nfs.ErrIsDir
	case unix.EINVAL, unix.ELOOP:
		return nfs.ErrInval
	case unix.EFBIG:
		return nfs.ErrFBig
	case unix.ENOSPC:
		return nfs.ErrNoSpc
	case unix.EROFS:
		return nfs.ErrROFS
	case unix.EMLINK:
		return nfs.ErrMLink
	case unix.ENAMETOOLONG:
		return nfs.ErrNameTooLong
	case unix.ENOTEMPTY:
		return nfs.ErrNotEmpty
	case unix.EDQUOT:
		return nfs.ErrDQuot
	case unix.ESTALE:
		return nfs.ErrStale
	case unix.EOPNOTSUPP, unix.ENOSYS:
		return nfs.ErrNotSupp
	case unix.EMFILE, unix.ENFILE, unix.ENOMEM, unix.EAGAIN, unix.EBUSY, unix.ETXTBSY:
		return nfs.ErrJukebox
	}
	return nfs.ErrIO
}

// checkName refuses what is no single name.
func checkName(name string) error {
	switch {
	case name == "" || strings.ContainsAny(name, "/\x00"):
		return nfs.ErrInval
	case name == "." || name == "..":
		return nfs.ErrExist
	case len(name) > 255:
		return nfs.ErrNameTooLong
	}
	return nil
}
