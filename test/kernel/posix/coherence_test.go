package posix

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// Close-to-open: who opens a file after another machine has closed it sees what was written there.
func TestCloseToOpen(t *testing.T) {
	dir := scratch(t)
	peer := startPeer(t)
	path := filepath.Join(dir, "file")
	for i := range 12 {
		// Sometimes of the same size: the size alone must not decide.
		mine, theirs := noise(50_000+i/3, uint64(100+i)), noise(50_000+i/3, uint64(200+i))
		nextTick()
		write(t, path, mine)
		same(t, "the other client, after our close", peer.do(t, request{Op: "read", Path: path}).Data, mine)
		nextTick()
		peer.do(t, request{Op: "write", Path: path, Data: theirs})
		holds(t, path, theirs)
	}
	nextTick()
	peer.do(t, request{Op: "write at", Path: path, Size: 30_000, Data: []byte("in the middle")})
	got := must(os.ReadFile(path))(t)
	same(t, "a change in the middle", got[30_000:30_013], []byte("in the middle"))
}

// What one client does to names is what the other finds.
func TestNamesAcrossClients(t *testing.T) {
	dir := scratch(t)
	peer := startPeer(t)
	path := func(name string) string { return filepath.Join(dir, name) }
	for i := range 8 {
		name := path(fmt.Sprintf("f%d", i))
		if a := peer.do(t, request{Op: "stat", Path: name}); a.Errno != unix.ENOENT {
			t.Fatalf("the other client finds %s before it is made: %v", name, a.Errno)
		}
		nextTick()
		write(t, name, []byte("x"))
		if a := peer.do(t, request{Op: "stat", Path: name}); a.Errno != 0 || a.Size != 1 {
			t.Errorf("the other client does not find what we made, which it had missed before: %v, %d bytes; asked again: %v; folder there: %v",
				a.Errno, a.Size, peer.do(t, request{Op: "stat", Path: name}).Errno, peer.do(t, request{Op: "count", Path: dir}).Size)
		}
		nextTick()
		check(t, unix.Rename(name, name+".done"))
		if a := peer.do(t, request{Op: "stat", Path: name}); a.Errno != unix.ENOENT {
			t.Errorf("the other client still finds the old name: %v", a.Errno)
		}
		same(t, "under the new name", peer.do(t, request{Op: "read", Path: name + ".done"}).Data, []byte("x"))
	}
	if n := peer.do(t, request{Op: "count", Path: dir}).Size; n != 8 {
		t.Errorf("the other client counts %d names, want 8", n)
	}
	nextTick()
	for _, name := range names(t, dir) {
		peer.do(t, request{Op: "remove", Path: path(name)})
	}
	_, err := os.ReadFile(path("f0.done"))
	want(t, "open what the other client has removed", err, unix.ENOENT, unix.ESTALE)
	if left := peer.do(t, request{Op: "count", Path: dir}).Size; left != 0 {
		t.Errorf("%d names are left", left)
	}
}

// A program is replaced while the other client runs from the old file: both see whole files.
func TestReplaceUnderPeer(t *testing.T) {
	dir := scratch(t)
	peer := startPeer(t)
	path := filepath.Join(dir, "scene")
	first, second := noise(400_000, 31), noise(350_000, 32)
	write(t, path, first)
	same(t, "before", peer.do(t, request{Op: "read", Path: path}).Data, first)
	write(t, path+".tmp", second)
	nextTick()
	check(t, unix.Rename(path+".tmp", path))
	same(t, "after", peer.do(t, request{Op: "read", Path: path}).Data, second)
	holds(t, path, second)
}
