package filer

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/filer/wal"
	"github.com/spillway/spillway/nfs"
)

// writeBack is the engine of exports that acknowledge changes of file data before the origin has them: the log, the set
// of dirty files, and when they go.
type writeBack struct {
	f     *Filer
	log   *wal.Log
	limit int64        // dirty bytes that are accepted
	bytes atomic.Int64 // dirty
	// conflicts and aside count what could not land under its name, since the start.
	conflicts, aside atomic.Uint64
	names            *nameBack
	kick             chan struct{}
	broken           chan struct{} // closed when nothing can be promised any more
	checkpoints      sync.Mutex    // one at a time
	ends             sync.Mutex    // likewise, and before all others

	mu       sync.Mutex // a leaf; guards everything below
	files    map[uint64]*inode
	indexed  map[uint64]struct{}     // inodes with a state in the index
	answered map[netip.Addr]struct{} // clients with answers in the index
	orphans  []state                 // dirty files of exports that are no longer there
	verf     nfs.Verifier
	err      error // why broken
	settled  settled
}

const (
	// smallWrite is up to how many bytes a stable write or COMMIT goes into the log as a whole; larger ones are synced
	// in the data file.
	smallWrite = 64 << 10
	// maxDirtyFiles bounds the dirty files, which stay in memory.
	maxDirtyFiles = 1 << 17
	// maxDirtySpans bounds how scattered the dirty bytes of one file may be.
	maxDirtySpans = 1 << 15
	// dirtyShare is the part of the cache that dirty data may take.
	dirtyShare = 5
)

// openWriteBack brings the engine up if an export writes back, or did in an earlier run.
func (f *Filer) openWriteBack() error {
	id, err := f.kv.Get(metaKey("log"))
	if err != nil {
		return err
	}
	wanted := slices.ContainsFunc(f.targets, func(t *target) bool { return t.writeBack > 0 })
	if len(id) != 16 && !wanted {
		return nil
	}
	w := &writeBack{
		f: f, limit: f.store.cap / dirtyShare, kick: make(chan struct{}, 1), broken: make(chan struct{}),
		files: map[uint64]*inode{}, indexed: map[uint64]struct{}{}, answered: map[netip.Addr]struct{}{},
	}
	w.names = newNameBack(w)
	opt, disk, from := f.cfg.logSize, f.cfg.logDisk, uint64(0)
	if disk == nil {
		dir := filepath.Join(f.cfg.CacheDir, "log")
		err := os.MkdirAll(dir, 0o700)
		if err == nil {
			err = f.store.disk.SyncDir(f.cfg.CacheDir)
		}
		if err != nil {
			return fault.Wrap(fault.Unavailable, err, "cache directory")
		}
		disk = wal.Dir(dir)
	}
	if len(id) == 16 {
		opt.ID, from = binary.BigEndian.Uint64(id), binary.BigEndian.Uint64(id[8:])
	}
	if err := w.recover(disk, opt, from); err != nil {
		return err
	}
	f.wb, f.drc.through = w, w.logThrough
	if err := w.openVerifier(); err != nil {
		return errors.Join(err, w.log.Close())
	}
	return nil
}

// position is the value of the index's key of the log: its id, and where replay starts.
func (w *writeBack) position(seq uint64) Change {
	v := binary.BigEndian.AppendUint64(nil, w.log.ID())
	return Change{metaKey("log"), binary.BigEndian.AppendUint64(v, seq)}
}

// openVerifier takes over the write verifier of an orderly end, which left nothing unstable, or makes a new one.
func (w *writeBack) openVerifier() error {
	v, err := w.f.kv.Get(metaKey("verifier"))
	if err != nil {
		return err
	}
	if len(v) == 9 && v[8] == 1 {
		copy(w.verf[:], v)
	} else {
		w.verf = newVerifier()
	}
	return w.saveVerifier(0)
}

func newVerifier() (v nfs.Verifier) {
	rand.Read(v[:])
	return v
}

func (w *writeBack) saveVerifier(orderly byte) error {
	v := w.verifier()
	return w.f.kv.Apply([]Change{{metaKey("verifier"), append(v[:], orderly)}}, true)
}

func (w *writeBack) verifier() nfs.Verifier {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.verf
}

// breakdown is the end of all promises: the cache disk failed to write or sync, and what it holds is unknown. What was
// promised is in the log and in synced files; only a new start reads them. Until then changes are refused, and nothing
// is written back.
func (w *writeBack) breakdown(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return
	}
	w.err = fault.WithHint(fault.Wrap(fault.Internal, err, "the cache disk failed"), "check the disk; the filer must start again to go on")
	w.verf = newVerifier() // unstable data may be lost
	close(w.broken)
	w.f.log.Error("write-back has stopped: the cache disk failed", "error", err)
}

func (w *writeBack) failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// Broken is closed when the filer can promise nothing any more and must start again. It is nil without write-back.
func (f *Filer) Broken() <-chan struct{} {
	if f.wb == nil {
		return nil
	}
	return f.wb.broken
}

// admit says whether n more dirty bytes are accepted. JUKEBOX makes clients try again: space is being made.
func (w *writeBack) admit(n int) error {
	used, total := w.log.Used()
	w.mu.Lock()
	files, err := len(w.files), w.err
	w.mu.Unlock()
	dirty := w.bytes.Load() + int64(n)
	if dirty > w.limit/2 || used > total/2 {
		w.wake()
	}
	if err != nil || dirty > w.limit || files >= maxDirtyFiles || used > total*3/4 || n > 0 && !w.f.store.mayStore() {
		return nfs.ErrJukebox
	}
	return nil
}

func (w *writeBack) wake() {
	select {
	case w.kick <- struct{}{}:
	default:
	}
}

// add puts an inode into the set of dirty files. Called with its mu held.
func (w *writeBack) add(ino *inode) {
	w.mu.Lock()
	w.files[ino.id] = ino
	w.mu.Unlock()
}

// account brings the counters along after the dirty bytes of a file changed. Called with its mu held.
func (w *writeBack) account(ino *inode) {
	var now uint64
	if ino.dirty != nil {
		all := ino.dirty.all()
		now = all.size()
	}
	w.bytes.Add(int64(now) - int64(ino.owed))
	ino.target.dirty.Add(now - ino.owed)
	ino.owed = now
}

// clean forgets that a file is dirty, and returns the log record that says so; 0: none has to. Until that is durable a
// crash brings the file back, which is then written once more (see settled). Called with its mu held.
func (w *writeBack) clean(ino *inode) uint64 {
	d := ino.dirty
	ino.dirty = nil
	w.account(ino)
	w.mu.Lock()
	delete(w.files, ino.id)
	_, indexed := w.indexed[ino.id]
	w.mu.Unlock()
	if !d.logged && !indexed {
		return 0
	}
	seq, err := w.log.AppendReserved(cleanRecord(ino.id))
	w.landed(seq, err)
	return seq
}

func (w *writeBack) all() []*inode {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Collect(maps.Values(w.files))
}

// workers bounds the files written back at once.
const workers = 64

// schedule starts writing back what is due, until ctx ends. A file is due when its last change is older than the export's
// delay, when somebody asked, or when dirty data takes more than half of what it may: then the oldest goes first.
func (w *writeBack) schedule(ctx context.Context) {
	tick := time.NewTicker(w.pace())
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.broken:
			return
		case <-tick.C:
		case <-w.kick:
		}
		if used, total := w.log.Used(); used > total/2 {
			if err := w.checkpoint(); err != nil {
				w.f.log.Error("write-back checkpoint", "error", err)
			}
		}
		now := time.Now()
		w.names.startDue(now, w.pressed())
		w.startDue(now)
	}
}

func (w *writeBack) pace() time.Duration {
	pace := time.Second
	for _, t := range w.f.targets {
		if t.writeBack > 0 {
			pace = min(pace, max(t.writeBack/4, 10*time.Millisecond))
		}
	}
	return pace
}

// pressed says that dirty data takes more than half of what it may.
func (w *writeBack) pressed() bool { return w.bytes.Load() > w.limit/2 }

func (w *writeBack) startDue(now time.Time) {
	type candidate struct {
		ino   *inode
		first time.Time
	}
	var due []candidate
	running := 0
	pressed := w.pressed()
	for _, ino := range w.all() {
		ino.mu.Lock()
		switch d := ino.dirty; {
		case d == nil:
		case d.run != nil:
			running++
		case now.Before(d.next):
		case d.urgent || d.foreign || pressed || now.Sub(d.last) >= ino.target.writeBack:
			due = append(due, candidate{ino, d.first})
		}
		ino.mu.Unlock()
	}
	slices.SortFunc(due, func(a, b candidate) int { return a.first.Compare(b.first) })
	for _, c := range due[:min(len(due), max(workers-running, 0))] {
		c.ino.mu.Lock()
		if d := c.ino.dirty; d != nil && d.run == nil {
			w.start(c.ino, d)
		}
		c.ino.mu.Unlock()
	}
}

// syncData makes all dirty bytes of a file durable in its data file. Called with content.hardening held.
func (w *writeBack) syncData(ino *inode, d *dirty) error {
	for {
		ino.mu.Lock()
		c := ino.content
		if ino.dirty != d || c == nil || c.file == nil {
			ino.mu.Unlock()
			return nil
		}
		pos, bytes, cuts, gen, linked, size := w.log.Next(), d.all(), d.cuts, c.gen, c.linked, ino.attr.Size
		loose := d.loose
		d.loose = ranges{} // from now on: what is written while we sync
		file := c.file.take()
		ino.mu.Unlock()
		err := w.f.store.disk.Sync(file.f)
		if err == nil && !linked {
			err = w.f.store.disk.SyncDir(filepath.Dir(w.f.store.path(gen)))
		}
		file.put()
		if err != nil {
			w.breakdown(err)
			return w.failure()
		}
		ino.mu.Lock()
		if ino.dirty == d && d.cuts != cuts { // bytes written after a truncation are not synced
			for _, s := range loose.spans {
				d.loose.add(s.from, s.to)
			}
			d.loose.remove(d.cut(), maxOffset)
			all := d.all()
			for _, s := range all.spans {
				if s.to > d.cut() {
					d.loose.add(max(s.from, d.cut()), s.to)
				}
			}
			ino.mu.Unlock()
			continue
		}
		if ino.dirty == d {
			c.linked = true
			for _, s := range bytes.spans {
				d.stable.add(s.from, s.to)
			}
			d.size, d.due = max(d.size, size), true
			d.synced = max(d.synced, pos)
		}
		ino.mu.Unlock()
		return nil
	}
}

// stateOf describes a dirty file for log and index. Called with mu held.
func (ino *inode) stateOf() state {
	d, a := ino.dirty, &ino.attr
	all := d.all()
	s := state{
		inode: ino.id, target: uint64(ino.target.id), synced: d.synced, first: d.first, last: d.last, tried: d.tried, as: d.as,
		sessions: d.sessions, place: ino.place, base: d.base, size: d.size, mtime: a.Mtime, ctime: a.Ctime,
		times: d.layer.times || d.sent != nil && d.sent.times, atime: d.layer.atime, cut: d.cut(), bytes: d.stable.and(&all),
	}
	if s.atime.How == nfs.DontChange && d.sent != nil {
		s.atime = d.sent.atime
	}
	if ino.content != nil {
		s.gen = ino.content.gen
	}
	return s
}

// logState puts the file's state into the log. Called with mu held.
func (w *writeBack) logState(ino *inode, add func(...[]byte) (uint64, error)) error {
	s := ino.stateOf()
	seq, err := add(s.encode())
	if err != nil {
		w.logFailed(err)
		return err
	}
	ino.dirty.logged, ino.dirty.due, ino.dirty.seq = true, false, seq
	return nil
}

// wait returns when the record is durable; a log that failed is the end of all promises.
func (w *writeBack) wait(seq uint64) error {
	err := w.log.Wait(context.Background(), seq) // a commit ends by itself
	if err != nil && !errors.Is(err, wal.ErrClosed) {
		w.breakdown(err)
	}
	return err
}

type savedState struct {
	ino *inode
	d   *dirty
}

// checkpoint makes the index hold what the log holds, so that the log's segments are free again.
func (w *writeBack) checkpoint() error {
	w.checkpoints.Lock()
	defer w.checkpoints.Unlock()
	number := w.checkpointBegins()
	pos := w.log.Next()
	replies := w.saveReplies(pos)
	w.mu.Lock()
	ids := maps.Clone(w.indexed)
	known := maps.Clone(w.files)
	for id := range w.files {
		ids[id] = struct{}{}
		w.indexed[id] = struct{}{} // from now on: what lands meanwhile must say so in the log
	}
	changes := make([]Change, 0, len(ids)+1)
	var saved []savedState
	for _, s := range w.orphans {
		changes = append(changes, Change{inodeKey('w', s.inode), s.encode()})
	}
	w.mu.Unlock()
	for id := range ids {
		change := Change{Key: inodeKey('w', id)}
		if ino := known[id]; ino != nil {
			ino.mu.Lock()
			d, c := ino.dirty, ino.content
			ino.mu.Unlock()
			if d != nil && c != nil {
				c.hardening.Lock()
				err := w.syncData(ino, d)
				c.hardening.Unlock()
				if err != nil {
					return err
				}
			}
			ino.mu.Lock()
			if ino.dirty != nil {
				s := ino.stateOf()
				change.Value = s.encode()
				saved = append(saved, savedState{ino, ino.dirty})
			}
			ino.mu.Unlock()
		}
		changes = append(changes, change)
	}
	names, savedNames := w.names.changes()
	changes = append(append(append(changes, replies...), names...), w.position(pos))
	err := w.f.kv.Apply(changes, true)
	savedNames(err)
	if err != nil {
		return err
	}
	for _, s := range saved {
		s.ino.mu.Lock()
		s.d.logged = true // only now may records stand on it
		s.ino.mu.Unlock()
	}
	w.mu.Lock()
	for id := range ids {
		if _, dirty := w.files[id]; !dirty && known[id] == nil {
			delete(w.indexed, id)
		}
	}
	w.mu.Unlock()
	w.checkpointEnds(number)
	w.log.Release(pos)
	return nil
}

// landShutdown bounds how long an orderly end waits for the origin.
const landShutdown = 10 * time.Second

// shutdown writes back what it can in a bounded time, and makes the rest durable here.
func (w *writeBack) shutdown() {
	ctx, cancel := context.WithTimeout(w.f.ctx, landShutdown)
	defer cancel()
	w.landAll(ctx, w.all())
	if err := w.names.bringAll(ctx, w.names.all(nil)); err != nil {
		w.f.log.Warn("names that are not written back yet", "error", err)
	}
}

// close ends the engine in order: what is dirty is durable, so unstable data is not lost and the verifier stays.
func (w *writeBack) close() error {
	err := w.failure()
	if err == nil {
		err = w.checkpoint()
	}
	if err == nil {
		err = w.saveVerifier(1)
	}
	return errors.Join(err, w.log.Close())
}
