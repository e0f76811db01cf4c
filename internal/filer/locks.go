package filer

import (
	"context"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/spillway/spillway/internal/filer/locktable"
	"github.com/spillway/spillway/nfs/portmap"
)

// LockConfig says how the filer keeps locks; the zero value keeps them.
type LockConfig struct {
	// Off: there is no lock manager.
	Off bool
	// Grace is how long after a restart only those locks are given that clients had before; 0: 45 s.
	Grace time.Duration

	// find returns where a version of a program of a host answers, "" if nowhere; nil asks the host's port mapper.
	find  func(ctx context.Context, host, local netip.Addr, program, version uint32) (string, error)
	retry time.Duration // between attempts to reach somebody, at first; 0: 1 s
}

// locks is the lock manager. Locks live in memory; the clients that have some are remembered on the cache disk, so that
// they can be told of a restart and get their locks back within the grace period.
type locks struct {
	f     *Filer
	cfg   LockConfig
	name  string // of this filer, to status monitors and to other lock managers
	state int32  // of this filer as a host: odd, and more after each start
	birth int32  // the first state: to origins we do not restart, for they keep our locks

	mapped      sync.Once     // closes the next one
	mapperKnown chan struct{} // closed when mapper is first set

	mu      sync.Mutex // guards everything below; never held during a call to anybody or a synced write
	table   *locktable.Table
	clients map[locktable.Client]*lockClient
	awards  map[*locktable.Claim]*award // claims that were answered with BLOCKED
	grace   bool
	mapper  mapperStatus
	lost    uint64              // locks that could not be had again after the origin's restart
	asking  map[netip.Addr]bool // hosts whose status monitor is being asked

	saving sync.Mutex // held while a client's record is written
	up     map[*target]*lockUpstream
}

// idleClients is how often clients without locks are forgotten.
const idleClients = 10 * time.Minute

// defaultGrace is that of other lock managers: long enough for clients that try every 30 s.
const defaultGrace = 45 * time.Second

func (c LockConfig) withDefaults() LockConfig {
	if c.Grace == 0 {
		c.Grace = defaultGrace
	}
	if c.retry == 0 {
		c.retry = time.Second
	}
	if c.find == nil {
		c.find = findProgram
	}
	return c
}

// findProgram asks the host's port mapper.
func findProgram(ctx context.Context, host, local netip.Addr, program, version uint32) (string, error) {
	port, err := portmap.Find(ctx, host, local, program, version)
	if err != nil || port == 0 {
		return "", err
	}
	return netip.AddrPortFrom(host, port).String(), nil
}

// openLocks loads the clients that had locks in an earlier run. If there are any, a grace period begins.
func openLocks(f *Filer) (*locks, error) {
	l := &locks{
		f: f, cfg: f.cfg.Locks.withDefaults(), name: f.hostName(), table: locktable.New(),
		clients: map[locktable.Client]*lockClient{}, awards: map[*locktable.Claim]*award{}, up: map[*target]*lockUpstream{},
		asking: map[netip.Addr]bool{}, mapperKnown: make(chan struct{}),
	}
	if l.cfg.Off {
		return l, nil
	}
	var err error
	if l.birth, l.state, err = nextState(f.kv); err != nil {
		return nil, err
	}
	if err := l.loadClients(); err != nil {
		return nil, err
	}
	for _, t := range f.targets {
		if err := l.openUpstream(t); err != nil {
			return nil, err
		}
	}
	l.grace = len(l.clients) > 0 || l.owing()
	return l, nil
}

// start begins what goes on by itself: it tells the clients of the restart and ends the grace period in time.
func (l *locks) start() {
	l.f.spawn(func(ctx context.Context) {
		for sleep(ctx, idleClients) {
			l.forgetIdle()
		}
	})
	if !l.inGrace() {
		return
	}
	l.f.log.Info("clients may take their locks again", "clients", len(l.clients), "for", l.cfg.Grace)
	l.f.spawn(l.notifyAll)
	l.f.spawn(func(ctx context.Context) {
		if sleep(ctx, l.cfg.Grace) {
			l.endGrace()
		}
	})
}

func (l *locks) inGrace() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.grace
}

// endGrace gives new locks again. Clients that have not come back are forgotten, and so is at the origins what nobody has
// claimed.
func (l *locks) endGrace() {
	l.mu.Lock()
	was := l.grace
	l.grace = false
	l.mu.Unlock()
	if !was {
		return
	}
	l.forgetIdle()
	for _, u := range l.up {
		l.f.spawn(u.giveBackUnclaimed)
	}
	l.f.log.Info("the grace period for locks is over")
}

// dropClient ends everything that a client has: it has restarted, or its session is fenced.
func (l *locks) dropClient(client locktable.Client) {
	l.mu.Lock()
	dropped, ready := l.table.Drop(client)
	for c, g := range l.awards {
		if c.Ended() {
			l.end(g)
		}
	}
	l.begin(ready)
	l.mu.Unlock()
	for _, d := range dropped {
		l.giveBack(d.File, d.Owner, locktable.Range{Last: locktable.End})
	}
}

// dropSession ends everything that the clients of a mount session have.
func (l *locks) dropSession(id uint64) {
	l.mu.Lock()
	var all []locktable.Client
	for name, c := range l.clients {
		if c.Session == id {
			all = append(all, name)
		}
	}
	l.mu.Unlock()
	for _, c := range all {
		l.dropClient(c)
		l.forget(c)
	}
}

// LockStatus describes the lock manager.
type LockStatus struct {
	Off        bool
	Portmapper string // "own", "registered" or "none"
	Reason     string // why clients' kernels cannot find the lock manager, if so
	Grace      bool   // only locks of before the restart are given
	Clients    int    // with locks, or remembered to have had some
	Locks      int    // held, waited for, and share reservations
	Waiting    int
	Lost       uint64 // that the origin gave to somebody else after its restart
}

func (l *locks) status() LockStatus {
	l.mu.Lock()
	defer l.mu.Unlock()
	return LockStatus{
		Off: l.cfg.Off, Portmapper: l.mapper.how, Reason: l.mapper.reason, Grace: l.grace, Clients: len(l.clients),
		Locks: l.table.Len(), Waiting: len(l.awards), Lost: l.lost,
	}
}

// clientID is how the lock table knows a host: by its session, if it has one, else by its address; and by its name, for many
// hosts may have one address. The name alone is never believed.
func clientID(session uint64, addr netip.Addr, name string) locktable.Client {
	if session != 0 {
		return locktable.Client("s" + strconv.FormatUint(session, 10) + "/" + name)
	}
	return locktable.Client(addr.Unmap().String() + "/" + name)
}
