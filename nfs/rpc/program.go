package rpc

import (
	"context"

	"github.com/spillway/spillway/nfs/xdr"
)

// Value is what a procedure takes or returns, with its codec.
type Value interface {
	AppendXDR(b []byte) []byte
	DecodeXDR(d *xdr.Decoder)
}

// Void is what a procedure has that takes or returns nothing.
type Void struct{}

// AppendXDR appends nothing.
func (*Void) AppendXDR(b []byte) []byte { return b }

// DecodeXDR reads nothing.
func (*Void) DecodeXDR(*xdr.Decoder) {}

type value[T any] interface {
	*T
	Value
}

// Procedure runs a call whose arguments are not yet decoded.
type Procedure func(ctx context.Context, call *Call)

// Bind makes a procedure of fn, which gets decoded arguments and fills in a zeroed result.
func Bind[A, R any, PA value[A], PR value[R]](fn func(ctx context.Context, call *Call, args *A, res *R)) Procedure {
	return func(ctx context.Context, call *Call) {
		var args A
		PA(&args).DecodeXDR(&call.Args)
		if call.Args.Err() != nil {
			call.Refuse(GarbageArgs)
			return
		}
		var res R
		fn(ctx, call, &args, &res)
		call.Out = PR(&res).AppendXDR(call.Out)
	}
}

// Table has the procedures of a program by number; NULL is always there, others that are nil are unavailable.
type Table []Procedure

// Serve runs a call; it is a [Program]'s.
func (t Table) Serve(ctx context.Context, call *Call) {
	switch {
	case call.Procedure == 0:
	case call.Procedure >= uint32(len(t)) || t[call.Procedure] == nil:
		call.Refuse(ProcUnavail)
	default:
		t[call.Procedure](ctx, call)
	}
}

// Do makes a call with args and decodes its reply into res; see [Client.Call] for the errors.
func (c *Client) Do(ctx context.Context, m Message, args, res Value) error {
	m.Args = args.AppendXDR(nil)
	m.Decode = func(body *Body) error {
		d, err := body.Rest()
		if err != nil {
			return err
		}
		res.DecodeXDR(&d)
		return d.Err()
	}
	return c.Call(ctx, &m)
}
