package mount

import (
	"context"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"

	"github.com/spillway/spillway/nfs"
)

// opener is what the daemon knows of every open of a file.
type opener struct {
	auth   *nfs.Auth // who opened it: later reads and writes may come from the kernel's own threads
	closed bool      // by close(2), of this or a duplicate descriptor; guarded by the node's mu
}

func (o *opener) by() *opener { return o }

// opened is a handle with an opener: an openFile or a directFile.
type opened interface{ by() *opener }

// opens counts the opens of a node. The node's mu guards it.
type opens struct {
	daemon int           // through the daemon
	direct int           // by which the kernel reads a copy itself
	closed int           // of both: those that close(2) was called of
	none   chan struct{} // if not nil, closed with the last open
}

func (o *opens) all() int { return o.daemon + o.direct }

// closes notes that close(2) was called of an open. It may live on in a duplicate descriptor or in a mapping.
func (n *node) closes(f fusefs.FileHandle) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if o, ok := f.(opened); ok && !o.by().closed {
		o.by().closed = true
		n.opens.closed++
	}
}

// leave ends an open through the daemon. It returns the name that the file lives on under, if nobody needs it any more.
func (n *node) leave(f fusefs.FileHandle) *sillyName {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.opens.daemon--
	return n.left(f)
}

// leaveDirect ends an open by which the kernel read the copy.
func (n *node) leaveDirect(f fusefs.FileHandle) *sillyName {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.opens.direct--
	return n.left(f)
}

// left is called with mu held.
func (n *node) left(f fusefs.FileHandle) (silly *sillyName) {
	if o, ok := f.(opened); ok && o.by().closed {
		n.opens.closed--
	}
	if n.opens.all() > 0 {
		return nil
	}
	if n.opens.none != nil {
		close(n.opens.none)
		n.opens.none = nil
	}
	silly, n.silly = n.silly, nil
	return silly
}

// isOpen reports whether the file is open here. The kernel tells the daemon of the last close after close(2) has returned:
// a program that closes a file and removes it, and then its directory, must not find it living on under another name.
// So a file whose every open has seen a close(2) is given a moment (Config.closing).
func (n *node) isOpen(ctx context.Context) bool {
	n.mu.Lock()
	open := n.opens.all()
	if open == 0 || n.opens.closed < open {
		n.mu.Unlock()
		return open > 0
	}
	if n.opens.none == nil {
		n.opens.none = make(chan struct{})
	}
	none := n.opens.none
	n.mu.Unlock()
	moment := time.NewTimer(n.fsys.c.closing)
	defer moment.Stop()
	select {
	case <-none:
		return false
	case <-moment.C:
	case <-ctx.Done():
	}
	return true
}
