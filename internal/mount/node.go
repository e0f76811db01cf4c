package mount

import (
	"context"
	"hash/maphash"
	"sync"
	"syscall"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/spillway/spillway/nfs"
)

// node is a file, directory or anything else that the kernel knows.
type node struct {
	fusefs.Inode
	fsys   *fileSystem
	handle nfs.Handle
	writer *writer

	mu      sync.Mutex
	attr    nfs.Attr    // last seen; guarded by mu, as all below
	cached  nfs.PreAttr // of the version that the kernel's pages are of
	opens   int
	silly   *sillyName // set while the file lives on under a name of ours
	listing *listing   // of a directory: the last one read
}

var (
	_ fusefs.NodeLookuper    = (*node)(nil)
	_ fusefs.NodeGetattrer   = (*node)(nil)
	_ fusefs.NodeSetattrer   = (*node)(nil)
	_ fusefs.NodeReadlinker  = (*node)(nil)
	_ fusefs.NodeStatfser    = (*node)(nil)
	_ fusefs.NodeOnAdder     = (*node)(nil)
	_ fusefs.NodeOnForgetter = (*node)(nil)
)

func (f *fileSystem) newNode(h nfs.Handle, attr nfs.Attr) *node {
	n := &node{fsys: f, handle: h, attr: attr}
	n.writer = newWriter(n)
	return n
}

// OnAdd notes that the kernel knows the node.
func (n *node) OnAdd(context.Context) {
	n.fsys.mu.Lock()
	defer n.fsys.mu.Unlock()
	n.fsys.nodes[n] = true
}

// OnForget notes that it does not any more.
func (n *node) OnForget() {
	n.fsys.mu.Lock()
	defer n.fsys.mu.Unlock()
	delete(n.fsys.nodes, n)
}

// handleSeed makes the generations of one process's mounts.
var handleSeed = maphash.MakeSeed()

// stable names the object to the kernel: the server's file id, and a generation from the handle, because servers reuse
// file ids of deleted files and an old handle must not stand for a new file.
func stable(h nfs.Handle, attr *nfs.Attr) fusefs.StableAttr {
	return fusefs.StableAttr{Ino: attr.FileID, Gen: maphash.Bytes(handleSeed, h.Bytes()), Mode: typeBits(attr.Type)}
}

// child makes (or finds) the inode of an object in the directory and fills the kernel's entry.
func (n *node) child(ctx context.Context, h nfs.Handle, attr nfs.Attr, out *fuse.EntryOut) *fusefs.Inode {
	inode := n.NewInode(ctx, n.fsys.newNode(h, attr), stable(h, &attr))
	if known, ok := inode.Operations().(*node); ok {
		known.see(attr)
	}
	fillAttr(&attr, &out.Attr)
	return inode
}

// see remembers newer attributes.
func (n *node) see(attr nfs.Attr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.attr = attr
}

// Lookup finds a name: in the listing that was just read, or at the server.
func (n *node) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	ctx, done := untilKilled(ctx)
	defer done()
	if h, attr, ok := n.listed(name); ok {
		return n.child(ctx, h, attr, out), 0
	}
	auth := n.fsys.creds.of(ctx)
	res, err := patient(ctx, func() (nfs.LookupResult, error) {
		return n.fsys.client.Lookup(ctx, auth, nfs.LookupArgs{Dir: n.handle, Name: name})
	})
	if err != nil {
		return nil, errnoOf(err)
	}
	attr, errno := n.fsys.attrOf(ctx, auth, res.Object, res.Attr)
	if errno != 0 {
		return nil, errno
	}
	return n.child(ctx, res.Object, attr, out), 0
}

// attrOf returns the attributes that came with a reply, or asks for them.
func (f *fileSystem) attrOf(ctx context.Context, auth *nfs.Auth, h nfs.Handle, came nfs.OptAttr) (nfs.Attr, syscall.Errno) {
	if came.Present {
		return came.Attr, 0
	}
	res, err := patient(ctx, func() (nfs.GetattrResult, error) {
		return f.client.Getattr(ctx, auth, nfs.GetattrArgs{Object: h})
	})
	return res.Attr, errnoOf(err)
}

// Getattr asks the server, after what has been written here has been sent to it.
func (n *node) Getattr(ctx context.Context, _ fusefs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	ctx, done := untilKilled(ctx)
	defer done()
	if err := n.writer.send(ctx); err != nil {
		return errnoOf(err)
	}
	attr, errno := n.fsys.attrOf(ctx, n.fsys.creds.of(ctx), n.handle, nfs.OptAttr{})
	if errno != 0 {
		return errno
	}
	n.see(attr)
	fillAttr(&attr, &out.Attr)
	return 0
}

// Setattr changes attributes, after what has been written here has been sent.
func (n *node) Setattr(ctx context.Context, _ fusefs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	ctx, done := untilKilled(ctx)
	defer done()
	if err := n.writer.send(ctx); err != nil {
		return errnoOf(err)
	}
	if size, ok := in.GetSize(); ok {
		n.writer.truncated(size)
	}
	auth := n.fsys.creds.of(ctx)
	res, err := patient(ctx, func() (nfs.SetattrResult, error) {
		return n.fsys.client.Setattr(ctx, auth, nfs.SetattrArgs{Object: n.handle, Attr: changes(in)})
	})
	if err != nil {
		return errnoOf(err)
	}
	attr, errno := n.fsys.attrOf(ctx, auth, n.handle, res.Wcc.After)
	if errno != 0 {
		return errno
	}
	n.see(attr)
	fillAttr(&attr, &out.Attr)
	return 0
}

// Readlink returns a symbolic link's text.
func (n *node) Readlink(ctx context.Context) ([]byte, syscall.Errno) {
	ctx, done := untilKilled(ctx)
	defer done()
	auth := n.fsys.creds.of(ctx)
	res, err := patient(ctx, func() (nfs.ReadlinkResult, error) {
		return n.fsys.client.Readlink(ctx, auth, nfs.ReadlinkArgs{Object: n.handle})
	})
	return []byte(res.Target), errnoOf(err)
}

// Statfs returns the space of the file system behind the export.
func (n *node) Statfs(ctx context.Context, out *fuse.StatfsOut) syscall.Errno {
	ctx, done := untilKilled(ctx)
	defer done()
	const block = 4096
	res, err := patient(ctx, func() (nfs.FsstatResult, error) {
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

// refresh makes the kernel ask again for every name and attribute.
func (f *fileSystem) refresh() {
	f.mu.Lock()
	nodes := make([]*node, 0, len(f.nodes))
	for n := range f.nodes {
		nodes = append(nodes, n)
	}
	f.mu.Unlock()
	for _, n := range nodes {
		n.dropListing()
		for name := range n.Children() {
			_ = n.NotifyEntry(name) // forgotten meanwhile: good
		}
		_ = n.NotifyContent(-1, 0) // attributes only: pages are judged at open
	}
}
