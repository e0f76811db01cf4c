package filer

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/filer/locktable"
	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
	"github.com/spillway/spillway/nfs/nlm"
)

// lockingOrigin is an origin whose server may have a lock manager.
type lockingOrigin interface {
	// LockManager connects to it: at the port of NFS if it answers there, else where find says. nil without an error: the
	// server has none. lost is called when a connection has ended: the server may have restarted, and forgotten every lock.
	LockManager(ctx context.Context, find func(context.Context, netip.Addr) (string, error), lost func()) (*nlm.Client, netip.Addr, error)
	// Handle returns the server's handle of a file.
	Handle(id origin.ID) (nfs.Handle, error)
}

// lockUpstream passes the locks of an export on to its origin, so that they hold against clients of other filers too. Owners
// are told apart there by numbers of our own. Which owner may have locks in which file is durable before the first is
// asked for: after a restart, what nobody claims again can be given back, and nothing is free meanwhile.
type lockUpstream struct {
	l      *locks
	t      *target
	origin lockingOrigin

	deciding sync.Mutex // held while the origin is asked whether it has a lock manager

	mu      sync.Mutex // guards the rest; taken before locks.mu
	decided bool
	client  *nlm.Client // nil: the filer owns the locks
	host    netip.Addr
	failed  time.Time // when deciding failed last, and why
	why     error
	owners  map[locktable.Owner]*upOwner
	bySVID  map[int32]*upOwner
}

// upOwner is an owner of locks as the origin knows it.
type upOwner struct {
	owner  locktable.Owner
	svid   int32
	handle []byte
	files  map[uint64]origin.Cred // where it may have locks, and who asked
	op     sync.Mutex             // held while the origin is called in its name and what it has here is compared; before lockUpstream.mu
}

// upRecord is what is kept of an owner and a file, in JSON.
type upRecord struct {
	Client string      `json:"client"`
	SVID   int32       `json:"svid"`
	Handle []byte      `json:"handle"`
	There  int32       `json:"there"` // its number at the origin
	As     origin.Cred `json:"as"`
}

func upKey(target uint32, file uint64, handle []byte) []byte {
	return append(binary.BigEndian.AppendUint64(targetKey('u', target), file), handle...)
}

// openUpstream loads what an earlier run may have left at a target's origin.
func (l *locks) openUpstream(t *target) error {
	o, ok := origin.As[lockingOrigin](t.origin)
	if !ok {
		return nil
	}
	u := &lockUpstream{l: l, t: t, origin: o, owners: map[locktable.Owner]*upOwner{}, bySVID: map[int32]*upOwner{}}
	l.up[t] = u
	return l.f.kv.Scan(targetKey('u', t.id), func(key, value []byte) error {
		var r upRecord
		if err := json.Unmarshal(value, &r); err != nil || len(key) < 13 {
			return fault.New(fault.Internal, "damaged record of locks at the origin: %x", key)
		}
		owner := locktable.Owner{Client: locktable.Client(r.Client), SVID: r.SVID, Handle: string(r.Handle)}
		u.owner(owner, r.There).files[binary.BigEndian.Uint64(key[5:])] = r.As
		return nil
	})
}

// owing says whether anything may be left at an origin from an earlier run.
func (l *locks) owing() bool {
	for _, u := range l.up {
		if len(u.owners) > 0 {
			return true
		}
	}
	return false
}

// owner returns an owner, made if it is new. Called with mu held. The number is the one given or, if that is 0, one that
// follows from who it is, unless somebody else has that.
func (u *lockUpstream) owner(who locktable.Owner, svid int32) *upOwner {
	if o := u.owners[who]; o != nil {
		return o
	}
	o := newUpOwner(who)
	if svid != 0 {
		o.svid = svid
	}
	for o.svid == 0 || u.bySVID[o.svid] != nil {
		o.svid = (o.svid + 1) & (1<<31 - 1)
	}
	u.owners[who], u.bySVID[o.svid] = o, o
	return o
}

// newUpOwner returns an owner with the number that follows from who it is.
func newUpOwner(who locktable.Owner) *upOwner {
	name := binary.BigEndian.AppendUint32([]byte(who.Client), uint32(who.SVID))
	sum := sha256.Sum256(append(append(name, 0), who.Handle...))
	return &upOwner{owner: who, svid: int32(binary.BigEndian.Uint32(sum[16:]) >> 1), handle: sum[:16], files: map[uint64]origin.Cred{}}
}

// upstream returns what passes a target's locks on; nil if the filer owns them. As long as that cannot be told, no lock is
// given: the error is fault.Unavailable.
func (l *locks) upstream(ctx context.Context, t *target) (*lockUpstream, error) {
	u := l.up[t]
	if u == nil {
		return nil, nil
	}
	u.deciding.Lock()
	defer u.deciding.Unlock()
	u.mu.Lock()
	decided, client, failed, why := u.decided, u.client, u.failed, u.why
	u.mu.Unlock()
	switch {
	case decided && client == nil:
		return nil, nil
	case decided:
		return u, nil
	case time.Since(failed) < l.cfg.retry:
		return nil, why
	}
	ctx, cancel := context.WithTimeout(ctx, callbackTimeout)
	defer cancel()
	client, host, err := u.origin.LockManager(ctx, func(ctx context.Context, host netip.Addr) (string, error) {
		return l.cfg.find(ctx, host, netip.Addr{}, nlm.Program, nlm.Version)
	}, func() { l.f.spawn(u.reassert) })
	u.mu.Lock()
	defer u.mu.Unlock()
	if err != nil {
		u.failed, u.why = time.Now(), fault.Wrap(fault.Unavailable, err, "lock manager of "+t.origin.Describe())
		return nil, u.why
	}
	u.decided, u.client, u.host = true, client, host
	if client == nil {
		l.f.log.Info("the origin has no lock manager: this filer owns the locks", "export", t.path)
		return nil, nil
	}
	l.f.log.Info("locks are passed on to the origin", "export", t.path)
	return u, nil
}

// lockOwner says for status who owns a target's locks.
func (l *locks) lockOwner(t *target) string {
	u := l.up[t]
	switch {
	case l.cfg.Off:
		return "nobody"
	case u == nil:
		return "filer"
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case !u.decided:
		return "undecided"
	case u.client == nil:
		return "filer"
	}
	return "origin"
}

// close ends the connections to the origins' lock managers.
func (l *locks) close() {
	for _, u := range l.up {
		u.mu.Lock()
		client := u.client
		u.mu.Unlock()
		if client != nil {
			client.Close()
		}
	}
}

// remember makes durable that an owner may have locks in a file.
func (u *lockUpstream) remember(file uint64, who locktable.Owner, as origin.Cred) (*upOwner, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	o := u.owner(who, 0)
	if _, ok := o.files[file]; ok {
		return o, nil
	}
	v, err := json.Marshal(upRecord{Client: string(who.Client), SVID: who.SVID, Handle: []byte(who.Handle), There: o.svid, As: as})
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "owner of locks")
	}
	if err := u.l.f.kv.Apply([]Change{{upKey(u.t.id, file, o.handle), v}}, true); err != nil {
		return nil, err
	}
	o.files[file] = as
	return o, nil
}

// known returns an owner that may have locks in a file, and who asked for them.
func (u *lockUpstream) known(file uint64, who locktable.Owner) (*upOwner, origin.Cred, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	o := u.owners[who]
	if o == nil {
		return nil, origin.Cred{}, false
	}
	as, ok := o.files[file]
	return o, as, ok
}

// hold returns an owner that may have locks in a file, with its op held, and who asked for them.
func (u *lockUpstream) hold(file uint64, who locktable.Owner) (*upOwner, origin.Cred, bool) {
	for {
		o, _, ok := u.known(file, who)
		if !ok {
			return nil, origin.Cred{}, false
		}
		o.op.Lock()
		if now, as, ok := u.known(file, who); ok && now == o { // it was not forgotten meanwhile
			return o, as, true
		}
		o.op.Unlock()
	}
}

// tidy forgets that an owner may have locks in a file, if it has none.
func (u *lockUpstream) tidy(file uint64, who locktable.Owner) {
	o, _, ok := u.hold(file, who)
	if !ok {
		return
	}
	defer o.op.Unlock()
	u.mu.Lock()
	defer u.mu.Unlock()
	u.l.mu.Lock()
	busy := u.l.table.Involves(file, who)
	u.l.mu.Unlock()
	if busy {
		return
	}
	delete(o.files, file)
	if err := u.l.f.kv.Apply([]Change{{Key: upKey(u.t.id, file, o.handle)}}, false); err != nil {
		u.l.f.log.Warn("forget an owner of locks", "inode", file, "error", err)
	}
	if len(o.files) == 0 {
		delete(u.owners, who)
		delete(u.bySVID, o.svid)
	}
}

// wire returns a lock as the origin is to see it.
func (u *lockUpstream) wire(oid origin.ID, o *upOwner, r locktable.Range) (nlm.Lock, error) {
	h, err := u.origin.Handle(oid)
	return nlm.Lock{Caller: u.l.name, File: h, Owner: o.handle, SVID: o.svid, Offset: r.First, Length: lengthOf(r)}, err
}

func (u *lockUpstream) as(c origin.Cred) *nlm.Client {
	return u.client.As(nfs.Sys(u.l.name, c.UID, c.GID, c.GIDs...))
}

func (u *lockUpstream) away(err error) error {
	return fault.Wrap(fault.Unavailable, err, "lock manager of "+u.t.origin.Describe())
}

// test asks the origin whether the lock could be had.
func (u *lockUpstream) test(ctx context.Context, c lockCall) (nlm.Status, nlm.Holder, error) {
	u.mu.Lock()
	o := u.owners[c.lock.Owner]
	if o == nil { // it has nothing there that could be taken for another's
		o = newUpOwner(c.lock.Owner)
	}
	u.mu.Unlock()
	w, err := u.wire(c.ino.oid(), o, c.lock.Range)
	if err != nil {
		return 0, nlm.Holder{}, err
	}
	res, err := u.as(c.as).Test(ctx, nlm.TestArgs{Exclusive: c.lock.Exclusive, Lock: w})
	if err != nil {
		return 0, nlm.Holder{}, u.away(err)
	}
	return res.Status, res.Holder, nil
}

// lock takes a lock at the origin. One that the origin still has for us is simply given again; one that it has lost in a
// restart of its own is reclaimed.
func (u *lockUpstream) lock(ctx context.Context, ino *inode, as origin.Cred, l locktable.Lock, block, reclaim bool) (nlm.Status, error) {
	var o *upOwner
	for ok := false; !ok; {
		if _, err := u.remember(ino.id, l.Owner, as); err != nil {
			return 0, err
		}
		o, _, ok = u.hold(ino.id, l.Owner)
	}
	defer o.op.Unlock()
	return u.lockAs(ctx, ino.oid(), o, as, l, block, reclaim)
}

// lockAs is lock with the owner's op held.
func (u *lockUpstream) lockAs(ctx context.Context, oid origin.ID, o *upOwner, as origin.Cred, l locktable.Lock, block, reclaim bool) (nlm.Status, error) {
	w, err := u.wire(oid, o, l.Range)
	if err != nil {
		return 0, err
	}
	args := nlm.LockArgs{Cookie: o.handle[:8], Block: block, Exclusive: l.Exclusive, Lock: w, State: u.l.birth}
	res, err := u.as(as).Lock(ctx, args)
	if err == nil && res.Status == nlm.GracePeriod && reclaim {
		args.Reclaim, args.Block = true, false
		res, err = u.as(as).Lock(ctx, args)
	}
	if err != nil {
		return 0, u.away(err)
	}
	return res.Status, nil
}

// unlock gives a range back at the origin and then, with then, here. Nobody compares the two in between.
func (u *lockUpstream) unlock(ctx context.Context, ino *inode, who locktable.Owner, r locktable.Range, then func()) error {
	o, as, ok := u.hold(ino.id, who)
	if !ok {
		then()
		return nil
	}
	defer o.op.Unlock()
	err := u.unlockAs(ctx, ino.oid(), o, as, r)
	if lockStatus(err) != nlm.GracePeriod {
		then()
	}
	return err
}

// unlockAs is unlock at the origin alone, with the owner's op held.
func (u *lockUpstream) unlockAs(ctx context.Context, oid origin.ID, o *upOwner, as origin.Cred, r locktable.Range) error {
	w, err := u.wire(oid, o, r)
	if err != nil {
		return err
	}
	res, err := u.as(as).Unlock(ctx, nlm.UnlockArgs{Cookie: o.handle[:8], Lock: w})
	switch {
	case err != nil:
		return u.away(err)
	case res.Status == nlm.GracePeriod:
		return fault.New(fault.Unavailable, "the origin's lock manager is busy with its own restart")
	}
	return nil // whatever else it says, it has no such lock
}

// cancel ends a wait at the origin and then leaves its owner there with what it has here.
func (u *lockUpstream) cancel(ctx context.Context, file uint64, as origin.Cred, l locktable.Lock) {
	o, _, ok := u.known(file, l.Owner)
	if !ok {
		return
	}
	if ino, err := u.l.f.inode(file); err == nil {
		if w, err := u.wire(ino.oid(), o, l.Range); err == nil {
			_, _ = u.as(as).Cancel(ctx, nlm.CancelArgs{Cookie: o.handle[:8], Block: true, Exclusive: l.Exclusive, Lock: w}) // match repeats what it did
		}
		u.l.f.table.put(ino)
	}
	u.match(ctx, file, l.Owner, l.Range)
}

// giveBack makes the origins agree, in the background, with what an owner has here in a range.
func (l *locks) giveBack(file uint64, who locktable.Owner, r locktable.Range) {
	for _, u := range l.up {
		if _, _, ok := u.known(file, who); ok {
			l.f.spawn(func(ctx context.Context) { u.match(ctx, file, who, r) })
		}
	}
}

// giveBackUnclaimed gives back what an earlier run left at the origin and nobody has claimed within the grace period.
func (u *lockUpstream) giveBackUnclaimed(ctx context.Context) {
	u.mu.Lock()
	var all []locktable.Dropped
	for who, o := range u.owners {
		for file := range o.files {
			all = append(all, locktable.Dropped{File: file, Owner: who})
		}
	}
	u.mu.Unlock()
	for _, d := range all {
		u.match(ctx, d.File, d.Owner, locktable.Range{Last: locktable.End})
	}
}

// errArriving says that what an owner has is about to change.
var errArriving = fault.New(fault.Unavailable, "the owner is about to have another lock there")

// match makes the origin agree with what an owner has here in a range; it goes on until the origin has answered.
func (u *lockUpstream) match(ctx context.Context, file uint64, who locktable.Owner, r locktable.Range) {
	for wait := u.l.cfg.retry; ; wait = min(2*wait, 30*u.l.cfg.retry) {
		err := u.matchOnce(ctx, file, who, r)
		if err == nil {
			u.tidy(file, who)
			return
		}
		if _, answered := nfs.StatusOf(err); answered { // the file is gone, and its locks with it
			u.tidy(file, who)
			return
		}
		if !sleep(ctx, wait) {
			return
		}
	}
}

func (u *lockUpstream) matchOnce(ctx context.Context, file uint64, who locktable.Owner, r locktable.Range) error {
	if up, err := u.l.upstream(ctx, u.t); up == nil {
		return err
	}
	ino, err := u.l.f.inode(file)
	if err != nil {
		return err
	}
	defer u.l.f.table.put(ino)
	o, as, ok := u.hold(file, who)
	if !ok {
		return nil
	}
	defer o.op.Unlock()
	u.l.mu.Lock()
	held, arriving := u.l.table.Held(file, who), u.l.table.Arriving(file, who, r)
	u.l.mu.Unlock()
	if arriving {
		return errArriving
	}
	next, done := r.First, false // up to which byte the origin agrees
	for _, l := range held {
		if l.Range.Last < r.First || l.Range.First > r.Last {
			continue
		}
		if l.Range.First > next {
			if err := u.unlockAs(ctx, ino.oid(), o, as, locktable.Range{First: next, Last: l.Range.First - 1}); err != nil {
				return err
			}
		}
		if _, err := u.lockAs(ctx, ino.oid(), o, as, l, false, false); err != nil {
			return err
		}
		next, done = l.Range.Last+1, l.Range.Last == locktable.End
	}
	if done || next > r.Last {
		return nil
	}
	return u.unlockAs(ctx, ino.oid(), o, as, locktable.Range{First: next, Last: r.Last})
}

// reassert takes every lock at the origin again, after its restart or a break of the connection. Those that it still has are
// simply given again.
func (u *lockUpstream) reassert(ctx context.Context) {
	type held struct {
		file uint64
		lock locktable.Lock
	}
	u.mu.Lock()
	if u.client == nil {
		u.mu.Unlock()
		return
	}
	u.l.mu.Lock()
	var all []held
	u.l.table.Each(func(file uint64, l locktable.Lock) {
		if o := u.owners[l.Owner]; o != nil {
			if _, ok := o.files[file]; ok {
				all = append(all, held{file, l})
			}
		}
	})
	u.l.mu.Unlock()
	u.mu.Unlock()
	for _, h := range all {
		u.reassertOne(ctx, h.file, h.lock)
	}
}

func (u *lockUpstream) reassertOne(ctx context.Context, file uint64, l locktable.Lock) {
	for wait := u.l.cfg.retry; ; wait = min(2*wait, 30*u.l.cfg.retry) {
		ino, err := u.l.f.inode(file)
		if err != nil {
			return
		}
		status := nlm.Granted
		if o, as, ok := u.hold(file, l.Owner); ok {
			u.l.mu.Lock()
			still := slices.Contains(u.l.table.Held(file, l.Owner), l)
			u.l.mu.Unlock()
			if still {
				status, err = u.lockAs(ctx, ino.oid(), o, as, l, false, true)
			}
			o.op.Unlock()
		}
		u.l.f.table.put(ino)
		switch {
		case err == nil && status == nlm.Granted:
			return
		case err == nil && status != nlm.GracePeriod:
			u.l.mu.Lock()
			u.l.lost++
			u.l.mu.Unlock()
			u.l.f.log.Error("a lock was lost: after its restart the origin does not give it again", "export", u.t.path, "inode", file,
				"client", l.Owner.Client, "status", status)
			return
		}
		if !sleep(ctx, wait) {
			return
		}
	}
}

// originRestarted takes the locks again at the origins of the host; false if none is there.
func (l *locks) originRestarted(host netip.Addr) (known bool) {
	for _, u := range l.up {
		u.mu.Lock()
		is := u.client != nil && u.host == host
		u.mu.Unlock()
		if is {
			known = true
			l.f.spawn(u.reassert)
		}
	}
	return known
}
