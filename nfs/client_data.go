package nfs

import (
	"context"
	"errors"
	"io"

	"github.com/spillway/spillway/nfs/rpc"
	"github.com/spillway/spillway/nfs/xdr"
)

// errTooMuch is a server's READ of more than was asked for.
var errTooMuch = errors.New("nfs: the server sent more data than were asked for")

// Read reads into buf: at most len(buf) bytes, and at most args.Count if that is not 0. The result's Data is the filled
// part of buf. On an error buf's content is unspecified.
func (c *Client) Read(ctx context.Context, auth *Auth, args ReadArgs, buf []byte) (ReadResult, error) {
	if args.Count == 0 || uint64(args.Count) > uint64(len(buf)) {
		args.Count = uint32(min(len(buf), 1<<32-1))
	}
	var res ReadResult
	m := message(ProcRead, auth)
	m.Args = args.encode(make([]byte, 0, 96))
	m.Decode = func(body *rpc.Body) error { return res.receive(body, buf[:args.Count]) }
	if err := c.rpc.Call(ctx, m); err != nil {
		return ReadResult{}, err
	}
	return res, res.Status.Err()
}

// receive reads a result whose data go straight into buf.
func (r *ReadResult) receive(body *rpc.Body, buf []byte) error {
	*r = ReadResult{}
	var room [attrSize]byte
	fixed := func(n int) xdr.Decoder {
		m, _ := io.ReadFull(body, room[:n]) // what is missing fails the decoder
		return xdr.NewDecoder(room[:m])
	}
	d := fixed(8)
	r.Status, r.Attr.Present = decodeStatus(&d), d.Bool()
	if r.Attr.Present {
		d = fixed(attrSize)
		decodeAttr(&d, &r.Attr.Attr)
	}
	if d.Err() != nil || r.Status != OK {
		return d.Err()
	}
	d = fixed(12)
	count, eof, n := d.Uint32(), d.Bool(), d.Uint32()
	if d.Err() != nil {
		return d.Err()
	}
	if uint64(n) > uint64(len(buf)) {
		return errTooMuch
	}
	if _, err := io.ReadFull(body, buf[:n]); err != nil {
		return err
	}
	r.EOF, r.Data = eof, buf[:min(n, count)]
	return nil
}

// Write writes args.Data, which must not change before Write returns. Fewer bytes may be written: see the result's
// Count, which is never more than was sent.
func (c *Client) Write(ctx context.Context, auth *Auth, args WriteArgs) (WriteResult, error) {
	var res WriteResult
	m := message(ProcWrite, auth)
	m.Payload = args.Data
	err := do(ctx, c, m, &args, &res)
	res.Count = min(res.Count, uint32(len(args.Data)))
	return res, err
}

// Readdirplus returns a page of names with attributes and handles.
func (c *Client) Readdirplus(ctx context.Context, auth *Auth, args ReaddirplusArgs) (ReaddirplusResult, error) {
	res := ReaddirplusResult{plus: true}
	err := do(ctx, c, message(ProcReaddirplus, auth), &args, &res)
	return res, err
}
