// Package nsm is the Network Status Monitor protocol, version 1 (X/Open C702 chapter 11), as far as two lock managers need it:
// a host that has restarted says so to those that monitor it (SM_NOTIFY), and whoever doubts it asks back (SM_STAT). The
// calls between a lock manager and the monitor of its own host are not part of it.
package nsm

import (
	"context"

	"github.com/spillway/spillway/nfs/rpc"
	"github.com/spillway/spillway/nfs/xdr"
)

// Program number and version.
const (
	Program = 100024
	Version = 1
)

// The procedures that are spoken.
const (
	ProcNull   = 0
	ProcStat   = 1
	ProcNotify = 6
)

// MaxName is the longest host name in bytes (SM_MAXSTRLEN).
const MaxName = 1024

// NotifyArgs say that a host has changed its state. The state is odd while the host is up and grows with each change.
type NotifyArgs struct {
	Name  string
	State int32
}

// AppendXDR appends the arguments.
func (a *NotifyArgs) AppendXDR(b []byte) []byte {
	return xdr.AppendUint32(xdr.AppendString(b, a.Name), uint32(a.State))
}

// DecodeXDR reads the arguments.
func (a *NotifyArgs) DecodeXDR(d *xdr.Decoder) {
	a.Name, a.State = d.String(MaxName), int32(d.Uint32())
}

// StatArgs ask whether a monitor could monitor the named host.
type StatArgs struct{ Name string }

// AppendXDR appends the arguments.
func (a *StatArgs) AppendXDR(b []byte) []byte { return xdr.AppendString(b, a.Name) }

// DecodeXDR reads the arguments.
func (a *StatArgs) DecodeXDR(d *xdr.Decoder) { a.Name = d.String(MaxName) }

// StatResult is the answer to STAT.
type StatResult struct {
	Failed bool
	State  int32 // of the host that answers
}

// AppendXDR appends the answer.
func (r *StatResult) AppendXDR(b []byte) []byte {
	return xdr.AppendUint32(xdr.AppendBool(b, r.Failed), uint32(r.State))
}

// DecodeXDR reads the answer.
func (r *StatResult) DecodeXDR(d *xdr.Decoder) { r.Failed, r.State = d.Bool(), int32(d.Uint32()) }

// Procedures are a server's procedures. They run concurrently.
type Procedures struct {
	Stat   func(ctx context.Context, call *rpc.Call, args *StatArgs, res *StatResult)
	Notify func(ctx context.Context, call *rpc.Call, args *NotifyArgs)
}

// Program returns the procedures as a program.
func (p *Procedures) Program() rpc.Program {
	t := make(rpc.Table, ProcNotify+1)
	t[ProcStat] = rpc.Bind(p.Stat)
	t[ProcNotify] = rpc.Bind(func(ctx context.Context, call *rpc.Call, args *NotifyArgs, _ *rpc.Void) { p.Notify(ctx, call, args) })
	return rpc.Program{Number: Program, Low: Version, High: Version, Serve: t.Serve}
}

// Client calls a status monitor; for the errors of its methods see [rpc.Client.Call].
type Client struct{ rpc *rpc.Client }

// Dial connects to a status monitor at host:port. The context bounds connecting only.
func Dial(ctx context.Context, addr string, opts rpc.Options) (*Client, error) {
	c, err := rpc.Dial(ctx, addr, opts)
	if err != nil {
		return nil, err
	}
	return &Client{c}, nil
}

// Close ends all calls and closes the connections.
func (c *Client) Close() error { return c.rpc.Close() }

// Stat asks for the state of the host that answers.
func (c *Client) Stat(ctx context.Context, name string) (res StatResult, err error) {
	err = c.rpc.Do(ctx, rpc.Message{Program: Program, Version: Version, Procedure: ProcStat}, &StatArgs{name}, &res)
	return res, err
}

// Notify tells a monitor that the host of the given name has restarted.
func (c *Client) Notify(ctx context.Context, args NotifyArgs) error {
	return c.rpc.Do(ctx, rpc.Message{Program: Program, Version: Version, Procedure: ProcNotify}, &args, &rpc.Void{})
}
