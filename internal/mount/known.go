package mount

import (
	"context"
	"hash/maphash"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/spillway/spillway/nfs"
)

// handleSeed makes the generations of one process's mounts.
var handleSeed = maphash.MakeSeed()

// stable names an object to the kernel: the server's file id, and a generation from the handle, because servers reuse
// file ids of deleted files and an old handle must not stand for a new file. Called with f.mu held.
func (f *fileSystem) stable(h nfs.Handle, attr *nfs.Attr) fusefs.StableAttr {
	return fusefs.StableAttr{Ino: attr.FileID, Gen: maphash.Bytes(handleSeed, h.Bytes()) + f.retired[h], Mode: typeBits(attr.Type)}
}

func (f *fileSystem) newNode(h nfs.Handle, attr nfs.Attr) *node {
	n := &node{fsys: f, handle: h, attr: attr, id: f.stable(h, &attr)}
	n.writer = newWriter(n)
	return n
}

// nodeOf returns the node of an object: the one that the kernel knows, or a new one. go-fuse would find the known one too,
// but only after we have returned, and we must know now what is being written to it.
func (f *fileSystem) nodeOf(ctx context.Context, parent *node, h nfs.Handle, attr *nfs.Attr) *node {
	f.mu.Lock()
	defer f.mu.Unlock()
	if known := f.nodes[f.stable(h, attr)]; known != nil {
		return known
	}
	fresh := f.newNode(h, *attr)
	if f.retired[h] > 0 {
		fresh.succeeded = time.Now()
	}
	parent.NewInode(ctx, fresh, fresh.id)
	f.nodes[fresh.id] = fresh
	return fresh
}

// remember puts a node back that the kernel had forgotten while it was being looked up again.
func (f *fileSystem) remember(n *node) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.nodes[n.id] = n
}

// OnForget notes that the kernel does not know the node any more.
func (n *node) OnForget() {
	n.fsys.mu.Lock()
	defer n.fsys.mu.Unlock()
	if n.fsys.nodes[n.id] == n {
		delete(n.fsys.nodes, n.id)
	}
}

// child returns the inode of an object in the directory and fills the kernel's entry. The attributes are what the server
// said to a call that began at asked; the kernel believes them, so they must not be older than what has been written here.
func (n *node) child(ctx context.Context, auth *nfs.Auth, h nfs.Handle, attr nfs.Attr, asked time.Time, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	known := n.fsys.nodeOf(ctx, n, h, &attr)
	if known.outlived(attr.Pre(), asked) {
		known = n.fsys.nodeOf(ctx, n, h, &attr)
	}
	if known.writer.unsettled(asked) {
		var errno syscall.Errno
		if attr, errno = known.current(ctx, auth); errno != 0 {
			return nil, errno
		}
	} else {
		attr = known.see(attr, asked)
	}
	fillAttr(&attr, &out.Attr)
	return known.EmbeddedInode(), 0
}

// see remembers attributes unless newer ones are known, and returns the newest.
func (n *node) see(attr nfs.Attr, asked time.Time) nfs.Attr {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !asked.Before(n.asked) {
		n.attr, n.asked = attr, asked
	}
	return n.attr
}

// refresh makes the kernel ask again for every name and attribute.
func (f *fileSystem) refresh() {
	f.mu.Lock()
	nodes := make([]*node, 0, len(f.nodes))
	for _, n := range f.nodes {
		nodes = append(nodes, n)
	}
	f.mu.Unlock()
	for _, n := range nodes {
		for name := range n.Children() {
			_ = n.NotifyEntry(name) // forgotten meanwhile: good
		}
		_ = n.NotifyContent(-1, 0) // attributes only: pages are judged at open
	}
}
