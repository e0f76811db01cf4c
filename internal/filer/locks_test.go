package filer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/spillway/spillway/nfs"
	"github.com/spillway/spillway/nfs/nlm"
	"github.com/spillway/spillway/nfs/nsm"
	"github.com/spillway/spillway/nfs/rpc"
)

// lockHost is a client host: its kernel's lock manager and status monitor, at an address of loopback of its own.
type lockHost struct {
	t       *testing.T
	addr    netip.Addr
	name    string
	granted chan nlm.TestArgs
	told    chan nsm.NotifyArgs
	serving string // where both answer

	mu     sync.Mutex
	state  int32
	refuse bool // GRANTED is answered with DENIED
}

// lockNet is where the hosts of a test are found, in place of their port mappers.
type lockNet struct {
	mu    sync.Mutex
	hosts map[netip.Addr]string
}

func (n *lockNet) find(_ context.Context, host, _ netip.Addr, _, _ uint32) (string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	addr, ok := n.hosts[host]
	if !ok {
		return "", errors.New("no such host")
	}
	return addr, nil
}

func newLockNet() *lockNet { return &lockNet{hosts: map[netip.Addr]string{}} }

func (n *lockNet) config() LockConfig {
	return LockConfig{Grace: time.Hour, find: n.find, retry: 5 * time.Millisecond}
}

// host starts a client host.
func (n *lockNet) host(t *testing.T, name, addr string) *lockHost {
	t.Helper()
	h := &lockHost{t: t, addr: netip.MustParseAddr(addr), name: name, state: 3, granted: make(chan nlm.TestArgs, 100), told: make(chan nsm.NotifyArgs, 100)}
	manager := nlm.Procedures{Granted: func(_ context.Context, _ *rpc.Call, args *nlm.TestArgs, res *nlm.Result) {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.refuse {
			res.Status = nlm.Denied
		}
		h.granted <- *args
	}}
	monitor := nsm.Procedures{
		Stat: func(_ context.Context, _ *rpc.Call, _ *nsm.StatArgs, res *nsm.StatResult) {
			h.mu.Lock()
			defer h.mu.Unlock()
			res.State = h.state
		},
		Notify: func(_ context.Context, _ *rpc.Call, args *nsm.NotifyArgs) { h.told <- *args },
	}
	l, err := net.Listen("tcp", net.JoinHostPort(addr, "0"))
	if err != nil {
		t.Fatal(err)
	}
	srv := rpc.NewServer([]rpc.Program{manager.Program(), monitor.Program()}, rpc.Limits{}, rpc.Hooks{})
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(context.Background(), l) }()
	t.Cleanup(func() { srv.Close(); <-done })
	h.serving = l.Addr().String()
	n.mu.Lock()
	n.hosts[h.addr] = h.serving
	n.mu.Unlock()
	return h
}

// from is a dialer that connects from the host's address.
func (h *lockHost) from(ctx context.Context, addr string) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: h.addr.AsSlice()}}
	return d.DialContext(ctx, "tcp", addr)
}

func (h *lockHost) options() rpc.Options {
	return rpc.Options{Connections: 1, Timeout: 30 * time.Second, Auth: nfs.Sys(h.name, 0, 0), Dialer: h.from}
}

// process is one owner of locks on a host.
type process struct {
	*lockHost
	nlm  *nlm.Client
	file nfs.Handle
	svid int32
}

// process connects one to a filer.
func (h *lockHost) process(addr string, file nfs.Handle, svid int32) *process {
	h.t.Helper()
	c, err := nlm.Dial(h.t.Context(), addr, h.options())
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { c.Close() })
	return &process{h, c, file, svid}
}

func (p *process) lock(off, n uint64) nlm.Lock {
	return nlm.Lock{Caller: p.name, File: p.file, Owner: []byte(fmt.Sprintf("%d@%s", p.svid, p.name)), SVID: p.svid, Offset: off, Length: n}
}

func (p *process) take(off, n uint64, exclusive, wait, reclaim bool) nlm.Status {
	p.t.Helper()
	p.mu.Lock()
	state := p.state
	p.mu.Unlock()
	r, err := p.nlm.Lock(p.t.Context(), nlm.LockArgs{
		Cookie: []byte("c"), Block: wait, Exclusive: exclusive, Lock: p.lock(off, n), Reclaim: reclaim, State: state,
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return r.Status
}

func (p *process) wantTake(want nlm.Status, off, n uint64, exclusive, wait, reclaim bool) {
	p.t.Helper()
	if got := p.take(off, n, exclusive, wait, reclaim); got != want {
		p.t.Fatalf("%s: LOCK %d+%d: %v, want %v", p.name, off, n, got, want)
	}
}

func (p *process) release(want nlm.Status, off, n uint64) {
	p.t.Helper()
	r, err := p.nlm.Unlock(p.t.Context(), nlm.UnlockArgs{Lock: p.lock(off, n)})
	if err != nil || r.Status != want {
		p.t.Fatalf("%s: UNLOCK %d+%d: %v, %v, want %v", p.name, off, n, r.Status, err, want)
	}
}

func (p *process) cancel(off, n uint64) nlm.Status {
	p.t.Helper()
	r, err := p.nlm.Cancel(p.t.Context(), nlm.CancelArgs{Block: true, Exclusive: true, Lock: p.lock(off, n)})
	if err != nil {
		p.t.Fatal(err)
	}
	return r.Status
}

func (p *process) tested(off, n uint64) nlm.TestResult {
	p.t.Helper()
	r, err := p.nlm.Test(p.t.Context(), nlm.TestArgs{Exclusive: true, Lock: p.lock(off, n)})
	if err != nil {
		p.t.Fatal(err)
	}
	return r
}

func (h *lockHost) wantGranted(svid int32) {
	h.t.Helper()
	select {
	case got := <-h.granted:
		if got.Lock.SVID != svid || got.Lock.Caller != h.name {
			h.t.Fatalf("GRANTED for %+v, want %d", got.Lock, svid)
		}
	case <-time.After(time.Minute):
		h.t.Fatal("no GRANTED comes")
	}
}

// eventually waits until the filer's locks are as wanted.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("still not: " + what)
		}
	}
}

// lockedFiler is a filer over a folder, with a file and two hosts.
func lockedFiler(t *testing.T) (f *running, n *lockNet, file nfs.Handle, a, b *lockHost) {
	t.Helper()
	n = newLockNet()
	_, o := folder(t)
	f = start(t, Config{Exports: []Export{{Path: "/nas", Origin: o}}, Locks: n.config()})
	c := dial(t, f.addr, "/nas")
	return f, n, c.make(c.root, "a"), n.host(t, "wsa", "127.0.1.1"), n.host(t, "wsb", "127.0.1.2")
}

func TestTwoClientsContend(t *testing.T) {
	f, _, file, ha, hb := lockedFiler(t)
	a, a2, b := ha.process(f.addr, file, 1), ha.process(f.addr, file, 2), hb.process(f.addr, file, 1)
	a.wantTake(nlm.Granted, 0, 10, true, false, false)
	a.wantTake(nlm.Granted, 0, 10, true, false, false) // as if the answer had been lost
	b.wantTake(nlm.Denied, 9, 0, false, false, false)
	a2.wantTake(nlm.Denied, 9, 1, false, false, false)
	b.wantTake(nlm.Granted, 10, 0, true, false, false)
	if r := b.tested(5, 1); r.Status != nlm.Denied || r.Holder.SVID != 1 || !r.Holder.Exclusive || r.Holder.Offset != 0 || r.Holder.Length != 10 {
		t.Errorf("TEST: %+v", r)
	}
	if r := a.tested(20, 1); r.Status != nlm.Denied || r.Holder.Offset != 10 || r.Holder.Length != 0 {
		t.Errorf("TEST: %+v", r)
	}
	if r := a.tested(5, 1); r.Status != nlm.Granted {
		t.Errorf("TEST of what it has: %+v", r)
	}
	a.release(nlm.Granted, 3, 4)
	b.wantTake(nlm.Granted, 3, 4, true, false, false)
	a.wantTake(nlm.Denied, 0, 10, false, false, false)
	a.release(nlm.Granted, 0, 0)
	a.release(nlm.Granted, 0, 0) // there is nothing left, which is as well
	b.wantTake(nlm.Granted, 0, 0, true, false, false)
}

func TestBlockedLockIsGrantedByCallback(t *testing.T) {
	f, _, file, ha, hb := lockedFiler(t)
	a, b, b2 := ha.process(f.addr, file, 1), hb.process(f.addr, file, 7), hb.process(f.addr, file, 8)
	a.wantTake(nlm.Granted, 0, 0, true, false, false)
	b.wantTake(nlm.Blocked, 0, 0, true, true, false)
	b2.wantTake(nlm.Blocked, 0, 0, true, true, false)
	b.wantTake(nlm.Blocked, 0, 0, true, true, false) // clients ask again
	a.release(nlm.Granted, 0, 0)
	hb.wantGranted(7)
	eventually(t, "the client has taken the lock", func() bool { return f.Status().Locks.Waiting == 1 })
	b.release(nlm.Granted, 0, 0)
	hb.wantGranted(8)
	b2.release(nlm.Granted, 0, 0)
	eventually(t, "nothing is left", func() bool { return f.Status().Locks.Locks == 0 })
}

func TestClientMayNotWantTheLockAnyMore(t *testing.T) {
	f, _, file, ha, hb := lockedFiler(t)
	a, b := ha.process(f.addr, file, 1), hb.process(f.addr, file, 7)
	a.wantTake(nlm.Granted, 0, 0, true, false, false)
	b.wantTake(nlm.Blocked, 0, 0, true, true, false)
	if got := b.cancel(0, 0); got != nlm.Granted {
		t.Fatalf("CANCEL: %v", got)
	}
	if got := b.cancel(0, 0); got != nlm.Denied {
		t.Fatalf("CANCEL of what does not wait: %v", got)
	}
	b.wantTake(nlm.Blocked, 0, 5, true, true, false)
	hb.mu.Lock()
	hb.refuse = true
	hb.mu.Unlock()
	a.release(nlm.Granted, 0, 0)
	hb.wantGranted(7)
	eventually(t, "the lock is free", func() bool { return f.Status().Locks.Locks == 0 })
	a.wantTake(nlm.Granted, 0, 0, true, false, false)
}

func TestAClientThatCannotBeCalledAsksAgain(t *testing.T) {
	f, n, file, ha, hb := lockedFiler(t)
	a, b := ha.process(f.addr, file, 1), hb.process(f.addr, file, 7)
	n.mu.Lock()
	delete(n.hosts, hb.addr)
	n.mu.Unlock()
	a.wantTake(nlm.Granted, 0, 0, true, false, false)
	b.wantTake(nlm.Blocked, 0, 0, true, true, false)
	a.release(nlm.Granted, 0, 0)
	eventually(t, "the lock is kept for it", func() bool { return b.take(0, 0, true, true, false) == nlm.Granted })
	a.wantTake(nlm.Denied, 0, 0, true, false, false)
}

func TestDeadlockIsRefused(t *testing.T) {
	f, _, file, ha, hb := lockedFiler(t)
	a, b := ha.process(f.addr, file, 1), hb.process(f.addr, file, 1)
	a.wantTake(nlm.Granted, 0, 1, true, false, false)
	b.wantTake(nlm.Granted, 1, 1, true, false, false)
	a.wantTake(nlm.Blocked, 1, 1, true, true, false)
	b.wantTake(nlm.Deadlock, 0, 1, true, true, false)
}

func TestBadLocks(t *testing.T) {
	f, _, file, ha, _ := lockedFiler(t)
	c := dial(t, f.addr, "/nas")
	a := ha.process(f.addr, file, 1)
	a.wantTake(nlm.TooBig, 1<<63, 1<<63+1, true, false, false)
	a.wantTake(nlm.GracePeriod, 0, 1, true, false, true) // there is no grace period
	a.file = c.root
	a.wantTake(nlm.Failed, 0, 1, true, false, false)
	a.file, _ = nfs.NewHandle([]byte("made up"))
	a.wantTake(nlm.StaleHandle, 0, 1, true, false, false)
	if n := f.Status().Locks; n.Locks != 0 || n.Clients != 0 {
		t.Errorf("something is left: %+v", n)
	}
}

func TestWhoMayNotReadMayNotLock(t *testing.T) {
	f, _, file, ha, _ := lockedFiler(t)
	c := dial(t, f.addr, "/nas")
	if _, err := c.Setattr(t.Context(), nil, nfs.SetattrArgs{Object: file, Attr: nfs.SetAttr{Mode: nfs.Set32(0o600)}}); err != nil {
		t.Fatal(err)
	}
	a := ha.process(f.addr, file, 1)
	a.nlm = a.nlm.As(nfs.Sys("wsa", 4711, 4711))
	a.wantTake(nlm.Failed, 0, 1, false, false, false)
}

func TestShareReservations(t *testing.T) {
	f, _, file, ha, hb := lockedFiler(t)
	a, b := ha.process(f.addr, file, 1), hb.process(f.addr, file, 1)
	share := func(p *process, access, deny nlm.Sharing) nlm.Status {
		r, err := p.nlm.Share(t.Context(), nlm.ShareArgs{Caller: p.name, File: file, Owner: []byte("o"), Access: access, Deny: deny})
		if err != nil {
			t.Fatal(err)
		}
		return r.Status
	}
	if got := share(a, nlm.ShareRead, nlm.ShareWrite); got != nlm.Granted {
		t.Fatal(got)
	}
	if got := share(b, nlm.ShareWrite, nlm.ShareNone); got != nlm.Denied {
		t.Fatal(got)
	}
	if r, err := a.nlm.Unshare(t.Context(), nlm.ShareArgs{Caller: a.name, File: file, Owner: []byte("o")}); err != nil || r.Status != nlm.Granted {
		t.Fatal(r, err)
	}
	if got := share(b, nlm.ShareWrite, nlm.ShareNone); got != nlm.Granted {
		t.Fatal(got)
	}
}

func TestAsynchronousCallsAreAnswered(t *testing.T) {
	f, n, file, ha, _ := lockedFiler(t)
	a := ha.process(f.addr, file, 1)
	answers := make(chan nlm.Result, 1)
	l, err := net.Listen("tcp", "127.0.1.1:0")
	if err != nil {
		t.Fatal(err)
	}
	answer := make(rpc.Table, nlm.ProcLockRes+1)
	answer[nlm.ProcLockRes] = rpc.Bind(func(_ context.Context, _ *rpc.Call, r *nlm.Result, _ *rpc.Void) { answers <- *r })
	srv := rpc.NewServer([]rpc.Program{{Number: nlm.Program, Low: 4, High: 4, Serve: answer.Serve}}, rpc.Limits{}, rpc.Hooks{})
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(context.Background(), l) }()
	t.Cleanup(func() { srv.Close(); <-done })
	n.mu.Lock()
	n.hosts[ha.addr] = l.Addr().String()
	n.mu.Unlock()
	args := nlm.LockArgs{Cookie: []byte("cook"), Exclusive: true, Lock: a.lock(0, 1), State: 3}
	if err := a.nlm.Send(t.Context(), nlm.ProcLockMsg, &args); err != nil {
		t.Fatal(err)
	}
	select {
	case r := <-answers:
		if string(r.Cookie) != "cook" || r.Status != nlm.Granted {
			t.Errorf("LOCK_RES: %+v", r)
		}
	case <-time.After(time.Minute):
		t.Fatal("no LOCK_RES comes")
	}
	if f.Status().Locks.Locks != 1 {
		t.Error("there is no lock")
	}
}

func TestLocksCanBeOff(t *testing.T) {
	_, o := folder(t)
	f := start(t, Config{Exports: []Export{{Path: "/nas", Origin: o}}, Locks: LockConfig{Off: true}})
	c, err := nlm.Dial(t.Context(), f.addr, rpc.Options{Connections: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var refused *rpc.Error
	if err := c.Null(t.Context()); !errors.As(err, &refused) || refused.Accept != rpc.ProgUnavail {
		t.Errorf("got %v", err)
	}
	if s := f.Status(); !s.Locks.Off || s.Exports[0].LockOwner != "nobody" {
		t.Errorf("%+v", s)
	}
}
