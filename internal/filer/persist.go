package filer

import (
	"encoding/binary"
	"time"

	"golang.org/x/sys/unix"

	"github.com/spillway/spillway/nfs"
)

// The content record ("d" + inode id) says which bytes of which data file belong to which state of a file. It is written
// only after those bytes have been synced, so after a crash it never claims what is not there; bytes fetched since are
// fetched again. Layout: version 1, then varints: generation, last use (Unix seconds), size, mtime s, ns, ctime s, ns,
// then the sets of bytes present, asked for, read ahead and primed (ranges.go).
const recordVersion = 1

type record struct {
	gen                        uint64
	lastUse                    int64
	state                      nfs.PreAttr
	have, asked, ahead, primed ranges
}

func (r *record) encode() []byte {
	b := []byte{recordVersion}
	for _, v := range [...]uint64{
		r.gen, uint64(max(r.lastUse, 0)), r.state.Size, uint64(r.state.Mtime.Sec), uint64(r.state.Mtime.Nsec),
		uint64(r.state.Ctime.Sec), uint64(r.state.Ctime.Nsec),
	} {
		b = binary.AppendUvarint(b, v)
	}
	for _, set := range [...]*ranges{&r.have, &r.asked, &r.ahead, &r.primed} {
		b = set.appendTo(b)
	}
	return b
}

func parseRecord(b []byte) (r record, err error) {
	if len(b) == 0 || b[0] != recordVersion {
		return r, errRecord
	}
	b = b[1:]
	var v [7]uint64
	for i := range v {
		if v[i], b, err = uvarint(b); err != nil {
			return r, err
		}
	}
	for _, n := range v[3:] {
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
	v, err := c.f.kv.Get(inodeKey('d', c.ino.id))
	if err != nil || v == nil {
		return
	}
	r, err := parseRecord(v)
	if err != nil {
		return
	}
	file, err := c.f.store.openFile(r.gen, false)
	if err != nil {
		return
	}
	c.gen, c.file, c.state, c.unproven = r.gen, file, r.state, true
	c.have, c.asked, c.ahead, c.primed = r.have, r.asked, r.ahead, r.primed
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
		live[r.gen] = struct{}{}
		found = append(found, foundSpace{binary.BigEndian.Uint64(key[1:]), r.lastUse, r.have})
		return nil
	})
	if err != nil {
		return err
	}
	f.store.restore(found)
	return f.store.sweep(live)
}

// persist brings the records of changed contents, the counters and the deletions up to date.
func (f *Filer) persist() error {
	var changes []Change
	var saved []uint64
	later := map[uint64]struct{}{}
	holes := f.store.takeHoles()
	for _, id := range f.store.takeDirty() {
		ino := f.table.known(id)
		if ino == nil {
			continue
		}
		change, again := f.persistContent(ino)
		if change.Key != nil {
			changes = append(changes, change)
			saved = append(saved, id)
		}
		if again {
			f.store.markDirty(id)
			later[id] = struct{}{}
		}
		f.table.put(ino)
	}
	for _, t := range f.targets {
		changes = append(changes, t.traffic.change(t.id))
	}
	if err := f.kv.Apply(changes, true); err != nil {
		for _, id := range saved {
			f.store.markDirty(id)
		}
		f.store.putHoles(holes)
		return err
	}
	f.store.deleteDoomed()
	f.makeHoles(holes, later)
	return nil
}

// persistContent syncs an inode's data and returns its record. again: not now, changes are in flight.
func (f *Filer) persistContent(ino *inode) (ch Change, again bool) {
	ino.mu.Lock()
	c := ino.content
	if c == nil || !c.dirty {
		ino.mu.Unlock()
		return ch, false
	}
	if ino.chain.inflight > 0 {
		ino.mu.Unlock()
		return ch, true
	}
	ch.Key = inodeKey('d', ino.id)
	c.dirty = false
	if c.gen == 0 || c.file == nil {
		ino.mu.Unlock()
		return ch, false // no data: the record is deleted
	}
	r := record{
		gen: c.gen, lastUse: time.Now().Unix(), state: ino.attr.Pre(),
		have: c.have.clone(), asked: c.asked.clone(), ahead: c.ahead.clone(), primed: c.primed.clone(),
	}
	file := c.file.take()
	ino.mu.Unlock()
	defer file.put()
	if err := unix.Fdatasync(int(file.f.Fd())); err != nil {
		f.log.Warn("cache disk: sync failed, dropping the file's cached data", "error", err)
		ino.mu.Lock()
		c.reset()
		ino.mu.Unlock()
		return Change{Key: ch.Key}, false
	}
	ch.Value = r.encode()
	return ch, false
}
