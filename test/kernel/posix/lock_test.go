package posix

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// setLock sets, or with unix.F_UNLCK takes away, a lock of a range of bytes. It does not wait.
func setLock(f *os.File, kind int16, from, size int64) error {
	return unix.FcntlFlock(f.Fd(), unix.F_SETLK, &unix.Flock_t{Type: kind, Start: from, Len: size})
}

func TestLocksAcrossClients(t *testing.T) {
	needs(t, "locks")
	path := filepath.Join(scratch(t), "file")
	peer := startPeer(t)
	write(t, path, make([]byte, 1000))
	f := open(t, path, os.O_RDWR)
	theirs := func(kind int16, from, size int64) error {
		t.Helper()
		if a := peer.do(t, request{Op: "lock", Path: path, Kind: kind, Size: from, Count: int(size)}); a.Errno != 0 {
			return a.Errno
		}
		return nil
	}
	check(t, setLock(f, unix.F_WRLCK, 0, 100))
	want(t, "their lock of the same bytes", theirs(unix.F_WRLCK, 50, 10), unix.EAGAIN, unix.EACCES)
	want(t, "their reading lock", theirs(unix.F_RDLCK, 0, 1), unix.EAGAIN, unix.EACCES)
	check(t, theirs(unix.F_WRLCK, 100, 100)) // beside ours
	want(t, "our lock of their bytes", setLock(f, unix.F_WRLCK, 150, 1), unix.EAGAIN, unix.EACCES)
	probe := unix.Flock_t{Type: unix.F_WRLCK, Start: 0}
	check(t, unix.FcntlFlock(f.Fd(), unix.F_GETLK, &probe))
	if probe.Type != unix.F_WRLCK || probe.Start != 100 || probe.Len != 100 {
		t.Errorf("who is in the way: %+v, want their 100 bytes from 100 on", probe)
	}
	check(t, setLock(f, unix.F_UNLCK, 40, 20)) // a hole in ours
	check(t, theirs(unix.F_WRLCK, 40, 20))
	check(t, setLock(f, unix.F_RDLCK, 500, 10))
	check(t, theirs(unix.F_RDLCK, 500, 10)) // readers agree
	want(t, "their writing lock among readers", theirs(unix.F_WRLCK, 505, 1), unix.EAGAIN, unix.EACCES)

	// A lock that must wait is had when the other lets go.
	waiting := peer.begin(t, request{Op: "lock and wait", Path: path, Kind: unix.F_WRLCK, Size: 0, Count: 10})
	check(t, setLock(f, unix.F_UNLCK, 0, 0))
	if a := waiting(t); a.Errno != 0 {
		t.Errorf("the lock that was waited for: %v", a.Errno)
	}
	want(t, "what they hold now", setLock(f, unix.F_WRLCK, 0, 1), unix.EAGAIN, unix.EACCES)
	peer.do(t, request{Op: "unlock all", Path: path})
	check(t, setLock(f, unix.F_WRLCK, 0, 0))
	check(t, setLock(f, unix.F_UNLCK, 0, 0))
}

// A lock orders two machines: what was written under it is seen by the next who has it.
func TestCountUnderLock(t *testing.T) {
	needs(t, "locks")
	path := filepath.Join(scratch(t), "counter")
	peer := startPeer(t)
	write(t, path, []byte("0"))
	const rounds = 40
	theirs := peer.begin(t, request{Op: "count up", Path: path, Count: rounds})
	check(t, countUp(path, rounds))
	if a := theirs(t); a.Errno != 0 {
		t.Fatal(a.Errno)
	}
	holds(t, path, []byte("80"))
}

// flock(2) is a lock of the whole file.
func TestFlock(t *testing.T) {
	needs(t, "locks")
	path := filepath.Join(scratch(t), "file")
	peer := startPeer(t)
	write(t, path, nil)
	f := open(t, path, os.O_RDWR)
	check(t, unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB))
	if a := peer.do(t, request{Op: "flock", Path: path}); a.Errno != unix.EAGAIN {
		t.Errorf("their flock: %v", a.Errno)
	}
	check(t, unix.Flock(int(f.Fd()), unix.LOCK_UN))
	if a := peer.do(t, request{Op: "flock", Path: path}); a.Errno != 0 {
		t.Errorf("their flock, after ours is gone: %v", a.Errno)
	}
	want(t, "our flock while theirs is there", unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB), unix.EAGAIN)
	peer.do(t, request{Op: "unlock all", Path: path})
	check(t, unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB))
}
