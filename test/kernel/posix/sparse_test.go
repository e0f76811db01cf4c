package posix

import (
	"os"
	"path/filepath"
	"testing"
)

// Offsets beyond 32 bits, and holes, which read as zeros.
func TestLargeOffsets(t *testing.T) {
	path := filepath.Join(scratch(t), "sim.vdb")
	peer := startPeer(t)
	f := open(t, path, os.O_RDWR|os.O_CREATE)
	islands := map[int64][]byte{
		0:           []byte("begin"),
		1<<31 - 3:   noise(9000, 9),   // across 2 GiB
		1<<32 - 5:   noise(70000, 10), // across 4 GiB
		5<<30 + 777: noise(12345, 11),
		1 << 40:     []byte("a tebibyte"),
	}
	for at, data := range islands {
		must(f.WriteAt(data, at))(t)
	}
	check(t, f.Sync())
	for at, data := range islands {
		got := make([]byte, len(data))
		must(f.ReadAt(got, at))(t)
		same(t, "island", got, data)
		same(t, "the island as the other client sees it", peer.do(t, request{Op: "read at", Path: path, Size: at, Count: len(data)}).Data, data)
	}
	if s := stat(t, path); s.Size != 1<<40+10 {
		t.Errorf("size %d", s.Size)
	}
	hole := make([]byte, 100_000)
	for _, at := range []int64{1 << 30, 3<<30 + 17, 1<<32 + 80_000, 6 << 30, 1<<40 - 100_000} {
		must(f.ReadAt(hole, at))(t)
		same(t, "a hole", hole, make([]byte, len(hole)))
	}
	check(t, f.Truncate(1<<32))
	if s := stat(t, path); s.Size != 1<<32 {
		t.Errorf("size %d, want 4 GiB", s.Size)
	}
	got := make([]byte, 5)
	must(f.ReadAt(got, 1<<32-5))(t)
	same(t, "the last bytes below 4 GiB", got, islands[1<<32-5][:5])
	if s := stat(t, path); s.Blocks*512 > 64<<20 {
		t.Errorf("a file of holes takes %d bytes", s.Blocks*512)
	}
}

// Random writes into a hole, checked against a model.
func TestSparseWrites(t *testing.T) {
	path := filepath.Join(scratch(t), "file")
	const size = 1 << 20
	f := open(t, path, os.O_RDWR|os.O_CREATE)
	check(t, f.Truncate(size))
	model := make([]byte, size)
	pick := noise(400, 12)
	for i := 0; i+4 <= len(pick); i += 4 {
		at := (int(pick[i])<<12 | int(pick[i+1])<<4 | int(pick[i+2])>>4) % (size - 5000)
		data := noise(1+int(pick[i+3])*19, uint64(i))
		must(f.WriteAt(data, int64(at)))(t)
		copy(model[at:], data)
		if i%40 == 0 {
			check(t, f.Sync())
		}
		if i%64 == 0 {
			same(t, "so far", readAll(t, f), model)
		}
	}
	check(t, f.Close())
	holds(t, path, model)
}
