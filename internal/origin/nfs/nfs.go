// Package nfs makes an export of an NFSv3 server an origin. It is our own client underneath: several connections, many
// calls in flight, calls carried over a restart of the server.
package nfs

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// Config says which export and how.
type Config struct {
	Addr        string // HOST:PORT of NFS and MOUNT
	Path        string // what to mount
	Connections int    // 0: four
	Machine     string // sent in AUTH_SYS; "" is "spillway"
	Log         *slog.Logger
	// MountPath, if set, is asked for the path before each mount, in place of Path: a session's secret path.
	MountPath func(context.Context) (string, error)
	// Patience is how long reading waits for a server that does not answer; 0 is 20 s. Changes wait as long as their
	// context: whether they took effect must not stay open.
	Patience time.Duration
}

// Origin is a mounted export.
type Origin struct {
	cfg    Config
	client *nfs.Client

	mu   sync.Mutex
	root *nfs.Handle // mu guards it; nil until mounted
}

var _ origin.Origin = (*Origin)(nil)

// Open prepares the origin. It does not wait for the server: until that answers, calls give fault.Unavailable.
func Open(ctx context.Context, cfg Config) (*Origin, error) {
	if cfg.Addr == "" || cfg.Path == "" && cfg.MountPath == nil {
		return nil, fault.New(fault.Invalid, "an nfs origin needs HOST:PORT and a path")
	}
	if cfg.Connections == 0 {
		cfg.Connections = 4
	}
	if cfg.Machine == "" {
		cfg.Machine = "spillway"
	}
	if cfg.Patience == 0 {
		cfg.Patience = 20 * time.Second
	}
	client, err := nfs.Dial(ctx, cfg.Addr, nfs.Options{
		Connections: cfg.Connections, Auth: nfs.Sys(cfg.Machine, 0, 0), Log: cfg.Log, MaxRecord: 4 << 20,
	})
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "storage "+cfg.Addr)
	}
	return &Origin{cfg: cfg, client: client}, nil
}

// Caps describes a remote server.
func (o *Origin) Caps() origin.Caps { return origin.Caps{MaxRead: 1 << 20, MaxWrite: 1 << 20} }

// Describe returns "nfs:HOST:PORT/path", never a session's secret.
func (o *Origin) Describe() string { return "nfs:" + o.cfg.Addr + o.cfg.Path }

// Close ends all calls.
func (o *Origin) Close() error { return o.client.Close() }

// Root mounts the export once and returns its attributes.
func (o *Origin) Root(ctx context.Context) (origin.Node, error) {
	h, err := o.mount(ctx)
	if err != nil {
		return origin.Node{}, err
	}
	a, err := o.GetAttr(ctx, origin.Cred{}, idOf(h))
	return origin.Node{ID: idOf(h), Attr: a}, err
}

func (o *Origin) mount(ctx context.Context) (nfs.Handle, error) {
	ctx, cancel := o.patient(ctx)
	defer cancel()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.root != nil {
		return *o.root, nil
	}
	path := o.cfg.Path
	if o.cfg.MountPath != nil {
		var err error
		if path, err = o.cfg.MountPath(ctx); err != nil {
			return nfs.Handle{}, err
		}
	}
	res, err := o.client.Mnt(ctx, nil, path)
	if err != nil {
		return nfs.Handle{}, wrap(err)
	}
	o.root = &res.Root
	return res.Root, nil
}

// Remount forgets the mounted root, so that the next Root mounts again.
func (o *Origin) Remount() {
	o.mu.Lock()
	o.root = nil
	o.mu.Unlock()
}

// patient bounds how long reading waits.
func (o *Origin) patient(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, o.cfg.Patience)
}

func (o *Origin) auth(as origin.Cred) *nfs.Auth {
	return nfs.Sys(o.cfg.Machine, as.UID, as.GID, as.GIDs...)
}

func idOf(h nfs.Handle) origin.ID { return origin.ID(h.Bytes()) }

func handleOf(id origin.ID) (nfs.Handle, error) {
	h, err := nfs.NewHandle([]byte(id))
	if err != nil {
		return h, nfs.ErrBadHandle
	}
	return h, nil
}

// wrap keeps a status as it is and classifies everything else as the server being away.
func wrap(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := nfs.StatusOf(err); ok {
		return err
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	return fault.Wrap(fault.Unavailable, err, "storage does not answer")
}
