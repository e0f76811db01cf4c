package filer

import (
	"bytes"
	"errors"
	"path/filepath"
	"testing"

	"github.com/spillway/spillway/nfs"
)

// missing looks a name up and says whether the answer was that there is none.
func (c *client) missing(dir nfs.Handle, name string) (nfs.Handle, bool) {
	c.t.Helper()
	r, err := c.Lookup(c.t.Context(), nil, nfs.LookupArgs{Dir: dir, Name: name})
	if err != nil && !errors.Is(err, nfs.ErrNoEnt) {
		c.t.Fatalf("lookup %s: %v", name, err)
	}
	return r.Object, err != nil
}

func (c *client) flushing(h nfs.Handle, what uint32) (nfs.CommitResult, error) {
	return c.Commit(c.t.Context(), nil, nfs.CommitArgs{File: h, Offset: flushOffset, Count: what})
}

func TestFlushByCommit(t *testing.T) {
	f := newFarm(t)
	c := dial(t, f.cloud.addr, "/nas")
	h := c.make(c.root, "frame")
	want := noise(300_000, 7)

	status := func(what uint32, want error) {
		t.Helper()
		r, err := c.flushing(h, what)
		if want == nil && err != nil || want != nil && !errors.Is(err, want) {
			t.Fatalf("%x: %v, want %v", what, err, want)
		}
		if !r.Wcc.After.Present || r.Wcc.After.Attr.Mtime == (nfs.Time{}) {
			t.Errorf("%x: no mtime in the answer", what)
		}
	}
	status(flushStatus, nil) // clean
	status(flushStart, nil)  // nothing to do

	c.put(h, 0, want, nfs.Unstable)
	status(flushStatus, nfs.ErrNotEmpty)
	status(flushNow, nil)
	status(flushStatus, nil)
	if !bytes.Equal(readFile(t, filepath.Join(f.dir, "frame")), want) {
		t.Error("the flush left something behind")
	}

	// While one runs, another is not started.
	c.put(h, 0, want[:1000], nfs.Unstable)
	ino := f.cloud.table.snapshot(func(i *inode) bool { i.mu.Lock(); defer i.mu.Unlock(); return i.unstable.bytes > 0 })
	if len(ino) != 1 {
		t.Fatalf("%d files with uncommitted writes", len(ino))
	}
	defer f.cloud.table.put(ino[0])
	if !f.cloud.flushes.begin(ino[0].id) {
		t.Fatal("a flush is running")
	}
	status(flushStatus, nfs.ErrNotSync)
	status(flushStart, nfs.ErrNotSync)
	status(flushNow, nfs.ErrNotSync)
	f.cloud.flushes.end(ino[0].id)
	status(flushStatus, nfs.ErrNotEmpty)

	status(flushStart, nfs.ErrNotSync) // started
	for {
		_, err := c.flushing(h, flushStatus)
		if err == nil {
			break
		}
		if !errors.Is(err, nfs.ErrNotSync) {
			t.Fatalf("the started flush: %v", err)
		}
	}
	if ino[0].owesAnything() {
		t.Error("clean, and uncommitted writes are left")
	}
	if _, err := c.flushing(h, 1); !errors.Is(err, nfs.ErrInval) {
		t.Errorf("an unknown count: %v", err)
	}
}
