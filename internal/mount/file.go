package mount

import (
	"context"
	"crypto/rand"
	"syscall"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/spillway/spillway/nfs"
)

var (
	_ fusefs.NodeOpener   = (*node)(nil)
	_ fusefs.NodeCreater  = (*node)(nil)
	_ fusefs.NodeReader   = (*node)(nil)
	_ fusefs.NodeWriter   = (*node)(nil)
	_ fusefs.NodeFlusher  = (*node)(nil)
	_ fusefs.NodeFsyncer  = (*node)(nil)
	_ fusefs.NodeReleaser = (*node)(nil)
)

// openFile is one open of a file. What matters is kept in the node, which all opens share.
type openFile struct {
	auth *nfs.Auth // who opened it: later reads and writes may come from the kernel's own threads
}

func authOf(f fusefs.FileHandle) *nfs.Auth {
	if o, ok := f.(*openFile); ok {
		return o.auth
	}
	return nil
}

// Open asks for the file's attributes: if they are what they were when the kernel's pages were read, it keeps them.
func (n *node) Open(ctx context.Context, _ uint32) (fusefs.FileHandle, uint32, syscall.Errno) {
	ctx, done := untilKilled(ctx)
	defer done()
	if err := n.writer.send(ctx); err != nil {
		return nil, 0, errnoOf(err)
	}
	auth := n.fsys.creds.of(ctx)
	attr, errno := n.fsys.attrOf(ctx, auth, n.handle, nfs.OptAttr{})
	if errno != 0 {
		return nil, 0, errno
	}
	n.mu.Lock()
	stale := n.attr.Pre() != attr.Pre()
	keep := n.cached == attr.Pre()
	n.attr, n.cached = attr, attr.Pre()
	n.opens++
	n.mu.Unlock()
	if stale {
		_ = n.NotifyContent(-1, 0) // the kernel's idea of the size is old; a read past it would end early
	}
	flags := uint32(0)
	if keep {
		flags = fuse.FOPEN_KEEP_CACHE
	}
	return &openFile{auth: auth}, flags, 0
}

// Create makes and opens a file. With O_EXCL the server compares a verifier, so that a repeat of the call after a lost
// reply is not taken for a second creator (RFC 1813 §3.3.8).
func (n *node) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fusefs.Inode, fusefs.FileHandle, uint32, syscall.Errno) {
	ctx, done := untilKilled(ctx)
	defer done()
	auth := n.fsys.creds.of(ctx)
	wanted := nfs.SetAttr{Mode: nfs.Set32(mode & 0o7777)}
	args := nfs.CreateArgs{Dir: n.handle, Name: name, How: nfs.Unchecked, Attr: wanted}
	exclusive := flags&syscall.O_EXCL != 0
	if exclusive {
		args.How, args.Attr = nfs.Exclusive, nfs.SetAttr{}
		rand.Read(args.Verifier[:])
	} else if flags&syscall.O_TRUNC != 0 {
		args.Attr.Size = nfs.Set64(0)
	}
	inode, errno := n.make(ctx, name, out, func(ctx context.Context, auth *nfs.Auth) (nfs.NewResult, error) {
		return n.fsys.client.Create(ctx, auth, args)
	})
	if errno != 0 {
		return nil, nil, 0, errno
	}
	file, ok := inode.Operations().(*node)
	if !ok {
		return nil, nil, 0, syscall.EIO
	}
	if exclusive { // the server may have kept the verifier in the attributes: they must be set now
		var set fuse.AttrOut
		if errno := file.setNew(ctx, auth, wanted, &set); errno != 0 {
			return nil, nil, 0, errno
		}
		out.Attr = set.Attr
	}
	file.mu.Lock()
	file.opens++
	file.cached = nfs.PreAttr{}
	file.mu.Unlock()
	return inode, &openFile{auth: auth}, 0, 0
}

// setNew gives a file that was created exclusively its attributes.
func (n *node) setNew(ctx context.Context, auth *nfs.Auth, set nfs.SetAttr, out *fuse.AttrOut) syscall.Errno {
	set.Mtime, set.Atime = nfs.SetTime{How: nfs.SetToServerTime}, nfs.SetTime{How: nfs.SetToServerTime}
	res, err := patient(ctx, func() (nfs.SetattrResult, error) {
		return n.fsys.client.Setattr(ctx, auth, nfs.SetattrArgs{Object: n.handle, Attr: set})
	})
	if err != nil {
		return errnoOf(err)
	}
	attr, errno := n.fsys.attrOf(ctx, auth, n.handle, res.Wcc.After)
	if errno == 0 {
		n.see(attr)
		fillAttr(&attr, &out.Attr)
	}
	return errno
}

// Read reads from the server, after what has been written here has been sent to it.
func (n *node) Read(ctx context.Context, f fusefs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	ctx, done := untilKilled(ctx)
	defer done()
	if err := n.writer.send(ctx); err != nil {
		return nil, errnoOf(err)
	}
	auth, filled := authOf(f), 0
	for filled < len(dest) { // a server may give fewer bytes than it was asked for
		args := nfs.ReadArgs{File: n.handle, Offset: uint64(off) + uint64(filled), Count: uint32(len(dest) - filled)}
		res, err := patient(ctx, func() (nfs.ReadResult, error) {
			return n.fsys.client.Read(ctx, auth, args, dest[filled:])
		})
		if err != nil {
			return nil, errnoOf(err)
		}
		filled += len(res.Data)
		if res.EOF || len(res.Data) == 0 {
			break
		}
	}
	return fuse.ReadResultData(dest[:filled]), 0
}

// Write gathers the bytes; see writer.
func (n *node) Write(ctx context.Context, f fusefs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	ctx, done := untilKilled(ctx)
	defer done()
	n.mu.Lock()
	n.cached = nfs.PreAttr{} // what the next open finds is ours, and may be somebody else's too: read it anew
	n.mu.Unlock()
	if err := n.writer.write(ctx, authOf(f), uint64(off), data); err != nil {
		return 0, errnoOf(err)
	}
	return uint32(len(data)), 0
}

// Flush is close(2): everything is committed when it returns, or it fails.
func (n *node) Flush(_ context.Context, _ fusefs.FileHandle) syscall.Errno {
	return errnoOf(n.writer.commit(n.fsys.ctx))
}

// Fsync commits everything.
func (n *node) Fsync(ctx context.Context, _ fusefs.FileHandle, _ uint32) syscall.Errno {
	ctx, done := untilKilled(ctx)
	defer done()
	return errnoOf(n.writer.commit(ctx))
}

// Release ends an open. Pages of a shared mapping may have come after the last close; nobody is left to hear of errors.
func (n *node) Release(context.Context, fusefs.FileHandle) syscall.Errno {
	if err := n.writer.commit(n.fsys.ctx); err != nil {
		n.fsys.c.Log.Error("written data were lost after close", "file", n.Path(nil), "err", err)
	}
	n.mu.Lock()
	n.opens--
	var silly *sillyName
	if n.opens == 0 {
		silly, n.silly = n.silly, nil
	}
	n.mu.Unlock()
	if silly != nil {
		return silly.dir.remove(n.fsys.ctx, silly.name)
	}
	return 0
}

func (n *node) isOpen() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.opens > 0
}
