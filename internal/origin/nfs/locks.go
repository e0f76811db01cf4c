package nfs

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
	"github.com/spillway/spillway/nfs/nlm"
	"github.com/spillway/spillway/nfs/rpc"
)

// lockPatience bounds one call to the server's lock manager.
const lockPatience = 20 * time.Second

// LockManager connects to the server's lock manager and returns it with the server's address: at the port of NFS, where a
// filer has its own, else where find says that the host's port mapper knows one. nil without an error: the server has none.
// lost is called when a connection has ended: the server may have restarted, and forgotten every lock.
func (o *Origin) LockManager(ctx context.Context, find func(context.Context, netip.Addr) (string, error), lost func()) (*nlm.Client, netip.Addr, error) {
	var host atomic.Pointer[netip.Addr]
	c, err := o.dialLocks(ctx, o.cfg.Addr, &host, lost)
	if c != nil || err != nil {
		return c, deref(&host), err
	}
	at := deref(&host)
	addr, err := find(ctx, at)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED): // no port mapper
		return nil, at, nil
	case err != nil || addr == "":
		return nil, at, err
	}
	c, err = o.dialLocks(ctx, addr, &host, lost)
	return c, at, err
}

// dialLocks connects to a lock manager; nil without an error if none answers there.
func (o *Origin) dialLocks(ctx context.Context, addr string, host *atomic.Pointer[netip.Addr], lost func()) (*nlm.Client, error) {
	connect := rpc.DialFrom(netip.Addr{}, lockPatience)
	c, err := nlm.Dial(ctx, addr, rpc.Options{
		Connections: 1, Timeout: lockPatience, Auth: nfs.Sys(o.cfg.Machine, 0, 0), Log: o.cfg.Log,
		Dialer: func(ctx context.Context, addr string) (net.Conn, error) {
			nc, err := connect(ctx, addr)
			if err != nil {
				return nil, err
			}
			if a, ok := nc.RemoteAddr().(*net.TCPAddr); ok {
				ip := a.AddrPort().Addr().Unmap()
				host.Store(&ip)
			}
			return &watched{Conn: nc, closed: sync.OnceFunc(lost)}, nil
		},
	})
	if err != nil {
		return nil, err
	}
	err = c.Null(ctx)
	if err == nil {
		return c, nil
	}
	c.Close()
	var refused *rpc.Error
	if errors.As(err, &refused) {
		return nil, nil
	}
	return nil, err
}

// watched is a connection that says when it is closed.
type watched struct {
	net.Conn
	closed func()
}

// Close closes the connection.
func (w *watched) Close() error {
	w.closed()
	return w.Conn.Close()
}

func deref(p *atomic.Pointer[netip.Addr]) netip.Addr {
	if a := p.Load(); a != nil {
		return *a
	}
	return netip.Addr{}
}

// Handle returns the server's handle of a file.
func (o *Origin) Handle(id origin.ID) (nfs.Handle, error) { return handleOf(id) }
