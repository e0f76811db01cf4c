package mount

import (
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/mount/copies"
	"github.com/spillway/spillway/nfs"
)

const (
	mostFills  = 4                // files copied at a time
	fullPause  = 30 * time.Second // after the disk was full
	uniqueSeed = "mount "
)

// cache is the node's copies as one mount uses them.
type cache struct {
	store       *copies.Store
	dir, server string
	passthrough bool // the kernel reads copies by itself
	log         *slog.Logger
	mount       string // names this mount, for files that only it may tell apart
	slots       chan struct{}
	work        sync.WaitGroup

	mu    sync.Mutex // guards what follows
	fills map[copies.ID]*fill
	pause time.Time // no fills before
}

// openCache opens the node's cache; nil if none is wanted.
func openCache(c Config) (*cache, error) {
	if c.CacheDir == "" {
		return nil, nil
	}
	store, err := copies.Open(c.CacheDir, c.CacheSize)
	if err != nil {
		return nil, err
	}
	return &cache{
		store: store, dir: c.CacheDir, server: c.Server, log: c.Log, mount: uniqueSeed + strconv.Itoa(os.Getpid()) + time.Now().String(),
		slots: make(chan struct{}, mostFills), fills: map[copies.ID]*fill{},
	}, nil
}

// probe finds out whether the kernel reads backing files by itself (FUSE_PASSTHROUGH, Linux 6.9, root).
func (c *cache) probe(server *fuse.Server) {
	f, err := os.Open(filepath.Join(c.dir, "lock"))
	if err != nil {
		return
	}
	defer f.Close()
	id, errno := server.RegisterBackingFd(&fuse.BackingMap{Fd: int32(f.Fd())})
	if errno != 0 {
		c.log.Info("cached files are read through the daemon: the kernel does not take them", "cause", errno)
		return
	}
	_ = server.UnregisterBackingFd(id)
	c.passthrough = true
}

// stackDepth is how deep file systems lie over each other at a cache directory: the kernel refuses backing files above
// what the mount has said.
func stackDepth(dir string) int {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) == nil && st.Type == unix.OVERLAYFS_SUPER_MAGIC {
		return 2
	}
	return 1
}

// id names a node's file in the cache. A server that counts whole seconds may give two files the same times; then a copy is
// of use to this mount alone, and bound to the file's handle.
func (c *cache) id(n *node, attr *nfs.Attr) copies.ID {
	id := copies.ID{Server: c.server, FSID: attr.FSID, File: attr.FileID}
	if coarse(attr) {
		id.Unique = c.mount + string(n.handle.Bytes())
	}
	return id
}

func coarse(attr *nfs.Attr) bool { return attr.Mtime.Nsec == 0 && attr.Ctime.Nsec == 0 }

// get opens the copy of the node's file as it is now; nil if there is none.
func (c *cache) get(n *node, attr *nfs.Attr) *os.File {
	if c == nil || attr.Type != nfs.TypeRegular || !c.store.Fits(attr.Size) {
		return nil
	}
	return c.store.Get(c.id(n, attr), attr.Pre())
}

// fill returns the fill of a file's version, which it begins if there is room; nil if not. The caller releases it.
func (c *cache) fill(n *node, auth *nfs.Auth, attr *nfs.Attr) *fill {
	if !c.store.Fits(attr.Size) {
		return nil
	}
	id := c.id(n, attr)
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.fills[id]; f != nil {
		if f.version != attr.Pre() {
			return nil // of another version, and not yet given up
		}
		f.refs++
		return f
	}
	if time.Now().Before(c.pause) || n.fsys.ctx.Err() != nil {
		return nil
	}
	select {
	case c.slots <- struct{}{}:
	default:
		return nil
	}
	f := newFill(c, n, id, auth, attr)
	c.fills[id] = f
	c.work.Go(f.run)
	return f
}

// release ends a use of a fill.
func (c *cache) release(f *fill) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.refs--
	if f.refs == 0 && f.draft != nil {
		f.draft.Close()
	}
}

// ended notes how a fill went.
func (c *cache) ended(f *fill, err error) {
	c.mu.Lock()
	delete(c.fills, f.id)
	if fault.KindOf(err) == fault.Exhausted {
		c.pause = time.Now().Add(fullPause)
	}
	c.mu.Unlock()
	<-c.slots
	c.release(f)
	if err != nil {
		c.log.Debug("a file is not copied to the node", "cause", err)
	}
}

// wait waits for the fills to end, after the mount's context has.
func (c *cache) wait() {
	if c != nil {
		c.work.Wait()
	}
}
