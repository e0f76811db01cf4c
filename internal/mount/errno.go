package mount

import (
	"context"
	"errors"
	"syscall"

	"github.com/spillway/spillway/nfs"
)

// errnoOf turns the outcome of a call into what the kernel passes to the program. Statuses up to 71 have the numbers of
// their Linux errnos, but for those that RFC 1813 took from elsewhere.
func errnoOf(err error) syscall.Errno {
	if err == nil {
		return 0
	}
	if errors.Is(err, context.Canceled) {
		return syscall.EINTR
	}
	if errors.Is(err, nfs.ErrTimeout) || errors.Is(err, context.DeadlineExceeded) {
		return syscall.ETIMEDOUT
	}
	status, ok := nfs.StatusOf(err)
	if !ok {
		return syscall.EIO
	}
	switch status {
	case nfs.ErrNameTooLong:
		return syscall.ENAMETOOLONG
	case nfs.ErrNotEmpty:
		return syscall.ENOTEMPTY
	case nfs.ErrDQuot:
		return syscall.EDQUOT
	case nfs.ErrStale, nfs.ErrBadHandle:
		return syscall.ESTALE
	case nfs.ErrRemote:
		return syscall.EREMOTE
	case nfs.ErrNotSupp, nfs.ErrBadType:
		return syscall.EOPNOTSUPP
	case nfs.ErrJukebox:
		return syscall.EAGAIN
	}
	if status < nfs.ErrNameTooLong {
		return syscall.Errno(status)
	}
	return syscall.EIO
}
