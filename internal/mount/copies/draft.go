package copies

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/nfs"
)

// Draft is a copy that is being made. Blocks may be written and read concurrently, each written once. Commit or
// Abort ends the making, Close the reading.
type Draft struct {
	store   *Store
	path    string
	version nfs.PreAttr
	file    *os.File
	sums    []uint32
}

// Begin starts a copy of a version. Errors: fault.Conflict if somebody is making one already, fault.Exhausted without room.
func (s *Store) Begin(id ID, v nfs.PreAttr) (*Draft, error) {
	if !s.Fits(v.Size) {
		return nil, fault.New(fault.Exhausted, "a file of %d bytes is not kept in a cache of %d", v.Size, s.limit)
	}
	path := s.path(id)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fault.Wrap(fault.Exhausted, err, "make a copy")
	}
	lock, err := s.lockFile()
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "lock the cache")
	}
	defer lock.Close()
	f, err := openPart(path + ".part")
	if err != nil {
		return nil, err
	}
	if err := s.reserve(lock, v.Size); err != nil {
		os.Remove(f.Name())
		f.Close()
		return nil, err
	}
	d := &Draft{store: s, path: path, version: v, file: f, sums: make([]uint32, blocks(v.Size))}
	if err := f.Truncate(int64(v.Size)); err != nil {
		d.discard(lock)
		f.Close()
		return nil, fault.Wrap(fault.Exhausted, err, "make a copy")
	}
	return d, nil
}

// openPart opens a part and locks it. One that a killed process left is emptied and used. Called with the store's lock held,
// under which parts are renamed and removed.
func openPart(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fault.Wrap(fault.Exhausted, err, "make a copy")
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, fault.New(fault.Conflict, "somebody is making this copy")
	}
	if err := f.Truncate(0); err != nil {
		f.Close()
		return nil, fault.Wrap(fault.Exhausted, err, "make a copy")
	}
	return f, nil
}

// Blocks returns how many blocks the copy has.
func (d *Draft) Blocks() int { return len(d.sums) }

// BlockLen returns how many bytes a block has.
func (d *Draft) BlockLen(i int) int {
	return int(min(BlockSize, d.version.Size-uint64(i)*BlockSize))
}

// WriteBlock writes a whole block.
func (d *Draft) WriteBlock(i int, data []byte) error {
	if len(data) != d.BlockLen(i) {
		return fault.New(fault.Internal, "block %d of a copy has %d bytes, not %d", i, len(data), d.BlockLen(i))
	}
	d.sums[i] = castagnoli(data)
	if _, err := d.file.WriteAt(data, int64(i)*BlockSize); err != nil {
		return fault.Wrap(fault.Exhausted, err, "make a copy")
	}
	return nil
}

// ReadAt reads blocks that have been written. It may be used until Close.
func (d *Draft) ReadAt(b []byte, off int64) (int, error) { return d.file.ReadAt(b, off) }

// Commit makes the copy count, in place of an older version's. All blocks must have been written.
func (d *Draft) Commit() error {
	lock, err := d.store.lockFile()
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "lock the cache")
	}
	defer lock.Close()
	freed := int64(0)
	if old, err := os.Stat(d.path); err == nil {
		freed = cost(uint64(old.Size()))
	}
	if err := d.publish(); err != nil {
		_ = os.Remove(d.path + ".part")
		_ = remove(d.path)
		_ = d.store.change(lock, -freed-cost(d.version.Size))
		return fault.Wrap(fault.Exhausted, err, "record a copy")
	}
	return d.store.change(lock, -freed)
}

// publish gives the copy its name, then its record: between the two the copy does not count.
func (d *Draft) publish() error {
	if err := os.Rename(d.path+".part", d.path); err != nil {
		return err
	}
	now, err := look(d.file) // renaming has changed its ctime
	if err != nil {
		return err
	}
	return writeRecord(d.path, &record{version: d.version, local: now, boot: d.store.boot, sums: d.sums})
}

// Abort gives the copy up.
func (d *Draft) Abort() {
	lock, err := d.store.lockFile()
	if err != nil {
		return // the next eviction finds the part without its maker
	}
	defer lock.Close()
	d.discard(lock)
}

// discard removes the part and gives its room back. Called with the lock held.
func (d *Draft) discard(lock *os.File) {
	_ = os.Remove(d.path + ".part")
	_ = d.store.change(lock, -cost(d.version.Size))
}

// Close lets the file go, after Commit or Abort.
func (d *Draft) Close() { d.file.Close() }
