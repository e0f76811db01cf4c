package filer

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/spillway/spillway/internal/filer/locktable"
	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs/nlm"
	"github.com/spillway/spillway/nfs/rpc"
)

// award is a claim on its way to its client: it waits for others here, then for the origin, then for the client to take it.
// What it waits for only then becomes a lock, so that nothing is lost if the client does not want it any more.
type award struct {
	claim *locktable.Claim
	up    *lockUpstream // nil: the filer owns the file's locks
	as    origin.Cred
	ctx   context.Context // ends with the grant
	stop  context.CancelFunc
	wake  chan struct{} // capacity 1: the origin says that it has the lock for us
	svid  atomic.Int32  // of the owner at the origin, once it was asked

	// Guarded by locks.mu:
	args  *nlm.LockArgs // as last asked for
	ready bool          // nothing is missing but the client
}

// unclaimedFor is how long a lock is kept for a client that can be reached by no callback and does not ask: clients ask
// every 30 s.
const unclaimedFor = 90 * time.Second

// begin lets the claims that have become ready go on. Called with mu held.
func (l *locks) begin(ready []*locktable.Claim) {
	for _, c := range ready {
		g := l.awards[c]
		if g == nil || !l.f.spawn(func(context.Context) { g.deliver(l) }) {
			l.begin(l.table.Withdraw(c))
		}
	}
}

// end forgets a grant whose claim has ended. Called with mu held.
func (l *locks) end(g *award) {
	g.stop()
	delete(l.awards, g.claim)
}

func (g *award) poke() {
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

// awaits says whether a GRANTED of the origin is for this grant.
func (g *award) awaits(args *nlm.TestArgs) bool {
	r, ok := rangeOf(&args.Lock)
	return ok && g.svid.Load() == args.Lock.SVID && r == g.claim.Lock.Range && args.Exclusive == g.claim.Lock.Exclusive
}

// obtain takes the lock at the origin, if that owns it, and makes the file fresh. Blocked: the origin will have it later.
func (g *award) obtain(ctx context.Context, l *locks, ino *inode) (nlm.Status, error) {
	if g.up != nil {
		if err := l.f.born(ctx, ino); err != nil {
			return 0, err
		}
		l.mu.Lock()
		args := *g.args
		l.mu.Unlock()
		status, err := g.up.lock(ctx, ino, g.as, g.claim.Lock, args.Block, args.Reclaim)
		if o, _, ok := g.up.known(ino.id, g.claim.Lock.Owner); ok {
			g.svid.Store(o.svid)
		}
		if err != nil || status != nlm.Granted {
			return status, err
		}
	}
	if err := l.f.revalidateLocked(ctx, g.as, ino); err != nil {
		return nlm.Failed, err
	}
	return nlm.Granted, nil
}

// deliver brings a ready claim to its end.
func (g *award) deliver(l *locks) {
	if !g.await(l) || !g.tell(l) {
		l.withdraw(g)
	}
}

// await obtains the lock, however long that takes; false if it cannot be had.
func (g *award) await(l *locks) bool {
	ino, err := l.f.inode(g.claim.File)
	if err != nil {
		return false
	}
	defer l.f.table.put(ino)
	for wait := l.cfg.retry / 4; ; wait = min(2*wait, 2*l.cfg.retry) {
		status, err := g.obtain(g.ctx, l, ino)
		if err != nil {
			status = lockStatus(err)
		}
		switch status {
		case nlm.Granted:
			l.mu.Lock()
			g.ready = true
			l.mu.Unlock()
			return true
		case nlm.Blocked, nlm.GracePeriod:
		default:
			l.f.log.Warn("a lock that was waited for cannot be had", "inode", ino.id, "client", g.claim.Lock.Owner.Client, "status", status, "error", err)
			return false
		}
		if !g.pause(wait) {
			return false
		}
	}
}

// pause waits; false if the grant has ended.
func (g *award) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-g.ctx.Done():
		return false
	case <-timer.C:
	case <-g.wake:
	}
	return g.ctx.Err() == nil
}

// tell calls the client until it takes the lock; false if it does not. A client may also take it by asking again.
func (g *award) tell(l *locks) bool {
	began, uncertain := time.Now(), false
	for wait := l.cfg.retry; ; wait = min(2*wait, 15*l.cfg.retry) {
		status, sent, err := g.call(l)
		switch {
		case g.ctx.Err() != nil:
			return true // taken, or ended, meanwhile
		case err == nil && (status == nlm.Granted || uncertain && status == nlm.Denied):
			// A client that took the lock when its answer was lost does not know of it any more: it has it.
			l.mu.Lock()
			l.settle(g.claim)
			l.mu.Unlock()
			return true
		case err == nil && status != nlm.GracePeriod:
			return false
		}
		uncertain = uncertain || err != nil && sent
		if time.Since(began) > unclaimedFor {
			l.f.log.Warn("a client does not come for the lock it waited for", "client", g.claim.Lock.Owner.Client, "error", err)
			return false
		}
		if !g.pause(wait) {
			return true
		}
	}
}

// call tells the client once; sent says that it may have heard.
func (g *award) call(l *locks) (status nlm.Status, sent bool, err error) {
	l.mu.Lock()
	args := *g.args
	client, ok := l.clients[g.claim.Lock.Owner.Client]
	var c lockClient
	if ok {
		c = *client
	}
	l.mu.Unlock()
	if !ok {
		return nlm.Denied, false, nil
	}
	ctx, cancel := context.WithTimeout(g.ctx, callbackTimeout)
	defer cancel()
	conn, err := l.dialManager(ctx, c.Addr, c.Local)
	if err != nil {
		return 0, false, err
	}
	defer conn.Close()
	res, err := conn.Granted(ctx, nlm.TestArgs{Cookie: args.Cookie, Exclusive: args.Exclusive, Lock: args.Lock})
	var refused *rpc.Error
	return res.Status, !errors.As(err, &refused), err
}

// cancelUpstream undoes what the grant has or awaits at the origin.
func (g *award) cancelUpstream(l *locks) {
	if g.up == nil {
		return
	}
	l.f.spawn(func(ctx context.Context) { g.up.cancel(ctx, g.claim.File, g.as, g.claim.Lock) })
}
