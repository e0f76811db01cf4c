package mount

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"syscall"

	fusefs "github.com/hanwen/go-fuse/v2/fs"

	"github.com/spillway/spillway/nfs"
)

// source is where an open that only reads finds bytes on the node: in a copy, or in one that is being made. A zero source
// has none.
type source struct {
	reads  bool
	copied *os.File
	once   sync.Once // before filling
	fill   *fill
}

// newOpen returns the handle of an open through the daemon, which has been counted in.
func (n *node) newOpen(auth *nfs.Auth, attr nfs.Attr, writes uint64, flags uint32, copied *os.File) *openFile {
	o := &openFile{opener: opener{auth: auth}, attr: attr, writes: writes}
	o.reads = n.fsys.cache != nil && flags&syscall.O_ACCMODE == syscall.O_RDONLY && attr.Type == nfs.TypeRegular
	o.copied = copied
	return o
}

// fromCopy reads from the node's copy. It reports false if there is none, or if the file is no longer what it was when the
// handle was opened: the kernel's pages are shared by all opens, and a later one must not find old bytes there.
func (n *node) fromCopy(ctx context.Context, f fusefs.FileHandle, dest []byte, off int64) (int, bool) {
	o, ok := f.(*openFile)
	if !ok {
		if direct, ok := f.(*directFile); ok { // the kernel has changed its mind about reading by itself
			return readFile(direct.copied, dest, off)
		}
		return 0, false
	}
	if !o.reads || !n.unchangedSince(o) {
		return 0, false
	}
	if o.copied != nil {
		return readFile(o.copied, dest, off)
	}
	o.once.Do(func() { o.fill = n.fsys.cache.fill(n, o.auth, &o.attr) })
	if o.fill == nil {
		return 0, false
	}
	return o.fill.read(ctx, dest, off)
}

// written returns how often the file has been changed here.
func (n *node) written() uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.writes
}

func (n *node) unchangedSince(o *openFile) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.opened == o.attr.Pre() && n.writes == o.writes
}

func readFile(f *os.File, dest []byte, off int64) (int, bool) {
	n, err := f.ReadAt(dest, off)
	return n, err == nil || errors.Is(err, io.EOF)
}

// close lets the node's copy go.
func (o *openFile) close(c *cache) {
	if o.copied != nil {
		o.copied.Close()
	}
	if o.fill != nil {
		c.release(o.fill)
	}
}
