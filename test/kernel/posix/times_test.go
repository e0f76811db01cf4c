package posix

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestTimes(t *testing.T) {
	dir := scratch(t)
	path := filepath.Join(dir, "file")
	write(t, path, []byte("x"))
	set := func(a, m unix.Timespec) {
		t.Helper()
		check(t, unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{a, m}, 0))
	}
	for _, at := range []struct{ a, m unix.Timespec }{
		{unix.Timespec{Sec: 1_111_111_111, Nsec: 123_456_789}, unix.Timespec{Sec: 2_222_222_222, Nsec: 987_654_321}},
		{unix.Timespec{Sec: 1, Nsec: 1}, unix.Timespec{Sec: 0, Nsec: 0}},
		{unix.Timespec{Sec: 4_000_000_000}, unix.Timespec{Sec: 4_100_000_000, Nsec: 999_999_999}}, // the year 2099
	} {
		set(at.a, at.m)
		if s := stat(t, path); s.Atim != at.a || s.Mtim != at.m {
			t.Errorf("atime %v, mtime %v, want %v, %v", s.Atim, s.Mtim, at.a, at.m)
		}
	}
	set(unix.Timespec{Sec: 1000}, unix.Timespec{Sec: 2000})
	set(unix.Timespec{Nsec: unix.UTIME_OMIT}, unix.Timespec{Sec: 3000})
	if s := stat(t, path); s.Atim.Sec != 1000 || s.Mtim.Sec != 3000 {
		t.Errorf("atime %d, mtime %d after setting mtime alone", s.Atim.Sec, s.Mtim.Sec)
	}
	now := time.Now().Unix()
	set(unix.Timespec{Nsec: unix.UTIME_NOW}, unix.Timespec{Nsec: unix.UTIME_OMIT})
	if s := stat(t, path); s.Atim.Sec < now-300 || s.Atim.Sec > now+300 || s.Mtim.Sec != 3000 {
		t.Errorf("atime %d (now is %d), mtime %d", s.Atim.Sec, now, s.Mtim.Sec)
	}

	set(unix.Timespec{Sec: 1000}, unix.Timespec{Sec: 2000})
	before := stat(t, path)
	f := open(t, path, os.O_WRONLY)
	must(f.WriteAt([]byte("changed"), 0))(t)
	check(t, f.Close())
	if s := stat(t, path); s.Mtim.Sec == 2000 || !later(s.Ctim, before.Ctim) {
		t.Errorf("writing left mtime %d, and ctime %v after %v", s.Mtim.Sec, s.Ctim, before.Ctim)
	}
	before = stat(t, path)
	check(t, unix.Chmod(path, 0o600))
	if s := stat(t, path); s.Mtim != before.Mtim || !later(s.Ctim, before.Ctim) {
		t.Errorf("chmod moved mtime from %v to %v, ctime from %v to %v", before.Mtim, s.Mtim, before.Ctim, s.Ctim)
	}
	before = stat(t, path)
	check(t, unix.Link(path, path+"2"))
	if s := stat(t, path); !later(s.Ctim, before.Ctim) {
		t.Error("a new name left ctime as it was")
	}
	// Times that are set while data are on their way are not undone by the data.
	f = open(t, path, os.O_WRONLY)
	must(f.Write(noise(100_000, 13)))(t)
	set(unix.Timespec{Sec: 1000}, unix.Timespec{Sec: 2000})
	check(t, f.Close())
	if s := stat(t, path); s.Mtim.Sec != 2000 {
		t.Errorf("mtime %d after writing, setting it, and closing; want 2000", s.Mtim.Sec)
	}

	check(t, unix.Symlink("file", filepath.Join(dir, "link")))
	check(t, unix.UtimesNanoAt(unix.AT_FDCWD, filepath.Join(dir, "link"), []unix.Timespec{{Sec: 77}, {Sec: 88}}, unix.AT_SYMLINK_NOFOLLOW))
	if s := stat(t, filepath.Join(dir, "link")); s.Mtim.Sec != 88 {
		t.Errorf("mtime %d of a link, want 88", s.Mtim.Sec)
	}
}

func later(a, b unix.Timespec) bool { return a.Sec > b.Sec || a.Sec == b.Sec && a.Nsec > b.Nsec }
