package posix

import (
	"encoding/binary"
	"errors"

	"golang.org/x/sys/unix"

	"github.com/spillway/spillway/internal/origin"
)

// finder turns open files into identities and identities into open files.
type finder interface {
	// identify names what fd (O_PATH) refers to, seen as name in parent.
	identify(fd int, st *unix.Statx_t, parent origin.ID, name string) (origin.ID, error)
	// identifyName names what name in the directory dfd refers to, which st describes; false when that cannot be told
	// without opening it.
	identifyName(dfd int, st *unix.Statx_t, parent origin.ID, name string) (origin.ID, bool)
	// open returns an O_PATH descriptor, or ESTALE when the file is gone.
	open(id origin.ID) (int, error)
	// moved notes that the file is now name in parent.
	moved(id, parent origin.ID, name string) error
	String() string
}

// The first byte of an ID says which finder made it.
const (
	idHandle = 1
	idPlace  = 2
)

// handleFinder identifies files by kernel file handle: inode and generation, independent of names.
// ID: idHandle, handle type (4 bytes, big-endian), handle bytes.
type handleFinder struct{ root, mount int }

func (handleFinder) String() string { return "kernel file handles" }

func (f handleFinder) identify(fd int, _ *unix.Statx_t, _ origin.ID, _ string) (origin.ID, error) {
	h, mount, err := unix.NameToHandleAt(fd, "", unix.AT_EMPTY_PATH)
	if err != nil {
		return "", err
	}
	if mount != f.mount {
		return "", unix.EXDEV
	}
	if len(h.Bytes())+5 > origin.MaxID {
		return "", unix.EOVERFLOW
	}
	return handleID(&h), nil
}

func handleID(h *unix.FileHandle) origin.ID {
	b := h.Bytes()
	id := make([]byte, 0, 5+len(b))
	id = append(id, idHandle)
	id = binary.BigEndian.AppendUint32(id, uint32(h.Type()))
	return origin.ID(append(id, b...))
}

// identifyName trusts a handle that was made after the file was described if it begins with the same inode number, as
// FILEID_INO32_GEN of ext4 does (the kernel's export operations).
func (f handleFinder) identifyName(dfd int, st *unix.Statx_t, _ origin.ID, name string) (origin.ID, bool) {
	const inodeAndGeneration = 1
	h, mount, err := unix.NameToHandleAt(dfd, name, 0)
	if err != nil || mount != f.mount || h.Type() != inodeAndGeneration || h.Size() != 8 {
		return "", false
	}
	if uint64(binary.NativeEndian.Uint32(h.Bytes())) != st.Ino {
		return "", false
	}
	return handleID(&h), true
}

func (f handleFinder) open(id origin.ID) (int, error) {
	if len(id) < 6 || id[0] != idHandle {
		return -1, unix.ESTALE
	}
	h := unix.NewFileHandle(int32(binary.BigEndian.Uint32([]byte(id[1:5]))), []byte(id[5:]))
	fd, err := unix.OpenByHandleAt(f.root, h, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EINVAL) {
		err = unix.ESTALE
	}
	return fd, err
}

func (handleFinder) moved(origin.ID, origin.ID, string) error { return nil }

func mountOf(fd int) (int, error) {
	_, mount, err := unix.NameToHandleAt(fd, "", unix.AT_EMPTY_PATH)
	return mount, err
}

// probeHandles says whether handles can be made and opened here, and if not, why.
func probeHandles(root int) (bool, string) {
	h, _, err := unix.NameToHandleAt(root, "", unix.AT_EMPTY_PATH)
	if err != nil {
		return false, "file system has no handles: " + err.Error()
	}
	fd, err := unix.OpenByHandleAt(root, h, unix.O_PATH|unix.O_CLOEXEC)
	if err != nil {
		return false, "handles cannot be opened: " + err.Error()
	}
	unix.Close(fd)
	return true, "supported"
}
