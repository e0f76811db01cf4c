package copies

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/nfs"
)

// ID names a file of a server.
type ID struct {
	Server string // HOST:PORT
	FSID   uint64
	File   uint64 // its file id
	Unique string // what else must agree; empty for a server whose times are fine enough to tell files apart
}

// Store is a directory of copies. Any number of processes of one user may use it at once. Its methods may be used
// concurrently.
type Store struct {
	dir   string
	limit int64
	boot  [16]byte
}

// Open opens a directory, which is made if missing, for copies of so many bytes in all. Processes that share it should give
// the same limit. Errors are fault.Invalid and fault.Denied: other users must not be able to change or read the directory.
func Open(dir string, limit int64) (*Store, error) {
	if limit < BlockSize {
		return nil, fault.New(fault.Invalid, "a cache of %d bytes is too small", limit)
	}
	if err := os.MkdirAll(filepath.Join(dir, "v1"), 0o700); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "cache directory")
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "cache directory")
	}
	if st, ok := info.Sys().(*syscall.Stat_t); !ok || int(st.Uid) != os.Geteuid() || info.Mode().Perm()&0o077 != 0 {
		return nil, fault.WithHint(fault.New(fault.Denied, "the cache directory %s may be used by other users", dir),
			"it holds files that not everybody may read: chown it to the user who mounts, and chmod 700")
	}
	s := &Store{dir: dir, limit: limit}
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "this machine's boot id")
	}
	id, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(string(text)), "-", ""))
	if err != nil || len(id) != len(s.boot) {
		return nil, fault.New(fault.Internal, "this machine's boot id is %q", text)
	}
	copy(s.boot[:], id)
	return s, s.count()
}

// count notes how much is there, after what has no owner and what is over the limit has gone.
func (s *Store) count() error {
	lock, err := s.lockFile()
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "lock the cache")
	}
	defer lock.Close()
	held, err := s.evict(s.limit)
	if err == nil {
		err = setReserved(lock, held)
	}
	return fault.Wrap(fault.Invalid, err, "cache directory")
}

// Fits reports whether a file of the size is copied at all: a single one must not push out most of the others.
func (s *Store) Fits(size uint64) bool {
	return size > 0 && size <= maxSize && size <= uint64(s.limit/2)
}

// path returns where the copy of a file is.
func (s *Store) path(id ID) string {
	h := sha256.New()
	var n [8]byte
	for _, part := range []string{id.Server, id.Unique} {
		binary.BigEndian.PutUint64(n[:], uint64(len(part)))
		h.Write(n[:])
		h.Write([]byte(part))
	}
	h.Write(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, id.FSID), id.File))
	name := hex.EncodeToString(h.Sum(nil))
	return filepath.Join(s.dir, "v1", name[:2], name)
}

// touchAfter is how much later a copy must be used for the use to be noted.
const touchAfter = time.Second

// Get opens the copy of a file if it is whole and of the version; nil if not.
func (s *Store) Get(id ID, v nfs.PreAttr) *os.File {
	path := s.path(id)
	rec, err := os.Open(path + ".rec")
	if err != nil {
		return nil
	}
	defer rec.Close()
	var head [recordHeader]byte
	if _, err := io.ReadFull(rec, head[:]); err != nil {
		return nil
	}
	r, err := decodeHeader(head[:])
	if err != nil || r.version != v || r.boot != s.boot {
		return nil
	}
	f := openMatching(path, r.local)
	if f == nil {
		return nil
	}
	if info, err := rec.Stat(); err == nil && time.Since(info.ModTime()) > touchAfter {
		now := time.Now()
		_ = os.Chtimes(path+".rec", now, now) // the order of eviction is not worth an error
	}
	return f
}

// openMatching opens a copy that looks as it should; nil if it does not.
func openMatching(path string, want local) *os.File {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	if got, err := look(f); err != nil || got != want {
		f.Close()
		return nil
	}
	return f
}

// look says how an open file looks.
func look(f *os.File) (local, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return local{}, err
	}
	return local{inode: st.Ino, size: uint64(st.Size), mtime: st.Mtim.Nano(), ctime: st.Ctim.Nano()}, nil
}

// Recheck reads a copy of the version that was made in an earlier boot of the machine, and makes it count again if its
// checksums agree. It reports whether Get finds it now.
func (s *Store) Recheck(id ID, v nfs.PreAttr) bool {
	path := s.path(id)
	b, err := os.ReadFile(path + ".rec")
	if err != nil {
		return false
	}
	r, err := decode(b)
	if err != nil || r.version != v || r.boot == s.boot {
		return false
	}
	f := openMatching(path, r.local)
	if f == nil {
		return false
	}
	defer f.Close()
	buf := make([]byte, BlockSize)
	for _, want := range r.sums {
		n, err := io.ReadFull(f, buf)
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) || castagnoli(buf[:n]) != want {
			return false
		}
	}
	lock, err := s.lockFile()
	if err != nil {
		return false
	}
	defer lock.Close()
	if again := openMatching(path, r.local); again != nil { // not replaced meanwhile
		again.Close()
		r.boot = s.boot
		return writeRecord(path, &r) == nil
	}
	return false
}

// writeRecord replaces the record of a copy. Called with the lock held.
func writeRecord(path string, r *record) error {
	fresh := path + ".rec.new"
	if err := os.WriteFile(fresh, r.encode(), 0o600); err != nil {
		return err
	}
	return os.Rename(fresh, path+".rec")
}

// remove takes a copy away, its record first. Called with the lock held.
func remove(path string) error {
	for _, p := range []string{path + ".rec", path} {
		if err := os.Remove(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
