package filer

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
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
	if used := cloud.store.cache.Bytes(); used != 0 {
		t.Errorf("%d bytes count as cached", used)
	}
	disk.full.Store(false)
	cloud.store.full.Store(0)
	c.wantContent(a, want)
	waitFor(t, "data to be cached again", func() bool { return cloud.store.cache.Bytes() == int64(len(want)) })
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
	waitFor(t, "eviction", func() bool { return cloud.store.cache.Bytes() <= 3<<20 })
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

// small is a cloud filer with a cache of 4 MiB over a folder at an edge filer.
func small(t *testing.T) (dir string, cloud *running) {
	t.Helper()
	dir, o := folder(t)
	edge := start(t, Config{Exports: []Export{{Path: "/nas", Origin: o}}})
	return dir, start(t, Config{Capacity: 4 << 20, Exports: []Export{{Path: "/nas", Origin: remote(t, edge.addr, "/nas"), Verify: time.Hour}}})
}

// onDisk returns how many bytes the data files take.
func (r *running) onDisk() (n int64) {
	filepath.WalkDir(filepath.Join(r.cfg.CacheDir, "data"), func(_ string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil //nolint:nilerr // deleted meanwhile
		}
		if i, err := d.Info(); err == nil {
			n += i.Sys().(*syscall.Stat_t).Blocks * 512
		}
		return nil
	})
	return n
}

func TestFileLargerThanTheCache(t *testing.T) {
	dir, cloud := small(t)
	want := noise(10<<20, 1)
	writeFile(t, filepath.Join(dir, "large"), want)
	c := dial(t, cloud.addr, "/nas")
	large := c.look(c.root, "large")
	for range 2 {
		c.wantContent(large, want)
		waitFor(t, "room", func() bool { return cloud.store.cache.Bytes() <= 4<<20 })
		waitFor(t, "holes", func() bool { return cloud.onDisk() <= 5<<20 })
	}
	cloud.crash() // no record claims what is a hole now
	c.wantContent(large, want)
}

func TestStreamLeavesTheWorkingSetAlone(t *testing.T) {
	dir, cloud := small(t)
	c := dial(t, cloud.addr, "/nas")
	var set []nfs.Handle
	for i := range 4 {
		name := fmt.Sprintf("texture%d", i)
		writeFile(t, filepath.Join(dir, name), noise(1<<19, uint64(i)))
		set = append(set, c.look(c.root, name))
	}
	readSet := func() {
		for i, h := range set {
			c.wantContent(h, noise(1<<19, uint64(i)))
		}
	}
	readSet()
	readSet()
	for i := range 8 {
		name := fmt.Sprintf("stream%d", i)
		writeFile(t, filepath.Join(dir, name), noise(2<<20, 9))
		c.wantContent(c.look(c.root, name), noise(2<<20, 9))
	}
	if cloud.Status().Cache.Evicted == 0 {
		t.Fatal("nothing was evicted: this test shows nothing")
	}
	waitFor(t, "fetches to end", func() bool { return cloud.targets[0].traffic.aheadInFlight.Load() == 0 })
	before := cloud.targets[0].traffic.demand.Load()
	readSet()
	if n := cloud.targets[0].traffic.demand.Load() - before; n != 0 {
		t.Errorf("%d bytes of the working set were fetched again", n)
	}
}

// Readers at random places, writers and eviction at the same time: nobody sees a hole.
func TestHolesAreNeverSeen(t *testing.T) {
	dir, cloud := small(t)
	const size = 9 << 20
	want := noise(size, 1)
	writeFile(t, filepath.Join(dir, "large"), want)
	var readers sync.WaitGroup
	for n := range 4 {
		readers.Go(func() {
			c := dial(t, cloud.addr, "/nas")
			large := c.look(c.root, "large")
			random := rand.New(rand.NewPCG(uint64(n), 1))
			buf := make([]byte, 1<<20)
			for range 25 {
				off := random.IntN(size - len(buf))
				r, err := c.Read(t.Context(), nil, nfs.ReadArgs{File: large, Offset: uint64(off), Count: uint32(len(buf))}, buf)
				if err != nil {
					t.Error(err)
					return
				}
				if !bytes.Equal(r.Data, want[off:off+len(r.Data)]) {
					t.Errorf("%d bytes at %d are not the file's", len(r.Data), off)
					return
				}
				if n == 0 { // what is written is what was there
					c.put(large, uint64(off), want[off:off+4096], nfs.Unstable)
				}
			}
		})
	}
	readers.Wait()
	waitFor(t, "room", func() bool { return cloud.store.cache.Bytes() <= 4<<20 })
}
