package posix

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestRename(t *testing.T) {
	dir := scratch(t)
	path := func(name string) string { return filepath.Join(dir, name) }

	write(t, path("a"), []byte("a"))
	before := stat(t, path("a"))
	check(t, unix.Rename(path("a"), path("b")))
	if after := stat(t, path("b")); after.Ino != before.Ino {
		t.Errorf("renaming gave the file another number: %d, before %d", after.Ino, before.Ino)
	}
	_, err := os.Lstat(path("a"))
	want(t, "the old name", err, unix.ENOENT)

	write(t, path("c"), []byte("cc"))
	check(t, unix.Rename(path("b"), path("c")))
	holds(t, path("c"), []byte("a"))

	check(t, unix.Rename(path("c"), path("c")))
	holds(t, path("c"), []byte("a"))

	check(t, os.MkdirAll(path("d/e/f"), 0o755))
	check(t, unix.Rename(path("c"), path("d/e/f/c")))
	holds(t, path("d/e/f/c"), []byte("a"))
	check(t, unix.Rename(path("d/e"), path("e")))
	holds(t, path("e/f/c"), []byte("a"))
	if up := stat(t, path("e/..")); up.Ino != stat(t, dir).Ino {
		t.Error(".. of a moved folder is not its new parent")
	}

	// Two names of one file: POSIX says that renaming one to the other does nothing.
	write(t, path("one"), []byte("1"))
	check(t, unix.Link(path("one"), path("two")))
	check(t, unix.Rename(path("one"), path("two")))
	holds(t, path("one"), []byte("1"))
	holds(t, path("two"), []byte("1"))

	check(t, os.MkdirAll(path("empty"), 0o755))
	check(t, os.MkdirAll(path("full/x"), 0o755))
	want(t, "a folder over a full one", unix.Rename(path("empty"), path("full")), unix.ENOTEMPTY, unix.EEXIST)
	want(t, "a folder over a file", unix.Rename(path("full"), path("one")), unix.ENOTDIR)
	want(t, "a file over a folder", unix.Rename(path("one"), path("full")), unix.EISDIR)
	want(t, "a folder into itself", unix.Rename(path("full"), path("full/x/y")), unix.EINVAL)
	want(t, "a name that is not", unix.Rename(path("nothing"), path("n")), unix.ENOENT)
	want(t, "to a folder that is not", unix.Rename(path("one"), path("nowhere/n")), unix.ENOENT)
	check(t, unix.Rename(path("full"), path("empty")))
	check(t, unix.Rename(path("one"), path("empty/x/one")))
	holds(t, path("empty/x/one"), []byte("1"))
}

// Somebody has the file open that is renamed over: he keeps it, bytes and all, also for writing.
func TestRenameOverOpenFile(t *testing.T) {
	dir := scratch(t)
	old, fresh := noise(300_000, 1), noise(200_000, 2)
	target, temporary := filepath.Join(dir, "frame.exr"), filepath.Join(dir, "frame.exr.tmp")
	write(t, target, old)
	held := open(t, target, os.O_RDWR)
	half := make([]byte, 1000)
	must(held.Read(half))(t)

	write(t, temporary, fresh)
	check(t, unix.Rename(temporary, target))

	same(t, "the file that was replaced, still open", readAll(t, held), old)
	must(held.WriteAt([]byte("mine"), 0))(t)
	check(t, held.Sync())
	holds(t, target, fresh)
	same(t, "what was written to the replaced file", readAll(t, held)[:4], []byte("mine"))
	check(t, held.Close())
	if left := namesAfterClose(t, dir); len(left) != 1 {
		t.Errorf("the folder holds %q, want frame.exr alone", left)
	}
}

// A name that is renamed over again and again is there at any moment, with one of the contents whole.
func TestRenameIsAtomic(t *testing.T) {
	dir := scratch(t)
	target := filepath.Join(dir, "scene")
	const rounds, size = 60, 20_000
	write(t, target, noise(size, 0))
	done := make(chan error, 1)
	go func() {
		for i := range rounds {
			if err := os.WriteFile(target+".tmp", noise(size, uint64(i)), 0o644); err != nil {
				done <- err
				return
			}
			if err := os.Rename(target+".tmp", target); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for {
		select {
		case err := <-done:
			check(t, err)
			holds(t, target, noise(size, rounds-1))
			return
		default:
		}
		got, err := os.ReadFile(target)
		if lacks("opens at the server") != "" && err != nil {
			// The server forgets a replaced file that somebody is just about to open: a client silly-renames only what it
			// knows to be open.
			want(t, "read while it is replaced", err, unix.ESTALE)
			continue
		}
		check(t, err)
		whole := false
		for i := range rounds {
			whole = whole || string(got) == string(noise(size, uint64(i)))
		}
		if !whole {
			t.Fatalf("read %d bytes that nobody wrote so", len(got))
		}
	}
}
