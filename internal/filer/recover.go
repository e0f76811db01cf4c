package filer

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/filer/wal"
)

// recovered is a dirty file as index and log describe it.
type recovered struct {
	state
	writes []logged // data that may not be in the data file yet
}

type logged struct {
	seq uint64
	dataRecord
}

// recover reads index and log, brings the data files up to what was promised, and makes the inodes dirty again.
func (w *writeBack) recover(disk wal.Disk, opt wal.Options, from uint64) error {
	files := map[uint64]*recovered{}
	names := newRecoveredNames()
	err := w.f.kv.Scan([]byte{'w'}, func(key, v []byte) error {
		r, err := parseLogRecord(v)
		s, ok := r.(state)
		if err != nil || !ok || len(key) != 9 {
			return fault.New(fault.Internal, "write-back: damaged state %x", key)
		}
		files[s.inode] = &recovered{state: s}
		w.indexed[s.inode] = struct{}{}
		return nil
	})
	if err == nil {
		err = names.load(w.f.kv)
	}
	if err != nil {
		return err
	}
	answers, err := w.loadReplies()
	if err != nil {
		return err
	}
	w.log, err = wal.Open(disk, opt, from, func(seq uint64, b []byte) error { return replay(files, names, &answers, seq, b) })
	if err != nil {
		return fault.WithHint(fault.Wrap(fault.Internal, err, "write-back log"),
			"acknowledged writes may be lost; after saving what is in the cache directory, delete it to start anew")
	}
	if opt.ID == 0 {
		if err := w.f.kv.Apply([]Change{w.position(w.log.Next())}, true); err != nil {
			w.log.Abandon()
			return err
		}
	}
	w.f.drc.restore(answers, 1)
	if err := w.dropAsides(files, names); err != nil {
		w.log.Abandon()
		return err
	}
	if err := w.names.restore(names); err != nil {
		w.log.Abandon()
		return err
	}
	for _, r := range files {
		if err := w.restore(r); err != nil {
			w.log.Abandon()
			return err
		}
	}
	if len(files) > 0 {
		w.f.log.Info("dirty files of the last run", "files", len(files))
	}
	if err := w.checkpoint(); err != nil {
		w.log.Abandon()
		return err
	}
	return nil
}

// dropAsides forgets what was set aside and of which the log does not say yet that it is clean: whoever set it aside owns
// the data file.
func (w *writeBack) dropAsides(files map[uint64]*recovered, names *recoveredNames) error {
	asides, err := w.f.Asides()
	for _, a := range asides {
		if r := files[a.Inode]; r != nil && r.gen != 0 && r.gen == a.Gen {
			delete(files, a.Inode)
		}
		names.forget(a.Inode)
	}
	return err
}

// replay applies one record to what is known so far.
func replay(files map[uint64]*recovered, names *recoveredNames, answers *[]replyRecord, seq uint64, b []byte) error {
	record, err := parseLogRecord(b)
	if err != nil {
		return fmt.Errorf("record %d: %w", seq, err)
	}
	switch r := record.(type) {
	case replyRecord:
		r.wire = append([]byte{}, r.wire...)
		*answers = append(*answers, r)
		if len(r.change) > 0 {
			return replay(files, names, answers, seq, r.change)
		}
	case *nameOp:
		names.begun(r)
	case nameEnd:
		names.ended(&r)
		if f := files[r.inode]; f != nil && r.end != opForsaken {
			f.base = r.attr
		} else if f != nil {
			delete(files, r.inode)
		}
	case uint64:
		delete(files, r)
	case state:
		f := files[r.inode]
		if f == nil || f.gen != r.gen {
			f = &recovered{}
			files[r.inode] = f
		}
		f.state = r
	case dataRecord:
		f := files[r.inode]
		if f == nil || f.gen != 0 && f.gen != r.gen {
			// A checkpoint that saw the file clean or in a later life: so did every record that follows.
			return nil
		}
		f.gen, f.size, f.mtime, f.ctime = r.gen, max(f.size, r.size), r.mtime, r.ctime
		f.bytes.add(r.off, r.off+uint64(len(r.data)))
		r.data = append([]byte{}, r.data...)
		f.writes = append(f.writes, logged{seq, r})
	}
	return nil
}

// How much later than the time noted a write-back may have sent something: the filer notes once a second that it is
// alive, and a loaded machine is late.
const (
	trySlack   = 2 * time.Second
	crashSlack = 10 * time.Second
)

// restore makes the data file hold what was promised, and the inode dirty.
func (w *writeBack) restore(r *recovered) error {
	w.f.log.Debug("dirty file", "inode", r.inode, "generation", r.gen, "synced", r.synced, "logged", len(r.writes), "size", r.size,
		"base", r.base.Size, "cut", r.cut, "bytes", fmt.Sprint(r.bytes.spans))
	if r.gen != 0 {
		if err := w.restoreData(r); err != nil {
			return fault.Wrap(fault.Unavailable, err, "bring back dirty data")
		}
	}
	ino, err := w.f.inode(r.inode)
	if err != nil { // its export is not there, or the file is gone
		if err := w.syncOrphan(r.gen); err != nil {
			return err
		}
		w.mu.Lock()
		w.orphans = append(w.orphans, r.state)
		w.mu.Unlock()
		w.f.log.Warn("dirty data of a file that cannot be reached", "inode", r.inode, "name", r.place.name)
		return nil
	}
	defer w.f.table.put(ino)
	ino.mu.Lock()
	defer ino.mu.Unlock()
	ino.place = r.place
	ino.attr = r.base
	ino.attr.Size, ino.attr.Used, ino.attr.Mtime, ino.attr.Ctime = r.size, r.size, r.mtime, r.ctime
	ino.known, ino.verified, ino.settled = true, time.Now(), time.Now()
	ino.dirty = &dirty{
		base: r.base, size: r.size, layer: layer{bytes: r.bytes.clone(), cut: r.cut, times: r.times, atime: r.atime}, stable: r.bytes.clone(),
		synced: r.synced, logged: true, tried: r.tried, slack: crashSlack, as: r.as, sessions: r.sessions, first: r.first, last: r.last, version: 1,
	}
	if alive := ino.target.alive; !r.tried.IsZero() && alive.After(r.tried) {
		ino.dirty.tried = alive
	}
	c := &content{f: w.f, ino: ino, flights: map[uint64]*flight{}, space: w.f.store.space(ino.id), state: r.base.Pre(), gen: r.gen}
	if err := c.loadVoids(); err != nil {
		return err
	}
	ino.content = c
	if r.gen == 0 && r.cut < r.size {
		if _, err := c.open(); err != nil {
			return err
		}
	} else if r.gen != 0 {
		if c.file, err = w.f.store.openFile(r.gen, false); err != nil {
			return err
		}
	}
	if c.file != nil {
		if err := grow(w.f.store.disk, c.file, r.size); err != nil {
			return err
		}
	}
	for _, s := range r.bytes.spans {
		c.add(s.from, s.to)
	}
	if r.cut < r.size {
		c.add(r.cut, r.size)
	}
	w.add(ino)
	w.account(ino)
	return nil
}

// syncOrphan makes the data of a file that cannot be reached durable, for no checkpoint will.
func (w *writeBack) syncOrphan(gen uint64) error {
	if gen == 0 {
		return nil
	}
	file, err := w.f.store.openFile(gen, false)
	if err != nil {
		return err
	}
	defer file.put()
	if err := w.f.store.disk.Sync(file.f); err != nil {
		return err
	}
	return w.f.store.disk.SyncDir(filepath.Dir(w.f.store.path(gen)))
}

// restoreData applies logged writes that are not in the synced file, and makes zeros of all that must be zero: what a
// crash left of bytes beyond a smaller size.
func (w *writeBack) restoreData(r *recovered) error {
	disk := w.f.store.disk
	file, err := w.f.store.openFile(r.gen, true)
	if err != nil {
		return err
	}
	defer file.put()
	for _, l := range r.writes {
		if l.seq < r.synced || l.gen != r.gen {
			continue
		}
		if err := disk.WriteAt(file.f, l.data, int64(l.off)); err != nil {
			return err
		}
	}
	st, err := file.f.Stat()
	if err != nil {
		return err
	}
	r.bytes.remove(max(r.size, r.cut), maxOffset)
	for _, s := range r.bytes.missing(r.cut, uint64(st.Size())) {
		if err := disk.Punch(file.f, int64(s.from), int64(s.to-s.from)); err != nil {
			return err
		}
	}
	return nil
}

// keep adds the data files that dirty data needs to those that stay.
func (w *writeBack) keep(live map[uint64]struct{}) error {
	for _, ino := range w.all() {
		ino.mu.Lock()
		if ino.content != nil {
			live[ino.content.gen] = struct{}{}
		}
		ino.mu.Unlock()
	}
	for _, s := range w.orphans {
		live[s.gen] = struct{}{}
	}
	asides, err := w.f.Asides()
	for _, a := range asides {
		live[a.Gen] = struct{}{}
	}
	return err
}
