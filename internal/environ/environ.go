// Package environ reads the environments of other processes. A variable that all descendants inherit finds them wherever
// they went: into other process groups, sessions, and to other parents.
package environ

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// Has reports whether a process was started with an environment entry ("NAME=value"). Zombies have no environment; those
// of other users' processes cannot be read.
//
// A process inside execve(2) has left its old environment and has none yet, and for a part of that time reading blocks:
// for ever, if the program lies on a storage that hangs. Has waits until the process has its new environment, and gives up
// with os.ErrDeadlineExceeded; a read that blocks is left behind, and ends with the process it is about.
func Has(pid int, entry string, within time.Duration) (bool, error) {
	type answer struct {
		environ []byte
		err     error
	}
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	for {
		done := make(chan answer, 1)
		go func() {
			environ, err := read(pid)
			done <- answer{environ, err}
		}()
		select {
		case a := <-done:
			if a.err != nil || a.environ != nil {
				return holds(a.environ, entry), a.err
			}
		case <-deadline.C:
			return false, late(pid)
		}
		select {
		case <-time.After(time.Millisecond):
		case <-deadline.C:
			return false, late(pid)
		}
	}
}

func late(pid int) error {
	return fmt.Errorf("environment of process %d: %w", pid, os.ErrDeadlineExceeded)
}

// read returns a process's environment, nil if it was not to be seen just now.
func read(pid int) ([]byte, error) {
	environ, err := os.ReadFile(file(pid, "environ"))
	if err != nil || len(environ) > 0 {
		return environ, err
	}
	stat, err := os.ReadFile(file(pid, "stat"))
	if err != nil || hasNone(stat) {
		return []byte{}, err
	}
	return nil, nil
}

func file(pid int, name string) string { return "/proc/" + strconv.Itoa(pid) + "/" + name }

// hasNone reports whether a line of /proc/PID/stat is of a process without environment variables. One that is ending has no
// address space any more (vsize, field 23), as kernel threads have none. Inside execve(2) there is a moment with an address
// space whose environment (env_start and env_end, fields 50 and 51) is not set yet; and what is read from the environment of
// before, once that is gone, is nothing. The command name may hold any byte, so fields are counted from the last parenthesis.
func hasNone(stat []byte) bool {
	f := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(f) < 49 {
		return true
	}
	vsize, start, end := string(f[20]), string(f[47]), string(f[48])
	return vsize == "0" || start == end && end != "0"
}

func holds(environ []byte, entry string) bool {
	for e := range bytes.SplitSeq(environ, []byte{0}) {
		if len(e) > 0 && string(e) == entry {
			return true
		}
	}
	return false
}
