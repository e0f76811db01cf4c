package nlm

import (
	"context"

	"github.com/spillway/spillway/nfs/rpc"
)

// Client calls a lock manager. Its methods may be used concurrently; for their errors see [rpc.Client.Call]. An outcome
// that is not Granted is no error.
type Client struct {
	rpc  *rpc.Client
	auth *rpc.Auth // nil for the Options'
}

// Dial connects to a lock manager at host:port. The context bounds connecting only.
func Dial(ctx context.Context, addr string, opts rpc.Options) (*Client, error) {
	c, err := rpc.Dial(ctx, addr, opts)
	if err != nil {
		return nil, err
	}
	return &Client{rpc: c}, nil
}

// Close ends all calls and closes the connections.
func (c *Client) Close() error { return c.rpc.Close() }

// As returns a client that calls with another credential over the same connections.
func (c *Client) As(auth *rpc.Auth) *Client { return &Client{c.rpc, auth} }

func (c *Client) do(ctx context.Context, p Proc, args, res rpc.Value) error {
	return c.rpc.Do(ctx, rpc.Message{Program: Program, Version: Version, Procedure: uint32(p), Auth: c.auth}, args, res)
}

// Null asks for a sign of life.
func (c *Client) Null(ctx context.Context) error {
	return c.do(ctx, ProcNull, &rpc.Void{}, &rpc.Void{})
}

// Test asks whether a lock could be had.
func (c *Client) Test(ctx context.Context, args TestArgs) (res TestResult, err error) {
	err = c.do(ctx, ProcTest, &args, &res)
	return res, err
}

// Lock takes a lock or, if that is wanted, begins to wait for it.
func (c *Client) Lock(ctx context.Context, args LockArgs) (res Result, err error) {
	err = c.do(ctx, ProcLock, &args, &res)
	return res, err
}

// NMLock is Lock for a client that nobody monitors.
func (c *Client) NMLock(ctx context.Context, args LockArgs) (res Result, err error) {
	err = c.do(ctx, ProcNMLock, &args, &res)
	return res, err
}

// Cancel ends a wait.
func (c *Client) Cancel(ctx context.Context, args CancelArgs) (res Result, err error) {
	err = c.do(ctx, ProcCancel, &args, &res)
	return res, err
}

// Unlock gives a range back.
func (c *Client) Unlock(ctx context.Context, args UnlockArgs) (res Result, err error) {
	err = c.do(ctx, ProcUnlock, &args, &res)
	return res, err
}

// Granted tells a client's lock manager that a lock it waits for is there.
func (c *Client) Granted(ctx context.Context, args TestArgs) (res Result, err error) {
	err = c.do(ctx, ProcGranted, &args, &res)
	return res, err
}

// Share takes a share reservation.
func (c *Client) Share(ctx context.Context, args ShareArgs) (res ShareResult, err error) {
	err = c.do(ctx, ProcShare, &args, &res)
	return res, err
}

// Unshare gives a share reservation back.
func (c *Client) Unshare(ctx context.Context, args ShareArgs) (res ShareResult, err error) {
	err = c.do(ctx, ProcUnshare, &args, &res)
	return res, err
}

// FreeAll tells that this client has restarted.
func (c *Client) FreeAll(ctx context.Context, args FreeAllArgs) error {
	return c.do(ctx, ProcFreeAll, &args, &rpc.Void{})
}

// Send makes an asynchronous call: one of the MSG procedures, or the RES that answers one.
func (c *Client) Send(ctx context.Context, p Proc, v rpc.Value) error {
	return c.do(ctx, p, v, &rpc.Void{})
}
