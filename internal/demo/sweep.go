package demo

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/spillway/spillway/internal/fault"
)

// sweep ends every process that belongs to a demo in dir and detaches every mount below it: what a demo leaves behind
// that was itself killed, and the last net under an ordered stop. It returns what it found.
func sweep(dir string) (processes, mounts int, err error) {
	seen := map[int]bool{}
	deadline := time.Now().Add(10 * time.Second)
	for {
		pids := marked(dir)
		if len(pids) == 0 {
			break
		}
		if time.Now().After(deadline) {
			return len(seen), 0, fault.New(fault.Internal, "processes %v of an earlier demo in %s do not end", pids, dir)
		}
		for _, pid := range pids {
			seen[pid] = true
			_ = unix.Kill(pid, unix.SIGKILL)
		}
		for _, pid := range pids {
			waitGone(pid, 100*time.Millisecond)
		}
	}
	points, err := mountsBelow(dir)
	if err != nil {
		return len(seen), 0, err
	}
	for i := len(points) - 1; i >= 0; i-- { // inner ones last in the table
		if derr := detach(points[i]); derr != nil {
			err = errors.Join(err, derr)
		}
	}
	return len(seen), len(points), err
}

// marked returns the processes, other than this one, that carry the marker of a demo in dir.
func marked(dir string) []int {
	want := []byte(marker + "=" + dir)
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
		if err != nil { // gone, a zombie, or another user's
			continue
		}
		for variable := range bytes.SplitSeq(env, []byte{0}) {
			if bytes.Equal(variable, want) {
				pids = append(pids, pid)
				break
			}
		}
	}
	return pids
}

// waitGone waits until the process has ended, or the time is up.
func waitGone(pid int, within time.Duration) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(within.Milliseconds()))
}

// mountsBelow lists mount points below dir, outer ones first.
func mountsBelow(dir string) ([]string, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var points []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text()) // proc(5): the fifth field is the mount point, octal-escaped
		if len(fields) < 5 {
			continue
		}
		if point := unescape(fields[4]); strings.HasPrefix(point, dir+"/") {
			points = append(points, point)
		}
	}
	return points, nil
}

// unescape undoes mountinfo's octal escapes of space, tab, newline and backslash.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

// detach takes a mount out of the tree at once, whoever uses it.
func detach(point string) error {
	if os.Getuid() == 0 {
		if err := unix.Unmount(point, unix.MNT_DETACH); err != nil {
			return fault.New(fault.Internal, "detach %s: %w", point, err)
		}
		return nil
	}
	if out, err := exec.Command("fusermount3", "-u", "-z", point).CombinedOutput(); err != nil {
		return fault.New(fault.Internal, "detach %s: %w: %s", point, err, lastLine(string(out)))
	}
	return nil
}
