package nfstest

import (
	"context"

	"github.com/spillway/spillway/nfs"
)

// maxFile is the size in bytes up to which files grow.
const maxFile = 1 << 30

func (fs *FS) read(_ context.Context, req *nfs.Request, args *nfs.ReadArgs, res *nfs.ReadResult) {
	if !fs.begin(nfs.ProcRead, req, &res.Status) {
		return
	}
	defer fs.mu.Unlock()
	n, s := fs.findFile(args.File)
	if res.Status = s; s != nfs.OK {
		return
	}
	res.Attr = n.opt()
	begin := min(args.Offset, uint64(len(n.data)))
	end := min(begin+uint64(args.Count), uint64(len(n.data)))
	res.Data = req.Buffer(int(end - begin))
	copy(res.Data, n.data[begin:end])
	res.EOF = end == uint64(len(n.data))
}

func (fs *FS) write(_ context.Context, req *nfs.Request, args *nfs.WriteArgs, res *nfs.WriteResult) {
	if !fs.begin(nfs.ProcWrite, req, &res.Status) {
		return
	}
	defer fs.mu.Unlock()
	n, s := fs.findFile(args.File)
	if res.Status = s; s != nfs.OK {
		return
	}
	end := args.Offset + uint64(len(args.Data))
	if end > maxFile || end < args.Offset {
		res.Status = nfs.ErrFBig
		return
	}
	res.Wcc = n.wcc()
	if args.Stable == nfs.Unstable && !n.unstable {
		n.stable, n.unstable = append([]byte(nil), n.data...), true
	}
	n.data = write(n.data, args.Offset, args.Data)
	if args.Stable != nfs.Unstable && n.unstable {
		n.stable = write(n.stable, args.Offset, args.Data)
	}
	n.mtime = fs.now()
	n.ctime = n.mtime
	res.Wcc.After = n.opt()
	res.Count, res.Committed, res.Verifier = uint32(len(args.Data)), args.Stable, fs.writeVerifier()
}

func write(b []byte, offset uint64, data []byte) []byte {
	if end := int(offset) + len(data); end > len(b) {
		b = resize(b, end)
	}
	copy(b[offset:], data)
	return b
}

func (fs *FS) commit(_ context.Context, req *nfs.Request, args *nfs.CommitArgs, res *nfs.CommitResult) {
	if !fs.begin(nfs.ProcCommit, req, &res.Status) {
		return
	}
	defer fs.mu.Unlock()
	n, s := fs.findFile(args.File)
	if res.Status = s; s != nfs.OK {
		return
	}
	res.Wcc = n.wcc()
	n.stable, n.unstable = nil, false
	res.Wcc.After = n.opt()
	res.Verifier = fs.writeVerifier()
}
