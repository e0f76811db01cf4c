package mount

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/spillway/spillway/nfs"
)

var (
	_ fusefs.NodeMkdirer   = (*node)(nil)
	_ fusefs.NodeMknoder   = (*node)(nil)
	_ fusefs.NodeSymlinker = (*node)(nil)
	_ fusefs.NodeLinker    = (*node)(nil)
	_ fusefs.NodeUnlinker  = (*node)(nil)
	_ fusefs.NodeRmdirer   = (*node)(nil)
	_ fusefs.NodeRenamer   = (*node)(nil)
)

// make runs a call that makes an object in the directory.
func (n *node) make(ctx context.Context, name string, out *fuse.EntryOut, call func(ctx context.Context, auth *nfs.Auth) (nfs.NewResult, error)) (*fusefs.Inode, syscall.Errno) {
	ctx, done := untilKilled(ctx)
	defer done()
	auth, asked := n.fsys.creds.of(ctx), time.Now()
	res, err := patient(ctx, n.fsys, func() (nfs.NewResult, error) { return call(ctx, auth) })
	if err != nil {
		return nil, errnoOf(err)
	}
	if !res.Object.Present { // the server may leave the handle out (RFC 1813 §3.3.8)
		return n.Lookup(ctx, name, out)
	}
	attr, errno := n.fsys.attrOf(ctx, auth, res.Object.Handle, res.Attr)
	if errno != 0 {
		return nil, errno
	}
	return n.child(ctx, auth, res.Object.Handle, attr, asked, out)
}

// Mkdir makes a directory.
func (n *node) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	return n.make(ctx, name, out, func(ctx context.Context, auth *nfs.Auth) (nfs.NewResult, error) {
		return n.fsys.client.Mkdir(ctx, auth, nfs.MkdirArgs{Dir: n.handle, Name: name, Attr: nfs.SetAttr{Mode: nfs.Set32(mode & 0o7777)}})
	})
}

// Mknod makes a device, socket or FIFO, or a regular file without opening it.
func (n *node) Mknod(ctx context.Context, name string, mode, dev uint32, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	attr := nfs.SetAttr{Mode: nfs.Set32(mode & 0o7777)}
	return n.make(ctx, name, out, func(ctx context.Context, auth *nfs.Auth) (nfs.NewResult, error) {
		kind := fileType(mode)
		if kind == nfs.TypeRegular {
			return n.fsys.client.Create(ctx, auth, nfs.CreateArgs{Dir: n.handle, Name: name, How: nfs.Guarded, Attr: attr})
		}
		device := nfs.Device{Major: dev >> 8 & 0xfff, Minor: dev&0xff | dev>>12&0xfff00}
		return n.fsys.client.Mknod(ctx, auth, nfs.MknodArgs{Dir: n.handle, Name: name, Type: kind, Attr: attr, Device: device})
	})
}

// Symlink makes a symbolic link.
func (n *node) Symlink(ctx context.Context, target, name string, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	return n.make(ctx, name, out, func(ctx context.Context, auth *nfs.Auth) (nfs.NewResult, error) {
		return n.fsys.client.Symlink(ctx, auth, nfs.SymlinkArgs{Dir: n.handle, Name: name, Target: target})
	})
}

// Link makes a hard link.
func (n *node) Link(ctx context.Context, target fusefs.InodeEmbedder, name string, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	ctx, done := untilKilled(ctx)
	defer done()
	to, ok := target.EmbeddedInode().Operations().(*node)
	if !ok {
		return nil, syscall.EXDEV
	}
	auth, asked := n.fsys.creds.of(ctx), time.Now()
	res, err := patient(ctx, n.fsys, func() (nfs.LinkResult, error) {
		return n.fsys.client.Link(ctx, auth, nfs.LinkArgs{Object: to.handle, Dir: n.handle, Name: name})
	})
	if err != nil {
		return nil, errnoOf(err)
	}
	attr, errno := n.fsys.attrOf(ctx, auth, to.handle, res.Attr)
	if errno != 0 {
		return nil, errno
	}
	return n.child(ctx, auth, to.handle, attr, asked, out)
}

// sillyName is where a file lives on that was removed while it was open here.
type sillyName struct {
	dir  *node
	name string
}

// Unlink removes a name. A file that is open here is renamed instead and removed when it is closed: NFSv3 has no open
// files.
func (n *node) Unlink(ctx context.Context, name string) syscall.Errno {
	ctx, done := untilKilled(ctx)
	defer done()
	if inode := n.GetChild(name); inode != nil {
		if file, ok := inode.Operations().(*node); ok && file.isOpen(ctx) {
			return n.hide(ctx, name, file)
		}
	}
	return n.remove(ctx, name)
}

func (n *node) remove(ctx context.Context, name string) syscall.Errno {
	auth := n.fsys.creds.of(ctx)
	_, err := patient(ctx, n.fsys, func() (nfs.RemoveResult, error) {
		return n.fsys.client.Remove(ctx, auth, nfs.RemoveArgs{Dir: n.handle, Name: name})
	})
	return errnoOf(err)
}

// hide renames an open file to a name of ours.
func (n *node) hide(ctx context.Context, name string, file *node) syscall.Errno {
	var random [12]byte
	rand.Read(random[:])
	silly := &sillyName{dir: n, name: ".nfs" + hex.EncodeToString(random[:])}
	if errno := n.rename(ctx, name, n, silly.name); errno != 0 {
		return errno
	}
	file.mu.Lock()
	defer file.mu.Unlock()
	file.silly = silly
	return 0
}

// Rmdir removes an empty directory.
func (n *node) Rmdir(ctx context.Context, name string) syscall.Errno {
	ctx, done := untilKilled(ctx)
	defer done()
	auth := n.fsys.creds.of(ctx)
	_, err := patient(ctx, n.fsys, func() (nfs.RmdirResult, error) {
		return n.fsys.client.Rmdir(ctx, auth, nfs.RmdirArgs{Dir: n.handle, Name: name})
	})
	return errnoOf(err)
}

// Rename renames, over what has the new name. NFSv3 can neither exchange two names nor spare an existing one.
func (n *node) Rename(ctx context.Context, name string, newParent fusefs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	ctx, done := untilKilled(ctx)
	defer done()
	to, ok := newParent.EmbeddedInode().Operations().(*node)
	if !ok {
		return syscall.EXDEV
	}
	if flags != 0 {
		return syscall.EINVAL
	}
	if inode := to.GetChild(newName); inode != nil {
		if file, ok := inode.Operations().(*node); ok && file.isOpen(ctx) {
			if errno := to.hide(ctx, newName, file); errno != 0 {
				return errno
			}
		}
	}
	return n.rename(ctx, name, to, newName)
}

func (n *node) rename(ctx context.Context, name string, to *node, newName string) syscall.Errno {
	auth := n.fsys.creds.of(ctx)
	_, err := patient(ctx, n.fsys, func() (nfs.RenameResult, error) {
		return n.fsys.client.Rename(ctx, auth, nfs.RenameArgs{FromDir: n.handle, FromName: name, ToDir: to.handle, ToName: newName})
	})
	return errnoOf(err)
}
