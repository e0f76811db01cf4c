package posix

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func entries() int {
	if whole() {
		return 100_000
	}
	return 2000
}

// A large directory lists each of its entries once, and can be emptied while it is listed.
func TestLargeDirectory(t *testing.T) {
	dir := filepath.Join(scratch(t), "frames")
	peer := startPeer(t)
	check(t, unix.Mkdir(dir, 0o755))
	n := entries()
	for i := range n {
		f, err := os.OpenFile(frame(dir, i), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		check(t, err)
		check(t, f.Close())
	}
	once(t, "the folder", names(t, dir), n)
	if theirs := peer.do(t, request{Op: "count", Path: dir}).Size; theirs != int64(n) {
		t.Errorf("the other client counts %d entries, want %d", theirs, n)
	}
	for i := 0; i < n; i += n / 100 {
		if s := stat(t, frame(dir, i)); s.Mode&unix.S_IFMT != unix.S_IFREG {
			t.Errorf("frame %d has mode %o", i, s.Mode)
		}
	}
	// As rm -r of old does: read some names, remove them, read on.
	d := open(t, dir, os.O_RDONLY)
	removed := 0
	for {
		some, err := d.Readdirnames(500)
		for _, name := range some {
			check(t, unix.Unlink(filepath.Join(dir, name)))
			removed++
		}
		if errors.Is(err, io.EOF) {
			break
		}
		check(t, err)
	}
	if left := names(t, dir); removed != n || len(left) != 0 {
		t.Errorf("removed %d of %d entries while listing; %d are left", removed, n, len(left))
	}
	check(t, unix.Rmdir(dir))
}

func frame(dir string, i int) string { return filepath.Join(dir, fmt.Sprintf("frame_%06d.exr", i)) }

// once fails the test unless a listing has n names, each once.
func once(t *testing.T, what string, listing []string, n int) {
	t.Helper()
	seen := make(map[string]bool, n)
	for _, name := range listing {
		if seen[name] {
			t.Fatalf("%s lists %s twice", what, name)
		}
		seen[name] = true
	}
	if len(seen) != n {
		t.Errorf("%s lists %d names, want %d", what, len(seen), n)
	}
}

// A directory is listed while another client adds and removes names: what is there all the time is listed once.
func TestListWhileChanging(t *testing.T) {
	dir := scratch(t)
	peer := startPeer(t)
	stable, rounds := 400, 30
	if whole() {
		stable, rounds = 5000, 3000
	}
	for i := range stable {
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("stable%04d", i)))
		check(t, err)
		check(t, f.Close())
	}
	changing := peer.begin(t, request{Op: "churn", Path: dir, Count: rounds})
	listings := 0
	for !peer.finished() || listings == 0 {
		listings++
		counts := map[string]int{}
		d, err := os.Open(dir)
		check(t, err)
		for {
			some, err := d.Readdirnames(100)
			for _, name := range some {
				counts[name]++
			}
			if errors.Is(err, io.EOF) {
				break
			}
			check(t, err)
		}
		check(t, d.Close())
		for i := range stable {
			if name := fmt.Sprintf("stable%04d", i); counts[name] != 1 {
				t.Fatalf("listing %d shows %s %d times", listings, name, counts[name])
			}
		}
	}
	changing(t)
	t.Logf("%d listings", listings)
}

func TestDirectoryTimes(t *testing.T) {
	dir := scratch(t)
	set := []unix.Timespec{{Sec: 1_000_000_000}, {Sec: 1_000_000_000}}
	for what, do := range map[string]func() error{
		"create": func() error { return os.WriteFile(filepath.Join(dir, "x"), nil, 0o644) },
		"mkdir":  func() error { return unix.Mkdir(filepath.Join(dir, "d"), 0o755) },
		"link":   func() error { return unix.Symlink("x", filepath.Join(dir, "l")) },
	} {
		check(t, unix.UtimesNanoAt(unix.AT_FDCWD, dir, set, 0))
		if s := stat(t, dir); s.Mtim.Sec != 1_000_000_000 {
			t.Fatalf("mtime %d after setting it", s.Mtim.Sec)
		}
		check(t, do())
		if s := stat(t, dir); s.Mtim.Sec == 1_000_000_000 {
			t.Errorf("%s did not move the folder's mtime", what)
		}
	}
	if s := stat(t, dir); s.Nlink != 3 && s.Nlink != 1 {
		t.Errorf("link count %d of a folder with one folder", s.Nlink)
	}
}
