package process

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// readWithin bounds how long the environment of one process is waited for. Reading it blocks while the process is inside
// execve(2), which is for ever if that waits for a storage that hangs.
const readWithin = 2 * time.Second

// FindByEnv returns the processes, other than this one, whose environment holds the variable with that value. Processes
// of other users cannot be read and are not found; zombies have no environment; nor is one found that hangs in execve(2).
func FindByEnv(variable, value string) []int {
	want := []byte(variable + "=" + value)
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	late := time.NewTimer(readWithin)
	defer late.Stop()
	var (
		mu   sync.Mutex // guards pids
		pids []int
		all  sync.WaitGroup
	)
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		all.Go(func() {
			if holds(pid, want) {
				mu.Lock()
				defer mu.Unlock()
				pids = append(pids, pid)
			}
		})
	}
	read := make(chan struct{})
	go func() { all.Wait(); close(read) }()
	select {
	case <-read:
	case <-late.C:
	}
	mu.Lock()
	defer mu.Unlock()
	return append([]int(nil), pids...)
}

// holds reports whether a process's environment holds the assignment.
func holds(pid int, want []byte) bool {
	env, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "environ"))
	if err != nil {
		return false
	}
	for v := range bytes.SplitSeq(env, []byte{0}) {
		if bytes.Equal(v, want) {
			return true
		}
	}
	return false
}
