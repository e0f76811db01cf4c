package copies

import (
	"encoding/binary"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/spillway/spillway/internal/fault"
)

// lockFile takes the directory's lock, which all processes share; closing the file lets it go.
func (s *Store) lockFile() (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(s.dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		if err = unix.Flock(int(f.Fd()), unix.LOCK_EX); err == nil {
			return f, nil
		}
		if err != unix.EINTR { //nolint:errorlint // an errno, straight from the system call
			f.Close()
			return nil, err
		}
	}
}

// overhead is what a copy takes besides its bytes: a part of a block, its record, two inodes.
const overhead = 8 << 10

func cost(size uint64) int64 { return int64(size+size/(BlockSize/4)) + overhead }

// change moves the reserved bytes by so many, with the lock's file. The number may be too high after a process was killed,
// or a person deleted copies; the next eviction counts anew.
func (s *Store) change(lock *os.File, by int64) error {
	return setReserved(lock, max(0, reserved(lock)+by))
}

func reserved(lock *os.File) int64 {
	var b [8]byte
	if _, err := lock.ReadAt(b[:], 0); err != nil {
		return 0
	}
	return int64(binary.BigEndian.Uint64(b[:]))
}

func setReserved(lock *os.File, n int64) error {
	_, err := lock.WriteAt(binary.BigEndian.AppendUint64(nil, uint64(n)), 0)
	return err
}

// reserve finds room for a copy: if there is none, the copies that were used longest ago go. Called with the lock held.
// fault.Exhausted: nothing more can go.
func (s *Store) reserve(lock *os.File, size uint64) error {
	need := cost(size)
	if has := reserved(lock); has > 0 && has+need <= s.limit {
		return setReserved(lock, has+need)
	}
	held, err := s.evict(min(s.limit-need, s.limit*9/10))
	if err != nil {
		return err
	}
	if held+need > s.limit {
		return fault.New(fault.Exhausted, "the cache is full of files that are being copied")
	}
	return setReserved(lock, held+need)
}

// held is a copy, or one that is being made, as eviction sees it.
type held struct {
	path string
	cost int64
	used time.Time
}

// evict counts what is in the directory, removes what belongs to nobody, and then copies until no more than so many bytes
// are left. It returns how many are. Called with the lock held.
func (s *Store) evict(most int64) (int64, error) {
	all, total, err := s.scan()
	if err != nil || total <= most {
		return total, err
	}
	slices.SortFunc(all, func(a, b held) int { return a.used.Compare(b.used) })
	for _, h := range all {
		if total <= most {
			break
		}
		if err := remove(h.path); err != nil {
			return total, err
		}
		total -= h.cost
	}
	return total, nil
}

// scan lists the copies. total includes those that are being made.
func (s *Store) scan() (all []held, total int64, err error) {
	err = filepath.WalkDir(filepath.Join(s.dir, "v1"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, ".rec") {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return nil //nolint:nilerr // renamed meanwhile by its maker, who needs no lock to give up
		}
		h := held{path: path, cost: cost(uint64(info.Size()))}
		rec, err := os.Stat(path + ".rec")
		switch {
		case strings.HasSuffix(path, ".part") && inUse(path):
			total += h.cost
		case err != nil: // a part whose maker was killed, a copy that never was recorded, anything else
			return os.Remove(path)
		default:
			h.used = rec.ModTime()
			all, total = append(all, h), total+h.cost
		}
		return nil
	})
	return all, total, err
}

// inUse reports whether somebody is making the copy.
func inUse(part string) bool {
	f, err := os.Open(part)
	if err != nil {
		return false
	}
	defer f.Close()
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil
}
