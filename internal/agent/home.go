package agent

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/spillway/spillway/internal/agent/supervise"
	"github.com/spillway/spillway/internal/fault"
)

// home is the node's directory.
type home struct {
	dir  string
	lock *os.File

	mu    sync.Mutex // guards state
	state nodeState
}

// nodeState is node.json.
type nodeState struct {
	Boot  string `json:"boot"`  // the kernel's boot id
	Start string `json:"start"` // of this node within that boot: several nodes may share a kernel
	Epoch uint64 `json:"epoch"` // the highest seen
}

// openHome takes possession of a directory. Another agent in it is fault.Conflict.
func openHome(dir string) (*home, error) {
	h := &home{dir: dir}
	for _, sub := range []string{"", "jobs", "attempts", "sessions", "mounts", "mnt"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, fault.WithHint(fault.Wrap(fault.Denied, err, "the agent's directory"), "choose one that the agent's user may write with --dir")
		}
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fault.WithHint(fault.Wrap(fault.Denied, err, "the agent's directory"), "choose one that the agent's user may write with --dir")
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		return nil, fault.WithHint(fault.New(fault.Conflict, "another agent runs in %s", dir), "stop it, or give this one a directory of its own with --dir")
	}
	h.lock = lock
	return h, h.load()
}

// load reads node.json; after a reboot the node's start is new.
func (h *home) load() error {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return fault.Wrap(fault.Internal, err, "read the boot id")
	}
	if err := supervise.ReadJSON(h.path("node.json"), &h.state); err != nil && fault.KindOf(err) != fault.NotFound {
		return fault.WithHint(err, "remove the file if it is damaged; the node then counts as newly started")
	}
	if id := strings.TrimSpace(string(boot)); h.state.Boot != id {
		h.state.Boot, h.state.Start = id, rand.Text()
		return supervise.WriteJSON(h.path("node.json"), h.state)
	}
	return nil
}

func (h *home) path(elem ...string) string {
	return filepath.Join(append([]string{h.dir}, elem...)...)
}

// bootID changes with every boot of the machine and with every new node on it.
func (h *home) bootID() string { return h.state.Boot + "/" + h.state.Start }

func (h *home) epoch() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.state.Epoch
}

// admit records a server's epoch. A lower one than the highest seen is fault.Conflict: another server has taken over.
func (h *home) admit(epoch uint64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case epoch < h.state.Epoch:
		return fault.New(fault.Conflict, "the server's epoch %d is over: %d has been seen", epoch, h.state.Epoch)
	case epoch == h.state.Epoch:
		return nil
	}
	h.state.Epoch = epoch
	return supervise.WriteJSON(h.path("node.json"), h.state)
}

func (h *home) close() { _ = h.lock.Close() }
