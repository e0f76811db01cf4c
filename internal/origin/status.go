package origin

import (
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/nfs"
)

// StatusOf returns the NFS status for err. An error in which the origin did not answer maps by its Kind: Unavailable is
// JUKEBOX (the client tries again later, as on a hard mount).
func StatusOf(err error) nfs.Status {
	if err == nil {
		return nfs.OK
	}
	if s, ok := nfs.StatusOf(err); ok {
		return s
	}
	switch fault.KindOf(err) {
	case fault.Unavailable:
		return nfs.ErrJukebox
	case fault.NotFound:
		return nfs.ErrNoEnt
	case fault.Denied:
		return nfs.ErrAcces
	case fault.Exhausted:
		return nfs.ErrNoSpc
	case fault.Invalid:
		return nfs.ErrInval
	}
	return nfs.ErrIO
}

// KindOf classifies err, whether it carries a status or a fault.Kind.
func KindOf(err error) fault.Kind {
	s, ok := nfs.StatusOf(err)
	if !ok {
		return fault.KindOf(err)
	}
	switch s {
	case nfs.ErrNoEnt, nfs.ErrStale, nfs.ErrBadHandle:
		return fault.NotFound
	case nfs.ErrPerm, nfs.ErrAcces, nfs.ErrROFS:
		return fault.Denied
	case nfs.ErrExist, nfs.ErrNotEmpty, nfs.ErrNotSync, nfs.ErrXDev, nfs.ErrIsDir, nfs.ErrNotDir:
		return fault.Conflict
	case nfs.ErrNoSpc, nfs.ErrDQuot, nfs.ErrFBig, nfs.ErrMLink:
		return fault.Exhausted
	case nfs.ErrInval, nfs.ErrNameTooLong, nfs.ErrBadType, nfs.ErrBadCookie, nfs.ErrNotSupp, nfs.ErrTooSmall:
		return fault.Invalid
	case nfs.ErrJukebox:
		return fault.Unavailable
	}
	return fault.Internal
}

// IsGone says whether err means that the object itself no longer exists.
func IsGone(err error) bool {
	s, _ := nfs.StatusOf(err)
	return s == nfs.ErrStale || s == nfs.ErrBadHandle
}
