package filer

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/identity"
	"github.com/spillway/spillway/internal/origin"
	originnfs "github.com/spillway/spillway/internal/origin/nfs"
	"github.com/spillway/spillway/internal/origin/posix"
)

// Addresses are where a running filer answers.
type Addresses struct {
	Listen  string `json:"listen"`
	Control string `json:"control,omitempty"`
	Metrics string `json:"metrics,omitempty"`
}

// Run is a whole filer process: it joins the farm if it must, opens the cache and the origins, calls ready, and serves
// until ctx ends.
//
// A file that comes over reload takes the place of c as far as that can be done at work (Filer.Reload); nil: none does.
func Run(ctx context.Context, c File, version string, log *slog.Logger, ready func(Addresses), reload <-chan File) error {
	if c.Name == "" {
		c.Name = "filer"
	}
	if err := c.check(); err != nil {
		return err
	}
	var ring *identity.Keyring
	if c.needsIdentity() {
		cred, err := credentials(ctx, &c, log)
		if err != nil {
			return err
		}
		if ring, err = identity.NewKeyring(cred); err != nil {
			return err
		}
	}
	cfg, closeParents, err := c.build(ring, version, log)
	defer closeParents()
	if err != nil {
		return err
	}
	listeners, err := c.listen(ctx)
	if err != nil {
		return err
	}
	defer listeners.close()            // those that a server took over are closed already
	if os.Getenv("GOMEMLIMIT") == "" { // whoever sets that knows better
		debug.SetMemoryLimit(memoryLimit(machineMemory()))
	}
	f, err := Open(cfg)
	if err != nil {
		return err
	}
	if !f.spawn(func(ctx context.Context) { f.followReloads(ctx, c, reload) }) {
		return errors.Join(errClosing, f.Close())
	}
	err = f.serveAll(ctx, &c, ring, listeners, ready)
	return errors.Join(err, f.Close())
}

// listening holds the sockets of a filer.
type listening struct{ nfs, control, metrics net.Listener }

func (l *listening) close() {
	for _, s := range []net.Listener{l.nfs, l.control, l.metrics} {
		if s != nil {
			s.Close()
		}
	}
}

func (c *File) listen(ctx context.Context) (*listening, error) {
	l := &listening{}
	open := func(addr string) (net.Listener, error) {
		if addr == "" {
			return nil, nil
		}
		s, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
		if err != nil {
			return nil, fault.WithHint(fault.Wrap(fault.Unavailable, err, "listen"), "is another process using %s?", addr)
		}
		return s, nil
	}
	var err error
	if l.nfs, err = open(c.Listen); err == nil {
		if l.control, err = open(c.Control); err == nil {
			l.metrics, err = open(c.Metrics)
		}
	}
	if err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// serveAll serves NFS, the control service and metrics until ctx ends or one of them fails.
func (f *Filer) serveAll(ctx context.Context, c *File, ring *identity.Keyring, l *listening, ready func(Addresses)) error {
	local, err := f.listenLocal(ctx)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	at := Addresses{Listen: l.nfs.Addr().String()}
	g.Go(func() error { return f.Serve(ctx, l.nfs) })
	g.Go(func() error {
		select {
		case <-f.Broken():
			return f.wb.failure()
		case <-ctx.Done():
			return nil
		}
	})
	if l.control != nil {
		at.Control = l.control.Addr().String()
		g.Go(func() error { return serveHTTP(ctx, tls.NewListener(l.control, ring.ServerTLS(true)), f.Control()) })
	}
	if ring != nil {
		g.Go(func() error { renew(ctx, c, ring, f.log); return nil })
	}
	if addr, ok := c.portmapperFor(l.nfs.Addr()); ok {
		g.Go(func() error { f.ServePortmapper(ctx, addr); return nil })
		f.awaitPortmapper(ctx)
	}
	if l.metrics != nil {
		at.Metrics = l.metrics.Addr().String()
		g.Go(func() error { return serveHTTP(ctx, l.metrics, f.MetricsHandler()) })
	}
	if local != nil {
		g.Go(func() error { return serveHTTP(ctx, local, f.local()) })
	}
	ready(at)
	return g.Wait()
}

// serveHTTP serves until ctx ends, then lets calls finish for a moment.
func serveHTTP(ctx context.Context, l net.Listener, h http.Handler) error {
	s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	if s.Shutdown(grace) != nil {
		s.Close()
	}
	<-served //nolint:errcheck // it was told to end
	return nil
}

// build turns the file into what Open takes.
func (c *File) build(ring *identity.Keyring, version string, log *slog.Logger) (cfg Config, closeParents func(), err error) {
	var parents []*parentClient
	closeParents = func() {
		for _, p := range parents {
			p.Close()
		}
	}
	cfg = Config{
		Name: c.Name, Version: version, CacheDir: c.CacheDir, Capacity: int64(c.CacheSize),
		NoPlain: c.AllowPlain != nil && !*c.AllowPlain, Policies: c.Policies, Groups: c.Groups, Log: log,
		Locks: LockConfig{Off: c.Locks == LocksOff},
	}
	for _, e := range c.Exports {
		export := Export{LocalDirectories: e.LocalDirectories, Path: e.Path, Sub: e.TargetPath, Policy: e.Policy, Name: e.target(), Block: uint64(e.Block)}
		if export.Verify, export.WriteBack, _, err = e.timers(); err != nil {
			return cfg, closeParents, err
		}
		if e.ReadAhead != nil {
			if export.ReadAhead = int64(*e.ReadAhead); export.ReadAhead == 0 {
				export.ReadAhead = -1
			}
		}
		if e.Outage != nil {
			if export.Outage = time.Duration(*e.Outage); export.Outage == 0 {
				export.Outage = -1
			}
		}
		kind, where, err := e.split()
		if err != nil {
			return cfg, closeParents, err
		}
		switch kind {
		case "posix":
			export.Open = func(p posix.Places) (origin.Origin, error) {
				return posix.Open(posix.Config{Dir: where, Places: p, Log: log})
			}
		case "nfs":
			addr, path, err := splitNFS(where)
			if err != nil {
				return cfg, closeParents, err
			}
			up := originnfs.Config{Addr: addr, Path: path, Machine: c.Name, Log: log}
			if e.ParentControl != "" {
				parent := DialParent(e.ParentControl, path, e.Path, ring.ClientTLS(identity.RoleFiler))
				parents = append(parents, parent)
				export.Parent, up.MountPath = parent, parent.MountPath
			}
			export.Open = func(posix.Places) (origin.Origin, error) { return originnfs.Open(up) }
		case "s3", "azblob":
			export.Open = func(p posix.Places) (origin.Origin, error) { return c.openBucket(&e, where, p, log) }
		}
		cfg.Exports = append(cfg.Exports, export)
	}
	return cfg, closeParents, nil
}
