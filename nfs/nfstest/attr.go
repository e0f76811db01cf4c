package nfstest

import (
	"context"
	"time"

	"github.com/spillway/spillway/nfs"
)

func (n *inode) attr() nfs.Attr {
	a := nfs.Attr{
		Type: n.kind, Mode: n.mode, Nlink: n.nlink, UID: n.uid, GID: n.gid,
		Size: uint64(len(n.data)), Used: uint64(len(n.data)), Rdev: n.rdev, FSID: 0x746f79, FileID: n.id,
		Atime: nfs.TimeOf(n.atime), Mtime: nfs.TimeOf(n.mtime), Ctime: nfs.TimeOf(n.ctime),
	}
	switch n.kind {
	case nfs.TypeDirectory:
		a.Size, a.Used = 4096, 4096
	case nfs.TypeSymlink:
		a.Size = uint64(len(n.target))
	default: // as long as its data
	}
	return a
}

func (n *inode) opt() nfs.OptAttr { return nfs.WithAttr(n.attr()) }

// wcc starts the weak cache consistency data of a change; the caller sets After.
func (n *inode) wcc() nfs.WccData {
	a := n.attr()
	return nfs.WccData{Before: nfs.OptPreAttr{Present: true, Attr: a.Pre()}}
}

// apply changes attributes.
func (fs *FS) apply(n *inode, set *nfs.SetAttr) {
	now := fs.now()
	n.ctime = now
	if set.Mode.Set {
		n.mode = set.Mode.Value & 0o7777
	}
	if set.UID.Set {
		n.uid = set.UID.Value
	}
	if set.GID.Set {
		n.gid = set.GID.Value
	}
	if set.Size.Set && n.kind == nfs.TypeRegular {
		n.data = resize(n.data, int(set.Size.Value))
		if n.unstable {
			n.stable = resize(n.stable, int(set.Size.Value))
		}
		n.mtime = now
	}
	n.atime = setTime(n.atime, set.Atime, now)
	n.mtime = setTime(n.mtime, set.Mtime, now)
}

func setTime(old time.Time, set nfs.SetTime, now time.Time) time.Time {
	switch set.How {
	case nfs.SetToServerTime:
		return now
	case nfs.SetToClientTime:
		return set.Time.Time()
	default:
		return old
	}
}

func resize(b []byte, n int) []byte {
	if n <= len(b) {
		clear(b[n:])
		return b[:n]
	}
	return append(b, make([]byte, n-len(b))...)
}

func (fs *FS) getattr(_ context.Context, req *nfs.Request, args *nfs.GetattrArgs, res *nfs.GetattrResult) {
	if !fs.begin(nfs.ProcGetattr, req, &res.Status) {
		return
	}
	defer fs.mu.Unlock()
	n, s := fs.find(args.Object)
	if res.Status = s; s == nfs.OK {
		res.Attr = n.attr()
	}
}

func (fs *FS) setattr(_ context.Context, req *nfs.Request, args *nfs.SetattrArgs, res *nfs.SetattrResult) {
	if !fs.begin(nfs.ProcSetattr, req, &res.Status) {
		return
	}
	defer fs.mu.Unlock()
	n, s := fs.find(args.Object)
	if res.Status = s; s != nfs.OK {
		return
	}
	res.Wcc = n.wcc()
	switch {
	case args.Guarded && args.Ctime != nfs.TimeOf(n.ctime):
		res.Status = nfs.ErrNotSync
	case args.Attr.Size.Set && n.dir != nil:
		res.Status = nfs.ErrIsDir
	case args.Attr.Size.Value > maxFile:
		res.Status = nfs.ErrFBig
	default:
		fs.apply(n, &args.Attr)
	}
	res.Wcc.After = n.opt()
}

func (fs *FS) access(_ context.Context, req *nfs.Request, args *nfs.AccessArgs, res *nfs.AccessResult) {
	if !fs.begin(nfs.ProcAccess, req, &res.Status) {
		return
	}
	defer fs.mu.Unlock()
	n, s := fs.find(args.Object)
	if res.Status = s; s == nfs.OK {
		res.Attr, res.Access = n.opt(), args.Access
	}
}
