package mount

import (
	"context"
	"sync"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/spillway/spillway/nfs"
)

// node is a file, directory or anything else that the kernel knows.
type node struct {
	fusefs.Inode
	fsys   *fileSystem
	id     fusefs.StableAttr // what the kernel knows it by
	handle nfs.Handle
	writer *writer

	succeeded time.Time // when it took over from a node that was retired

	mu     sync.Mutex
	attr   nfs.Attr    // the newest known; guarded by mu, as all below
	asked  time.Time   // when attr was asked for
	cached nfs.PreAttr // of the version that the kernel's pages are of
	paged  bool        // the kernel may have pages
	opened nfs.PreAttr // the version that the last open found
	writes uint64      // and truncations, here
	opens  opens
	silly  *sillyName // set while the file lives on under a name of ours
	pass   passthrough
}

var (
	_ fusefs.NodeLookuper    = (*node)(nil)
	_ fusefs.NodeGetattrer   = (*node)(nil)
	_ fusefs.NodeSetattrer   = (*node)(nil)
	_ fusefs.NodeReadlinker  = (*node)(nil)
	_ fusefs.NodeStatfser    = (*node)(nil)
	_ fusefs.NodeOnForgetter = (*node)(nil)
)

// Lookup asks the server for a name.
func (n *node) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	ctx, done := untilKilled(ctx)
	defer done()
	auth, asked := n.fsys.creds.of(ctx), time.Now()
	res, err := patient(ctx, n.fsys, func() (nfs.LookupResult, error) {
		return n.fsys.client.Lookup(ctx, auth, nfs.LookupArgs{Dir: n.handle, Name: name})
	})
	if err != nil {
		return nil, errnoOf(err)
	}
	attr, errno := n.fsys.attrOf(ctx, auth, res.Object, res.Attr)
	if errno != 0 {
		return nil, errno
	}
	return n.child(ctx, auth, res.Object, attr, asked, out)
}

// attrOf returns the attributes that came with a reply, or asks for them.
func (f *fileSystem) attrOf(ctx context.Context, auth *nfs.Auth, h nfs.Handle, came nfs.OptAttr) (nfs.Attr, syscall.Errno) {
	if came.Present {
		return came.Attr, 0
	}
	res, err := patient(ctx, f, func() (nfs.GetattrResult, error) {
		return f.client.Getattr(ctx, auth, nfs.GetattrArgs{Object: h})
	})
	return res.Attr, errnoOf(err)
}

// Getattr asks the server, after what has been written here has been sent to it.
func (n *node) Getattr(ctx context.Context, _ fusefs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	ctx, done := untilKilled(ctx)
	defer done()
	attr, errno := n.current(ctx, n.fsys.creds.of(ctx))
	if errno == 0 {
		fillAttr(&attr, &out.Attr)
	}
	return errno
}

// current returns the attributes that the server gives once it has all that was written here.
func (n *node) current(ctx context.Context, auth *nfs.Auth) (nfs.Attr, syscall.Errno) {
	if err := n.writer.send(ctx); err != nil {
		return nfs.Attr{}, errnoOf(err)
	}
	asked := time.Now()
	attr, errno := n.fsys.attrOf(ctx, auth, n.handle, nfs.OptAttr{})
	if errno != 0 {
		return attr, errno
	}
	return n.see(attr, asked), 0
}

// Setattr changes attributes, after what has been written here has been sent.
func (n *node) Setattr(ctx context.Context, _ fusefs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	ctx, done := untilKilled(ctx)
	defer done()
	if err := n.writer.send(ctx); err != nil {
		return errnoOf(err)
	}
	if size, ok := in.GetSize(); ok {
		n.changes()
		n.writer.truncated(size)
	}
	auth := n.fsys.creds.of(ctx)
	res, err := patient(ctx, n.fsys, func() (nfs.SetattrResult, error) {
		return n.fsys.client.Setattr(ctx, auth, nfs.SetattrArgs{Object: n.handle, Attr: changes(in)})
	})
	if err != nil {
		return errnoOf(err)
	}
	attr, errno := n.fsys.attrOf(ctx, auth, n.handle, res.Wcc.After)
	if errno != 0 {
		return errno
	}
	n.see(attr, time.Now())
	fillAttr(&attr, &out.Attr)
	return 0
}

// Readlink returns a symbolic link's text.
func (n *node) Readlink(ctx context.Context) ([]byte, syscall.Errno) {
	ctx, done := untilKilled(ctx)
	defer done()
	auth := n.fsys.creds.of(ctx)
	res, err := patient(ctx, n.fsys, func() (nfs.ReadlinkResult, error) {
		return n.fsys.client.Readlink(ctx, auth, nfs.ReadlinkArgs{Object: n.handle})
	})
	return []byte(res.Target), errnoOf(err)
}

// Statfs returns the space of the file system behind the export.
func (n *node) Statfs(ctx context.Context, out *fuse.StatfsOut) syscall.Errno {
	ctx, done := untilKilled(ctx)
	defer done()
	const block = 4096
	res, err := patient(ctx, n.fsys, func() (nfs.FsstatResult, error) {
		return n.fsys.client.Fsstat(ctx, n.fsys.creds.of(ctx), nfs.FsstatArgs{Root: n.handle})
	})
	if err != nil {
		return errnoOf(err)
	}
	out.Bsize, out.Frsize, out.NameLen = block, block, 255
	out.Blocks, out.Bfree, out.Bavail = res.TotalBytes/block, res.FreeBytes/block, res.AvailBytes/block
	out.Files, out.Ffree = res.TotalFiles, res.FreeFiles
	return 0
}
