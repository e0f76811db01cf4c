package filer

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/spillway/spillway/nfs"
	"github.com/spillway/spillway/nfs/nlm"
	"github.com/spillway/spillway/nfs/nsm"
	"github.com/spillway/spillway/nfs/rpc"
)

func TestLocksSurviveARestart(t *testing.T) {
	f, _, file, ha, hb := lockedFiler(t)
	a, b := ha.process(f.addr, file, 1), hb.process(f.addr, file, 1)
	if f.Status().Locks.Grace {
		t.Error("a filer without a past has a grace period")
	}
	a.wantTake(nlm.Granted, 0, 10, true, false, false)
	f.crash()
	select {
	case told := <-ha.told:
		if told.State%2 != 1 || told.Name == "" {
			t.Errorf("told %+v", told)
		}
	case <-time.After(time.Minute):
		t.Fatal("the client is not told of the restart")
	}
	b.wantTake(nlm.GracePeriod, 0, 10, true, false, false)
	if r := b.tested(0, 10); r.Status != nlm.GracePeriod {
		t.Errorf("TEST in the grace period: %v", r.Status)
	}
	b.wantTake(nlm.Denied, 0, 10, true, false, true) // it had none to lose
	a.wantTake(nlm.Granted, 0, 10, true, false, true)
	f.locks.endGrace()
	b.wantTake(nlm.Denied, 0, 10, true, false, false)
	a.wantTake(nlm.GracePeriod, 20, 1, true, false, true) // too late
	a.release(nlm.Granted, 0, 10)
	b.wantTake(nlm.Granted, 0, 10, true, false, false)
	select {
	case <-hb.told:
		t.Error("a client that had no lock was told")
	default:
	}
}

func TestAClientThatStaysAwayLosesItsLocks(t *testing.T) {
	f, n, file, ha, hb := lockedFiler(t)
	a, b := ha.process(f.addr, file, 1), hb.process(f.addr, file, 1)
	a.wantTake(nlm.Granted, 0, 10, true, false, false)
	n.mu.Lock()
	delete(n.hosts, ha.addr)
	n.mu.Unlock()
	f.crash()
	f.locks.endGrace()
	b.wantTake(nlm.Granted, 0, 10, true, false, false)
	if got := f.Status().Locks; got.Clients != 1 || got.Locks != 1 {
		t.Errorf("%+v", got)
	}
	f.crash()
	if got := f.Status().Locks; got.Clients != 1 || !got.Grace {
		t.Errorf("after another restart: %+v", got)
	}
}

func TestWithoutLocksThereIsNoGracePeriod(t *testing.T) {
	f, _, file, ha, hb := lockedFiler(t)
	a, b := ha.process(f.addr, file, 1), hb.process(f.addr, file, 1)
	a.wantTake(nlm.Granted, 0, 10, true, false, false)
	b.wantTake(nlm.Granted, 10, 10, true, false, false)
	a.release(nlm.Granted, 0, 0)
	f.down((*Filer).Close)
	f.up(f.addr)
	if got := f.Status().Locks; got.Clients != 1 || !got.Grace {
		t.Errorf("with one client that had a lock: %+v", got)
	}
	b.wantTake(nlm.Granted, 10, 10, true, false, true)
	f.locks.endGrace()
	b.release(nlm.Granted, 0, 0)
	f.down((*Filer).Close)
	f.up(f.addr)
	if got := f.Status().Locks; got.Clients != 0 || got.Grace {
		t.Errorf("with none: %+v", got)
	}
}

func TestStatesGrow(t *testing.T) {
	f, _, _, _, _ := lockedFiler(t)
	last, birth := f.locks.state, f.locks.birth
	for range 3 {
		f.crash()
		if f.locks.state != last+2 || f.locks.birth != birth {
			t.Fatalf("state %d after %d, birth %d", f.locks.state, last, f.locks.birth)
		}
		last = f.locks.state
	}
}

// monitorCall tells the filer of a restart, from an address and a port.
func monitorCall(t *testing.T, filer, from string, port int, args nsm.NotifyArgs) error {
	t.Helper()
	c, err := nsm.Dial(t.Context(), filer, rpc.Options{
		Connections: 1, Timeout: 30 * time.Second,
		Dialer: func(ctx context.Context, addr string) (net.Conn, error) {
			if port != 0 {
				return rpc.DialFrom(netip.MustParseAddr(from), 10*time.Second)(ctx, addr)
			}
			d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
			return d.DialContext(ctx, "tcp", addr)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.Notify(t.Context(), args)
}

func TestARestartedClientLosesItsLocks(t *testing.T) {
	f, _, file, ha, hb := lockedFiler(t)
	a, b := ha.process(f.addr, file, 1), hb.process(f.addr, file, 1)
	a.wantTake(nlm.Granted, 0, 10, true, false, false)
	b.wantTake(nlm.Blocked, 5, 1, true, true, false)
	ha.mu.Lock()
	ha.state = 5
	ha.mu.Unlock()
	if err := monitorCall(t, f.addr, "127.0.1.1", 0, nsm.NotifyArgs{Name: "wsa.studio.example", State: 5}); err != nil {
		t.Fatal(err)
	}
	hb.wantGranted(1)
	eventually(t, "only the other's lock is left", func() bool { return f.Status().Locks.Locks == 1 })
}

func TestRestartsAreNotBelievedOfAnybody(t *testing.T) {
	f, _, file, ha, hb := lockedFiler(t)
	a, b := ha.process(f.addr, file, 1), hb.process(f.addr, file, 1)
	a.wantTake(nlm.Granted, 0, 10, true, false, false)
	for name, c := range map[string]struct {
		from  string
		port  int
		name  string
		state int32
	}{
		"another address":               {"127.0.1.2", 0, "wsa", 5},
		"another name":                  {"127.0.1.1", 0, "wsz", 5},
		"the state of before":           {"127.0.1.1", 0, "wsa", 3},
		"an older state":                {"127.0.1.1", 0, "wsa", 1},
		"a state that the host has not": {"127.0.1.1", 0, "wsa", 7},
		"nobody's address":              {"127.0.0.1", 0, "wsa", 5},
	} {
		if err := monitorCall(t, f.addr, c.from, c.port, nsm.NotifyArgs{Name: c.name, State: c.state}); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the question is answered", func() bool {
			f.locks.mu.Lock()
			defer f.locks.mu.Unlock()
			return len(f.locks.asking) == 0
		})
		if f.Status().Locks.Locks != 1 {
			t.Fatalf("news from %s took the lock away", name)
		}
	}
	for _, p := range []*process{a, b} {
		if err := p.nlm.FreeAll(t.Context(), nlm.FreeAllArgs{Name: "wsa", State: 9}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the question is answered", func() bool {
		f.locks.mu.Lock()
		defer f.locks.mu.Unlock()
		return len(f.locks.asking) == 0
	})
	b.wantTake(nlm.Denied, 0, 10, true, false, false)
	a.wantTake(nlm.Granted, 3, 1, true, false, false)
}

// TestDatagramsAreAskedBack sends news of a restart as a datagram, whose sender could be anybody.
func TestDatagramsAreAskedBack(t *testing.T) {
	f, _, file, ha, hb := lockedFiler(t)
	a := ha.process(f.addr, file, 1)
	a.wantTake(nlm.Granted, 0, 10, true, false, false)
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- rpc.ServePackets(ctx, conn, []rpc.Program{f.locks.monitor().Program()}) }()
	t.Cleanup(func() { cancel(); <-done })
	send := func(state int32) {
		t.Helper()
		nc, err := net.DialUDP("udp", &net.UDPAddr{IP: ha.addr.AsSlice()}, conn.LocalAddr().(*net.UDPAddr))
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		args := nsm.NotifyArgs{Name: "wsa", State: state}
		head := []byte{0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0x86, 0xb8, 0, 0, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
		if _, err := nc.Write(args.AppendXDR(head)); err != nil {
			t.Fatal(err)
		}
		if err := nc.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if n, err := nc.Read(make([]byte, 100)); err != nil || n != 24 {
			t.Fatalf("%d bytes, %v", n, err)
		}
	}
	send(5) // the host itself says 3
	eventually(t, "the question is answered", func() bool {
		f.locks.mu.Lock()
		defer f.locks.mu.Unlock()
		return len(f.locks.asking) == 0
	})
	hb.process(f.addr, file, 1).wantTake(nlm.Denied, 0, 10, true, false, false)
	ha.mu.Lock()
	ha.state = 5
	ha.mu.Unlock()
	send(5)
	eventually(t, "the lock is gone", func() bool { return f.Status().Locks.Locks == 0 })
}

func TestANewerStateIsARestart(t *testing.T) {
	f, _, file, ha, _ := lockedFiler(t)
	a := ha.process(f.addr, file, 1)
	a.wantTake(nlm.Granted, 0, 10, true, false, false)
	ha.mu.Lock()
	ha.state = 5
	ha.mu.Unlock()
	a2 := ha.process(f.addr, file, 2)
	a2.wantTake(nlm.Granted, 0, 10, true, false, false)
	if f.Status().Locks.Locks != 1 {
		t.Error("the lock of before the restart is still there")
	}
}

func TestAFenceDropsLocks(t *testing.T) {
	dir, o := folder(t)
	writeFile(t, dir+"/a", []byte("x"))
	n := newLockNet()
	f := start(t, Config{Exports: []Export{{Path: "/nas", Origin: o}}, Locks: n.config()})
	ha, hb := n.host(t, "wsa", "127.0.1.1"), n.host(t, "wsb", "127.0.1.2")
	s, err := f.sessions.open("agent/burst-1", "mnt", "/nas", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	inside := dial(t, f.addr, sessionPrefix+s.Secret+"/nas")
	plain := dial(t, f.addr, "/nas")
	a := ha.process(f.addr, inside.look(inside.root, "a"), 1)
	b := hb.process(f.addr, plain.look(plain.root, "a"), 1)
	a.wantTake(nlm.Granted, 0, 0, true, false, false)
	b.wantTake(nlm.Blocked, 0, 0, true, true, false)
	// A host at the same address with the same name is somebody else without the session.
	ha.process(f.addr, plain.look(plain.root, "a"), 1).wantTake(nlm.Denied, 0, 0, true, false, false)
	if _, err := f.Fence(t.Context(), s.ID, "", "lost", nil); err != nil {
		t.Fatal(err)
	}
	hb.wantGranted(1)
	a.wantTake(nlm.StaleHandle, 0, 0, true, false, false)
	a.release(nlm.StaleHandle, 0, 0)
	b.release(nlm.Granted, 0, 0)
	eventually(t, "nothing is left", func() bool { return f.Status().Locks.Locks == 0 })
}

func TestUnlockMakesDataDurable(t *testing.T) {
	n := newLockNet()
	dir, o := folder(t)
	edge := start(t, Config{Name: "edge", Exports: []Export{{Path: "/nas", Origin: o}}, Locks: LockConfig{Off: true}})
	refuse := func(ctx context.Context, host, local netip.Addr, p, v uint32) (string, error) { return "", nil }
	cfg := n.config()
	cfg.find = refuse
	cloud := start(t, Config{Name: "cloud", Exports: []Export{{Path: "/nas", Origin: remote(t, edge.addr, "/nas")}}, Locks: cfg})
	c := dial(t, cloud.addr, "/nas")
	file := c.make(c.root, "a")
	a := n.host(t, "wsa", "127.0.1.1").process(cloud.addr, file, 1)
	a.wantTake(nlm.Granted, 0, 0, true, false, false)
	if got := cloud.Status().Exports[0].LockOwner; got != "filer" {
		t.Errorf("the locks are owned by %s", got)
	}
	c.put(file, 0, []byte("hello"), nfs.Unstable)
	if got := cloud.Status().Exports[0].Dirty; got != 5 {
		t.Fatalf("%d bytes are owed", got)
	}
	a.release(nlm.Granted, 0, 0)
	if got := cloud.Status().Exports[0].Dirty; got != 0 {
		t.Errorf("%d bytes are owed after UNLOCK", got)
	}
	// LOCK makes the file fresh, however long attributes are trusted.
	if _, err := c.Getattr(t.Context(), nil, nfs.GetattrArgs{Object: file}); err != nil {
		t.Fatal(err)
	}
	writeFile(t, dir+"/a", []byte("changed behind"))
	a.wantTake(nlm.Granted, 0, 0, false, false, false)
	c.wantContent(file, []byte("changed behind"))
}

func TestAnOriginThatIsAwayGivesNoLocks(t *testing.T) {
	n := newLockNet()
	_, o := folder(t)
	cfg := n.config()
	cfg.find = func(ctx context.Context, host, local netip.Addr, p, v uint32) (string, error) {
		return "", errors.New("no answer")
	}
	edge := start(t, Config{Name: "edge", Exports: []Export{{Path: "/nas", Origin: o}}, Locks: LockConfig{Off: true}})
	cloud := start(t, Config{Name: "cloud", Exports: []Export{{Path: "/nas", Origin: remote(t, edge.addr, "/nas")}}, Locks: cfg})
	c := dial(t, cloud.addr, "/nas")
	a := n.host(t, "wsa", "127.0.1.1").process(cloud.addr, c.make(c.root, "a"), 1)
	a.wantTake(nlm.GracePeriod, 0, 0, true, false, false) // clients try again
	if got := cloud.Status().Exports[0].LockOwner; got != "undecided" {
		t.Errorf("the locks are owned by %s", got)
	}
}
