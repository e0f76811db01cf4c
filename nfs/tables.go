package nfs

import (
	"context"

	"github.com/spillway/spillway/nfs/rpc"
)

// MaxTransfer is the most bytes that a server is asked for with one READ, whatever the client sent.
const MaxTransfer = 1 << 20

// table returns the procedures by number.
func (p *Procedures) table() table {
	read := bind(p.Read)
	read.prepare = func(a *ReadArgs, _ *ReadResult) { a.Count = min(a.Count, MaxTransfer) }
	read.attach = attachData
	readdir := bind(p.Readdir)
	readdir.prepare = func(a *ReaddirArgs, r *ReaddirResult) { r.Limit(a.Count) }
	readdirplus := bind(p.Readdirplus)
	readdirplus.prepare = func(a *ReaddirplusArgs, r *ReaddirResult) { r.LimitPlus(a.DirCount, a.MaxCount) }
	readdir.attach, readdirplus.attach = checkPage, checkPage
	readdir.reset, readdirplus.reset = keepEntries, keepEntries
	return table{
		ProcGetattr:     bind(p.Getattr),
		ProcSetattr:     bind(p.Setattr),
		ProcLookup:      bind(p.Lookup),
		ProcAccess:      bind(p.Access),
		ProcReadlink:    bind(p.Readlink),
		ProcRead:        read,
		ProcWrite:       bind(p.Write),
		ProcCreate:      bind(p.Create),
		ProcMkdir:       bind(p.Mkdir),
		ProcSymlink:     bind(p.Symlink),
		ProcMknod:       bind(p.Mknod),
		ProcRemove:      bind(p.Remove),
		ProcRmdir:       bind(p.Rmdir),
		ProcRename:      bind(p.Rename),
		ProcLink:        bind(p.Link),
		ProcReaddir:     readdir,
		ProcReaddirplus: readdirplus,
		ProcFsstat:      bind(p.Fsstat),
		ProcFsinfo:      bind(p.Fsinfo),
		ProcPathconf:    bind(p.Pathconf),
		ProcCommit:      bind(p.Commit),
	}
}

// attachData makes a READ's bytes the payload of the reply.
func attachData(call *rpc.Call, r *ReadResult) {
	switch {
	case r.Status != OK:
		if r.Release != nil {
			r.Release()
		}
	case r.Range.File != nil:
		call.SetFile(r.Range.File, r.Range.Offset, r.Range.Length, r.Release)
	default:
		call.SetPayload(r.Data, r.Release)
	}
}

// checkPage refuses a page into which not one entry fits.
func checkPage(_ *rpc.Call, r *ReaddirResult) {
	if r.Status == OK && r.full && len(r.Entries) == 0 {
		r.Status = ErrTooSmall
	}
}

// keepEntries empties a page and keeps its memory unless it is large.
func keepEntries(r *ReaddirResult) {
	if cap(r.Entries) > 4096 {
		r.Entries = nil
	}
	r.limit(0, 0, false)
}

// table returns the procedures by number.
func (p *MountProcedures) table() table {
	return table{
		MountProcMnt:     bind(p.Mnt),
		MountProcDump:    bind(withDefault(p.Dump)),
		MountProcUmnt:    bind(p.umnt),
		MountProcUmntAll: bind(p.umntAll),
		MountProcExport:  bind(withDefault(p.Export)),
	}
}

// withDefault gives a procedure without arguments the form of the others; a nil one leaves the result empty.
func withDefault[R any](fn func(context.Context, *Request, *R)) func(context.Context, *Request, *void, *R) {
	return func(ctx context.Context, req *Request, _ *void, res *R) {
		if fn != nil {
			fn(ctx, req, res)
		}
	}
}

func (p *MountProcedures) umnt(ctx context.Context, req *Request, args *UmntArgs, _ *void) {
	if p.Umnt != nil {
		p.Umnt(ctx, req, args)
	}
}

func (p *MountProcedures) umntAll(ctx context.Context, req *Request, _, _ *void) {
	if p.UmntAll != nil {
		p.UmntAll(ctx, req)
	}
}
