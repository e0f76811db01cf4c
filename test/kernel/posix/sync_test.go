package posix

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// What is synced, or written to a file opened for synchronous writing, is what others read at once.
func TestSync(t *testing.T) {
	dir := scratch(t)
	peer := startPeer(t)
	for name, flags := range map[string]int{"fsync": 0, "O_SYNC": unix.O_SYNC, "O_DSYNC": unix.O_DSYNC} {
		path := filepath.Join(dir, name)
		f := open(t, path, os.O_CREATE|os.O_RDWR|flags)
		var all []byte
		for i := range 5 {
			part := noise(10_000+i, uint64(20+i))
			must(f.Write(part))(t)
			all = append(all, part...)
			if flags == 0 {
				check(t, f.Sync())
			}
			same(t, name, peer.do(t, request{Op: "read", Path: path}).Data, all)
		}
		check(t, unix.Fdatasync(int(f.Fd())))
		check(t, f.Close())
	}
	d := open(t, dir, os.O_RDONLY)
	check(t, d.Sync())
	check(t, unix.Syncfs(int(d.Fd())))
}

// O_DIRECT goes past the client's own cache, and agrees with what went through it.
func TestDirect(t *testing.T) {
	dir := scratch(t)
	path := filepath.Join(dir, "file")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|unix.O_DIRECT, 0o644)
	if err != nil {
		t.Skipf("this file system has no O_DIRECT: %v", err)
	}
	defer f.Close()
	// Anonymous memory is aligned to pages, as O_DIRECT demands.
	block := must(unix.Mmap(-1, 0, 1<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE))(t)
	defer func() { _ = unix.Munmap(block) }()
	data := noise(1<<20, 14)
	copy(block, data)
	must(f.WriteAt(block, 0))(t)
	must(f.WriteAt(block[:64<<10], 2<<20))(t)
	clear(block)
	must(f.ReadAt(block, 0))(t)
	same(t, "read past the cache", block, data)
	holds(t, path, append(append(data[:len(data):len(data)], make([]byte, 1<<20)...), data[:64<<10]...))
}
