package filer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/spillway/spillway/nfs"
	"github.com/spillway/spillway/nfs/nlm"
	"github.com/spillway/spillway/nfs/nsm"
	"github.com/spillway/spillway/nfs/portmap"
	"github.com/spillway/spillway/nfs/rpc"
)

// mapperStatus says how clients' kernels find the lock manager: they ask the port mapper, port 111, and nothing else.
type mapperStatus struct {
	how    string // "own", "registered" or "none"; empty: nobody was asked to
	reason string // for "none"
}

func (l *locks) setMapper(how, reason string) {
	l.mu.Lock()
	l.mapper = mapperStatus{how, reason}
	l.mu.Unlock()
	l.mapped.Do(func() { close(l.mapperKnown) })
}

// ServePortmapper makes the lock manager known to clients' kernels until ctx ends: it answers on port 111 of the address
// that NFS answers on, or registers with the port mapper that does already. What keeps it from both is in the log and in
// Status; NFS does without.
func (f *Filer) ServePortmapper(ctx context.Context, at netip.AddrPort) {
	f.servePortmapper(ctx, at, portmap.Port)
}

// mapperPatience bounds how long a filer that starts waits for a port mapper that does not answer.
const mapperPatience = 15 * time.Second

// awaitPortmapper returns when it is known how clients find the lock manager, or that they don't: whoever mounts after
// that with locks does not come too early.
func (f *Filer) awaitPortmapper(ctx context.Context) {
	if f.locks.cfg.Off {
		return
	}
	patience := time.NewTimer(mapperPatience)
	defer patience.Stop()
	select {
	case <-f.locks.mapperKnown:
	case <-patience.C:
	case <-ctx.Done():
	}
}

func (f *Filer) servePortmapper(ctx context.Context, at netip.AddrPort, port uint16) {
	l := f.locks
	if l.cfg.Off {
		return
	}
	monitor, err := listenMonitor(at)
	if err != nil {
		f.refuseLocks("the status monitor has no UDP port", err)
		return
	}
	var serving sync.WaitGroup
	defer serving.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	serving.Go(func() {
		if err := rpc.ServePackets(ctx, monitor, []rpc.Program{l.monitor().Program()}); err != nil {
			f.log.Error("status monitor", "error", err)
		}
	})
	mappings := []portmap.Mapping{
		{Program: nfs.Program, Version: nfs.Version, Transport: portmap.TCP, Port: uint32(at.Port())},
		{Program: nfs.MountProgram, Version: nfs.MountVersion, Transport: portmap.TCP, Port: uint32(at.Port())},
		{Program: nlm.Program, Version: nlm.Version, Transport: portmap.TCP, Port: uint32(at.Port())},
		{Program: nsm.Program, Version: nsm.Version, Transport: portmap.TCP, Port: uint32(at.Port())},
		{Program: nsm.Program, Version: nsm.Version, Transport: portmap.UDP, Port: uint32(monitor.LocalAddr().(*net.UDPAddr).Port)},
	}
	err = f.ownPortmapper(ctx, netip.AddrPortFrom(at.Addr(), port), mappings)
	if errors.Is(err, syscall.EADDRINUSE) {
		err = f.register(ctx, fmt.Sprintf("127.0.0.1:%d", port), mappings)
	}
	if err != nil && ctx.Err() == nil {
		f.refuseLocks("clients cannot find the lock manager", err)
		<-ctx.Done()
	}
}

func (f *Filer) refuseLocks(what string, err error) {
	f.locks.setMapper("none", what+": "+err.Error())
	f.log.Warn("no locks for clients' kernels, mount with nolock", "reason", what, "error", err)
}

// listenMonitor opens the UDP socket of the status monitor, with the number of NFS's port if that is free.
func listenMonitor(at netip.AddrPort) (*net.UDPConn, error) {
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	if errors.Is(err, syscall.EADDRINUSE) {
		c, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(at.Addr(), 0)))
	}
	return c, err
}

// ownPortmapper answers as the port mapper until ctx ends.
func (f *Filer) ownPortmapper(ctx context.Context, at netip.AddrPort, mappings []portmap.Mapping) error {
	tcp, err := new(net.ListenConfig).Listen(ctx, "tcp", at.String())
	if err != nil {
		return err
	}
	udp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	if err != nil {
		tcp.Close()
		return err
	}
	programs := (&portmap.Server{Mappings: mappings}).Programs()
	srv := rpc.NewServer(programs, rpc.Limits{MaxRecord: 8 << 10, InFlight: 4, Connections: 256, Idle: time.Minute, Slow: 10 * time.Second}, rpc.Hooks{})
	f.locks.setMapper("own", "")
	f.log.Info("answering as the port mapper", "at", at)
	var both sync.WaitGroup
	both.Go(func() {
		if err := rpc.ServePackets(ctx, udp, programs); err != nil {
			f.log.Error("port mapper", "error", err)
		}
	})
	err = srv.Serve(ctx, tcp)
	both.Wait()
	if errors.Is(err, rpc.ErrServerClosed) {
		err = nil
	}
	return err
}

// registerAgain is how often it is looked whether the port mapper still knows us: it forgets when it is restarted.
const registerAgain = time.Minute

// register makes the programs known to the running port mapper until ctx ends, and then unknown again.
func (f *Filer) register(ctx context.Context, addr string, mappings []portmap.Mapping) error {
	taken, err := f.registerOnce(ctx, addr, mappings)
	if err != nil {
		return err
	}
	f.locks.setMapper("registered", "")
	f.log.Info("registered with the port mapper of this machine", "at", addr)
	for sleep(ctx, registerAgain) {
		if now, err := f.registerOnce(ctx, addr, mappings); err != nil {
			f.locks.setMapper("none", err.Error())
			f.log.Warn("the port mapper does not know us any more", "error", err)
		} else {
			taken = now
			f.locks.setMapper("registered", "")
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if c, err := dialMapper(last, addr); err == nil {
		for _, m := range taken {
			_, _ = c.Unset(last, m.Program, m.Version) // a port mapper that is gone knows nothing of us either
		}
		c.Close()
	}
	return nil
}

func dialMapper(ctx context.Context, addr string) (*portmap.Client, error) {
	return portmap.Dial(ctx, addr, rpc.Options{Connections: 1, Timeout: callbackTimeout, Dialer: rpc.DialFrom(netip.Addr{}, callbackTimeout)})
}

// registerOnce registers what is not registered and returns what is ours then. Without the lock manager it is an error; a
// status monitor of the machine's own, which is there where the machine is an NFS client too, is lived with.
func (f *Filer) registerOnce(ctx context.Context, addr string, mappings []portmap.Mapping) (ours []portmap.Mapping, err error) {
	c, err := dialMapper(ctx, addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	for _, m := range mappings {
		now, err := c.GetPort(ctx, m.Program, m.Version, m.Transport)
		if err != nil {
			return ours, err
		}
		if now == uint16(m.Port) {
			ours = append(ours, m)
			continue
		}
		ok, err := c.Set(ctx, m)
		switch {
		case err != nil:
			return ours, err
		case ok:
			ours = append(ours, m)
		case m.Program == nlm.Program:
			return ours, fmt.Errorf("the port mapper of this machine has another lock manager, at port %d, or lets only root register", now)
		default:
			f.log.Warn("the port mapper of this machine knows another one", "program", m.Program, "port", now)
		}
	}
	return ours, nil
}
