package filer

import (
	"testing"

	"github.com/spillway/spillway/nfs"
	"github.com/spillway/spillway/nfs/nlm"
)

// lockedChain is a farm whose edge filer gives the locks, with a file as both filers know it and a host at each.
type lockedChain struct {
	*farm
	net           *lockNet
	near, far     *lockHost
	atEdge, atTop nfs.Handle
}

func newLockedChain(t *testing.T) *lockedChain {
	t.Helper()
	n := newLockNet()
	dir, o := folder(t)
	writeFile(t, dir+"/a", []byte("content"))
	edge := start(t, Config{Name: "edge", Exports: []Export{{Path: "/nas", Origin: o}}, Locks: n.config()})
	cloud := start(t, Config{Name: "cloud", Exports: []Export{{Path: "/nas", Origin: remote(t, edge.addr, "/nas")}}, Locks: n.config()})
	ce, cc := dial(t, edge.addr, "/nas"), dial(t, cloud.addr, "/nas")
	return &lockedChain{
		&farm{dir, edge, cloud}, n, n.host(t, "near", "127.0.1.1"), n.host(t, "far", "127.0.1.2"), ce.look(ce.root, "a"), cc.look(cc.root, "a"),
	}
}

func TestLocksGoThroughToTheEdge(t *testing.T) {
	c := newLockedChain(t)
	near, far := c.near.process(c.edge.addr, c.atEdge, 1), c.far.process(c.cloud.addr, c.atTop, 1)
	far2 := c.far.process(c.cloud.addr, c.atTop, 2)
	far.wantTake(nlm.Granted, 0, 10, true, false, false)
	if got := c.cloud.Status().Exports[0].LockOwner; got != "origin" {
		t.Errorf("the locks are owned by %s", got)
	}
	near.wantTake(nlm.Denied, 5, 1, true, false, false)
	near.wantTake(nlm.Granted, 10, 10, true, false, false)
	if r := far.tested(15, 1); r.Status != nlm.Denied || r.Holder.SVID != 1 || r.Holder.Offset != 10 {
		t.Errorf("TEST through the chain: %+v", r)
	}
	far2.wantTake(nlm.Denied, 0, 1, false, false, false)
	far2.wantTake(nlm.Denied, 10, 1, false, false, false)
	far.release(nlm.Granted, 0, 0)
	near.wantTake(nlm.Granted, 0, 0, true, false, false)
	if got := c.cloud.Status().Locks.Locks; got != 0 {
		t.Errorf("the cloud filer still knows %d locks", got)
	}
	near.release(nlm.Granted, 0, 0)
	eventually(t, "nothing is left at the edge", func() bool { return c.edge.Status().Locks.Locks == 0 })
}

func TestBlockedLocksGoThroughToTheEdge(t *testing.T) {
	c := newLockedChain(t)
	near, far, far2 := c.near.process(c.edge.addr, c.atEdge, 1), c.far.process(c.cloud.addr, c.atTop, 1), c.far.process(c.cloud.addr, c.atTop, 2)
	near.wantTake(nlm.Granted, 0, 0, true, false, false)
	far.wantTake(nlm.Blocked, 0, 0, true, true, false)
	far2.wantTake(nlm.Blocked, 0, 0, true, true, false)
	near.release(nlm.Granted, 0, 0)
	c.far.wantGranted(1)
	eventually(t, "the lock is the far client's", func() bool { return c.cloud.Status().Locks.Waiting == 1 })
	near.wantTake(nlm.Blocked, 0, 0, true, true, false)
	far.release(nlm.Granted, 0, 0)
	// Whoever of the two is first, the other follows.
	select {
	case <-c.near.granted:
		near.release(nlm.Granted, 0, 0)
		c.far.wantGranted(2)
		far2.release(nlm.Granted, 0, 0)
	case <-c.far.granted:
		far2.release(nlm.Granted, 0, 0)
		c.near.wantGranted(1)
		near.release(nlm.Granted, 0, 0)
	}
	eventually(t, "nothing is left", func() bool {
		return c.edge.Status().Locks.Locks == 0 && c.cloud.Status().Locks.Locks == 0
	})
}

func TestACancelledWaitLeavesNothingAtTheEdge(t *testing.T) {
	c := newLockedChain(t)
	near, far := c.near.process(c.edge.addr, c.atEdge, 1), c.far.process(c.cloud.addr, c.atTop, 1)
	near.wantTake(nlm.Granted, 0, 0, true, false, false)
	far.wantTake(nlm.Blocked, 0, 0, true, true, false)
	if got := far.cancel(0, 0); got != nlm.Granted {
		t.Fatal(got)
	}
	near.release(nlm.Granted, 0, 0)
	eventually(t, "nothing is left", func() bool {
		return c.edge.Status().Locks.Locks == 0 && c.cloud.Status().Locks.Locks == 0
	})
	near.wantTake(nlm.Granted, 0, 0, true, false, false)
}

// TestLocksOutliveTheCloudFiler restarts the filer in the middle: its clients' locks are never free at the edge.
func TestLocksOutliveTheCloudFiler(t *testing.T) {
	c := newLockedChain(t)
	near, far, far2 := c.near.process(c.edge.addr, c.atEdge, 1), c.far.process(c.cloud.addr, c.atTop, 1), c.far.process(c.cloud.addr, c.atTop, 2)
	far.wantTake(nlm.Granted, 0, 10, true, false, false)
	far2.wantTake(nlm.Granted, 20, 10, true, false, false)
	c.cloud.crash()
	near.wantTake(nlm.Denied, 0, 1, true, false, false)
	far.wantTake(nlm.Granted, 0, 4, true, false, true) // less than it had
	near.wantTake(nlm.Denied, 0, 1, true, false, false)
	c.cloud.locks.endGrace()
	eventually(t, "what nobody claimed is free", func() bool { return near.take(5, 0, true, false, false) == nlm.Granted })
	near.wantTake(nlm.Denied, 3, 1, true, false, false)
	far.release(nlm.Granted, 0, 0)
	near.wantTake(nlm.Granted, 0, 0, true, false, false)
}

// TestLocksOutliveTheEdgeFiler restarts the last filer: the one before it takes its clients' locks again.
func TestLocksOutliveTheEdgeFiler(t *testing.T) {
	c := newLockedChain(t)
	near, far := c.near.process(c.edge.addr, c.atEdge, 1), c.far.process(c.cloud.addr, c.atTop, 1)
	far.wantTake(nlm.Granted, 0, 10, true, false, false)
	c.edge.crash()
	eventually(t, "the lock is back at the edge", func() bool { return c.edge.Status().Locks.Locks == 1 })
	c.edge.locks.endGrace()
	near.wantTake(nlm.Denied, 0, 1, true, false, false)
	if got := c.cloud.Status().Locks.Lost; got != 0 {
		t.Errorf("%d locks are lost", got)
	}
	far.release(nlm.Granted, 0, 0)
	near.wantTake(nlm.Granted, 0, 0, true, false, false)
}

func TestARestartedFarClientLosesItsLocksAtTheEdgeToo(t *testing.T) {
	c := newLockedChain(t)
	near, far := c.near.process(c.edge.addr, c.atEdge, 1), c.far.process(c.cloud.addr, c.atTop, 1)
	far.wantTake(nlm.Granted, 0, 10, true, false, false)
	near.wantTake(nlm.Blocked, 0, 10, true, true, false)
	c.far.mu.Lock()
	c.far.state = 9
	c.far.mu.Unlock()
	if err := far.nlm.FreeAll(t.Context(), nlm.FreeAllArgs{Name: "far", State: 9}); err != nil {
		t.Fatal(err)
	}
	c.near.wantGranted(1)
}

// TestAnUpgradeThatFailsKeepsTheSharedLock asks for more than the edge gives and withdraws.
func TestAnUpgradeThatFailsKeepsTheSharedLock(t *testing.T) {
	c := newLockedChain(t)
	near, far := c.near.process(c.edge.addr, c.atEdge, 1), c.far.process(c.cloud.addr, c.atTop, 1)
	near.wantTake(nlm.Granted, 0, 10, false, false, false)
	far.wantTake(nlm.Granted, 0, 10, false, false, false)
	far.wantTake(nlm.Denied, 0, 10, true, false, false)
	far.wantTake(nlm.Blocked, 0, 10, true, true, false)
	if got := far.cancel(0, 10); got != nlm.Granted {
		t.Fatal(got)
	}
	near.wantTake(nlm.Denied, 0, 10, true, false, false)
	far.release(nlm.Granted, 0, 0)
	near.wantTake(nlm.Granted, 0, 10, true, false, false)
}
