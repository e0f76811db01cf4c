package mount

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/nfs"
)

// Mounted is a mounted file system.
type Mounted struct {
	dir    string
	fsys   *fileSystem
	server *fuse.Server
	done   chan struct{} // closed when the file system is no longer mounted
}

// Mount mounts the export. It returns when the mount point can be used. A mount point left by a process that was killed is
// detached first. Errors: Invalid for a bad config, Unavailable without FUSE or when the server does not answer within the
// context, NotFound and Denied as MOUNT says.
func Mount(ctx context.Context, c Config) (*Mounted, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := checkFUSE(c.AllowOther); err != nil {
		return nil, err
	}
	if err := preparePoint(c.Dir); err != nil {
		return nil, err
	}
	client, err := nfs.Dial(ctx, c.Server, nfs.Options{Connections: c.Connections, Timeout: c.Soft, Log: c.Log})
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "connect to the filer at "+c.Server)
	}
	m, err := mountOver(ctx, c, client)
	if err != nil {
		client.Close()
		return nil, err
	}
	return m, nil
}

func mountOver(ctx context.Context, c Config, client *nfs.Client) (*Mounted, error) {
	cached, err := openCache(c)
	if err != nil {
		return nil, err
	}
	fsys := newFileSystem(c, client, cached)
	root, err := fsys.mountRoot(ctx)
	if err != nil {
		return nil, err
	}
	var never time.Duration
	server, err := fusefs.Mount(c.Dir, root, &fusefs.Options{
		EntryTimeout:    &c.EntryTimeout,
		AttrTimeout:     &c.AttrTimeout,
		NegativeTimeout: &never,
		RootStableAttr:  &fusefs.StableAttr{Ino: root.attr.FileID},
		MountOptions: fuse.MountOptions{
			FsName:               c.Shown,
			Name:                 "spillway",
			AllowOther:           c.AllowOther || os.Geteuid() == 0,
			Options:              []string{"default_permissions"},
			MaxWrite:             1 << 20,
			MaxReadAhead:         c.ReadAhead,
			MaxBackground:        64,
			DirectMount:          os.Geteuid() == 0,
			MaxStackDepth:        stackDepth(c.CacheDir),
			DisableXAttrs:        true,
			IgnoreSecurityLabels: true,
			DisableSplice:        true, // our bytes come from a socket, not from a file
			Logger:               slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug),
		},
	})
	if err != nil {
		fsys.cancel()
		return nil, fault.WithHint(fault.New(fault.Unavailable, "mount %s: %w", c.Dir, err), "install the package fuse3, and check that /dev/fuse may be used")
	}
	if cached != nil && !c.noPassthrough {
		cached.probe(server)
	}
	if err := setReadAhead(c.Dir, c.ReadAhead); err != nil {
		c.Log.Debug("the kernel keeps its own read-ahead", "err", err)
	}
	m := &Mounted{dir: c.Dir, fsys: fsys, server: server, done: make(chan struct{})}
	go func() {
		server.Wait()
		fsys.cancel()
		cached.wait()
		client.Close()
		close(m.done)
	}()
	return m, nil
}

// Done is closed when the file system is no longer mounted, by Unmount or by anybody else.
func (m *Mounted) Done() <-chan struct{} { return m.done }

// Refresh drops every name and attribute that the kernel holds: what is looked up afterwards is asked of the server.
func (m *Mounted) Refresh() { m.fsys.refresh() }

// Unmount takes the file system out of the tree. If something uses it still, it is detached, what was written is sent, and
// Unmount waits a little for the last user to leave, who may be a copy of it in another mount namespace. It does nothing if the file system is no longer mounted.
func (m *Mounted) Unmount() error {
	select {
	case <-m.done:
		return nil
	default:
	}
	ended := make(chan error, 1)
	go func() { ended <- m.server.Unmount() }()
	select {
	case err := <-ended:
		if err == nil {
			<-m.done
			return nil
		}
	case <-time.After(m.fsys.c.lingering): // it has left this tree, and a copy elsewhere keeps it alive
	}
	if err := Detach(m.dir); err != nil {
		return err
	}
	last := time.NewTimer(m.fsys.c.lingering)
	defer last.Stop()
	select {
	case <-m.done:
	case <-last.C:
		m.fsys.c.Log.Warn("the mount is detached, but something uses it still", "dir", m.dir)
	}
	return nil
}

// fileSystem is what all nodes of a mount share.
type fileSystem struct {
	c       Config
	client  *nfs.Client
	cache   *cache // nil without
	creds   credentials
	silence silence
	ctx     context.Context // of work that outlives the request that began it: writing back
	cancel  context.CancelFunc

	mu      sync.Mutex                  // guards what follows
	nodes   map[fusefs.StableAttr]*node // known to the kernel
	retired map[nfs.Handle]uint64       // how many nodes of a file were; see passthrough.go
}

func newFileSystem(c Config, client *nfs.Client, cached *cache) *fileSystem {
	f := &fileSystem{c: c, client: client, cache: cached, nodes: map[fusefs.StableAttr]*node{}, retired: map[nfs.Handle]uint64{}}
	f.silence.began = func() { c.Log.Warn("the filer does not answer; calls wait for it", "server", c.Server) }
	f.silence.over = func() { c.Log.Info("the filer answers again", "server", c.Server) }
	f.ctx, f.cancel = context.WithCancel(context.Background())
	return f
}

// mountRoot asks MOUNT for the export's root.
func (f *fileSystem) mountRoot(ctx context.Context) (*node, error) {
	mnt, err := f.client.Mnt(ctx, nil, f.c.Path)
	if err != nil {
		return nil, mountError(err, f.c)
	}
	got, err := f.client.Getattr(ctx, nil, nfs.GetattrArgs{Object: mnt.Root})
	if err != nil {
		return nil, mountError(err, f.c)
	}
	return f.newNode(mnt.Root, got.Attr), nil // nobody else knows f yet
}

func mountError(err error, c Config) error {
	status, ok := nfs.StatusOf(err)
	switch {
	case !ok:
		return fault.Wrap(fault.Unavailable, err, "the filer at "+c.Server)
	case status == nfs.ErrNoEnt, status == nfs.ErrNotDir, status == nfs.ErrStale:
		return fault.WithHint(fault.New(fault.NotFound, "the filer at %s has no export at that path", c.Server), "the filer's --export flags or its configuration name its exports")
	case status == nfs.ErrAcces, status == nfs.ErrPerm:
		return fault.New(fault.Denied, "the filer at %s does not let this machine mount that path", c.Server)
	}
	return fault.Wrap(fault.Unavailable, err, "the filer at "+c.Server)
}

// preparePoint makes the mount point and clears one that a killed mount left behind.
func preparePoint(dir string) error {
	if d, err := os.Open(dir); err == nil { // stat might answer from what the kernel remembers
		d.Close()
	} else if isDead(err) {
		if err := Detach(dir); err != nil {
			return err
		}
	}
	err := os.MkdirAll(dir, 0o755) // which refuses what is no directory
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "mount point")
	}
	return nil
}
