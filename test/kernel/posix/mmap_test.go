package posix

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func mapped(t *testing.T, f *os.File, size, protection, flags int) []byte {
	t.Helper()
	m := must(unix.Mmap(int(f.Fd()), 0, size, protection, flags))(t)
	t.Cleanup(func() { _ = unix.Munmap(m) })
	return m
}

// Blender maps its scenes whole: the mapping shows the file's bytes, zeros up to the page's end.
func TestMapRead(t *testing.T) {
	path := filepath.Join(scratch(t), "scene.blend")
	data := noise(3<<20+123, 4)
	write(t, path, data)
	f := open(t, path, os.O_RDONLY)
	probe := make([]byte, 7)
	must(f.Read(probe))(t)
	m := mapped(t, f, 3<<20+4096, unix.PROT_READ, unix.MAP_PRIVATE)
	same(t, "the mapping", m[:len(data)], data)
	same(t, "what follows the end", m[len(data):], make([]byte, len(m)-len(data)))
	check(t, f.Close()) // a mapping outlives its descriptor
	same(t, "the mapping of a closed file", m[1<<20:2<<20], data[1<<20:2<<20])
}

func TestMapWrite(t *testing.T) {
	path := filepath.Join(scratch(t), "cache")
	peer := startPeer(t)
	data := noise(1<<20, 5)
	write(t, path, data)
	f := open(t, path, os.O_RDWR)
	m := mapped(t, f, len(data), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	copy(m[4000:], "across a page")
	copy(data[4000:], "across a page")
	same(t, "read(2) on the same machine", readAll(t, f), data)
	must(f.WriteAt([]byte("by write(2)"), 70_000))(t)
	copy(data[70_000:], "by write(2)")
	same(t, "the mapping after write(2)", m, data)
	check(t, unix.Msync(m, unix.MS_SYNC))
	check(t, f.Sync())
	same(t, "what the other client reads", peer.do(t, request{Op: "read", Path: path}).Data, data)

	private := mapped(t, f, len(data), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE)
	copy(private, "nobody else sees this")
	check(t, unix.Msync(private, unix.MS_SYNC))
	same(t, "the file beside a private mapping", readAll(t, f), data)

	// Without msync: what is mapped is written when the mapping goes and the file is closed.
	copy(m[len(data)-8:], "the end.")
	copy(data[len(data)-8:], "the end.")
	check(t, unix.Munmap(m))
	check(t, f.Close())
	if got := peer.do(t, request{Op: "read", Path: path}).Data; !bytes.Equal(got, data) && overNFS(t, filepath.Dir(path)) {
		t.Error("the other client does not see what was mapped, unmapped and closed")
	}
}

// A hole that is written through a mapping becomes data; the rest stays zeros.
func TestMapHole(t *testing.T) {
	path := filepath.Join(scratch(t), "sparse")
	f := open(t, path, os.O_RDWR|os.O_CREATE)
	const size = 256 << 10
	check(t, f.Truncate(size))
	m := mapped(t, f, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	data := make([]byte, size)
	same(t, "the hole", m, data)
	copy(m[100_000:], "island")
	copy(data[100_000:], "island")
	check(t, unix.Msync(m, unix.MS_SYNC))
	check(t, f.Close())
	holds(t, path, data)
}
