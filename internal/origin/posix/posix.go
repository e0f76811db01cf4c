// Package posix makes a folder of this machine an origin.
//
// Files are found again by kernel file handle where the process may open those (root, or CAP_DAC_READ_SEARCH) and the
// file system has them; otherwise by the place they were last seen at, checked against inode number and birth time. Which
// of the two is probed once, at Open. Nothing outside the root folder is ever resolved: every step goes through openat2
// with RESOLVE_BENEATH, and other file systems mounted below the root are refused with ErrXDev.
//
// As root every call runs as its caller (fsuid, fsgid and groups of a locked thread); without root everything runs as
// the process itself.
//
// Locks: wcc stripes only, held over "stat, change, stat" of one object so that weak-cache-consistency data are captured
// together with the change; two stripes are taken in index order. Data is never synced under a stripe.
package posix

import (
	"context"
	"fmt"
	"hash/maphash"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/origin"
)

// Config says which folder and how.
type Config struct {
	Dir    string
	Places Places       // where files are, when there are no handles; nil keeps it in memory
	Log    *slog.Logger // nil discards
	// NoHandles forces identity by place, as if the file system had no handles.
	NoHandles bool
}

// Origin is a folder.
type Origin struct {
	dir     string
	root    int // descriptor of the folder; handles cannot be opened through an O_PATH one
	rootID  origin.ID
	mount   int // mount id of the folder
	find    finder
	callers callers
	verf    *verifier
	seed    maphash.Seed
	sorted  *origin.Sorted // lists directories where the file system's offsets do not last; nil where they do
	wcc     [64]sync.Mutex
	syncs   syncs
}

var _ origin.Origin = (*Origin)(nil)

// Open makes the folder an origin. The folder must exist.
func Open(cfg Config) (*Origin, error) {
	log := cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "folder")
	}
	root, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fault.WithHint(fault.New(fault.Invalid, "folder %s: %w", dir, err), "create the folder first")
	}
	o := &Origin{dir: dir, root: root, callers: newCallers(), verf: newVerifier(), seed: maphash.MakeSeed()}
	if o.mount, err = mountOf(root); err != nil {
		o.mount = -1
	}
	if !lastingOffsets(root) {
		o.sorted = origin.NewSorted(o.readNames)
	}
	handles, why := probeHandles(root)
	if cfg.NoHandles {
		handles, why = false, "switched off"
	}
	if handles {
		o.find = handleFinder{root: root, mount: o.mount}
	} else {
		places := cfg.Places
		if places == nil {
			places = newMemoryPlaces()
		}
		o.find = &placeFinder{root: root, places: places}
	}
	st, err := statFD(root)
	if err != nil {
		unix.Close(root)
		return nil, fault.Wrap(fault.Unavailable, err, dir)
	}
	if o.rootID, err = o.find.identify(root, &st, "", ""); err != nil {
		unix.Close(root)
		return nil, fault.Wrap(fault.Unavailable, err, dir)
	}
	if p, ok := o.find.(*placeFinder); ok {
		p.rootID = o.rootID
	}
	log.Info("folder origin", "dir", dir, "identity", o.find.String(), "why", why, "runsAs", o.callers.String())
	return o, nil
}

// Caps describes a local folder.
func (o *Origin) Caps() origin.Caps {
	return origin.Posix().Caps
}

// Describe returns "posix:DIR".
func (o *Origin) Describe() string { return "posix:" + o.dir }

// Close releases the folder's descriptor.
func (o *Origin) Close() error { return unix.Close(o.root) }

// Root returns the folder.
func (o *Origin) Root(context.Context) (origin.Node, error) {
	st, err := statFD(o.root)
	if err != nil {
		return origin.Node{}, status(err)
	}
	return origin.Node{ID: o.rootID, Attr: attrOf(&st)}, nil
}

// lockWCC takes the stripes of the objects and returns their release.
func (o *Origin) lockWCC(ids ...origin.ID) func() {
	a := int(maphash.String(o.seed, string(ids[0])) % uint64(len(o.wcc)))
	b := a
	if len(ids) > 1 {
		b = int(maphash.String(o.seed, string(ids[1])) % uint64(len(o.wcc)))
	}
	a, b = min(a, b), max(a, b)
	o.wcc[a].Lock()
	if a == b {
		return o.wcc[a].Unlock
	}
	o.wcc[b].Lock()
	return func() { o.wcc[b].Unlock(); o.wcc[a].Unlock() }
}

// path returns a path by which this process can open what fd refers to, whatever its name is now.
func procPath(fd int) string { return fmt.Sprintf("/proc/self/fd/%d", fd) }

// openChild opens name in dir as O_PATH without following anything out of the folder.
func openChild(dir int, name string) (int, error) {
	return unix.Openat2(dir, name, &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_XDEV,
	})
}

// parentOf opens the directory above dir, never above the root.
func (o *Origin) parentOf(dir int, id origin.ID) (int, error) {
	if id == o.rootID {
		return openSelf(o.root)
	}
	up, err := unix.Openat(dir, "..", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	at, err := os.Readlink(procPath(up))
	if rel, relErr := filepath.Rel(o.dir, at); err != nil || relErr != nil || !filepath.IsLocal(rel) {
		unix.Close(up) // the directory was moved out of the folder behind our back
		return -1, unix.ESTALE
	}
	return up, nil
}

func openSelf(fd int) (int, error) { return unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3) }
