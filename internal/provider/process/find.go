package process

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/spillway/spillway/internal/fault"
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

// killWithin bounds how long processes may take to end after SIGKILL: one in an uninterruptible wait may take for ever.
const killWithin = 15 * time.Second

// end asks every process of an instance to end, and after the grace ends those that are left, until none is.
func end(ctx context.Context, id string, grace time.Duration) error {
	return EndByEnv(ctx, Variable, id, grace)
}

// EndByEnv ends every process that FindByEnv finds: SIGTERM, and after the grace SIGKILL, until none is left. A grace of
// 0 kills at once. Unavailable if some do not end within 15 s of being killed.
func EndByEnv(ctx context.Context, variable, value string, grace time.Duration) error {
	deadline := time.Now().Add(grace)
	told := map[int]bool{}
	for time.Now().Before(deadline) {
		pids := FindByEnv(variable, value)
		if len(pids) == 0 {
			return nil
		}
		for _, pid := range pids {
			if !told[pid] {
				told[pid] = true
				_ = syscall.Kill(pid, syscall.SIGTERM)
			}
		}
		if err := waitAny(ctx, pids); err != nil {
			return err
		}
	}
	for deadline = time.Now().Add(killWithin); ; {
		pids := FindByEnv(variable, value)
		if len(pids) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fault.New(fault.Unavailable, "processes %v do not end, though they were killed", pids)
		}
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		if err := waitAny(ctx, pids); err != nil {
			return err
		}
	}
}

// waitAny waits until one of the processes has ended, at most 100 ms.
func waitAny(ctx context.Context, pids []int) error {
	var fds []unix.PollFd
	for _, pid := range pids {
		if fd, err := unix.PidfdOpen(pid, 0); err == nil {
			defer unix.Close(fd)
			fds = append(fds, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
		}
	}
	if len(fds) == 0 {
		return ctx.Err()
	}
	_, _ = unix.Poll(fds, 100) // a signal only makes the wait shorter
	return ctx.Err()
}
