package posix

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestHardLinks(t *testing.T) {
	dir := scratch(t)
	path := func(name string) string { return filepath.Join(dir, name) }
	check(t, unix.Mkdir(path("d"), 0o755))
	write(t, path("a"), []byte("one file"))
	check(t, unix.Link(path("a"), path("d/b")))
	a, b := stat(t, path("a")), stat(t, path("d/b"))
	if a.Ino != b.Ino || a.Nlink != 2 || b.Nlink != 2 {
		t.Errorf("numbers %d and %d, link counts %d and %d", a.Ino, b.Ino, a.Nlink, b.Nlink)
	}
	f := open(t, path("d/b"), os.O_WRONLY)
	must(f.WriteAt([]byte("ONE"), 0))(t)
	check(t, f.Close())
	holds(t, path("a"), []byte("ONE file"))
	check(t, unix.Unlink(path("a")))
	namesAfterClose(t, dir) // a file that is open lives on under another name, and counts it
	if b := stat(t, path("d/b")); b.Nlink != 1 {
		t.Errorf("link count %d after one name of two is gone", b.Nlink)
	}
	holds(t, path("d/b"), []byte("ONE file"))
	want(t, "a link to a folder", unix.Link(path("d"), path("e")), unix.EPERM)
	want(t, "a link over a name", unix.Link(path("d/b"), path("d")), unix.EEXIST)
	want(t, "a link to nothing", unix.Link(path("a"), path("x")), unix.ENOENT)
	if d := stat(t, path("d")); d.Nlink != 2 && d.Nlink != 1 { // btrfs and overlay count folders as 1
		t.Errorf("link count %d of a folder without folders", d.Nlink)
	}
}

func TestSymbolicLinks(t *testing.T) {
	dir := scratch(t)
	path := func(name string) string { return filepath.Join(dir, name) }
	check(t, os.MkdirAll(path("d/e"), 0o755))
	write(t, path("d/e/file"), []byte("here"))
	for name, to := range map[string]string{
		"short": "d", "up": "d/e/../e/file", "absolute": path("d/e/file"), "dangling": "no/where",
		"odd": "\xff\x80 \n*", "long": strings.Repeat("./", 500) + "d/e/file", "loop": "loop",
	} {
		check(t, unix.Symlink(to, path(name)))
		if got := must(os.Readlink(path(name)))(t); got != to {
			t.Errorf("%s leads to %q, want %q", name, got, to)
		}
		if s := stat(t, path(name)); s.Mode&unix.S_IFMT != unix.S_IFLNK || s.Size != int64(len(to)) {
			t.Errorf("%s: mode %o size %d, want a link of %d bytes", name, s.Mode, s.Size, len(to))
		}
	}
	for _, through := range []string{"short/e/file", "up", "absolute", "long"} {
		holds(t, path(through), []byte("here"))
	}
	_, err := os.ReadFile(path("dangling"))
	want(t, "a dangling link", err, unix.ENOENT)
	_, err = os.ReadFile(path("loop"))
	want(t, "a link to itself", err, unix.ELOOP)
	_, err = os.Readlink(path("d"))
	want(t, "readlink of a folder", err, unix.EINVAL)
	want(t, "a link over a name", unix.Symlink("x", path("d")), unix.EEXIST)
	check(t, unix.Unlink(path("short"))) // the link, not what it leads to
	holds(t, path("d/e/file"), []byte("here"))
	check(t, unix.Rename(path("up"), path("d/up"))) // moved, it leads elsewhere
	_, err = os.ReadFile(path("d/up"))
	want(t, "a relative link, moved", err, unix.ENOENT)
}
