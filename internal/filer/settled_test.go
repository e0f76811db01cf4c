package filer

import (
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/spillway/spillway/internal/filer/wal/waltest"
	"github.com/spillway/spillway/nfs"
)

// TestNothingIsPromisedOfALandingThatTheLogMayForget has a file land while the log's disk fails. A crash would bring back
// the stable write alone, and its size would cut off what was unstable: neither COMMIT nor a receipt may vouch for that.
func TestNothingIsPromisedOfALandingThatTheLogMayForget(t *testing.T) {
	o := newWobbly(rand.New(rand.NewPCG(1, 1)))
	disk := waltest.New()
	cfg := backConfig(Export{Path: "/nas", Origin: o, WriteBack: time.Hour})
	cfg.logDisk = disk
	r := start(t, cfg)
	c := dial(t, r.addr, "/nas")
	h := c.make(c.root, "a")
	c.put(h, 0, []byte("stable"), nfs.FileSync)
	c.put(h, 100, []byte("unstable"), nfs.Unstable)
	var ops atomic.Int32
	disk.Fail(func(string) error {
		if ops.Add(1) > 2 { // after the write and the sync that announce the landing
			return syscall.EIO
		}
		return nil
	})
	for _, ino := range r.wb.all() {
		if err := r.wb.land(t.Context(), ino); err == nil {
			t.Error("it has landed for good")
		}
	}
	if got := o.listing()["a"]; len(got) != 108 {
		t.Fatalf("the origin has %d bytes", len(got))
	}
	if receipts, _ := r.Flush(t.Context(), []string{"/nas/a"}); len(receipts) != 0 {
		t.Error("a receipt")
	}
	if _, err := c.Commit(t.Context(), nil, nfs.CommitArgs{File: h}); !errors.Is(err, nfs.ErrJukebox) {
		t.Errorf("COMMIT says %v", err)
	}
	disk.Fail(nil)
	r.crash()
}
