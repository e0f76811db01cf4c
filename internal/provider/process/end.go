package process

import (
	"context"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/spillway/spillway/internal/fault"
)

// killWithin bounds how long processes may take to end after SIGKILL: one in an uninterruptible wait may take for ever.
const killWithin = 15 * time.Second

// EndByEnv ends every process that FindByEnv finds: SIGTERM, and after the grace SIGKILL, until none is left. A grace of
// 0 kills at once. Unavailable if some do not end within 15 s of being killed.
func EndByEnv(ctx context.Context, variable, value string, grace time.Duration) error {
	left, err := drive(ctx, variable, value, syscall.SIGTERM, grace)
	if err != nil || len(left) == 0 {
		return err
	}
	left, err = drive(ctx, variable, value, syscall.SIGKILL, killWithin)
	if err == nil && len(left) > 0 {
		err = fault.New(fault.Unavailable, "processes %v do not end, though they were killed", left)
	}
	return err
}

// drive sends a signal to every process, once unless it kills, until none is left or the time is over, and returns those that are left.
func drive(ctx context.Context, variable, value string, sig syscall.Signal, most time.Duration) ([]int, error) {
	deadline := time.Now().Add(most)
	told := map[int]bool{}
	for {
		pids := FindByEnv(variable, value)
		if len(pids) == 0 { // a process may have been started behind the first look and its parent have ended before it
			pids = FindByEnv(variable, value)
		}
		if len(pids) == 0 || !time.Now().Before(deadline) {
			return pids, nil
		}
		for _, pid := range pids {
			if !told[pid] || sig == syscall.SIGKILL {
				told[pid] = true
				_ = syscall.Kill(pid, sig) // gone meanwhile: good
			}
		}
		if err := waitAny(ctx, pids); err != nil {
			return pids, err
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
