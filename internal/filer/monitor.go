package filer

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/nfs"
	"github.com/spillway/spillway/nfs/nlm"
	"github.com/spillway/spillway/nfs/nsm"
	"github.com/spillway/spillway/nfs/rpc"
)

// notified is called by the status monitor of a host that has restarted: a client, or an origin.
func (l *locks) notified(_ context.Context, rc *rpc.Call, args *nsm.NotifyArgs) {
	ours := l.originRestarted(rc.Peer.Addr().Unmap())
	if !l.heard(rc, args.Name, args.State) && !ours {
		l.f.log.Warn("news of a restart is not believed: no client of that address and name has locks, or it is old",
			"from", rc.Peer, "name", args.Name, "state", args.State)
	}
}

// freeAll is called by a client without a status monitor that has restarted.
func (l *locks) freeAll(_ context.Context, rc *rpc.Call, args *nlm.FreeAllArgs) {
	if !l.heard(rc, args.Name, args.State) {
		l.f.log.Warn("FREE_ALL is not believed", "from", rc.Peer, "name", args.Name, "state", args.State)
	}
}

// heard takes news of a client's restart; false if it is none. Whoever could make us believe it could take another's locks
// away: it must come from the address of a client with that name, tell of a later state than we know, and be beyond doubt.
// A datagram, or a port that anybody may use, proves nothing: then that host's own monitor is asked.
func (l *locks) heard(rc *rpc.Call, name string, state int32) bool {
	host, local := rc.Peer.Addr().Unmap(), rc.Local.Addr().Unmap()
	doubtful := rc.Datagram || rc.Peer.Port() >= 1024
	if len(l.restarted(host, name, state, !doubtful)) == 0 {
		return false
	}
	l.mu.Lock()
	ask := doubtful && !l.asking[host]
	if ask {
		l.asking[host] = true
	}
	l.mu.Unlock()
	if ask {
		l.f.spawn(func(ctx context.Context) { l.confirm(ctx, host, local, name, state) })
	}
	return true
}

// confirm asks a host's own status monitor whether it has restarted.
func (l *locks) confirm(ctx context.Context, host, local netip.Addr, name string, state int32) {
	defer func() {
		l.mu.Lock()
		delete(l.asking, host)
		l.mu.Unlock()
	}()
	for try, wait := 0, l.cfg.retry; try < 5; try, wait = try+1, 2*wait {
		now, err := l.askState(ctx, host, local)
		switch {
		case err == nil && now == state:
			l.restarted(host, name, state, true)
			return
		case err == nil:
			l.f.log.Warn("news of a restart is not true", "of", host, "name", name, "state", state, "is", now)
			return
		}
		if !sleep(ctx, wait) {
			return
		}
	}
	l.f.log.Warn("news of a restart is not believed: the host's status monitor does not answer", "of", host, "name", name)
}

// restarted returns the clients of the address and name to which a restart with that state would be news, and with do
// drops what they have.
func (l *locks) restarted(host netip.Addr, name string, state int32, do bool) (ids []string) {
	for id, c := range l.at(host, name) {
		if c.State != 0 && state-c.State <= 0 {
			continue
		}
		ids = append(ids, string(id))
		if !do {
			continue
		}
		l.f.log.Info("a client has restarted, its locks are dropped", "client", id, "state", state)
		l.dropClient(id)
		if _, err := l.meet(c.Session, c.Addr, c.Local, c.Name, state, c.Monitored, false); err != nil {
			l.f.log.Warn("remember a client's restart", "client", id, "error", err)
		}
	}
	return ids
}

// askState asks the status monitor of a host for its state.
func (l *locks) askState(ctx context.Context, host, local netip.Addr) (int32, error) {
	ctx, cancel := context.WithTimeout(ctx, callbackTimeout)
	defer cancel()
	c, err := l.dialMonitor(ctx, host, local)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	res, err := c.Stat(ctx, l.name)
	return res.State, err
}

func (l *locks) dialMonitor(ctx context.Context, host, local netip.Addr) (*nsm.Client, error) {
	addr, err := l.cfg.find(ctx, host, local, nsm.Program, nsm.Version)
	if err != nil {
		return nil, err
	}
	if addr == "" {
		return nil, fault.New(fault.Unavailable, "the port mapper of %s knows of no status monitor", host)
	}
	return nsm.Dial(ctx, addr, rpc.Options{
		Connections: 1, Timeout: callbackTimeout, Auth: nfs.Sys(l.name, 0, 0), Dialer: rpc.DialFrom(local, callbackTimeout),
	})
}

// notifyFor is how long a client is tried to be told of our restart; what it does not claim within the grace period is
// lost, but a client that comes back later must know that.
const notifyFor = 15 * time.Minute

// notifyAll tells every client that had locks that we have restarted.
func (l *locks) notifyAll(ctx context.Context) {
	type place struct{ addr, local netip.Addr }
	l.mu.Lock()
	places := map[place]bool{}
	for _, c := range l.clients {
		places[place{c.Addr, c.Local}] = true
	}
	l.mu.Unlock()
	var all sync.WaitGroup
	slots := make(chan struct{}, 32)
	for p := range places {
		all.Go(func() { l.notifyHost(ctx, p.addr, p.local, slots) })
	}
	all.Wait()
}

func (l *locks) notifyHost(ctx context.Context, addr, local netip.Addr, slots chan struct{}) {
	began := time.Now()
	for wait := l.cfg.retry; ; wait = min(2*wait, 30*l.cfg.retry) {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		err := l.notifyOnce(ctx, addr, local)
		<-slots
		if err == nil {
			l.f.log.Info("told a client of the restart", "client", addr)
			return
		}
		if time.Since(began) > notifyFor {
			l.f.log.Warn("a client could not be told of the restart, it may believe in locks it has lost", "client", addr, "error", err)
			return
		}
		if !sleep(ctx, wait) {
			return
		}
	}
}

func (l *locks) notifyOnce(ctx context.Context, addr, local netip.Addr) error {
	ctx, cancel := context.WithTimeout(ctx, callbackTimeout)
	defer cancel()
	c, err := l.dialMonitor(ctx, addr, local)
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Notify(ctx, nsm.NotifyArgs{Name: l.name, State: l.state})
}

// sleep waits; false if ctx has ended.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
