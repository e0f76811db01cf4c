package filer

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// TestMoreFilesThanMayBeOpen reads, through a filer that may have few files open, many: they are synced together, closed
// and opened again, and none is fetched twice, not even after a crash.
func TestMoreFilesThanMayBeOpen(t *testing.T) {
	const files, may = syncTogether + 40, 8
	dir, o := folder(t)
	edge := start(t, Config{Exports: []Export{{Path: "/nas", Origin: o}}})
	cloud := start(t, Config{Exports: []Export{{Path: "/nas", Origin: remote(t, edge.addr, "/nas")}}, maxOpen: may})
	c := dial(t, cloud.addr, "/nas")
	var handles []nfs.Handle
	for i := range files {
		name := fmt.Sprintf("f%d", i)
		writeFile(t, filepath.Join(dir, name), noise(5000, uint64(i)))
		handles = append(handles, c.look(c.root, name))
	}
	readAll := func() {
		t.Helper()
		for i, h := range handles {
			c.wantContent(h, noise(5000, uint64(i)))
		}
	}
	settled := func() {
		t.Helper()
		waitFor(t, "idle files to be closed", func() bool {
			cloud.store.mu.Lock()
			defer cloud.store.mu.Unlock()
			return cloud.store.opened.Load() <= may && len(cloud.store.dirty) == 0
		})
	}
	for range 3 {
		readAll()
		settled()
	}
	cloud.crash()
	readAll()
	settled()
	if n := cloud.targets[0].traffic.demand.Load(); n != files*5000 {
		t.Errorf("%d bytes were fetched of %d", n, files*5000)
	}
	shards := &cloud.table.shards
	for i := range shards {
		shards[i].mu.Lock()
	}
	cloud.table.limit = 1 // what comes into memory drives the rest out
	for i := range shards {
		shards[i].mu.Unlock()
	}
	for i := range 100 * len(shards) {
		id := uint64(1<<40 + i)
		cloud.table.put(cloud.table.add(id, cloud.targets[0], origin.ID(fmt.Sprint(id))))
	}
	if n := cloud.store.opened.Load(); n != 0 {
		t.Errorf("%d files are open, and none is in memory", n)
	}
}

// TestClosedFilesAreChangedAndRemoved writes to, cuts and evicts files whose data files were closed meanwhile.
func TestClosedFilesAreChangedAndRemoved(t *testing.T) {
	dir, o := folder(t)
	edge := start(t, Config{Exports: []Export{{Path: "/nas", Origin: o}}})
	for name, export := range map[string]Export{"through": {}, "back": {WriteBack: 1 << 40}} {
		t.Run(name, func(t *testing.T) {
			export.Path, export.Origin = "/nas", remote(t, edge.addr, "/nas")
			cloud := start(t, Config{Exports: []Export{export}})
			c := dial(t, cloud.addr, "/nas")
			want := noise(20_000, 1)
			writeFile(t, filepath.Join(dir, name), want)
			h := c.look(c.root, name)
			c.wantContent(h, want)
			sealed, err := cloud.seal.open(&h)
			if err != nil {
				t.Fatal(err)
			}
			ino, err := cloud.inode(sealed.inode)
			if err != nil {
				t.Fatal(err)
			}
			defer cloud.table.put(ino)
			shut := func() {
				t.Helper()
				waitFor(t, "the data file to be closed", func() bool {
					ino.mu.Lock()
					defer ino.mu.Unlock()
					ino.closeIdle()
					return ino.content.file == nil || ino.dirty != nil
				})
			}
			shut()
			want = want[:12_345]
			if _, err := c.Setattr(t.Context(), nil, nfs.SetattrArgs{Object: h, Attr: nfs.SetAttr{Size: nfs.Set64(uint64(len(want)))}}); err != nil {
				t.Fatal(err)
			}
			want = append(want, make([]byte, 3000)...)
			if _, err := c.Setattr(t.Context(), nil, nfs.SetattrArgs{Object: h, Attr: nfs.SetAttr{Size: nfs.Set64(uint64(len(want)))}}); err != nil {
				t.Fatal(err)
			}
			shut()
			c.put(h, 100, []byte("changed"), nfs.FileSync)
			copy(want[100:], "changed")
			c.wantContent(h, want)
			shut()
			if !cloud.evict(&ino.content.space.at(0).Piece) && ino.dirty == nil {
				t.Error("it was not evicted")
			}
			c.wantContent(h, want)
		})
	}
}
