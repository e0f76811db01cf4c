package mount

import (
	"context"
	"crypto/rand"
	"syscall"
	"time"

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
	opener
	attr   nfs.Attr // of the file when it was opened
	writes uint64   // node.writes before attr was asked for
	source          // the node's copy, for those who only read
}

func authOf(f fusefs.FileHandle) *nfs.Auth {
	if o, ok := f.(opened); ok {
		return o.by().auth
	}
	return nil
}

// Open asks for the file's attributes and whether the caller may: if the file is what it was when the kernel's pages were
// read, they stay.
func (n *node) Open(ctx context.Context, flags uint32) (fusefs.FileHandle, uint32, syscall.Errno) {
	ctx, done := untilKilled(ctx)
	defer done()
	writes := n.written()
	if err := n.writer.send(ctx); err != nil {
		return nil, 0, errnoOf(err)
	}
	auth, asked := n.fsys.creds.of(ctx), time.Now()
	attr, errno := n.permitted(ctx, auth, flags)
	if errno != 0 {
		return nil, 0, errno
	}
	copied := n.copyFor(flags, &attr)
	if direct, errno := n.enter(auth, &attr, copied); direct != nil || errno != 0 {
		return directOrNil(direct), 0, errno
	}
	n.judge(attr, asked)
	n.fsys.remember(n)
	return n.newOpen(auth, attr, writes, flags, copied), fuse.FOPEN_KEEP_CACHE, 0
}

// permitted asks the server whether a file may be opened so, and what its attributes are: one call says both. The kernel
// has judged by the mode, but the server may know better (squashed ids, access lists).
func (n *node) permitted(ctx context.Context, auth *nfs.Auth, flags uint32) (nfs.Attr, syscall.Errno) {
	read, write := nfs.AccessRead|nfs.AccessExecute, nfs.AccessModify|nfs.AccessExtend
	res, err := patient(ctx, n.fsys, func() (nfs.AccessResult, error) {
		return n.fsys.client.Access(ctx, auth, nfs.AccessArgs{Object: n.handle, Access: read | write})
	})
	if err != nil {
		return nfs.Attr{}, errnoOf(err)
	}
	how := flags & syscall.O_ACCMODE
	if how != syscall.O_WRONLY && res.Access&read == 0 || how != syscall.O_RDONLY && res.Access&write == 0 {
		return nfs.Attr{}, syscall.EACCES
	}
	return n.fsys.attrOf(ctx, auth, n.handle, res.Attr)
}

// judge notes the version that an open found, and has the kernel drop pages of another one. They are dropped here, not by
// the answer: an open that comes between would find the new version noted and the old pages in place.
func (n *node) judge(attr nfs.Attr, asked time.Time) {
	n.mu.Lock()
	stale := n.attr.Pre() != attr.Pre() // the kernel's idea of the size is old; a read past it would end early
	drop := n.paged && n.cached != attr.Pre()
	if !asked.Before(n.asked) {
		n.attr, n.asked = attr, asked
	}
	n.opened = attr.Pre()
	if !drop {
		n.cached, n.paged = attr.Pre(), true
	}
	n.mu.Unlock()
	switch {
	case drop:
		_ = n.NotifyContent(0, 0) // everything
		n.mu.Lock()
		n.cached = attr.Pre()
		n.mu.Unlock()
	case stale:
		_ = n.NotifyContent(-1, 0) // attributes only
	}
}

// changes notes that the file is changed here: what the next open finds is ours, and may be somebody else's too.
func (n *node) changes() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cached, n.paged = nfs.PreAttr{}, true
	n.writes++
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
	for !file.enterWriter() { // it existed, and the kernel reads a copy of it by itself
		file = n.fsys.nodeOf(ctx, n, file.handle, &file.attr)
		inode = file.EmbeddedInode()
	}
	if exclusive { // the server may have kept the verifier in the attributes: they must be set now
		var set fuse.AttrOut
		if errno := file.setNew(ctx, auth, wanted, &set); errno != 0 {
			file.leave(nil)
			return nil, nil, 0, errno
		}
		out.Attr = set.Attr
	}
	file.changes()
	return inode, &openFile{opener: opener{auth: auth}}, 0, 0
}

// setNew gives a file that was created exclusively its attributes.
func (n *node) setNew(ctx context.Context, auth *nfs.Auth, set nfs.SetAttr, out *fuse.AttrOut) syscall.Errno {
	set.Mtime, set.Atime = nfs.SetTime{How: nfs.SetToServerTime}, nfs.SetTime{How: nfs.SetToServerTime}
	res, err := patient(ctx, n.fsys, func() (nfs.SetattrResult, error) {
		return n.fsys.client.Setattr(ctx, auth, nfs.SetattrArgs{Object: n.handle, Attr: set})
	})
	if err != nil {
		return errnoOf(err)
	}
	attr, errno := n.fsys.attrOf(ctx, auth, n.handle, res.Wcc.After)
	if errno == 0 {
		n.see(attr, time.Now())
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
	if got, ok := n.fromCopy(ctx, f, dest, off); ok {
		return fuse.ReadResultData(dest[:got]), 0
	}
	auth, filled := authOf(f), 0
	for filled < len(dest) { // a server may give fewer bytes than it was asked for
		args := nfs.ReadArgs{File: n.handle, Offset: uint64(off) + uint64(filled), Count: uint32(len(dest) - filled)}
		res, err := patient(ctx, n.fsys, func() (nfs.ReadResult, error) {
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
	n.changes()
	if err := n.writer.write(ctx, authOf(f), uint64(off), data); err != nil {
		return 0, errnoOf(err)
	}
	return uint32(len(data)), 0
}

// Flush is close(2): everything is committed when it returns, or it fails. A program that is killed meanwhile does not wait;
// its data are committed by Release.
func (n *node) Flush(ctx context.Context, f fusefs.FileHandle) syscall.Errno {
	ctx, done := untilKilled(ctx)
	defer done()
	n.closes(f)
	return errnoOf(n.writer.commit(ctx))
}

// Fsync commits everything.
func (n *node) Fsync(ctx context.Context, _ fusefs.FileHandle, _ uint32) syscall.Errno {
	ctx, done := untilKilled(ctx)
	defer done()
	return errnoOf(n.writer.commit(ctx))
}

// Release ends an open. Pages of a shared mapping may have come after the last close; nobody is left to hear of errors.
func (n *node) Release(_ context.Context, f fusefs.FileHandle) syscall.Errno {
	switch o := f.(type) {
	case *directFile:
		o.copied.Close()
		return n.removeSilly(n.leaveDirect(f))
	case *openFile:
		o.close(n.fsys.cache)
	}
	if err := n.writer.commit(n.fsys.ctx); err != nil {
		n.fsys.c.Log.Error("written data were lost after close", "file", n.Path(nil), "err", err)
	}
	return n.removeSilly(n.leave(f))
}

func (n *node) removeSilly(silly *sillyName) syscall.Errno {
	if silly == nil {
		return 0
	}
	return silly.dir.remove(n.fsys.ctx, silly.name)
}
