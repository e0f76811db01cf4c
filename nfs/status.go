package nfs

import (
	"errors"
	"strconv"
)

// Status is the outcome of a procedure (nfsstat3, RFC 1813 §2.6). The statuses of MOUNT (mountstat3, §5.1.5) have the
// same numbers. Every Status but OK is a useful error.
type Status uint32

// The statuses of RFC 1813 §2.6.
const (
	OK             Status = 0
	ErrPerm        Status = 1
	ErrNoEnt       Status = 2
	ErrIO          Status = 5
	ErrNXIO        Status = 6
	ErrAcces       Status = 13
	ErrExist       Status = 17
	ErrXDev        Status = 18
	ErrNoDev       Status = 19
	ErrNotDir      Status = 20
	ErrIsDir       Status = 21
	ErrInval       Status = 22
	ErrFBig        Status = 27
	ErrNoSpc       Status = 28
	ErrROFS        Status = 30
	ErrMLink       Status = 31
	ErrNameTooLong Status = 63
	ErrNotEmpty    Status = 66
	ErrDQuot       Status = 69
	ErrStale       Status = 70
	ErrRemote      Status = 71
	ErrBadHandle   Status = 10001
	ErrNotSync     Status = 10002
	ErrBadCookie   Status = 10003
	ErrNotSupp     Status = 10004
	ErrTooSmall    Status = 10005
	ErrServerFault Status = 10006
	ErrBadType     Status = 10007
	ErrJukebox     Status = 10008
)

// Name returns the name that RFC 1813 gives the status, such as NFS3ERR_NOENT.
func (s Status) Name() string {
	if t, ok := statusText(s); ok {
		return t.name
	}
	return "NFS3ERR_" + strconv.FormatUint(uint64(s), 10)
}

// Error says in words what the status means.
func (s Status) Error() string {
	if t, ok := statusText(s); ok {
		return "nfs: " + t.words
	}
	return "nfs: status " + strconv.FormatUint(uint64(s), 10)
}

// Known reports whether RFC 1813 defines the status.
func (s Status) Known() bool {
	_, ok := statusText(s)
	return ok
}

// Err returns nil for OK and the status itself otherwise.
func (s Status) Err() error {
	if s == OK {
		return nil
	}
	return s
}

// Mount returns the status as MOUNT may send it: what mountstat3 lacks becomes the nearest one that it has.
func (s Status) Mount() Status {
	switch s {
	case OK, ErrPerm, ErrNoEnt, ErrIO, ErrAcces, ErrNotDir, ErrInval, ErrNameTooLong, ErrNotSupp, ErrServerFault:
		return s
	case ErrStale, ErrBadHandle:
		return ErrNoEnt
	case ErrROFS:
		return ErrAcces
	case ErrNXIO, ErrNoDev, ErrRemote, ErrNoSpc, ErrDQuot:
		return ErrIO
	default:
		return ErrServerFault
	}
}

// StatusOf returns the status in err's chain. It returns OK and false where there is none: err is nil, or the call
// failed before the procedure answered.
func StatusOf(err error) (Status, bool) {
	if s, ok := err.(Status); ok { //nolint:errorlint // the usual case, without the memory that the next line takes
		return s, true
	}
	var s Status
	if errors.As(err, &s) {
		return s, true
	}
	return OK, false
}

type statusWords struct{ name, words string }

func statusText(s Status) (statusWords, bool) {
	switch s {
	case OK:
		return statusWords{"NFS3_OK", "ok"}, true
	case ErrPerm:
		return statusWords{"NFS3ERR_PERM", "not owner"}, true
	case ErrNoEnt:
		return statusWords{"NFS3ERR_NOENT", "no such file or directory"}, true
	case ErrIO:
		return statusWords{"NFS3ERR_IO", "input/output error"}, true
	case ErrNXIO:
		return statusWords{"NFS3ERR_NXIO", "no such device or address"}, true
	case ErrAcces:
		return statusWords{"NFS3ERR_ACCES", "permission denied"}, true
	case ErrExist:
		return statusWords{"NFS3ERR_EXIST", "file exists"}, true
	case ErrXDev:
		return statusWords{"NFS3ERR_XDEV", "cross-device hard link"}, true
	case ErrNoDev:
		return statusWords{"NFS3ERR_NODEV", "no such device"}, true
	case ErrNotDir:
		return statusWords{"NFS3ERR_NOTDIR", "not a directory"}, true
	case ErrIsDir:
		return statusWords{"NFS3ERR_ISDIR", "is a directory"}, true
	case ErrInval:
		return statusWords{"NFS3ERR_INVAL", "invalid argument"}, true
	case ErrFBig:
		return statusWords{"NFS3ERR_FBIG", "file too large"}, true
	case ErrNoSpc:
		return statusWords{"NFS3ERR_NOSPC", "no space left on device"}, true
	case ErrROFS:
		return statusWords{"NFS3ERR_ROFS", "read-only file system"}, true
	case ErrMLink:
		return statusWords{"NFS3ERR_MLINK", "too many hard links"}, true
	case ErrNameTooLong:
		return statusWords{"NFS3ERR_NAMETOOLONG", "file name too long"}, true
	case ErrNotEmpty:
		return statusWords{"NFS3ERR_NOTEMPTY", "directory not empty"}, true
	case ErrDQuot:
		return statusWords{"NFS3ERR_DQUOT", "quota exceeded"}, true
	case ErrStale:
		return statusWords{"NFS3ERR_STALE", "stale file handle"}, true
	case ErrRemote:
		return statusWords{"NFS3ERR_REMOTE", "too many levels of remote in path"}, true
	default:
		return statusTextV3(s)
	}
}

// statusTextV3 covers the statuses that have no errno of their own.
func statusTextV3(s Status) (statusWords, bool) {
	switch s {
	case ErrBadHandle:
		return statusWords{"NFS3ERR_BADHANDLE", "illegal file handle"}, true
	case ErrNotSync:
		return statusWords{"NFS3ERR_NOT_SYNC", "update synchronization mismatch"}, true
	case ErrBadCookie:
		return statusWords{"NFS3ERR_BAD_COOKIE", "stale directory cookie"}, true
	case ErrNotSupp:
		return statusWords{"NFS3ERR_NOTSUPP", "operation not supported"}, true
	case ErrTooSmall:
		return statusWords{"NFS3ERR_TOOSMALL", "buffer or request too small"}, true
	case ErrServerFault:
		return statusWords{"NFS3ERR_SERVERFAULT", "server fault"}, true
	case ErrBadType:
		return statusWords{"NFS3ERR_BADTYPE", "file type not supported"}, true
	case ErrJukebox:
		return statusWords{"NFS3ERR_JUKEBOX", "not ready yet, try again"}, true
	default:
		return statusWords{}, false
	}
}
