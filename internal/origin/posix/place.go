package posix

import (
	"encoding/binary"
	"errors"
	"os"
	"path"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/spillway/spillway/internal/origin"
)

// Places remembers where identities were last seen. It must be as durable as the IDs that were handed out: SetPlace
// takes effect before any later durable write of the same store. Safe for concurrent use.
type Places interface {
	Place(id origin.ID) (parent origin.ID, name string, ok bool)
	SetPlace(id, parent origin.ID, name string) error
}

// placeFinder identifies files by inode number and birth time and finds them by parent and name.
// ID: idPlace, inode number, birth time seconds (8 bytes each), nanoseconds (4), big-endian.
type placeFinder struct {
	root   int
	rootID origin.ID
	places Places
}

// maxDepth bounds the walk from a file to the root.
const maxDepth = 1024

func (*placeFinder) String() string { return "parent and name, checked by inode and birth time" }

func placeID(st *unix.Statx_t) origin.ID {
	id := make([]byte, 0, 21)
	id = append(id, idPlace)
	id = binary.BigEndian.AppendUint64(id, st.Ino)
	var born unix.StatxTimestamp
	if st.Mask&unix.STATX_BTIME != 0 {
		born = st.Btime
	}
	id = binary.BigEndian.AppendUint64(id, uint64(born.Sec))
	return origin.ID(binary.BigEndian.AppendUint32(id, born.Nsec))
}

func (f *placeFinder) identify(_ int, st *unix.Statx_t, parent origin.ID, name string) (origin.ID, error) {
	id := placeID(st)
	if name == "" { // the root
		return id, nil
	}
	return id, f.moved(id, parent, name)
}

// identifyName needs nothing but the description: it is all of the identity.
func (f *placeFinder) identifyName(_ int, st *unix.Statx_t, parent origin.ID, name string) (origin.ID, bool) {
	id, err := f.identify(-1, st, parent, name)
	return id, err == nil
}

func (f *placeFinder) moved(id, parent origin.ID, name string) error {
	if p, n, ok := f.places.Place(id); ok && p == parent && n == name {
		return nil
	}
	return f.places.SetPlace(id, parent, name)
}

func (f *placeFinder) open(id origin.ID) (int, error) {
	if id == f.rootID {
		return openSelf(f.root)
	}
	if len(id) != 21 || id[0] != idPlace {
		return -1, unix.ESTALE
	}
	if rel, ok := f.path(id); ok {
		if fd, err := f.openChecked(f.root, rel, id); err == nil {
			return fd, nil
		}
	}
	return f.search(id, 0)
}

// path joins the places from the root down to id.
func (f *placeFinder) path(id origin.ID) (string, bool) {
	rel := ""
	for range maxDepth {
		if id == f.rootID {
			return rel, rel != ""
		}
		parent, name, ok := f.places.Place(id)
		if !ok {
			return "", false
		}
		rel = path.Join(name, rel)
		id = parent
	}
	return "", false
}

// openChecked opens rel below dir if it still is the file.
func (f *placeFinder) openChecked(dir int, rel string, id origin.ID) (int, error) {
	fd, err := unix.Openat2(dir, rel, &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_XDEV,
	})
	if err != nil {
		return -1, err
	}
	st, err := statFD(fd)
	if err == nil && placeID(&st) != id {
		err = unix.ESTALE
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// search finds a file that was renamed behind our back within its directory.
func (f *placeFinder) search(id origin.ID, depth int) (int, error) {
	parent, name, ok := f.places.Place(id)
	if !ok || depth > maxDepth {
		return -1, unix.ESTALE
	}
	dir, err := openSelf(f.root)
	if parent != f.rootID {
		unix.Close(dir)
		if dir, err = f.open(parent); err != nil {
			return -1, unix.ESTALE
		}
	}
	if err != nil {
		return -1, err
	}
	defer unix.Close(dir)
	if fd, err := f.openChecked(dir, name, id); err == nil {
		return fd, nil
	}
	inode := binary.BigEndian.Uint64([]byte(id[1:9]))
	entries, err := os.ReadDir(procPath(dir))
	if err != nil {
		return -1, unix.ESTALE
	}
	for _, e := range entries {
		var st unix.Stat_t
		if unix.Fstatat(dir, e.Name(), &st, unix.AT_SYMLINK_NOFOLLOW) != nil || st.Ino != inode {
			continue
		}
		fd, err := f.openChecked(dir, e.Name(), id)
		if errors.Is(err, unix.ESTALE) {
			continue
		}
		if err == nil {
			err = f.moved(id, parent, e.Name())
		}
		return fd, err
	}
	return -1, unix.ESTALE
}

// memoryPlaces forgets at exit.
type memoryPlaces struct {
	mu sync.RWMutex
	at map[origin.ID]place // mu guards it
}

type place struct {
	parent origin.ID
	name   string
}

func newMemoryPlaces() *memoryPlaces { return &memoryPlaces{at: map[origin.ID]place{}} }

func (m *memoryPlaces) Place(id origin.ID) (origin.ID, string, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	p, ok := m.at[id]
	return p.parent, p.name, ok
}

func (m *memoryPlaces) SetPlace(id, parent origin.ID, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.at[id] = place{parent, name}
	return nil
}
