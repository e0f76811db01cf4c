package posix

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestSpecialFiles(t *testing.T) {
	dir := scratch(t)
	fifo := filepath.Join(dir, "fifo")
	check(t, unix.Mkfifo(fifo, 0o640))
	if s := stat(t, fifo); s.Mode != unix.S_IFIFO|0o640 {
		t.Errorf("mode %o of a FIFO", s.Mode)
	}
	// Both ends in this process: opening for reading and writing does not wait.
	f := open(t, fifo, os.O_RDWR)
	must(f.Write([]byte("through")))(t)
	got := make([]byte, 7)
	must(f.Read(got))(t)
	same(t, "what came through", got, []byte("through"))

	// A socket's address must be short.
	check(t, unix.Mknod(filepath.Join(dir, "sock"), unix.S_IFSOCK|0o600, 0))
	if s := stat(t, filepath.Join(dir, "sock")); s.Mode != unix.S_IFSOCK|0o600 {
		t.Errorf("mode %o of a socket", s.Mode)
	}
	short := must(os.MkdirTemp(must(filepath.Abs(dir))(t), "s"))(t)
	if path := filepath.Join(short, "s"); len(path) < 100 {
		listener := must(net.Listen("unix", path))(t)
		client := must(net.Dial("unix", path))(t)
		client.Close()
		listener.Close()
	}
}

func TestDeviceNodes(t *testing.T) {
	needsRoot(t)
	needs(t, "devices")
	dir := scratch(t)
	for name, d := range map[string]struct {
		mode uint32
		dev  uint64
	}{
		"null":  {unix.S_IFCHR | 0o666, unix.Mkdev(1, 3)},
		"disk":  {unix.S_IFBLK | 0o600, unix.Mkdev(8, 17)},
		"large": {unix.S_IFCHR | 0o600, unix.Mkdev(511, 70_000)},
	} {
		path := filepath.Join(dir, name)
		err := unix.Mknod(path, d.mode, int(d.dev))
		if name == "null" && (err == unix.EPERM) {
			t.Skip("this machine lets nobody make device nodes")
		}
		check(t, err)
		check(t, unix.Chmod(path, d.mode&0o777))
		if s := stat(t, path); s.Mode != d.mode || s.Rdev != d.dev {
			t.Errorf("%s: mode %o device %d:%d, want %o %d:%d", name, s.Mode, unix.Major(s.Rdev), unix.Minor(s.Rdev), d.mode, unix.Major(d.dev), unix.Minor(d.dev))
		}
	}
}
