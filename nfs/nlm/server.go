package nlm

import (
	"context"

	"github.com/spillway/spillway/nfs/rpc"
)

// Procedures are a server's procedures. They fill in a zeroed result, whose cookie is already set, and run concurrently.
// What they get is theirs. A nil one is not available.
type Procedures struct {
	Test    func(ctx context.Context, call *rpc.Call, args *TestArgs, res *TestResult)
	Lock    func(ctx context.Context, call *rpc.Call, args *LockArgs, res *Result) // monitored
	NMLock  func(ctx context.Context, call *rpc.Call, args *LockArgs, res *Result) // of a client that nobody monitors
	Cancel  func(ctx context.Context, call *rpc.Call, args *CancelArgs, res *Result)
	Unlock  func(ctx context.Context, call *rpc.Call, args *UnlockArgs, res *Result)
	Granted func(ctx context.Context, call *rpc.Call, args *TestArgs, res *Result)
	Share   func(ctx context.Context, call *rpc.Call, args *ShareArgs, res *ShareResult)
	Unshare func(ctx context.Context, call *rpc.Call, args *ShareArgs, res *ShareResult)
	FreeAll func(ctx context.Context, call *rpc.Call, args *FreeAllArgs)
	// Reply sends the outcome of an asynchronous procedure to the lock manager of the call's peer. It must not block, and
	// the call is void after it has returned. Without it there are no asynchronous procedures.
	Reply func(call *rpc.Call, proc Proc, res rpc.Value)
}

// Program returns the procedures as a program. Answers to asynchronous calls of one's own (TEST_RES and so on) are taken
// and dropped: the [Client] makes none.
func (p *Procedures) Program() rpc.Program {
	t := make(rpc.Table, ProcFreeAll+1)
	test := optional(p.Test, func(a *TestArgs, r *TestResult) { r.Cookie = a.Cookie })
	lock := optional(p.Lock, func(a *LockArgs, r *Result) { r.Cookie = a.Cookie })
	cancel := optional(p.Cancel, func(a *CancelArgs, r *Result) { r.Cookie = a.Cookie })
	unlock := optional(p.Unlock, func(a *UnlockArgs, r *Result) { r.Cookie = a.Cookie })
	granted := optional(p.Granted, func(a *TestArgs, r *Result) { r.Cookie = a.Cookie })
	t[ProcTest] = now(test)
	t[ProcLock] = now(lock)
	t[ProcCancel] = now(cancel)
	t[ProcUnlock] = now(unlock)
	t[ProcGranted] = now(granted)
	if p.Reply != nil {
		t[ProcTestMsg] = later(p, ProcTestRes, test)
		t[ProcLockMsg] = later(p, ProcLockRes, lock)
		t[ProcCancelMsg] = later(p, ProcCancelRes, cancel)
		t[ProcUnlockMsg] = later(p, ProcUnlockRes, unlock)
		t[ProcGrantedMsg] = later(p, ProcGrantedRes, granted)
	}
	t[ProcTestRes] = rpc.Bind(func(context.Context, *rpc.Call, *TestResult, *rpc.Void) {})
	for _, proc := range []Proc{ProcLockRes, ProcCancelRes, ProcUnlockRes, ProcGrantedRes} {
		t[proc] = rpc.Bind(func(context.Context, *rpc.Call, *Result, *rpc.Void) {})
	}
	t[ProcNMLock] = now(optional(p.NMLock, func(a *LockArgs, r *Result) { r.Cookie = a.Cookie }))
	t[ProcShare] = now(optional(p.Share, func(a *ShareArgs, r *ShareResult) { r.Cookie = a.Cookie }))
	t[ProcUnshare] = now(optional(p.Unshare, func(a *ShareArgs, r *ShareResult) { r.Cookie = a.Cookie }))
	if p.FreeAll != nil {
		t[ProcFreeAll] = rpc.Bind(func(ctx context.Context, call *rpc.Call, args *FreeAllArgs, _ *rpc.Void) { p.FreeAll(ctx, call, args) })
	}
	return rpc.Program{Number: Program, Low: Version, High: Version, Serve: t.Serve}
}

// procedure is one that fills in a result.
type procedure[A, R any] func(ctx context.Context, call *rpc.Call, args *A, res *R)

// optional sets the result's cookie first; nil stays nil.
func optional[A, R any](fn procedure[A, R], cookie func(*A, *R)) procedure[A, R] {
	if fn == nil {
		return nil
	}
	return func(ctx context.Context, call *rpc.Call, args *A, res *R) {
		cookie(args, res)
		fn(ctx, call, args, res)
	}
}

type value[T any] interface {
	*T
	rpc.Value
}

// now answers in the reply.
func now[A, R any, PA value[A], PR value[R]](fn procedure[A, R]) rpc.Procedure {
	if fn == nil {
		return nil
	}
	return rpc.Bind[A, R, PA, PR](fn)
}

// later answers in a call to the caller's lock manager.
func later[A, R any, PA value[A], PR value[R]](p *Procedures, proc Proc, fn procedure[A, R]) rpc.Procedure {
	if fn == nil {
		return nil
	}
	return rpc.Bind[A, rpc.Void, PA, *rpc.Void](func(ctx context.Context, call *rpc.Call, args *A, _ *rpc.Void) {
		res := new(R)
		fn(ctx, call, args, res)
		p.Reply(call, proc, PR(res))
	})
}
