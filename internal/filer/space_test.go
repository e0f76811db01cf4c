package filer

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/spillway/spillway/nfs"
)

// fullDisk is a disk that takes no data while full is set.
type fullDisk struct {
	osDisk
	full   atomic.Bool
	failed atomic.Int64
}

func (d *fullDisk) WriteAt(f *os.File, b []byte, off int64) error {
	if d.full.Load() {
		d.failed.Add(1)
		return syscall.ENOSPC
	}
	return d.osDisk.WriteAt(f, b, off)
}

func TestFullCacheDiskIsNoError(t *testing.T) {
	dir, o := folder(t)
	edge := start(t, Config{Exports: []Export{{Path: "/nas", Origin: o}}})
	disk := &fullDisk{}
	disk.full.Store(true)
	cloud := start(t, Config{Exports: []Export{{Path: "/nas", Origin: remote(t, edge.addr, "/nas")}}, disk: disk})
	want := noise(2<<20, 1)
	writeFile(t, filepath.Join(dir, "a"), want)
	c := dial(t, cloud.addr, "/nas")
	a := c.look(c.root, "a")
	c.wantContent(a, want)
	c.wantContent(a, want)
	b := c.make(c.root, "b")
	c.put(b, 0, want[:1<<20], nfs.Unstable)
	c.wantContent(b, want[:1<<20])
	if disk.failed.Load() == 0 {
		t.Fatal("the disk was never asked: this test shows nothing")
	}
	if used := cloud.store.used.Load(); used != 0 {
		t.Errorf("%d bytes count as cached", used)
	}
	disk.full.Store(false)
	cloud.store.full.Store(0)
	c.wantContent(a, want)
	waitFor(t, "data to be cached again", func() bool { return cloud.store.used.Load() == int64(len(want)) })
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func TestEvictionKeepsToTheCapacity(t *testing.T) {
	dir, o := folder(t)
	edge := start(t, Config{Exports: []Export{{Path: "/nas", Origin: o}}})
	cloud := start(t, Config{Capacity: 3 << 20, Exports: []Export{{Path: "/nas", Origin: remote(t, edge.addr, "/nas")}}})
	c := dial(t, cloud.addr, "/nas")
	var handles []nfs.Handle
	for i := range 8 {
		name := fmt.Sprintf("f%d", i)
		writeFile(t, filepath.Join(dir, name), noise(1<<20, uint64(i)))
		handles = append(handles, c.look(c.root, name))
		c.wantContent(handles[i], noise(1<<20, uint64(i)))
	}
	waitFor(t, "eviction", func() bool { return cloud.store.used.Load() <= 3<<20 })
	for i, h := range handles { // handles of evicted files stay good, and their data come again
		c.wantContent(h, noise(1<<20, uint64(i)))
	}
	if cloud.Status().Cache.Evicted == 0 {
		t.Error("nothing was evicted")
	}
	waitFor(t, "the evicted files to be deleted", func() bool {
		n := 0
		filepath.WalkDir(filepath.Join(cloud.cfg.CacheDir, "data"), func(_ string, d os.DirEntry, _ error) error {
			if d.Type().IsRegular() {
				n++
			}
			return nil
		})
		return n <= 4
	})
}
