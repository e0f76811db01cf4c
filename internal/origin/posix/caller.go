package posix

import (
	"os"
	"runtime"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/spillway/spillway/internal/origin"
)

// callers runs system calls as NFS callers.
type callers struct {
	uid, gid uint32
	groups   []uint32
	can      bool // the process is root
}

func newCallers() callers {
	c := callers{uid: uint32(os.Geteuid()), gid: uint32(os.Getegid()), can: os.Geteuid() == 0}
	groups, _ := os.Getgroups()
	for _, g := range groups {
		c.groups = append(c.groups, uint32(g))
	}
	return c
}

func (c callers) String() string {
	if c.can {
		return "the caller"
	}
	return "the process (not root)"
}

// maxGroups bounds the supplementary groups of a caller; Linux allows 65,536 (NGROUPS_MAX).
const maxGroups = 4096

// run calls fn with the caller's file-system identity. Linux keeps credentials per thread: the goroutine is locked to
// its thread meanwhile, and the raw system calls affect that thread only.
func (c callers) run(as origin.Cred, fn func() error) error {
	if !c.can || as.UID == 0 {
		return fn()
	}
	runtime.LockOSThread()
	restored := false
	defer func() {
		if restored { // else the thread keeps foreign credentials and must die with its goroutine
			runtime.UnlockOSThread()
		}
	}()
	groups := as.GIDs
	if len(groups) > maxGroups {
		groups = groups[:maxGroups]
	}
	if !slices.Equal(groups, c.groups) {
		if err := setThreadGroups(groups); err != nil {
			restored = true
			return err
		}
	}
	setThreadID(unix.SYS_SETFSGID, as.GID)
	setThreadID(unix.SYS_SETFSUID, as.UID)
	err := fn()
	setThreadID(unix.SYS_SETFSUID, c.uid)
	setThreadID(unix.SYS_SETFSGID, c.gid)
	now, _, _ := unix.RawSyscall(unix.SYS_SETFSUID, ^uintptr(0), 0, 0) // an invalid id only asks
	restored = uint32(now) == c.uid && setThreadGroups(c.groups) == nil
	return err
}

// setThreadID calls setfsuid(2) or setfsgid(2) on this thread. They return the id before and report no failure.
func setThreadID(call uintptr, id uint32) { _, _, _ = unix.RawSyscall(call, uintptr(id), 0, 0) }

func setThreadGroups(groups []uint32) error {
	var first unsafe.Pointer
	if len(groups) > 0 {
		first = unsafe.Pointer(&groups[0])
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(first), 0); errno != 0 {
		return errno
	}
	return nil
}
