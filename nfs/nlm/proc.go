package nlm

import "strconv"

// Program number and version.
const (
	Program = 100021
	Version = 4
)

// Proc is the number of a procedure.
type Proc uint32

// The procedures of version 4. The gap from 16 to 19 is not assigned.
const (
	ProcNull       Proc = 0
	ProcTest       Proc = 1
	ProcLock       Proc = 2
	ProcCancel     Proc = 3
	ProcUnlock     Proc = 4
	ProcGranted    Proc = 5
	ProcTestMsg    Proc = 6
	ProcLockMsg    Proc = 7
	ProcCancelMsg  Proc = 8
	ProcUnlockMsg  Proc = 9
	ProcGrantedMsg Proc = 10
	ProcTestRes    Proc = 11
	ProcLockRes    Proc = 12
	ProcCancelRes  Proc = 13
	ProcUnlockRes  Proc = 14
	ProcGrantedRes Proc = 15
	ProcShare      Proc = 20
	ProcUnshare    Proc = 21
	ProcNMLock     Proc = 22
	ProcFreeAll    Proc = 23
)

// Status is the outcome of a procedure (nlm4_stats).
type Status uint32

// The outcomes.
const (
	Granted     Status = 0
	Denied      Status = 1 // somebody else holds a lock in the way
	NoLocks     Status = 2 // the server is out of resources
	Blocked     Status = 3 // the lock is waited for; GRANTED will tell
	GracePeriod Status = 4 // the server has restarted and takes reclaims only
	Deadlock    Status = 5
	ReadOnly    Status = 6
	StaleHandle Status = 7
	TooBig      Status = 8 // the range ends beyond what the server can lock
	Failed      Status = 9
)

// String returns the outcome's name in the specification, such as NLM4_DENIED.
func (s Status) String() string {
	names := [...]string{
		"GRANTED", "DENIED", "DENIED_NOLOCKS", "BLOCKED", "DENIED_GRACE_PERIOD", "DEADLCK", "ROFS", "STALE_FH", "FBIG", "FAILED",
	}
	if s < Status(len(names)) {
		return "NLM4_" + names[s]
	}
	return "NLM4_" + strconv.FormatUint(uint64(s), 10)
}
