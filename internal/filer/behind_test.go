package filer

import (
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/spillway/spillway/nfs"
)

// forgetful is a disk that tells what memory is to let go of.
type forgetful struct {
	osDisk
	mu    sync.Mutex
	parts []int64 // where each range begins; guarded by mu
	more  chan struct{}
}

func (d *forgetful) Forget(f *os.File, off, n int64) error {
	d.mu.Lock()
	d.parts = append(d.parts, off)
	d.mu.Unlock()
	select {
	case d.more <- struct{}{}:
	default:
	}
	return d.osDisk.Forget(f, off, n)
}

func (d *forgetful) forgotten() []int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(slices.Values(d.parts))
}

// What one stream leaves behind in a file goes from memory, each part once; what is read again stays, and so does all of a
// file that is no larger than a stream may leave.
func TestStreamsLeaveMemory(t *testing.T) {
	const part, parts, long = 1 << 20, 30, 6 << 20
	dir, o := folder(t)
	writeFile(t, filepath.Join(dir, "large"), make([]byte, parts*part))
	writeFile(t, filepath.Join(dir, "small"), make([]byte, long-part))
	near := start(t, Config{Exports: []Export{{Path: "/nas", Origin: o}}})
	disk := &forgetful{more: make(chan struct{}, 1)}
	far := start(t, Config{Capacity: 48 << 20, disk: disk, longRun: long, Exports: []Export{{Path: "/nas", Origin: remote(t, near.addr, "/nas")}}})
	c := dial(t, far.addr, "/nas")
	buf := make([]byte, part)
	stream := func(name string) {
		t.Helper()
		h := c.look(c.root, name)
		for off := uint64(0); ; off += part {
			r, err := c.Read(t.Context(), nil, nfs.ReadArgs{File: h, Offset: off, Count: part}, buf)
			if err != nil {
				t.Fatal(err)
			}
			if r.EOF {
				return
			}
		}
	}
	stream("small")
	stream("small")
	stream("large")
	var want []int64
	for no := range (parts*part - maxReorder) / part {
		want = append(want, int64(no*part))
	}
	for !slices.Equal(disk.forgotten(), want) {
		far.store.wake()
		select {
		case <-disk.more:
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		}
	}
	stream("large") // the second time: it is wanted
	far.store.mu.Lock()
	again := len(far.store.passed)
	far.store.mu.Unlock()
	if got := disk.forgotten(); again > 0 || !slices.Equal(got, want) {
		t.Errorf("%d more parts are dropped, or were: %d", again, len(got)-len(want))
	}
}
