package nlm

import (
	"context"
	"errors"
	"net"
	"reflect"
	"testing"
	"time"

	"github.com/spillway/spillway/nfs/rpc"
)

// serve answers the procedures on loopback and returns a client.
func serve(t *testing.T, p *Procedures) *Client {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := rpc.NewServer([]rpc.Program{p.Program()}, rpc.Limits{}, rpc.Hooks{})
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(context.Background(), l) }()
	t.Cleanup(func() { srv.Close(); <-done })
	c, err := Dial(t.Context(), l.Addr().String(), rpc.Options{Connections: 1, Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestEveryProcedure(t *testing.T) {
	var args [5]rpc.Value
	for _, v := range samples() {
		switch v := v.(type) {
		case *TestArgs:
			if args[0] == nil {
				args[0] = v
			}
		case *LockArgs:
			args[1] = v
		case *CancelArgs:
			args[2] = v
		case *UnlockArgs:
			args[3] = v
		case *ShareArgs:
			args[4] = v
		}
	}
	check := func(got, want rpc.Value) {
		if !same(got, want) {
			t.Errorf("sent %+v, received %+v", want, got)
		}
	}
	replies := make(chan rpc.Value, 5)
	procs := make(chan Proc, 5)
	var freed FreeAllArgs
	lock := func(_ context.Context, call *rpc.Call, a *LockArgs, r *Result) {
		check(a, args[1])
		if !call.Local.Addr().IsLoopback() || call.Datagram {
			t.Errorf("called at %v", call.Local)
		}
		r.Status = Blocked
	}
	c := serve(t, &Procedures{
		Test: func(_ context.Context, _ *rpc.Call, a *TestArgs, r *TestResult) {
			check(a, args[0])
			r.Status, r.Holder = Denied, Holder{SVID: 9}
		},
		Lock: lock, NMLock: lock,
		Cancel: func(_ context.Context, _ *rpc.Call, a *CancelArgs, r *Result) { check(a, args[2]); r.Status = Denied },
		Unlock: func(_ context.Context, _ *rpc.Call, a *UnlockArgs, r *Result) {
			check(a, args[3])
			r.Status = GracePeriod
		},
		Granted: func(_ context.Context, _ *rpc.Call, a *TestArgs, r *Result) { check(a, args[0]); r.Status = Denied },
		Share: func(_ context.Context, _ *rpc.Call, a *ShareArgs, r *ShareResult) {
			check(a, args[4])
			r.Status = Denied
		},
		Unshare: func(_ context.Context, _ *rpc.Call, a *ShareArgs, r *ShareResult) { check(a, args[4]); r.Sequence = 4 },
		FreeAll: func(_ context.Context, _ *rpc.Call, a *FreeAllArgs) { freed = *a },
		Reply:   func(_ *rpc.Call, p Proc, v rpc.Value) { procs <- p; replies <- v },
	})
	ctx := t.Context()
	want := func(got, want any, err error) {
		t.Helper()
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, %v; want %+v", got, err, want)
		}
	}
	if err := c.Null(ctx); err != nil {
		t.Fatal(err)
	}
	tested := TestResult{Cookie: []byte{1, 2, 3}, Status: Denied, Holder: Holder{SVID: 9}}
	got, err := c.Test(ctx, *args[0].(*TestArgs))
	want(got, tested, err)
	cook := []byte("cook")
	r, err := c.Lock(ctx, *args[1].(*LockArgs))
	want(r, Result{cook, Blocked}, err)
	r, err = c.NMLock(ctx, *args[1].(*LockArgs))
	want(r, Result{cook, Blocked}, err)
	r, err = c.Cancel(ctx, *args[2].(*CancelArgs))
	want(r, Result{cook, Denied}, err)
	r, err = c.Unlock(ctx, *args[3].(*UnlockArgs))
	want(r, Result{cook, GracePeriod}, err)
	r, err = c.Granted(ctx, *args[0].(*TestArgs))
	want(r, Result{[]byte{1, 2, 3}, Denied}, err)
	s, err := c.Share(ctx, *args[4].(*ShareArgs))
	want(s, ShareResult{Cookie: []byte("c"), Status: Denied}, err)
	s, err = c.Unshare(ctx, *args[4].(*ShareArgs))
	want(s, ShareResult{Cookie: []byte("c"), Sequence: 4}, err)
	want(FreeAllArgs{"pc", 7}, FreeAllArgs{"pc", 7}, c.FreeAll(ctx, FreeAllArgs{"pc", 7}))
	want(freed, FreeAllArgs{"pc", 7}, nil)

	for _, m := range []struct {
		msg, res Proc
		args     rpc.Value
		want     rpc.Value
	}{
		{ProcTestMsg, ProcTestRes, args[0], &tested},
		{ProcLockMsg, ProcLockRes, args[1], &Result{cook, Blocked}},
		{ProcCancelMsg, ProcCancelRes, args[2], &Result{cook, Denied}},
		{ProcUnlockMsg, ProcUnlockRes, args[3], &Result{cook, GracePeriod}},
		{ProcGrantedMsg, ProcGrantedRes, args[0], &Result{[]byte{1, 2, 3}, Denied}},
	} {
		if err := c.Send(ctx, m.msg, m.args); err != nil {
			t.Fatal(err)
		}
		p, v := <-procs, <-replies
		if p != m.res || !same(v, m.want) {
			t.Errorf("procedure %d is answered with %d, %+v", m.msg, p, v)
		}
		if err := c.Send(ctx, m.res, v); err != nil {
			t.Errorf("the answer %d: %v", m.res, err)
		}
	}
}

func TestWhatIsNotThere(t *testing.T) {
	c := serve(t, &Procedures{})
	for p, v := range map[Proc]rpc.Value{ProcLock: &LockArgs{}, ProcLockMsg: &LockArgs{}, ProcFreeAll: &FreeAllArgs{}, 17: &rpc.Void{}, 99: &rpc.Void{}} {
		var refused *rpc.Error
		if err := c.Send(t.Context(), p, v); !errors.As(err, &refused) || refused.Accept != rpc.ProcUnavail {
			t.Errorf("procedure %d: %v", p, err)
		}
	}
	full := serve(t, &Procedures{Lock: func(context.Context, *rpc.Call, *LockArgs, *Result) { t.Error("garbage came through") }})
	var refused *rpc.Error
	if err := full.Send(t.Context(), ProcLock, &Result{}); !errors.As(err, &refused) || refused.Accept != rpc.GarbageArgs {
		t.Errorf("garbage: %v", err)
	}
}
