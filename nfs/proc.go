package nfs

import "strconv"

// Program numbers and versions (RFC 1813 §§3, 5).
const (
	Program      = 100003
	Version      = 3
	MountProgram = 100005
	MountVersion = 3
)

// Proc is the number of a procedure of NFSv3.
type Proc uint32

// The procedures of NFSv3 (RFC 1813 §3.3).
const (
	ProcNull        Proc = 0
	ProcGetattr     Proc = 1
	ProcSetattr     Proc = 2
	ProcLookup      Proc = 3
	ProcAccess      Proc = 4
	ProcReadlink    Proc = 5
	ProcRead        Proc = 6
	ProcWrite       Proc = 7
	ProcCreate      Proc = 8
	ProcMkdir       Proc = 9
	ProcSymlink     Proc = 10
	ProcMknod       Proc = 11
	ProcRemove      Proc = 12
	ProcRmdir       Proc = 13
	ProcRename      Proc = 14
	ProcLink        Proc = 15
	ProcReaddir     Proc = 16
	ProcReaddirplus Proc = 17
	ProcFsstat      Proc = 18
	ProcFsinfo      Proc = 19
	ProcPathconf    Proc = 20
	ProcCommit      Proc = 21
)

// String returns the procedure's name in capitals, such as GETATTR.
func (p Proc) String() string { return nameOf(nfsNames[:], uint32(p)) }

// MountProc is the number of a procedure of MOUNT version 3.
type MountProc uint32

// The procedures of MOUNT (RFC 1813 §5.2).
const (
	MountProcNull    MountProc = 0
	MountProcMnt     MountProc = 1
	MountProcDump    MountProc = 2
	MountProcUmnt    MountProc = 3
	MountProcUmntAll MountProc = 4
	MountProcExport  MountProc = 5
)

// String returns the procedure's name in capitals, such as MNT.
func (p MountProc) String() string { return nameOf(mountNames[:], uint32(p)) }

var nfsNames = [...]string{
	"NULL", "GETATTR", "SETATTR", "LOOKUP", "ACCESS", "READLINK", "READ", "WRITE", "CREATE", "MKDIR", "SYMLINK", "MKNOD",
	"REMOVE", "RMDIR", "RENAME", "LINK", "READDIR", "READDIRPLUS", "FSSTAT", "FSINFO", "PATHCONF", "COMMIT",
}

var mountNames = [...]string{"NULL", "MNT", "DUMP", "UMNT", "UMNTALL", "EXPORT"}

func nameOf(names []string, n uint32) string {
	if n < uint32(len(names)) {
		return names[n]
	}
	return "PROC_" + strconv.FormatUint(uint64(n), 10)
}
