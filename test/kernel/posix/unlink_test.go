package posix

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestUnlink(t *testing.T) {
	dir := scratch(t)
	path := func(name string) string { return filepath.Join(dir, name) }
	check(t, os.MkdirAll(path("full/x"), 0o755))
	write(t, path("file"), nil)
	want(t, "unlink a folder", unix.Unlink(path("full")), unix.EISDIR, unix.EPERM)
	want(t, "rmdir a full folder", unix.Rmdir(path("full")), unix.ENOTEMPTY, unix.EEXIST)
	want(t, "rmdir a file", unix.Rmdir(path("file")), unix.ENOTDIR)
	want(t, "unlink nothing", unix.Unlink(path("nothing")), unix.ENOENT)
	want(t, "unlink below a file", unix.Unlink(path("file/x")), unix.ENOTDIR)
	check(t, unix.Rmdir(path("full/x")))
	check(t, unix.Rmdir(path("full")))
	check(t, unix.Unlink(path("file")))
	if left := names(t, dir); len(left) != 0 {
		t.Errorf("the folder still holds %q", left)
	}
	check(t, unix.Mkdir(path("full"), 0o755)) // the names can be had again, for something else
	check(t, unix.Mkdir(path("file"), 0o755))
}

// A file that is removed while it is open stays whole until it is closed. An NFS client renames it meanwhile ("silly
// rename", RFC 1813 §4.8 leaves that to clients), and removes it at the end.
func TestUnlinkOpenFile(t *testing.T) {
	dir := scratch(t)
	data := noise(500_000, 3)
	path := filepath.Join(dir, "cache.bin")
	write(t, path, data)
	held := open(t, path, os.O_RDWR)
	second := open(t, path, os.O_RDONLY)
	check(t, unix.Unlink(path))
	_, err := os.Lstat(path)
	want(t, "the name", err, unix.ENOENT)
	write(t, path, []byte("another file")) // under the same name

	same(t, "the removed file", readAll(t, held), data)
	must(held.WriteAt([]byte("more"), int64(len(data))))(t)
	check(t, held.Sync())
	same(t, "the removed file, grown", readAll(t, second), append(data[:len(data):len(data)], "more"...))
	holds(t, path, []byte("another file"))
	if overNFS(t, dir) {
		silly := 0
		for _, name := range names(t, dir) {
			if strings.HasPrefix(name, ".nfs") {
				silly++
			}
		}
		if silly != 1 {
			t.Errorf("%d .nfs names while the removed file is open, want 1: %q", silly, names(t, dir))
		}
	}
	check(t, held.Close())
	check(t, second.Close())
	check(t, unix.Unlink(path))
	if left := namesAfterClose(t, dir); len(left) != 0 {
		t.Errorf("after the last close the folder holds %q", left)
	}
}
