// Package joblog keeps the output of attempts, one file each, outside the database: dir/JOB/ATTEMPT.log, byte for byte as
// the nodes sent it.
//
// A log over the cap keeps its head and its tail; the middle becomes a hole in the file, so that offsets stay what they
// were. Store.mu guards the table of live logs and each entry in it; no file is read or written under it.
package joblog

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
)

// DefaultCap bounds what is kept of one attempt's log, in bytes.
const DefaultCap = 64 << 20

// Store holds the logs under one directory.
type Store struct {
	dir string
	cap int64

	// mu guards live.
	mu   sync.Mutex
	live map[farm.AttemptID]*state
}

// state is what followers of a log wait for. It exists while somebody appends or follows.
type state struct {
	appending sync.Mutex    // serialises the log's writers
	changed   chan struct{} // closed and replaced at each change
	over      bool          // nothing follows
	users     int
}

// Open prepares the directory. A cap of 0 is DefaultCap.
func Open(dir string, keep int64) (*Store, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "create the log folder")
	}
	if keep <= 0 {
		keep = DefaultCap
	}
	return &Store{dir: dir, cap: keep, live: map[farm.AttemptID]*state{}}, nil
}

// Append writes data at the offset and returns how many bytes of the log are stored. What is stored already is ignored;
// data beyond a gap is ignored too, and the result tells the sender where to go on. With complete, the log has been synced
// to disk when Append returns, and its followers come to their end.
func (s *Store) Append(job farm.JobID, attempt farm.AttemptID, offset uint64, data []byte, complete bool) (uint64, error) {
	st := s.use(attempt)
	defer s.release(attempt, st)
	st.appending.Lock()
	defer st.appending.Unlock()

	f, err := s.create(job, attempt)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, fault.Wrap(fault.Unavailable, err, "stat a log")
	}
	size := uint64(info.Size())
	if offset > size {
		return size, nil
	}
	if skip := size - offset; skip < uint64(len(data)) {
		n, err := f.WriteAt(data[skip:], int64(size))
		if err != nil {
			return size, fault.Wrap(fault.Exhausted, err, "write a log")
		}
		size += uint64(n)
		s.trim(f, int64(size))
	}
	complete = complete && size == offset+uint64(len(data))
	if complete {
		if err := f.Sync(); err != nil {
			return 0, fault.Wrap(fault.Unavailable, err, "sync a log")
		}
	}
	s.announce(st, complete)
	return size, nil
}

// Finish says that nothing more will come for the attempt: its followers come to their end.
func (s *Store) Finish(attempt farm.AttemptID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.live[attempt]; st != nil {
		st.over = true
		st.wake()
	}
}

// Size returns the bytes stored of a log; 0 if there is none.
func (s *Store) Size(job farm.JobID, attempt farm.AttemptID) (uint64, error) {
	path, err := s.path(job, attempt)
	if err != nil {
		return 0, err
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fault.Wrap(fault.Unavailable, err, "stat a log")
	}
	return uint64(info.Size()), nil
}

// Remove deletes a job's logs.
func (s *Store) Remove(job farm.JobID) error {
	if !plain(string(job)) {
		return fault.New(fault.Invalid, "%q is no job id", job)
	}
	return fault.Wrap(fault.Unavailable, os.RemoveAll(filepath.Join(s.dir, string(job))), "remove the job's logs")
}

// create opens a log for writing; its folder's entry is made durable when it is new.
func (s *Store) create(job farm.JobID, attempt farm.AttemptID) (*os.File, error) {
	path, err := s.path(job, attempt)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, fault.Wrap(fault.Unavailable, err, "open a log")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "create a log folder")
	}
	f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "create a log")
	}
	return f, nil
}

// trim punches out the middle of a log that has outgrown the cap. It works in steps of an eighth of the cap, and an error
// (a file system without holes) only costs space.
func (s *Store) trim(f *os.File, size int64) {
	const flags = unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE
	head, step := s.head(), max(s.cap/8&^4095, 4096)
	end := (size - s.cap/2) / step * step
	if size <= s.cap || end <= head {
		return
	}
	_ = unix.Fallocate(int(f.Fd()), flags, head, end-head)
}

// head is where the hole of a trimmed log begins: on a block border, for holes have such borders.
func (s *Store) head() int64 { return s.cap / 2 &^ 4095 }

func (s *Store) path(job farm.JobID, attempt farm.AttemptID) (string, error) {
	if !plain(string(job)) || !plain(string(attempt)) {
		return "", fault.New(fault.Invalid, "%q of %q is no log", attempt, job)
	}
	return filepath.Join(s.dir, string(job), string(attempt)+".log"), nil
}

// plain reports whether an id can be a file name.
func plain(id string) bool {
	if id == "" || len(id) > 128 {
		return false
	}
	for _, c := range []byte(id) {
		if c != '-' && c != '_' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return true
}

func (s *Store) use(attempt farm.AttemptID) *state {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.live[attempt]
	if st == nil {
		st = &state{changed: make(chan struct{})}
		s.live[attempt] = st
	}
	st.users++
	return st
}

func (s *Store) release(attempt farm.AttemptID, st *state) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st.users--; st.users == 0 {
		delete(s.live, attempt)
	}
}

func (s *Store) announce(st *state, over bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st.over = st.over || over
	st.wake()
}

func (st *state) wake() {
	close(st.changed)
	st.changed = make(chan struct{})
}
