package process

import (
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/spillway/spillway/internal/environ"
)

// readWithin bounds how long the environment of one process is waited for. Reading it blocks while the process is inside
// execve(2), which is for ever if that waits for a storage that hangs.
const readWithin = 2 * time.Second

// FindByEnv returns the processes, other than this one, whose environment holds the variable with that value. Processes
// of other users cannot be read and are not found; zombies have no environment; nor is one found that hangs in execve(2).
func FindByEnv(variable, value string) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
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
			if found, _ := environ.Has(pid, variable+"="+value, readWithin); found { // ended, or not ours to see
				mu.Lock()
				defer mu.Unlock()
				pids = append(pids, pid)
			}
		})
	}
	all.Wait()
	return pids
}
