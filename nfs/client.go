package nfs

import (
	"context"

	"github.com/spillway/spillway/nfs/rpc"
)

// Errors of a Client's calls besides [Status] and [rpc.Error].
var (
	ErrClientClosed = rpc.ErrClientClosed
	ErrTimeout      = rpc.ErrTimeout // no answer within Options.Timeout; the call may still take effect
)

// Options are the settings of a Client; zero fields take defaults. Without a Timeout the client is hard: calls wait for
// the server and are sent again for as long as it takes.
type Options = rpc.Options

// Client calls a server of NFSv3 and MOUNT. Its methods may be used concurrently. They return nil, a [Status] of the
// procedure (see [StatusOf]), a [*rpc.Error] where the server refused to run the call, the context's cause, ErrTimeout
// or ErrClientClosed. With a Status the result's fields that go with it are set. A nil auth stands for Options.Auth.
//
// A call whose connection is lost is sent again under its xid on a new connection, so a server may see it twice.
type Client struct {
	rpc *rpc.Client
}

// Dial connects to a server at host:port. The context bounds connecting only; a client is ended by Close.
func Dial(ctx context.Context, addr string, opts Options) (*Client, error) {
	c, err := rpc.Dial(ctx, addr, opts)
	if err != nil {
		return nil, err
	}
	return &Client{rpc: c}, nil
}

// Close ends all calls with ErrClientClosed and closes the connections.
func (c *Client) Close() error { return c.rpc.Close() }

// Null asks the server for a sign of life.
func (c *Client) Null(ctx context.Context) error {
	return do(ctx, c, message(ProcNull, nil), &void{}, &void{})
}

// Mnt asks MOUNT for the handle of a path.
func (c *Client) Mnt(ctx context.Context, auth *Auth, path string) (MntResult, error) {
	var res MntResult
	err := do(ctx, c, mountMessage(MountProcMnt, auth), &MntArgs{Path: path}, &res)
	return res, err
}

// Umnt tells MOUNT that a path is no longer mounted.
func (c *Client) Umnt(ctx context.Context, auth *Auth, path string) error {
	return do(ctx, c, mountMessage(MountProcUmnt, auth), &UmntArgs{Path: path}, &void{})
}

// UmntAll tells MOUNT that nothing is mounted by this client any more.
func (c *Client) UmntAll(ctx context.Context, auth *Auth) error {
	return do(ctx, c, mountMessage(MountProcUmntAll, auth), &void{}, &void{})
}

// Exports asks MOUNT what can be mounted.
func (c *Client) Exports(ctx context.Context, auth *Auth) ([]ExportEntry, error) {
	var res ExportResult
	err := do(ctx, c, mountMessage(MountProcExport, auth), &void{}, &res)
	return res.Exports, err
}

// Mounts asks MOUNT for the mounts that it remembers.
func (c *Client) Mounts(ctx context.Context, auth *Auth) ([]MountEntry, error) {
	var res DumpResult
	err := do(ctx, c, mountMessage(MountProcDump, auth), &void{}, &res)
	return res.Mounts, err
}

func message(p Proc, auth *Auth) *rpc.Message {
	return &rpc.Message{Program: Program, Version: Version, Procedure: uint32(p), Auth: auth}
}

func mountMessage(p MountProc, auth *Auth) *rpc.Message {
	return &rpc.Message{Program: MountProgram, Version: MountVersion, Procedure: uint32(p), Auth: auth}
}

// do makes a call whose reply is decoded as a whole.
func do[A, R any, PA argument[A], PR answer[R]](ctx context.Context, c *Client, m *rpc.Message, args PA, res PR) error {
	m.Args = args.encode(make([]byte, 0, 192))
	m.Decode = func(body *rpc.Body) error {
		d, err := body.Rest()
		if err != nil {
			return err
		}
		res.decode(&d)
		return d.Err()
	}
	if err := c.rpc.Call(ctx, m); err != nil {
		return err
	}
	return res.outcome().Err()
}
