// Package nfs makes an export of an NFSv3 server an origin. It is our own client underneath: several connections, many
// calls in flight, calls carried over a restart of the server.
package nfs

import (
	"context"
	"errors"
	"log/slog"
	"net"
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
	Connections int    // 0: eight
	Machine     string // sent in AUTH_SYS; "" is "spillway"
	Log         *slog.Logger
	// MountPath, if set, is asked for the path before each mount, in place of Path: a session's secret path.
	MountPath func(context.Context) (string, error)
	// Patience is how long reading waits for a server that does not answer; 0 is 20 s. Changes wait as long as their
	// context: whether they took effect must not stay open.
	Patience time.Duration
	// Dialer connects to the server; nil is TCP.
	Dialer func(ctx context.Context, addr string) (net.Conn, error)
}

// Origin is a mounted export.
type Origin struct {
	cfg  Config
	turn chan struct{} // holds one token while somebody connects or mounts: others wait for that, not for mu

	mu     sync.Mutex
	conn   *nfs.Client // mu guards all below; nil until connected
	root   *nfs.Handle // nil until mounted
	closed bool
	failed time.Time // when connecting or mounting failed last, and why
	why    error
}

// pause is how long after a failed attempt to connect or mount the next one waits: callers in between fail at once.
const pause = time.Second

var _ origin.Origin = (*Origin)(nil)

// Open prepares the origin. It does not wait for the server: connecting and mounting happen at the first call, and until
// the server answers, calls give fault.Unavailable.
func Open(cfg Config) (*Origin, error) {
	if _, _, err := net.SplitHostPort(cfg.Addr); err != nil || cfg.Path == "" {
		return nil, fault.WithHint(fault.New(fault.Invalid, "storage %q is not HOST:PORT and a path", cfg.Addr+cfg.Path), "for example 10.0.0.1:2049/nas")
	}
	if cfg.Connections == 0 {
		cfg.Connections = 8 // with 128 calls in flight on each: what small files need over a long link
	}
	if cfg.Machine == "" {
		cfg.Machine = "spillway"
	}
	if cfg.Patience == 0 {
		cfg.Patience = 20 * time.Second
	}
	return &Origin{cfg: cfg, turn: make(chan struct{}, 1)}, nil
}

// client returns the connected client.
func (o *Origin) client(ctx context.Context) (*nfs.Client, error) {
	if conn, err := o.connected(); conn != nil || err != nil {
		return conn, err
	}
	patient, cancel := o.patient(ctx)
	defer cancel()
	if err := o.take(patient); err != nil {
		return nil, err
	}
	defer o.give()
	return o.connect(ctx, patient)
}

// take waits for the turn to connect or mount.
func (o *Origin) take(ctx context.Context) error {
	select {
	case o.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return wrap(ctx.Err())
	}
}

func (o *Origin) give() { <-o.turn }

// connected returns the client if there is one, or why there will be none for a moment.
func (o *Origin) connected() (*nfs.Client, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.closed:
		return nil, wrap(nfs.ErrClientClosed)
	case o.conn == nil && time.Since(o.failed) < pause:
		return nil, o.why
	}
	return o.conn, nil
}

// connect connects, unless somebody else has meanwhile. Called in turn; ctx is the caller's, patient is bounded.
func (o *Origin) connect(ctx, patient context.Context) (*nfs.Client, error) {
	if conn, err := o.connected(); conn != nil || err != nil {
		return conn, err
	}
	conn, err := nfs.Dial(patient, o.cfg.Addr, nfs.Options{
		Connections: o.cfg.Connections, Auth: nfs.Sys(o.cfg.Machine, 0, 0), Log: o.cfg.Log, MaxRecord: 4 << 20, Dialer: o.cfg.Dialer,
	})
	if err != nil {
		return nil, o.noteFailure(ctx, fault.Wrap(fault.Unavailable, err, "storage "+o.cfg.Addr))
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return nil, errors.Join(wrap(nfs.ErrClientClosed), conn.Close())
	}
	o.conn = conn
	return conn, nil
}

// Caps describes a remote server, which may still refuse what its own storage cannot do.
func (o *Origin) Caps() origin.Caps {
	return origin.NFS().Caps
}

// Describe returns "nfs:HOST:PORT/path", never a session's secret.
func (o *Origin) Describe() string { return "nfs:" + o.cfg.Addr + o.cfg.Path }

// Close ends all calls.
func (o *Origin) Close() error {
	o.mu.Lock()
	o.closed = true
	conn := o.conn
	o.mu.Unlock()
	if conn == nil {
		return nil
	}
	return conn.Close()
}

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
	if root, there, err := o.mounted(); there || err != nil {
		return root, err
	}
	patient, cancel := o.patient(ctx)
	defer cancel()
	if err := o.take(patient); err != nil {
		return nfs.Handle{}, err
	}
	defer o.give()
	if root, there, err := o.mounted(); there || err != nil {
		return root, err
	}
	root, err := o.mountNow(ctx, patient)
	if err != nil {
		return root, o.noteFailure(ctx, err)
	}
	o.mu.Lock()
	o.root = &root
	o.mu.Unlock()
	return root, nil
}

// mounted returns the root if it is mounted, or why it will not be for a moment.
func (o *Origin) mounted() (root nfs.Handle, there bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.root != nil:
		return *o.root, true, nil
	case time.Since(o.failed) < pause:
		return root, false, o.why
	}
	return root, false, nil
}

// noteFailure lets the callers of the next moment fail with err too, unless it is only that this one's caller has given up.
func (o *Origin) noteFailure(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		o.mu.Lock()
		o.failed, o.why = time.Now(), err
		o.mu.Unlock()
	}
	return err
}

// mountNow mounts. Called in turn.
func (o *Origin) mountNow(ctx, patient context.Context) (nfs.Handle, error) {
	path := o.cfg.Path
	if o.cfg.MountPath != nil {
		var err error
		if path, err = o.cfg.MountPath(patient); err != nil {
			return nfs.Handle{}, err
		}
	}
	conn, err := o.connect(ctx, patient)
	if err != nil {
		return nfs.Handle{}, err
	}
	res, err := conn.Mnt(patient, nil, path)
	return res.Root, wrap(err)
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
