package nfs

import (
	"context"
	"sync"

	"github.com/spillway/spillway/nfs/rpc"
	"github.com/spillway/spillway/nfs/xdr"
)

// argument and answer are what the codec knows about arguments and results.
type argument[A any] interface {
	*A
	encode(b []byte) []byte
	decode(d *xdr.Decoder)
}

type answer[R any] interface {
	*R
	encode(b []byte) []byte
	decode(d *xdr.Decoder)
	outcome() *Status
}

// bound is a procedure with its codec. Requests, arguments and results are used again and again, so that a call costs no
// memory but that of its names.
type bound[A, R any, PA argument[A], PR answer[R]] struct {
	fn    func(context.Context, *Request, *A, *R)
	tasks sync.Pool

	prepare func(*A, *R)        // before fn; may be nil
	attach  func(*rpc.Call, *R) // after fn: the reply's payload; may be nil
	reset   func(*R)            // instead of zeroing; may be nil
}

type task[A, R any] struct {
	req  Request
	args A
	res  R
}

func bind[A, R any, PA argument[A], PR answer[R]](fn func(context.Context, *Request, *A, *R)) *bound[A, R, PA, PR] {
	return &bound[A, R, PA, PR]{fn: fn}
}

func (p *bound[A, R, PA, PR]) serve(ctx context.Context, call *rpc.Call) {
	t, _ := p.tasks.Get().(*task[A, R])
	if t == nil {
		t = &task[A, R]{}
	}
	PA(&t.args).decode(&call.Args)
	if call.Args.Err() != nil {
		call.Refuse(rpc.GarbageArgs)
	} else {
		t.req.of(call)
		p.run(ctx, call, t)
	}
	t.req = Request{}
	zero(&t.args)
	if p.reset != nil {
		p.reset(&t.res)
	} else {
		zero(&t.res)
	}
	p.tasks.Put(t)
}

func (p *bound[A, R, PA, PR]) run(ctx context.Context, call *rpc.Call, t *task[A, R]) {
	if p.prepare != nil {
		p.prepare(&t.args, &t.res)
	}
	status := PR(&t.res).outcome()
	if p.fn == nil {
		*status = ErrNotSupp
	} else {
		p.fn(ctx, &t.req, &t.args, &t.res)
	}
	if p.attach != nil {
		p.attach(call, &t.res)
	}
	call.Out = PR(&t.res).encode(call.Out)
	call.Status = uint32(*status)
}

func zero[T any](v *T) {
	var none T
	*v = none
}

// of fills in who asks.
func (r *Request) of(call *rpc.Call) {
	*r = Request{XID: call.XID, Conn: call.Conn, Client: call.Peer, Auth: call.Auth, call: call}
}
