package filer

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/filer/wal"
	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/internal/origin/posix"
	"github.com/spillway/spillway/nfs"
)

// Config is what a filer is made of.
type Config struct {
	Name     string // in receipts and conflicts; a certificate name without its role
	Version  string // of the program, for status
	CacheDir string
	Capacity int64 // bytes of file data to keep; 0: 10 GiB
	Exports  []Export
	// NoPlain refuses clients that mount an export without a session.
	NoPlain bool
	Locks   LockConfig
	// Policies are the export policies by name; one named "default" holds for exports that name none.
	Policies map[string][]PolicyRule
	// Groups name the files with users' full lists of groups; nil: callers have the groups that they send.
	Groups *GroupFiles
	Log    *slog.Logger // nil discards

	// Tests put faults in; nil and 0 are the real ones.
	disk    disk
	logDisk wal.Disk
	logSize wal.Options
	index   func() (KV, error)
	resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	maxOpen int64 // data files
	longRun uint64
}

// Export is a path that clients mount and the storage behind it. Exports with equal origins are one target, opened once,
// as the first of them says.
type Export struct {
	Path string // absolute and clean, "/nas"
	// Sub is the folder of the storage that the path shows, "/" or "" for all of it.
	Sub string
	// Policy names one of Config.Policies; "" is "default" if there is one, else everybody may do everything.
	Policy string
	// Origin is the storage, or Open opens it, given where it may keep its places; the filer then closes it. Name is what
	// the opened origin will describe itself as: it must not change as long as it is the same storage.
	Origin origin.Origin
	Open   func(posix.Places) (origin.Origin, error)
	Name   string
	// Verify is how long attributes and names are trusted; 0: 30 s.
	Verify time.Duration
	// Block is the fetch block in bytes, a power of two from 64 KiB to 1 MiB; 0: 256 KiB.
	Block uint64
	// ReadAhead bounds in bytes what is fetched ahead of one sequential reader; 0: 32 MiB, negative: none.
	ReadAhead int64
	// WriteBack is how long after a file's last change its data may take to reach the origin; 0: changes reach it before
	// they are answered. An origin on this machine is always written through.
	WriteBack time.Duration
	// LocalDirectories lets names be written back too: what is made is acknowledged from the cache disk. Only with WriteBack, and
	// only over NFS servers.
	LocalDirectories bool
	// Outage is how long what is cached is served on while the origin does not answer; 0: an hour, negative: not at all.
	Outage time.Duration
	// Parent is the filer that the origin is, if it is one.
	Parent Parent
}

// target is storage at work.
type target struct {
	id     uint32
	name   string // what its origin describes itself as
	path   string // of the first export that shows it
	origin origin.Origin
	dirs   origin.Directories // of origin, with cookies that last
	caps   origin.Caps
	verify atomic.Int64 // in nanoseconds; a reload changes it
	block  uint64
	ahead  uint64
	parent Parent

	writeBack time.Duration // 0: write through
	ownNames  bool          // names are written back too
	owes      bool          // or were, and the origin does not have all of them yet
	scatter   uint64        // makes file ids of files that are made here
	makers    makers        // who the origin takes callers for
	alive     time.Time     // when the last run was last known to be
	skew      atomic.Int64  // nanoseconds that the origin's clock is ahead of ours, at least

	traffic traffic
	meters  originMeters
	reach   reach
	reborn  atomic.Int64  // Unix nanoseconds when the root was last found under another identity: folders known before then may be too
	moving  chan struct{} // holds one token while it is found out what became of stale handles
	dirty   atomic.Uint64 // bytes acknowledged and not yet committed at the origin

	mu      sync.Mutex
	root    uint64 // inode id; 0: not yet known
	verf    nfs.Verifier
	hasVerf bool
	lastErr string      // of the last call that did not reach the origin
	since   time.Time   // when lastErr became set
	ailing  atomic.Bool // lastErr is set
}

// Filer is a running filer. Make it with Open, serve NFS with Serve, stop it with Close.
type Filer struct {
	cfg      Config
	log      *slog.Logger
	kv       KV
	store    *store
	ids      *ids
	seal     *sealer
	sessions *sessions
	receipts *receipts
	table    *table
	drc      *replies
	mounts   *mountList
	locks    *locks
	targets  []*target       // without the pseudo one
	opened   []origin.Origin // by us, to be closed by us
	byID     map[uint32]*target
	exports  []*export
	byExport map[uint32]*export
	started  time.Time
	server   *nfs.Server
	meters   *meters
	addr     string // of NFS, once serving; guarded by mu

	userGroups atomic.Pointer[userGroups] // nil: none are configured
	flushes    fileFlushes
	primes     *primeJobs
	wb         *writeBack // nil: no export writes back, nor did one

	fetchBudget *semaphore.Weighted // bytes being fetched

	policyMu    sync.Mutex // one compilation of the policies at a time; guards the next two
	policyRules map[string][]PolicyRule
	hostAddrs   map[string][]netip.Addr // what host names were last found to be
	hasPolicies atomic.Bool             // some export may have one

	ctx    context.Context // ends when the filer closes; carries work that outlives a call
	cancel context.CancelCauseFunc

	mu      sync.Mutex
	ending  bool           // Close or kill has begun
	closing bool           // mu guards closing, ending, epoch and the Add of work
	work    sync.WaitGroup // goroutines of spawn
	epoch   uint64
}

// fetchBytes bounds the memory of fetches in flight.
const fetchBytes = 256 << 20

// Open brings a filer up over its cache directory: everything that survived the last run is used again.
func Open(cfg Config) (*Filer, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.CacheDir, 0o700); err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "cache directory")
	}
	f := &Filer{
		cfg: cfg, log: cfg.Log, started: time.Now(), table: newTable(maxInodes(machineMemory())), drc: newReplies(), mounts: &mountList{}, meters: newMeters(time.Now()),
		byID: map[uint32]*target{}, byExport: map[uint32]*export{}, policyRules: cfg.Policies, hostAddrs: map[string][]netip.Addr{},
		fetchBudget: semaphore.NewWeighted(fetchBytes),
	}
	if cfg.index == nil {
		cfg.index = func() (KV, error) { return openKV(filepath.Join(cfg.CacheDir, "index"), nil, kvLog{log: cfg.Log}) }
	}
	kv, err := cfg.index()
	if err != nil {
		return nil, err
	}
	f.kv = kv
	if err := f.load(); err != nil {
		if f.wb != nil {
			f.wb.log.Abandon()
		}
		f.closeFiles()
		return nil, errors.Join(err, f.closeOrigins(), kv.Close())
	}
	f.server = f.newServer()
	f.ctx, f.cancel = context.WithCancelCause(context.Background())
	f.spawn(f.upkeep)
	f.locks.start()
	f.primes.mu.Lock()
	f.primes.schedule()
	f.primes.mu.Unlock()
	f.spawn(f.watchNames)
	if cfg.Groups != nil {
		f.spawn(f.watchGroups)
	}
	if f.wb != nil {
		f.spawn(f.wb.schedule)
	}
	return f, nil
}

// load opens the parts that live on the cache disk.
func (f *Filer) load() (err error) {
	if f.store, err = openStore(filepath.Join(f.cfg.CacheDir, "data"), f.cfg.Capacity, f.cfg.disk, f.log); err != nil {
		return err
	}
	if f.cfg.maxOpen != 0 {
		f.store.maxOpen = f.cfg.maxOpen
	}
	if f.cfg.longRun != 0 {
		f.store.longRun = f.cfg.longRun
	}
	if f.ids, err = openIDs(f.kv); err != nil {
		return err
	}
	if f.seal, err = openSealer(f.kv); err != nil {
		return err
	}
	if f.sessions, err = openSessions(f.kv); err != nil {
		return err
	}
	if f.receipts, err = openReceipts(f.kv); err != nil {
		return err
	}
	if v, err := f.kv.Get(metaKey("epoch")); err != nil {
		return err
	} else if len(v) == 8 {
		f.epoch = binary.BigEndian.Uint64(v)
	}
	for _, e := range f.cfg.Exports {
		if _, err := f.openExport(e); err != nil {
			return err
		}
	}
	if err := f.connect(); err != nil {
		return err
	}
	if err := f.applyPolicies(context.Background()); err != nil {
		return err
	}
	if err := f.openWriteBack(); err != nil {
		return err
	}
	if f.locks, err = openLocks(f); err != nil {
		return err
	}
	if f.cfg.Groups != nil {
		known, err := f.cfg.Groups.load()
		if err != nil {
			return err
		}
		f.userGroups.Store(&known)
	}
	if f.primes, err = openPrimeJobs(f); err != nil {
		return err
	}
	return f.scanRecords()
}

// spawn runs fn with the filer's context and waits for it in Close; false when the filer is closing.
func (f *Filer) spawn(fn func(context.Context)) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closing {
		return false
	}
	f.work.Go(func() { fn(f.ctx) })
	return true
}

// Serve answers NFS and MOUNT on the listener until ctx ends or the filer is closed.
func (f *Filer) Serve(ctx context.Context, l net.Listener) error {
	f.mu.Lock()
	f.addr = l.Addr().String()
	f.mu.Unlock()
	err := f.server.Serve(ctx, l)
	if errors.Is(err, nfs.ErrServerClosed) {
		return nil
	}
	return err
}

// Close stops serving, ends the work in flight, persists what is cached and closes the cache. Origins that the caller
// opened stay open.
func (f *Filer) Close() error {
	f.mu.Lock()
	if f.ending {
		f.mu.Unlock()
		return nil
	}
	f.ending = true
	f.mu.Unlock()
	grace, done := context.WithTimeout(context.Background(), 5*time.Second)
	defer done()
	err := f.server.Shutdown(grace)
	if errors.Is(err, context.DeadlineExceeded) {
		f.log.Warn("some calls did not end in time")
		err = nil
	}
	if f.wb != nil {
		f.wb.shutdown()
	}
	f.mu.Lock()
	f.closing = true
	f.mu.Unlock()
	f.cancel(errClosing)
	f.work.Wait()
	f.locks.forgetIdle()
	f.locks.close()
	err = errors.Join(err, f.persist())
	if f.wb != nil {
		err = errors.Join(err, f.wb.close())
	}
	f.closeFiles()
	return errors.Join(err, f.closeOrigins(), f.kv.Close())
}

// kill stops the filer the way kill -9 would, as far as a process can do that to itself: nothing more is written.
func (f *Filer) kill() {
	f.mu.Lock()
	f.closing, f.ending = true, true
	f.mu.Unlock()
	f.cancel(errClosing)
	f.server.Close()
	f.work.Wait()
	f.locks.close()
	if f.wb != nil {
		f.wb.log.Abandon()
	}
	f.closeFiles()
	_ = f.closeOrigins() // nobody is told: this is a crash
	f.kv.Close()
}

func (f *Filer) closeOrigins() (err error) {
	for _, o := range f.opened {
		err = errors.Join(err, o.Close())
	}
	return err
}

func (f *Filer) closeFiles() {
	if f.store != nil && f.store.root != nil {
		f.store.root.Close()
	}
	if f.store != nil {
		for _, p := range f.store.takePassed() {
			p.file.put()
		}
	}
	for _, ino := range f.table.snapshot(func(*inode) bool { return true }) {
		ino.mu.Lock()
		if c := ino.content; c != nil && c.file != nil {
			c.file.put()
			c.file = nil
		}
		ino.mu.Unlock()
	}
}

// inode returns the inode with the id, to be put back; ErrStale when its file is gone or its export is.
func (f *Filer) inode(id uint64) (*inode, error) {
	if ino := f.table.known(id); ino != nil {
		return ino, nil
	}
	key, err := f.ids.identityOf(id)
	if err != nil {
		if fault.KindOf(err) == fault.NotFound {
			return nil, nfs.ErrStale
		}
		return nil, err
	}
	t := f.byID[key.target]
	if t == nil {
		return nil, nfs.ErrStale
	}
	return f.table.add(id, t, key.id), nil
}

// rootOf returns the export's root directory, to be put back.
func (f *Filer) rootOf(ctx context.Context, t *target) (*inode, error) {
	t.mu.Lock()
	id := t.root
	t.mu.Unlock()
	if id != 0 {
		return f.inode(id)
	}
	nfs.Wait(ctx)
	sent := time.Now()
	node, err := t.origin.Root(ctx)
	if err != nil {
		return nil, err
	}
	ino, err := f.adopt(t, node, sent)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	t.root = ino.id
	t.mu.Unlock()
	return ino, nil
}

// lostAccess makes the next use of the export's root mount again.
func (f *Filer) lostAccess(t *target) {
	if m, ok := origin.As[interface{ Remount() }](t.origin); ok {
		f.log.Warn("the storage refuses its root, mounting again", "export", t.path, "origin", t.origin.Describe())
		m.Remount()
	}
}

// isCancel says whether the one who asked has given up. An origin that does not answer in time is another matter: that
// error has a kind.
func isCancel(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) {
		_, classified := errors.AsType[*fault.Error](err)
		return !classified
	}
	return errors.Is(err, context.Canceled)
}
