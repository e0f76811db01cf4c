package mount

import (
	"os"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"

	"github.com/spillway/spillway/nfs"
)

// With FUSE_PASSTHROUGH the kernel reads a file that was opened for reading straight from its copy on the node's disk. The
// kernel wants all opens of an inode to be of one kind and of one backing file, and go-fuse hands later opens the first
// backing file of an inode, perhaps even just after the last of them was closed. So a node is bound to the first version
// that it is read of directly, for its life. An open of another version, or one to write while the kernel reads, retires the
// node: the open fails with ESTALE, upon which the kernel looks the path up once more and is given a new inode: the same
// file id, another generation. Who has the old inode open reads on in the old copy. The kernel tries again only once, so a
// node that follows a retired one is read through the daemon until things have calmed down (Config.calm, longer than the
// kernel takes to try again): no open of it is refused.

// passthrough is a node's part in it. The node's mu guards it.
type passthrough struct {
	bound   nfs.PreAttr // the version that the kernel may read directly; zero until the first such open
	retired bool        // another node stands for the file now
}

// directFile is an open by which the kernel reads the copy itself.
type directFile struct {
	opener
	copied *os.File
}

var _ fusefs.FilePassthroughFder = (*directFile)(nil)

// PassthroughFd gives the kernel the copy.
func (d *directFile) PassthroughFd() (int, bool) { return int(d.copied.Fd()), true }

// directOrNil keeps a nil pointer from becoming an interface that is not nil.
func directOrNil(d *directFile) fusefs.FileHandle {
	if d == nil {
		return nil
	}
	return d
}

// copyFor returns the node's copy of the file for an open that only reads; nil if there is none.
func (n *node) copyFor(flags uint32, attr *nfs.Attr) *os.File {
	if flags&syscall.O_ACCMODE != syscall.O_RDONLY {
		return nil
	}
	return n.fsys.cache.get(n, attr)
}

// enter counts an open in: as one by which the kernel reads the copy directly, or (nil) as one through the daemon. ESTALE
// says that another inode must take it; then the copy is closed.
func (n *node) enter(auth *nfs.Auth, attr *nfs.Attr, copied *os.File) (*directFile, syscall.Errno) {
	n.mu.Lock()
	p := &n.pass
	direct := copied != nil && n.fsys.cache.passthrough && n.opens.daemon == 0 && time.Since(n.succeeded) >= n.fsys.c.calm
	matches := p.bound == nfs.PreAttr{} || p.bound == attr.Pre()
	switch {
	case direct && matches && !p.retired:
		p.bound = attr.Pre()
		n.opens.direct++
		n.mu.Unlock()
		return &directFile{opener: opener{auth: auth}, copied: copied}, 0
	case p.retired, n.opens.direct > 0, direct:
		retire := !p.retired
		p.retired = true
		n.mu.Unlock()
		if copied != nil {
			copied.Close()
		}
		if retire {
			n.fsys.retire(n)
		}
		return nil, syscall.ESTALE
	}
	n.opens.daemon++
	n.mu.Unlock()
	return nil, 0
}

// enterWriter counts an open in that came with CREATE. False retires the node: another must take it.
func (n *node) enterWriter() bool {
	_, errno := n.enter(nil, &nfs.Attr{}, nil)
	return errno == 0
}

// outlived reports, and sees to it, that a node is retired because the file is another version than the node is bound to.
// Attributes that are older than those known say nothing.
func (n *node) outlived(v nfs.PreAttr, asked time.Time) bool {
	n.mu.Lock()
	p := &n.pass
	outlived := p.bound != nfs.PreAttr{} && p.bound != v && n.opens.daemon == 0 && !p.retired && !asked.Before(n.asked)
	p.retired = p.retired || outlived
	n.mu.Unlock()
	if outlived {
		n.fsys.retire(n)
	}
	return outlived
}

// retire makes the next lookup of a node's file find another node. The number is kept for the life of the mount: the old
// generation may be in use for as long.
func (f *fileSystem) retire(n *node) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.retired[n.handle]++
}
