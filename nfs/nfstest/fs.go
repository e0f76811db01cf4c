// Package nfstest is a small NFSv3 server in memory for tests of clients and of what is built on them.
//
// It keeps what a real server keeps over a restart: handles stay valid, and data that were written unstable and never
// committed are lost by [FS.Crash], which also changes the write verifier.
package nfstest

import (
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spillway/spillway/nfs"
)

// FS is a file system in memory. Permissions are recorded and reported but not enforced.
type FS struct {
	// Intercept, if not nil, is called before each procedure; a status other than OK is the answer. It may block. Set it
	// before the first call.
	Intercept func(p nfs.Proc, req *nfs.Request) nfs.Status
	// Now is the clock (time.Now). Set it before the first call.
	Now func() time.Time
	// Export is the path that may be mounted ("/").
	Export string

	calls [nfs.ProcCommit + 1]atomic.Int64

	mu         sync.Mutex
	inodes     map[uint64]*inode // guarded by mu, as are:
	lastID     uint64
	last       time.Time
	verifier   uint64
	generation byte
}

// inode is a file of any type.
type inode struct {
	id       uint64
	kind     nfs.FileType
	mode     uint32
	uid, gid uint32
	nlink    uint32
	rdev     nfs.Device
	atime    time.Time
	mtime    time.Time
	ctime    time.Time

	data     []byte
	stable   []byte // what a crash leaves of data; only where unstable is set
	unstable bool
	created  nfs.Verifier // of an exclusive CREATE
	target   string
	dir      *directory // of directories only
}

const rootID = 1

// New returns a file system with an empty root directory of mode 0777.
func New() *FS {
	fs := &FS{inodes: map[uint64]*inode{}, verifier: uint64(time.Now().UnixNano())}
	fs.lastID = rootID - 1
	root := fs.newInode(nfs.TypeDirectory, &nfs.SetAttr{Mode: nfs.Set32(0o777)}, &nfs.Auth{})
	root.dir.parent = rootID
	root.nlink = 2
	return fs
}

// Root returns the handle of the root directory.
func (fs *FS) Root() nfs.Handle {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return fs.handleOf(rootID)
}

// Rehandle makes every handle given so far stale: the same files come back under others, as on a server whose disks were
// moved to another one.
func (fs *FS) Rehandle() {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.generation++
}

// Calls returns how often a procedure has been called.
func (fs *FS) Calls(p nfs.Proc) int64 { return fs.calls[p].Load() }

// Crash loses all data that were written unstable and not committed, and changes the write verifier.
func (fs *FS) Crash() {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.verifier++
	for _, n := range fs.inodes {
		if n.unstable {
			n.data, n.stable, n.unstable = n.stable, nil, false
		}
	}
}

// begin counts the call, asks Intercept, and locks the file system if the call goes on.
func (fs *FS) begin(p nfs.Proc, req *nfs.Request, status *nfs.Status) bool {
	fs.calls[p].Add(1)
	if fs.Intercept != nil {
		if s := fs.Intercept(p, req); s != nfs.OK {
			*status = s
			return false
		}
	}
	fs.mu.Lock()
	return true
}

// now returns the time, later than ever before: every change moves ctime.
func (fs *FS) now() time.Time {
	t := time.Now()
	if fs.Now != nil {
		t = fs.Now()
	}
	if !t.After(fs.last) {
		t = fs.last.Add(time.Nanosecond)
	}
	fs.last = t
	return t
}

func (fs *FS) newInode(kind nfs.FileType, set *nfs.SetAttr, auth *nfs.Auth) *inode {
	fs.lastID++
	now := fs.now()
	n := &inode{id: fs.lastID, kind: kind, mode: 0o644, nlink: 1, uid: auth.UID, gid: auth.GID, atime: now, mtime: now, ctime: now}
	if kind == nfs.TypeDirectory {
		n.mode, n.nlink, n.dir = 0o755, 2, newDirectory()
	}
	fs.inodes[n.id] = n
	fs.apply(n, set)
	return n
}

// drop takes a name from the inode and forgets the inode with its last name.
func (fs *FS) drop(n *inode) {
	n.nlink--
	n.ctime = fs.now()
	if n.nlink == 0 || n.kind == nfs.TypeDirectory {
		delete(fs.inodes, n.id)
	}
}

// handleOf returns an inode's handle of the present generation. Called with mu held.
func (fs *FS) handleOf(id uint64) nfs.Handle {
	h, _ := nfs.NewHandle(binary.BigEndian.AppendUint64([]byte(fmt.Sprintf("toy%c", ':'+fs.generation)), id))
	return h
}

// find returns the file of a handle.
func (fs *FS) find(h nfs.Handle) (*inode, nfs.Status) {
	b := h.Bytes()
	if len(b) != 12 || string(b[:3]) != "toy" {
		return nil, nfs.ErrBadHandle
	}
	if n := fs.inodes[binary.BigEndian.Uint64(b[4:])]; n != nil && b[3] == ':'+fs.generation {
		return n, nfs.OK
	}
	return nil, nfs.ErrStale
}

// findDir returns the directory of a handle.
func (fs *FS) findDir(h nfs.Handle) (*inode, nfs.Status) {
	n, s := fs.find(h)
	if s == nfs.OK && n.dir == nil {
		return nil, nfs.ErrNotDir
	}
	return n, s
}

// findFile returns the regular file of a handle.
func (fs *FS) findFile(h nfs.Handle) (*inode, nfs.Status) {
	n, s := fs.find(h)
	switch {
	case s != nfs.OK:
		return nil, s
	case n.dir != nil:
		return nil, nfs.ErrIsDir
	case n.kind != nfs.TypeRegular:
		return nil, nfs.ErrInval
	}
	return n, nfs.OK
}

func (fs *FS) writeVerifier() (v nfs.Verifier) {
	binary.BigEndian.PutUint64(v[:], fs.verifier)
	return v
}

// Add puts a file into the root directory without a call.
func (fs *FS) Add(name string, data []byte) nfs.Handle {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	n := fs.newInode(nfs.TypeRegular, &nfs.SetAttr{}, &nfs.Auth{})
	n.data = append([]byte(nil), data...)
	fs.inodes[rootID].dir.put(name, n.id)
	fs.touch(fs.inodes[rootID])
	return fs.handleOf(n.id)
}

// Edit replaces the content of a file in the root directory without a call, as somebody else would; it must be there.
func (fs *FS) Edit(name string, data []byte) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	n := fs.inodes[fs.inodes[rootID].dir.byName[name].id]
	n.data, n.stable, n.unstable = append([]byte(nil), data...), nil, false
	fs.touch(n)
}

// Replace puts another file in the place of one in the root directory, without a call.
func (fs *FS) Replace(name string, data []byte) {
	fs.mu.Lock()
	if e := fs.inodes[rootID].dir.byName[name]; e != nil {
		fs.drop(fs.inodes[e.id])
	}
	fs.mu.Unlock()
	fs.Add(name, data)
}
