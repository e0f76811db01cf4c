package nlm

import (
	"github.com/spillway/spillway/nfs"
)

// Limits of the protocol in bytes.
const (
	MaxNetobj = 1024 // a cookie or an owner handle (MAXNETOBJ_SZ)
	MaxCaller = 1024 // a caller's name (LM_MAXSTRLEN)
)

// Lock describes a lock (nlm4_lock). Together Caller, Owner and SVID say whose it is.
type Lock struct {
	Caller string // the client host's name, as its status monitor knows it
	File   nfs.Handle
	Owner  []byte // opaque
	SVID   int32  // the process, unique on its host
	Offset uint64
	Length uint64 // bytes; 0: to the end of the file, however far that moves
}

// Holder is the owner of a lock that is in the way (nlm4_holder).
type Holder struct {
	Exclusive bool
	SVID      int32
	Owner     []byte
	Offset    uint64
	Length    uint64 // bytes; 0: to the end
}

// TestArgs are the arguments of TEST and GRANTED.
type TestArgs struct {
	Cookie    []byte
	Exclusive bool
	Lock      Lock
}

// TestResult is the answer to TEST.
type TestResult struct {
	Cookie []byte
	Status Status
	Holder Holder // with Denied
}

// LockArgs are the arguments of LOCK and NM_LOCK.
type LockArgs struct {
	Cookie    []byte
	Block     bool // wait for the lock
	Exclusive bool
	Lock      Lock
	Reclaim   bool  // the caller had this lock before the server restarted
	State     int32 // of the caller's status monitor: another number than before means that the host has restarted
}

// CancelArgs are the arguments of CANCEL, which ends a wait.
type CancelArgs struct {
	Cookie    []byte
	Block     bool
	Exclusive bool
	Lock      Lock
}

// UnlockArgs are the arguments of UNLOCK.
type UnlockArgs struct {
	Cookie []byte
	Lock   Lock
}

// Result is the answer to LOCK, CANCEL, UNLOCK and GRANTED.
type Result struct {
	Cookie []byte
	Status Status
}

// Sharing is a set of accesses: what somebody does with a file, or denies to others (fsh4_mode, fsa4_access).
type Sharing uint32

// The accesses.
const (
	ShareNone      Sharing = 0
	ShareRead      Sharing = 1
	ShareWrite     Sharing = 2
	ShareReadWrite Sharing = 3
)

// ShareArgs are the arguments of SHARE and UNSHARE.
type ShareArgs struct {
	Cookie  []byte
	Caller  string
	File    nfs.Handle
	Owner   []byte
	Deny    Sharing
	Access  Sharing
	Reclaim bool
}

// ShareResult is the answer to SHARE and UNSHARE.
type ShareResult struct {
	Cookie   []byte
	Status   Status
	Sequence int32 // without meaning in version 4
}

// FreeAllArgs are the arguments of FREE_ALL: the caller has restarted.
type FreeAllArgs struct {
	Name  string
	State int32
}
