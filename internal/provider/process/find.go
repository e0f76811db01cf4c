package process

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
)

// FindByEnv returns the processes, other than this one, whose environment holds the variable with that value. Processes
// of other users cannot be read and are not found; zombies have no environment.
func FindByEnv(variable, value string) []int {
	want := []byte(variable + "=" + value)
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		env, err := os.ReadFile(filepath.Join("/proc", e.Name(), "environ"))
		if err != nil {
			continue
		}
		for v := range bytes.SplitSeq(env, []byte{0}) {
			if bytes.Equal(v, want) {
				pids = append(pids, pid)
				break
			}
		}
	}
	return pids
}
