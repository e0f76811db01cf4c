package filer

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/spillway/spillway/nfs"
)

// The content record ("d" + inode id) says which bytes of which data file belong to which state of a file. It is written
// only after those bytes have been synced, so after a crash it never claims what is not there; bytes fetched since are
// fetched again. It counts only if its voids are those of the index's "x" key: a file that is written back gets changes
// in place before they are durable. Layout: version 2, then varints: generation, last use (Unix seconds), size, mtime s,
// ns, ctime s, ns, voids, then the sets of bytes present, asked for, read ahead and primed (ranges.go). Version 1 has no
// voids.
const recordVersion = 2

type record struct {
	gen, voids                 uint64
	lastUse                    int64
	state                      nfs.PreAttr
	have, asked, ahead, primed ranges
}

func (r *record) encode() []byte {
	b := []byte{recordVersion}
	for _, v := range [...]uint64{
		r.gen, uint64(max(r.lastUse, 0)), r.state.Size, uint64(r.state.Mtime.Sec), uint64(r.state.Mtime.Nsec),
		uint64(r.state.Ctime.Sec), uint64(r.state.Ctime.Nsec), r.voids,
	} {
		b = binary.AppendUvarint(b, v)
	}
	for _, set := range [...]*ranges{&r.have, &r.asked, &r.ahead, &r.primed} {
		b = set.appendTo(b)
	}
	return b
}

func parseRecord(b []byte) (r record, err error) {
	if len(b) == 0 || b[0] == 0 || b[0] > recordVersion {
		return r, errRecord
	}
	n := 7
	if b[0] == recordVersion {
		n = 8
	}
	b = b[1:]
	var v [8]uint64
	for i := range n {
		if v[i], b, err = uvarint(b); err != nil {
			return r, err
		}
	}
	r.voids = v[7]
	for _, n := range v[3:7] {
		if n > 1<<32-1 {
			return r, errRecord
		}
	}
	r.gen, r.lastUse = v[0], int64(v[1]&(1<<62-1))
	r.state = nfs.PreAttr{
		Size: v[2], Mtime: nfs.Time{Sec: uint32(v[3]), Nsec: uint32(v[4])}, Ctime: nfs.Time{Sec: uint32(v[5]), Nsec: uint32(v[6])},
	}
	for _, set := range [...]*ranges{&r.have, &r.asked, &r.ahead, &r.primed} {
		if *set, b, err = parseRanges(b); err != nil {
			return r, err
		}
	}
	if len(b) != 0 {
		return r, errRecord
	}
	return r, nil
}

// load takes over what an earlier run left. Called with mu held.
func (c *content) load() {
	if c.f.wb != nil && c.loadVoids() != nil {
		return
	}
	v, err := c.f.kv.Get(inodeKey('d', c.ino.id))
	if err != nil || v == nil {
		return
	}
	r, err := parseRecord(v)
	if err != nil {
		return
	}
	if r.voids != c.voids {
		c.f.store.discard(r.gen)
		return
	}
	file, err := c.f.store.openFile(r.gen, false)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	c.recorded, c.linked = true, true
	c.gen, c.file, c.state, c.unproven = r.gen, file, r.state, true
	c.have, c.asked, c.ahead, c.primed = r.have, r.asked, r.ahead, r.primed
}

// loadVoids reads how often the file's records were declared void.
func (c *content) loadVoids() error {
	v, err := c.f.kv.Get(inodeKey('x', c.ino.id))
	if len(v) == 8 {
		c.voids = binary.BigEndian.Uint64(v)
	}
	return err
}

// scanRecords accounts the space of all records and removes data files that belong to none.
func (f *Filer) scanRecords() error {
	live := map[uint64]struct{}{}
	var found []foundSpace
	err := f.kv.Scan([]byte{'d'}, func(key, value []byte) error {
		r, err := parseRecord(value)
		if err != nil || len(key) != 9 {
			return nil //nolint:nilerr // a damaged record: its data file goes
		}
		if v, err := f.kv.Get(inodeKey('x', binary.BigEndian.Uint64(key[1:]))); err != nil || len(v) == 8 && binary.BigEndian.Uint64(v) != r.voids {
			return err
		}
		live[r.gen] = struct{}{}
		found = append(found, foundSpace{binary.BigEndian.Uint64(key[1:]), r.lastUse, r.have})
		return nil
	})
	if err != nil {
		return err
	}
	f.store.restore(found)
	if f.wb != nil {
		if err := f.wb.keep(live); err != nil {
			return err
		}
	}
	return f.store.sweep(live)
}

// syncTogether is from how many files on the whole disk is synced in place of each: a sync of a small file costs a
// fraction of a millisecond, and thousands of them are loaded in a second.
const syncTogether = 64

// persist brings the records of changed contents, the counters and the deletions up to date.
func (f *Filer) persist() error {
	later := map[uint64]struct{}{}
	holes := f.store.takeHoles()
	var saves []*save
	for _, id := range f.store.takeDirty() {
		ino := f.table.known(id)
		if ino == nil {
			continue
		}
		s, again := f.beginSave(ino)
		if again {
			f.store.markDirty(id)
			later[id] = struct{}{}
		}
		if s == nil {
			f.table.put(ino)
			continue
		}
		saves = append(saves, s)
	}
	changes := make([]Change, 0, len(saves)+len(f.targets))
	for i, err := range f.syncSaves(saves) {
		change, again := f.endSave(saves[i], err)
		id := saves[i].ino.id
		if change.Key != nil {
			changes = append(changes, change)
		}
		if again {
			f.store.markDirty(id)
			later[id] = struct{}{}
		}
	}
	for _, t := range f.targets {
		changes = append(changes, t.change())
	}
	err := f.kv.Apply(changes, true)
	for _, s := range saves {
		if err != nil {
			f.store.markDirty(s.ino.id)
		}
		f.table.put(s.ino)
	}
	if err != nil {
		f.store.putHoles(holes)
		return err
	}
	f.makeHoles(holes, later)
	doomed := f.store.takeDoomed()
	if f.wb != nil && len(doomed) > 0 && f.wb.wait(f.wb.log.Next()-1) != nil {
		return nil //nolint:nilerr // while the log does not say that a file is clean, a new start needs its data
	}
	f.store.delete(doomed)
	return nil
}

// save is an inode's data on the way to a record.
type save struct {
	ino  *inode
	file *dataFile // nil: there are no data, and the record goes
	record
}

// beginSave takes down what an inode's record will say; nil: nothing new. again: not now, changes are in flight.
func (f *Filer) beginSave(ino *inode) (s *save, again bool) {
	ino.mu.Lock()
	defer ino.mu.Unlock()
	c := ino.content
	if c == nil || !c.dirty {
		return nil, false
	}
	if ino.chain.inflight > 0 || ino.dirty != nil || c.writing > 0 { // what is dirty is in the log
		return nil, true
	}
	if c.reopen() != nil && c.gen != 0 { // no descriptor is left
		return nil, true
	}
	c.dirty = false
	s = &save{ino: ino}
	if c.gen == 0 {
		return s, false
	}
	s.record = record{
		gen: c.gen, voids: c.voids, lastUse: time.Now().Unix(), state: ino.attr.Pre(),
		have: c.have.clone(), asked: c.asked.clone(), ahead: c.ahead.clone(), primed: c.primed.clone(),
	}
	s.file = c.file.take()
	c.recorded = true
	return s, false
}

// syncSaves makes data durable and returns an error or nil for each.
func (f *Filer) syncSaves(saves []*save) []error {
	errs := make([]error, len(saves))
	if len(saves) >= syncTogether {
		err := f.store.disk.SyncAll(f.store.root)
		for i, s := range saves {
			if s.file != nil {
				errs[i] = err
			}
		}
		return errs
	}
	for i, s := range saves {
		if s.file == nil {
			continue
		}
		errs[i] = f.store.disk.Sync(s.file.f)
		if errs[i] == nil && f.wb != nil { // power cuts must not leave the record without its file's content, nor another's
			errs[i] = f.store.disk.SyncDir(filepath.Dir(f.store.path(s.gen)))
		}
	}
	return errs
}

// endSave returns an inode's record after its data have been synced, or have not.
func (f *Filer) endSave(s *save, err error) (ch Change, again bool) {
	ch.Key = inodeKey('d', s.ino.id)
	if s.file == nil {
		return ch, false
	}
	defer s.file.put()
	if err == nil {
		ch.Value = s.encode()
		return ch, false
	}
	f.log.Warn("cache disk: sync failed, dropping the file's cached data", "error", err)
	s.ino.mu.Lock()
	defer s.ino.mu.Unlock()
	if s.ino.dirty != nil {
		f.wb.breakdown(err)
		return ch, true
	}
	s.ino.content.reset()
	return ch, false
}
