package filer

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/filer/locktable"
	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
	"github.com/spillway/spillway/nfs/nlm"
	"github.com/spillway/spillway/nfs/nsm"
	"github.com/spillway/spillway/nfs/rpc"
)

// programs returns what answers beside NFS: the lock manager and the status monitor.
func (l *locks) programs() []rpc.Program {
	if l.cfg.Off {
		return nil
	}
	manager := nlm.Procedures{
		Test: l.test,
		Lock: func(ctx context.Context, call *rpc.Call, args *nlm.LockArgs, res *nlm.Result) {
			res.Status = l.lock(ctx, call, args, true)
		},
		NMLock: func(ctx context.Context, call *rpc.Call, args *nlm.LockArgs, res *nlm.Result) {
			res.Status = l.lock(ctx, call, args, false)
		},
		Cancel: l.cancel, Unlock: l.unlock, Granted: l.granted, Share: l.share, Unshare: l.unshare, FreeAll: l.freeAll, Reply: l.reply,
	}
	return []rpc.Program{manager.Program(), l.monitor().Program()}
}

func (l *locks) monitor() *nsm.Procedures {
	return &nsm.Procedures{
		Stat:   func(_ context.Context, _ *rpc.Call, _ *nsm.StatArgs, res *nsm.StatResult) { res.State = l.state },
		Notify: l.notified,
	}
}

// lockCall is a call of the lock manager on one file.
type lockCall struct {
	call
	lock locktable.Lock
}

// enter opens the handle of a call and makes the lock that it speaks of. The call must be ended if the status is Granted.
func (l *locks) enter(rc *rpc.Call, args *nlm.Lock, exclusive bool) (lockCall, nlm.Status) {
	req := &nfs.Request{XID: rc.XID, Conn: rc.Conn, Client: rc.Peer, Auth: rc.Auth}
	r, ok := rangeOf(args)
	if !ok {
		return lockCall{}, nlm.TooBig
	}
	c, err := l.f.begin(req, &args.File)
	if err != nil {
		return lockCall{}, lockStatus(err)
	}
	owner := locktable.Owner{Client: clientID(c.session.ID, rc.Peer.Addr(), args.Caller), SVID: args.SVID, Handle: string(args.Owner)}
	return lockCall{c, locktable.Lock{Owner: owner, Range: r, Exclusive: exclusive}}, nlm.Granted
}

// rangeOf returns a lock's range; false if it ends beyond the last byte that can be numbered.
func rangeOf(a *nlm.Lock) (locktable.Range, bool) {
	last := a.Offset + a.Length - 1
	if a.Length == 0 {
		return locktable.Range{First: a.Offset, Last: locktable.End}, true
	}
	return locktable.Range{First: a.Offset, Last: last}, last >= a.Offset
}

// lengthOf is the inverse: 0 is a range to the end.
func lengthOf(r locktable.Range) uint64 {
	if r.Last == locktable.End {
		return 0
	}
	return r.Last - r.First + 1
}

// lockStatus says an error in the words of the protocol. What may be better soon is said as GracePeriod: clients try again.
func lockStatus(err error) nlm.Status {
	status, answered := nfs.StatusOf(err)
	switch {
	case err == nil:
		return nlm.Granted
	case errors.Is(err, locktable.ErrFull):
		return nlm.NoLocks
	case errors.Is(err, locktable.ErrDeadlock):
		return nlm.Deadlock
	case status == nfs.ErrStale || status == nfs.ErrBadHandle:
		return nlm.StaleHandle
	case status == nfs.ErrROFS:
		return nlm.ReadOnly
	case status == nfs.ErrJukebox || !answered && (isCancel(err) || fault.KindOf(err) == fault.Unavailable):
		return nlm.GracePeriod
	}
	return nlm.Failed
}

// mayLock checks that the caller may do anything with the file's data: the client's kernel has checked what.
func (c lockCall) mayLock(ctx context.Context) error {
	a, err := c.attrs(ctx, c.ino)
	switch {
	case err != nil:
		return err
	case a.Type != nfs.TypeRegular:
		return nfs.ErrInval
	case a.UID == c.as.UID:
		return nil
	}
	got, err := c.granted(ctx, c.ino, nfs.AccessRead|nfs.AccessModify|nfs.AccessExtend)
	if err == nil && got == 0 {
		err = nfs.ErrAcces
	}
	return err
}

func (l *locks) test(ctx context.Context, rc *rpc.Call, args *nlm.TestArgs, res *nlm.TestResult) {
	c, status := l.enter(rc, &args.Lock, args.Exclusive)
	if res.Status = status; status != nlm.Granted {
		return
	}
	defer c.end()
	if l.inGrace() {
		res.Status = nlm.GracePeriod
		return
	}
	l.mu.Lock()
	bar := l.table.Test(c.ino.id, c.lock)
	l.mu.Unlock()
	if bar != nil {
		res.Status, res.Holder = nlm.Denied, nlm.Holder{
			Exclusive: bar.Exclusive, SVID: bar.Owner.SVID, Owner: []byte(bar.Owner.Handle), Offset: bar.Range.First, Length: lengthOf(bar.Range),
		}
		return
	}
	up, err := l.upstream(ctx, c.ino.target)
	if err == nil && up != nil {
		err = l.f.born(ctx, c.ino)
	}
	if err == nil && up != nil {
		res.Status, res.Holder, err = up.test(ctx, c)
	}
	if err != nil {
		res.Status = lockStatus(err)
	}
}

// lock answers LOCK and NM_LOCK.
func (l *locks) lock(ctx context.Context, rc *rpc.Call, args *nlm.LockArgs, monitored bool) nlm.Status {
	c, status := l.enter(rc, &args.Lock, args.Exclusive)
	if status != nlm.Granted {
		return status
	}
	defer c.end()
	if l.inGrace() != args.Reclaim {
		return nlm.GracePeriod
	}
	if err := c.mayLock(ctx); err != nil {
		return lockStatus(err)
	}
	known, err := l.meet(c.session.ID, rc.Peer.Addr(), rc.Local.Addr(), args.Lock.Caller, args.State, monitored, args.Reclaim)
	if err != nil {
		return lockStatus(err)
	}
	if !known { // it had no lock that it could have lost
		return nlm.Denied
	}
	up, err := l.upstream(ctx, c.ino.target)
	if err != nil {
		return lockStatus(err)
	}
	return l.take(ctx, c, up, args)
}

// take makes the claim and, if nobody bars it, completes it.
func (l *locks) take(ctx context.Context, c lockCall, up *lockUpstream, args *nlm.LockArgs) nlm.Status {
	l.mu.Lock()
	claim, _, err := l.table.Claim(c.ino.id, c.lock, args.Block)
	if err != nil || claim == nil {
		l.mu.Unlock()
		if err != nil {
			return lockStatus(err)
		}
		return nlm.Denied
	}
	if g := l.awards[claim]; g != nil { // asked again
		g.args = args
		held := g.ready
		if held {
			l.settle(claim)
		}
		l.mu.Unlock()
		if held {
			return nlm.Granted
		}
		return nlm.Blocked
	}
	g := &award{claim: claim, up: up, as: c.as, args: args, wake: make(chan struct{}, 1)}
	g.ctx, g.stop = context.WithCancel(l.f.ctx)
	l.awards[claim] = g
	waiting := claim.Waiting()
	l.mu.Unlock()
	if waiting {
		return nlm.Blocked
	}
	status, err := g.obtain(ctx, l, c.ino)
	switch {
	case err != nil:
		status = lockStatus(err)
		l.withdraw(g)
	case status == nlm.Granted:
		l.mu.Lock()
		if claim.Ended() { // the client restarted, or was fenced, meanwhile
			status = nlm.Denied
		}
		l.settle(claim)
		l.mu.Unlock()
		if status != nlm.Granted {
			l.giveBack(c.ino.id, c.lock.Owner, c.lock.Range)
		}
	case status == nlm.Blocked && l.f.spawn(func(context.Context) { g.deliver(l) }):
	default:
		l.withdraw(g)
	}
	return status
}

// settle makes a claim a lock. Called with mu held.
func (l *locks) settle(claim *locktable.Claim) {
	ready := l.table.Settle(claim)
	if g := l.awards[claim]; g != nil {
		l.end(g)
	}
	l.begin(ready)
}

// withdraw ends a claim, here and at the origin.
func (l *locks) withdraw(g *award) {
	l.mu.Lock()
	ended := g.claim.Ended()
	ready := l.table.Withdraw(g.claim)
	l.end(g)
	l.begin(ready)
	l.mu.Unlock()
	if !ended {
		g.cancelUpstream(l)
	}
}

func (l *locks) cancel(_ context.Context, rc *rpc.Call, args *nlm.CancelArgs, res *nlm.Result) {
	c, status := l.enter(rc, &args.Lock, args.Exclusive)
	if res.Status = status; status != nlm.Granted {
		return
	}
	defer c.end()
	l.mu.Lock()
	claim := l.table.Find(c.ino.id, c.lock)
	var g *award
	if claim != nil {
		g = l.awards[claim]
	}
	l.mu.Unlock()
	if g == nil {
		res.Status = nlm.Denied // it does not wait: it has the lock already, or never asked for it
		return
	}
	l.withdraw(g)
}

// unlock answers UNLOCK: what the file's writers were told is written is at the storage before others may have the range.
func (l *locks) unlock(ctx context.Context, rc *rpc.Call, args *nlm.UnlockArgs, res *nlm.Result) {
	c, status := l.enter(rc, &args.Lock, false)
	if res.Status = status; status != nlm.Granted {
		return
	}
	defer c.end()
	if err := l.f.settle(ctx, c.ino); err != nil {
		if res.Status = lockStatus(err); res.Status == nlm.GracePeriod {
			return // the lock stays until the data are safe; the client tries again
		}
		l.f.log.Warn("unlocked, though not all that was written could be made durable", "inode", c.ino.id, "error", err)
		res.Status = nlm.Granted
	}
	for _, g := range l.unclaimed(c.ino.id, c.lock) {
		l.withdraw(g)
	}
	up, err := l.upstream(ctx, c.ino.target)
	release := func() {
		l.mu.Lock()
		_, ready := l.table.Unlock(c.ino.id, c.lock.Owner, c.lock.Range)
		l.begin(ready)
		l.mu.Unlock()
	}
	switch {
	case err != nil:
	case up != nil:
		err = up.unlock(ctx, c.ino, c.lock.Owner, c.lock.Range, release)
	default:
		release()
	}
	if err != nil {
		if res.Status = lockStatus(err); res.Status == nlm.GracePeriod {
			return
		}
		l.f.log.Warn("unlock at the origin", "inode", c.ino.id, "error", err)
		res.Status = nlm.Granted
	}
	if up != nil {
		up.tidy(c.ino.id, c.lock.Owner)
	}
}

// unclaimed returns the grants of an owner that an UNLOCK of the range ends: for just that range, or given and not yet
// confirmed.
func (l *locks) unclaimed(file uint64, want locktable.Lock) (out []*award) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c, g := range l.awards {
		had := c.Lock
		if c.File != file || had.Owner != want.Owner {
			continue
		}
		if had.Range == want.Range || g.ready && want.Range.First <= had.Range.First && had.Range.Last <= want.Range.Last {
			out = append(out, g)
		}
	}
	return out
}

func (l *locks) share(ctx context.Context, rc *rpc.Call, args *nlm.ShareArgs, res *nlm.ShareResult) {
	c, status := l.enter(rc, &nlm.Lock{Caller: args.Caller, File: args.File, Owner: args.Owner}, false)
	if res.Status = status; status != nlm.Granted {
		return
	}
	defer c.end()
	if l.inGrace() != args.Reclaim {
		res.Status = nlm.GracePeriod
		return
	}
	err := c.mayLock(ctx)
	var known bool
	if err == nil {
		known, err = l.meet(c.session.ID, rc.Peer.Addr(), rc.Local.Addr(), args.Caller, 0, true, args.Reclaim)
	}
	var up *lockUpstream
	if err == nil {
		up, err = l.upstream(ctx, c.ino.target)
	}
	switch {
	case err != nil:
		res.Status = lockStatus(err)
		return
	case up != nil: // clients of other filers would not see it
		res.Status = nlm.NoLocks
		return
	case !known:
		res.Status = nlm.Denied
		return
	}
	l.mu.Lock()
	ok, err := l.table.Share(c.ino.id, locktable.Share{
		Owner: c.lock.Owner, Access: locktable.Sharing(args.Access), Deny: locktable.Sharing(args.Deny),
	})
	l.mu.Unlock()
	if res.Status = lockStatus(err); err == nil && !ok {
		res.Status = nlm.Denied
	}
}

func (l *locks) unshare(_ context.Context, rc *rpc.Call, args *nlm.ShareArgs, res *nlm.ShareResult) {
	c, status := l.enter(rc, &nlm.Lock{Caller: args.Caller, File: args.File, Owner: args.Owner}, false)
	if res.Status = status; status != nlm.Granted {
		return
	}
	defer c.end()
	l.mu.Lock()
	l.table.Unshare(c.ino.id, c.lock.Owner)
	l.mu.Unlock()
}

// granted is called by an origin's lock manager: a lock that we wait for there is ours.
func (l *locks) granted(_ context.Context, rc *rpc.Call, args *nlm.TestArgs, res *nlm.Result) {
	res.Status = nlm.Denied
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, g := range l.awards {
		if g.up != nil && !g.ready && g.awaits(args) {
			g.poke()
			res.Status = nlm.Granted
		}
	}
}

// reply sends the outcome of an asynchronous call to the lock manager of the host that made it.
func (l *locks) reply(rc *rpc.Call, p nlm.Proc, v rpc.Value) {
	host, local := rc.Peer.Addr(), rc.Local.Addr()
	l.f.spawn(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, callbackTimeout)
		defer cancel()
		c, err := l.dialManager(ctx, host, local)
		if err == nil {
			err = c.Send(ctx, p, v)
			c.Close()
		}
		if err != nil {
			l.f.log.Debug("answer to an asynchronous call for a lock", "client", host, "error", err)
		}
	})
}

// callbackTimeout bounds one call to a client.
const callbackTimeout = 10 * time.Second

var errNoManager = fault.New(fault.Unavailable, "the client's port mapper knows of no lock manager")

// dialManager connects to a client's lock manager, from the address by which the client knows us.
func (l *locks) dialManager(ctx context.Context, host, local netip.Addr) (*nlm.Client, error) {
	addr, err := l.cfg.find(ctx, host.Unmap(), local.Unmap(), nlm.Program, nlm.Version)
	if err != nil {
		return nil, err
	}
	if addr == "" {
		return nil, errNoManager
	}
	return nlm.Dial(ctx, addr, rpc.Options{
		Connections: 1, Timeout: callbackTimeout, Auth: nfs.Sys(l.name, 0, 0), Dialer: rpc.DialFrom(local.Unmap(), callbackTimeout),
	})
}

// revalidate makes the next reader of a file that was just locked see what others have written.
func (f *Filer) revalidateLocked(ctx context.Context, as origin.Cred, ino *inode) error {
	if ino.target.caps.Local {
		return nil
	}
	_, err := f.fresh(ctx, as, ino, time.Now())
	return err
}
