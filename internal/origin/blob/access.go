package blob

import (
	"slices"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// The store knows one credential, ours; who may do what follows from the mode bits in the metadata, as on any disk.

const (
	mayRead  = 4
	mayWrite = 2
	mayExec  = 1
)

// allowed returns the permission bits that a caller has on an object.
func allowed(as *origin.Cred, a *nfs.Attr) uint32 {
	switch {
	case as.UID == 0:
		if a.Type == nfs.TypeDirectory || a.Mode&0o111 != 0 {
			return mayRead | mayWrite | mayExec
		}
		return mayRead | mayWrite
	case as.UID == a.UID:
		return a.Mode >> 6 & 7
	case inGroup(as, a.GID):
		return a.Mode >> 3 & 7
	}
	return a.Mode & 7
}

func inGroup(as *origin.Cred, gid uint32) bool { return as.GID == gid || slices.Contains(as.GIDs, gid) }

func permit(as *origin.Cred, a *nfs.Attr, want uint32) error {
	if allowed(as, a)&want != want {
		return nfs.ErrAcces
	}
	return nil
}

// permitData is permit for the content of files: their owner was checked when it opened them, and who may execute a
// file may read it in (RFC 1813 §4.4).
func permitData(as *origin.Cred, a *nfs.Attr, want uint32) error {
	switch a.Type {
	case nfs.TypeRegular:
	case nfs.TypeDirectory:
		return nfs.ErrIsDir
	default:
		return nfs.ErrInval
	}
	if as.UID == a.UID || want == mayRead && allowed(as, a)&mayExec != 0 {
		return nil
	}
	return permit(as, a, want)
}

// permitUnlink is the sticky bit's rule, on top of write permission to the directory.
func permitUnlink(as *origin.Cred, dir, file *nfs.Attr) error {
	if dir.Mode&0o1000 != 0 && as.UID != 0 && as.UID != dir.UID && as.UID != file.UID {
		return nfs.ErrPerm
	}
	return nil
}

// accessBits answers ACCESS (RFC 1813 §3.3.4).
func accessBits(as *origin.Cred, a *nfs.Attr, want nfs.Access) nfs.Access {
	bits := allowed(as, a)
	var got nfs.Access
	if bits&mayRead != 0 {
		got |= nfs.AccessRead
	}
	if bits&mayWrite != 0 {
		got |= nfs.AccessModify | nfs.AccessExtend
		if a.Type == nfs.TypeDirectory {
			got |= nfs.AccessDelete
		}
	}
	if bits&mayExec != 0 {
		if a.Type == nfs.TypeDirectory {
			got |= nfs.AccessLookup
		} else {
			got |= nfs.AccessExecute
		}
	}
	return got & want
}
