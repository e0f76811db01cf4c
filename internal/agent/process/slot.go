package process

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Slot is a cgroup v2 subtree for one session at a time: one leaf for what environments leave running, one for the task.
// It is made once and used by one session after another, because making and removing cgroups is dear.
type Slot struct {
	Environment, Task *Leaf
}

// Leaf is one cgroup that holds processes. A nil leaf holds none.
type Leaf struct {
	dir string
}

const cgroupRoot = "/sys/fs/cgroup"

// FindHierarchy returns this process's own cgroup in a cgroup v2 hierarchy in which it may make others and that can kill
// (Linux 5.14), or "" if this machine has none. It probes by making one.
func FindHierarchy() string {
	own, err := ownCgroup()
	if err != nil {
		return ""
	}
	for _, mount := range []string{cgroupRoot, cgroupRoot + "/unified"} {
		dir := filepath.Join(mount, own)
		probe := filepath.Join(dir, "spillway-probe-"+strconv.Itoa(os.Getpid()))
		if os.Mkdir(probe, 0o755) != nil {
			continue
		}
		_, err := os.Stat(filepath.Join(probe, "cgroup.kill"))
		_ = os.Remove(probe)
		if err == nil {
			return dir
		}
	}
	return ""
}

// ownCgroup returns the path after "0::" in /proc/self/cgroup (cgroups(7)).
func ownCgroup() (string, error) {
	f, err := os.Open("/proc/self/cgroup")
	if err != nil {
		return "", err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if path, ok := strings.CutPrefix(lines.Text(), "0::"); ok {
			return path, nil
		}
	}
	return "", fs.ErrNotExist
}

// OpenSlot makes the slot's cgroups if they are missing and kills what is in them from before.
func OpenSlot(dir string) (*Slot, error) {
	s := &Slot{Environment: &Leaf{filepath.Join(dir, "env")}, Task: &Leaf{filepath.Join(dir, "task")}}
	for _, leaf := range []*Leaf{s.Environment, s.Task} {
		if err := os.MkdirAll(leaf.dir, 0o755); err != nil {
			return nil, err
		}
	}
	return s, errors.Join(s.Environment.Kill(), s.Task.Kill())
}

// RemoveSlot kills what is in the slot and removes it, waiting a moment for the kernel to let go. A slot that does not
// exist is no error.
func RemoveSlot(dir string) error {
	var err error
	for range 50 {
		err = nil
		for _, leaf := range []string{"env", "task", ""} {
			path := filepath.Join(dir, leaf)
			if killErr := (&Leaf{path}).Kill(); killErr != nil {
				err = killErr
			}
			if removeErr := os.Remove(path); removeErr != nil && !errors.Is(removeErr, fs.ErrNotExist) {
				err = removeErr
			}
		}
		if err == nil {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return err
}

// Kill sends SIGKILL to every process in the leaf, including those that are being forked (cgroup.kill).
func (l *Leaf) Kill() error {
	if l == nil {
		return nil
	}
	err := os.WriteFile(filepath.Join(l.dir, "cgroup.kill"), []byte("1"), 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// PIDs returns the processes in the leaf.
func (l *Leaf) PIDs() []int {
	if l == nil {
		return nil
	}
	data, err := os.ReadFile(filepath.Join(l.dir, "cgroup.procs"))
	if err != nil {
		return nil
	}
	var pids []int
	for _, field := range strings.Fields(string(data)) {
		if pid, err := strconv.Atoi(field); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}
