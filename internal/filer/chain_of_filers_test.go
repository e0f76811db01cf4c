package filer

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/spillway/spillway/internal/filer/wal"
	"github.com/spillway/spillway/internal/filer/wal/waltest"
	"github.com/spillway/spillway/nfs"
)

// farm is a studio folder, an edge filer over it, and a cloud filer over that.
type farm struct {
	dir         string
	edge, cloud *running
}

func newFarm(t *testing.T) *farm {
	t.Helper()
	dir, o := folder(t)
	edge := start(t, Config{Name: "edge", Exports: []Export{{Path: "/nas", Origin: o}}})
	cloud := start(t, Config{Name: "cloud", Exports: []Export{{Path: "/nas", Origin: remote(t, edge.addr, "/nas")}}})
	return &farm{dir, edge, cloud}
}

// newBackFarm is a farm whose cloud filer writes back.
func newBackFarm(t *testing.T, delay time.Duration) *farm {
	t.Helper()
	dir, o := folder(t)
	edge := start(t, Config{Name: "edge", Exports: []Export{{Path: "/nas", Origin: o}}})
	cloud := start(t, backConfig(Export{Path: "/nas", Origin: remote(t, edge.addr, "/nas"), WriteBack: delay}))
	return &farm{dir, edge, cloud}
}

// backConfig is a filer with a small log, in memory.
func backConfig(e Export) Config {
	return Config{Name: "cloud", Exports: []Export{e}, logDisk: waltest.New(), logSize: wal.Options{SegmentSize: 1 << 20, Segments: 8}}
}

func TestFilerOverFolder(t *testing.T) {
	dir, o := folder(t)
	f := start(t, Config{Exports: []Export{{Path: "/nas", Origin: o}}})
	c := dial(t, f.addr, "/nas")
	want := noise(3<<20+17, 1)
	h := c.make(c.root, "a.bin")
	c.put(h, 0, want[:1<<20], nfs.Unstable)
	c.put(h, 1<<20, want[1<<20:2<<20], nfs.FileSync)
	c.put(h, 2<<20, want[2<<20:3<<20], nfs.Unstable)
	c.put(h, 3<<20, want[3<<20:], nfs.DataSync)
	if _, err := c.Commit(t.Context(), nil, nfs.CommitArgs{File: h}); err != nil {
		t.Fatal(err)
	}
	c.wantContent(h, want)
	if got := readFile(t, filepath.Join(dir, "a.bin")); string(got) != string(want) {
		t.Fatal("the folder holds something else")
	}
}

func TestReadThroughTwoFilers(t *testing.T) {
	f := newFarm(t)
	want := noise(5<<20+123, 2)
	writeFile(t, filepath.Join(f.dir, "tex", "wood.png"), want)
	c := dial(t, f.cloud.addr, "/nas")
	h := c.look(c.look(c.root, "tex"), "wood.png")
	c.wantContent(h, want)
	c.wantContent(h, want)
	tr := &f.cloud.targets[0].traffic
	if got := tr.demand.Load() + tr.ahead.Load(); got != uint64(len(want)) {
		t.Errorf("fetched %d bytes of a file of %d", got, len(want))
	}
	if got := tr.unique.Load(); got != uint64(len(want)) {
		t.Errorf("unique demand %d, want %d", got, len(want))
	}
	if tr.unusedAhead.Load() != 0 {
		t.Errorf("%d bytes count as unused although all were read", tr.unusedAhead.Load())
	}
}

func TestManyColdReadersCauseOneFetch(t *testing.T) {
	f := newFarm(t)
	want := noise(4<<20+99, 3)
	writeFile(t, filepath.Join(f.dir, "big.blend"), want)
	var wg sync.WaitGroup
	for range 32 {
		c := dial(t, f.cloud.addr, "/nas")
		wg.Go(func() { c.wantContent(c.look(c.root, "big.blend"), want) })
	}
	wg.Wait()
	tr := &f.cloud.targets[0].traffic
	if got := tr.demand.Load() + tr.ahead.Load(); got != uint64(len(want)) {
		t.Errorf("fetched %d bytes of a file of %d", got, len(want))
	}
}

func TestOwnWritesAreNotFetchedAgain(t *testing.T) {
	f := newFarm(t)
	c := dial(t, f.cloud.addr, "/nas")
	want := noise(2<<20+4097, 4)
	h := c.make(c.root, "frame.tmp")
	var wg sync.WaitGroup
	const piece = 4096 * 3
	for off := 0; off < len(want); off += piece { // in parallel, so out of order
		wg.Go(func() { c.put(h, uint64(off), want[off:min(off+piece, len(want))], nfs.Unstable) })
	}
	wg.Wait()
	if _, err := c.Commit(t.Context(), nil, nfs.CommitArgs{File: h}); err != nil {
		t.Fatal(err)
	}
	_, err := c.Rename(t.Context(), nil, nfs.RenameArgs{FromDir: c.root, FromName: "frame.tmp", ToDir: c.root, ToName: "frame.exr"})
	if err != nil {
		t.Fatal(err)
	}
	c.wantContent(h, want)
	c.wantContent(c.look(c.root, "frame.exr"), want)
	if got := readFile(t, filepath.Join(f.dir, "frame.exr")); string(got) != string(want) {
		t.Fatal("the folder holds something else")
	}
	if got := f.cloud.targets[0].traffic.demand.Load(); got != 0 {
		t.Errorf("%d bytes that were just written here were fetched", got)
	}
}

func TestForeignChangeDropsData(t *testing.T) {
	f := newFarm(t)
	f.cloud.targets[0].verify.Store(0)
	path := filepath.Join(f.dir, "a")
	writeFile(t, path, noise(300<<10, 5))
	c := dial(t, f.cloud.addr, "/nas")
	h := c.look(c.root, "a")
	c.wantContent(h, noise(300<<10, 5))
	writeFile(t, path, noise(290<<10, 6))
	c.wantContent(h, noise(290<<10, 6))
}

func TestHandlesAndDataSurviveCrash(t *testing.T) {
	f := newFarm(t)
	want := noise(1<<20, 7)
	writeFile(t, filepath.Join(f.dir, "d", "a"), want)
	c := dial(t, f.cloud.addr, "/nas")
	d := c.look(c.root, "d")
	h := c.look(d, "a")
	c.wantContent(h, want)
	if err := f.cloud.persist(); err != nil {
		t.Fatal(err)
	}
	f.cloud.crash()
	f.edge.crash()
	c.wantContent(h, want)
	if got := f.cloud.targets[0].traffic.demand.Load(); got > uint64(len(want)) {
		t.Errorf("persisted data was fetched again: %d bytes", got)
	}
	if _, err := c.Lookup(t.Context(), nil, nfs.LookupArgs{Dir: d, Name: "a"}); err != nil {
		t.Error(err)
	}
}

func TestLostUnpersistedDataIsFetchedAgain(t *testing.T) {
	f := newFarm(t)
	want := noise(600<<10, 8)
	writeFile(t, filepath.Join(f.dir, "a"), want)
	c := dial(t, f.cloud.addr, "/nas")
	h := c.look(c.root, "a")
	c.wantContent(h, want)
	f.cloud.down(func(r *Filer) error { r.kill(); return nil })
	if err := os.RemoveAll(filepath.Join(f.cloud.cfg.CacheDir, "data")); err != nil {
		t.Fatal(err)
	}
	f.cloud.up(f.cloud.addr)
	c.wantContent(h, want)
}
