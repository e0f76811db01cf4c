package filer

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/filer/replace"
)

// store is the cache disk: one sparse file per (inode, generation) under data/. Files only grow and get holes punched;
// a generation is never used again, so an open descriptor stays right for whoever still reads from it.
type store struct {
	dir          string
	root         *os.File     // of dir
	opened       atomic.Int64 // data files
	maxOpen      int64
	longRun      uint64 // bytes from which on a stream leaves nothing behind in memory
	log          *slog.Logger
	cap          int64  // bytes of data to keep at most
	part         uint64 // bytes that large files are evicted by
	cache        *replace.Cache
	evicted      atomic.Uint64 // bytes, since the start
	evictedFiles atomic.Uint64
	full         atomic.Int64 // Unix nanoseconds until which nothing is stored: the disk was full
	kick         chan struct{}
	// disk makes the data files' system calls; tests put faults in.
	disk disk

	mu     sync.Mutex
	spaces map[uint64]*space   // by inode id: what takes space
	dirty  map[uint64]struct{} // inodes whose record is behind
	doomed []uint64            // generations to delete
	holes  []hole              // to be made
	passed []passed            // to be dropped from memory
}

// disk is what the store asks of the operating system.
type disk interface {
	WriteAt(f *os.File, b []byte, off int64) error
	// Sync makes a file's content durable, SyncDir the names in a folder.
	Sync(f *os.File) error
	SyncDir(dir string) error
	// SyncAll makes everything durable that is on the disk that root is on.
	SyncAll(root *os.File) error
	// Punch makes a hole; the file keeps its length. Truncate sets the length.
	Punch(f *os.File, off, n int64) error
	Truncate(f *os.File, n int64) error
	// Forget drops from memory what of a range is on the disk.
	Forget(f *os.File, off, n int64) error
	Free(dir string) (free, total uint64, err error)
}

type osDisk struct{}

func (osDisk) WriteAt(f *os.File, b []byte, off int64) error {
	_, err := f.WriteAt(b, off)
	return err
}

func (osDisk) Sync(f *os.File) error { return unix.Fdatasync(int(f.Fd())) }

func (osDisk) SyncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// SyncAll tells of every error since root was opened or last told of one (syncfs(2), Linux 5.8).
func (osDisk) SyncAll(root *os.File) error { return unix.Syncfs(int(root.Fd())) }

func (osDisk) Punch(f *os.File, off, n int64) error {
	return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, n)
}

func (osDisk) Truncate(f *os.File, n int64) error { return f.Truncate(n) }

func (osDisk) Forget(f *os.File, off, n int64) error {
	return unix.Fadvise(int(f.Fd()), off, n, unix.FADV_DONTNEED)
}

func (osDisk) Free(dir string) (free, total uint64, err error) {
	var st unix.Statfs_t
	err = unix.Statfs(dir, &st)
	return st.Bavail * uint64(st.Frsize), st.Blocks * uint64(st.Frsize), err
}

func openStore(dir string, capacity int64, d disk, log *slog.Logger) (*store, error) {
	s := &store{
		dir: dir, log: log, cap: capacity, disk: d, kick: make(chan struct{}, 1),
		maxOpen: maxOpenFiles(), longRun: uint64(machineMemory() / longShare), part: partSize(capacity), cache: replace.New(capacity), spaces: map[uint64]*space{}, dirty: map[uint64]struct{}{},
	}
	if s.disk == nil {
		s.disk = osDisk{}
	}
	if err := s.makeFolders(); err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "cache directory")
	}
	root, err := os.Open(dir)
	s.root = root
	return s, fault.Wrap(fault.Unavailable, err, "cache directory")
}

// makeFolders makes what is missing of the folders of data files, and their names durable: a synced data file is worth
// nothing in a folder that a power cut takes away.
func (s *store) makeFolders() error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	for i := range 256 {
		if err := os.Mkdir(filepath.Join(s.dir, fmt.Sprintf("%02x", i)), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return errors.Join(s.disk.SyncDir(s.dir), s.disk.SyncDir(filepath.Dir(s.dir)))
}

// dataFile is an open data file, closed when the last user lets go.
type dataFile struct {
	f    *os.File
	open *atomic.Int64 // counts those that are open
	refs atomic.Int32
}

func (d *dataFile) take() *dataFile {
	d.refs.Add(1)
	return d
}

func (d *dataFile) put() {
	if d.refs.Add(-1) == 0 {
		d.f.Close()
		d.open.Add(-1)
	}
}

func (s *store) path(gen uint64) string {
	return filepath.Join(s.dir, fmt.Sprintf("%02x", gen&0xff), fmt.Sprintf("%016x", gen))
}

// openFile opens the data file of a generation, creating it if create is set.
func (s *store) openFile(gen uint64, create bool) (*dataFile, error) {
	flags := os.O_RDWR
	if create {
		flags |= os.O_CREATE
	}
	f, err := os.OpenFile(s.path(gen), flags, 0o600)
	if err != nil {
		return nil, err
	}
	d := &dataFile{f: f, open: &s.opened}
	d.refs.Store(1)
	if s.opened.Add(1) == s.maxOpen+1 {
		s.wake()
	}
	return d, nil
}

// discard deletes a generation's file soon.
func (s *store) discard(gen uint64) {
	s.mu.Lock()
	s.doomed = append(s.doomed, gen)
	s.mu.Unlock()
}

// takeDoomed returns the generations to delete.
func (s *store) takeDoomed() []uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	doomed := s.doomed
	s.doomed = nil
	return doomed
}

func (s *store) delete(doomed []uint64) {
	for _, gen := range doomed {
		if err := os.Remove(s.path(gen)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.log.Warn("delete cached data", "error", err)
		}
	}
}

// sweep deletes files that no record names: what a crash left behind.
func (s *store) sweep(live map[uint64]struct{}) error {
	return filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		gen, err := strconv.ParseUint(d.Name(), 16, 64)
		if _, ok := live[gen]; err == nil && ok {
			return nil
		}
		return os.Remove(path)
	})
}

// mayStore says whether the disk takes more data now.
func (s *store) mayStore() bool { return time.Now().UnixNano() >= s.full.Load() }

// diskFull notes that the disk refused data: for a moment everything passes through uncached, and space is made.
func (s *store) diskFull(err error) {
	now := time.Now()
	if was := s.full.Swap(now.Add(time.Second).UnixNano()); was < now.Add(-10*time.Second).UnixNano() {
		s.log.Warn("cache disk takes no data, reading past it", "error", err)
	}
	s.wake()
}

func (s *store) wake() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

func (s *store) markDirty(inode uint64) {
	s.mu.Lock()
	s.dirty[inode] = struct{}{}
	s.mu.Unlock()
}

func (s *store) takeDirty() []uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]uint64, 0, len(s.dirty))
	for id := range s.dirty {
		out = append(out, id)
	}
	clear(s.dirty)
	return out
}
