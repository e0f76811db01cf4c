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
// It is made once for a session, never for a task, because making and removing cgroups is dear.
type Slot struct {
	Environment, Task *Leaf
}

// Leaf is one cgroup that holds processes. A nil leaf holds none. It is used by one goroutine.
type Leaf struct {
	dir    string
	killed bool // since it was made
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

// OpenSlot makes the slot's cgroups anew; what is in them from before is killed.
func OpenSlot(dir string) (*Slot, error) {
	if err := RemoveSlot(dir); err != nil {
		return nil, err
	}
	s := &Slot{Environment: &Leaf{dir: filepath.Join(dir, "env")}, Task: &Leaf{dir: filepath.Join(dir, "task")}}
	return s, errors.Join(os.Mkdir(dir, 0o755), os.Mkdir(s.Environment.dir, 0o755), os.Mkdir(s.Task.dir, 0o755))
}

// RemoveSlot kills what is in the slot and removes it, waiting a moment for the kernel to let go. A slot that does not
// exist is no error.
func RemoveSlot(dir string) error {
	var err error
	for range 50 {
		err = nil
		for _, leaf := range []string{"env", "task", ""} {
			path := filepath.Join(dir, leaf)
			if killErr := (&Leaf{dir: path}).Kill(); killErr != nil {
				err = killErr
			}
			if removeErr := os.Remove(path); removeErr != nil && !errors.Is(removeErr, fs.ErrNotExist) {
				err = removeErr
			}
		}
		if err == nil {
			return nil
		}
		<-time.After(10 * time.Millisecond)
	}
	return err
}

// SweepSlots removes the slots of a hierarchy that are older than age and hold no process: those of agents that were
// killed together with their sessions.
func SweepSlots(hierarchy, prefix string, age time.Duration) {
	dirs, _ := filepath.Glob(filepath.Join(hierarchy, prefix+"*"))
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		events, readErr := os.ReadFile(filepath.Join(dir, "cgroup.events"))
		if err == nil && readErr == nil && time.Since(info.ModTime()) > age && strings.Contains(string(events), "populated 0") {
			_ = RemoveSlot(dir)
		}
	}
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
	l.killed = true
	return err
}

// renew makes a leaf usable again after a kill: Linux 6.18 kills whatever clone3 puts into a cgroup that was ever killed
// (its count of kills is compared with that of the parent's cgroup).
func (l *Leaf) renew() error {
	if l == nil || !l.killed {
		return nil
	}
	var err error
	for range 50 {
		if err = os.Remove(l.dir); err == nil || errors.Is(err, fs.ErrNotExist) {
			l.killed = false
			return os.Mkdir(l.dir, 0o755)
		}
		<-time.After(10 * time.Millisecond)
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
