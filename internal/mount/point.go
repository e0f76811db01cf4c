package mount

import (
	"errors"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/spillway/spillway/internal/fault"
)

// isDead reports whether err is what the kernel answers under a mount whose daemon was killed.
func isDead(err error) bool {
	return errors.Is(err, unix.ENOTCONN) || errors.Is(err, unix.ECONNABORTED)
}

// Detach takes whatever is mounted at dir out of the tree at once, whoever still uses it. Nothing mounted there is no
// error.
func Detach(dir string) error {
	if os.Getuid() == 0 {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
			return fault.New(fault.Internal, "detach %s: %w", dir, err)
		}
		return nil
	}
	out, err := exec.Command("fusermount3", "-u", "-z", dir).CombinedOutput()
	if err != nil && !strings.Contains(string(out), "not found") && !strings.Contains(string(out), "not mounted") {
		return fault.New(fault.Internal, "detach %s: %w: %s", dir, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// checkFUSE says what is missing before the kernel says something less clear.
func checkFUSE() error {
	f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		return fault.WithHint(fault.New(fault.Unavailable, "FUSE cannot be used: %w", err),
			"load the kernel's module (modprobe fuse), or allow the device /dev/fuse in this container")
	}
	f.Close()
	if os.Getuid() == 0 {
		return nil
	}
	if _, err := exec.LookPath("fusermount3"); err != nil {
		return fault.WithHint(fault.New(fault.Unavailable, "mounting without root needs fusermount3"), "apt-get install fuse3")
	}
	return nil
}

// KernelSupported reports whether this machine can mount NFSv3 with its own client: the kernel has it, mount.nfs is
// there, and we are root.
func KernelSupported() bool {
	known, err := os.ReadFile("/proc/filesystems")
	if err != nil || os.Getuid() != 0 {
		return false
	}
	_, err = exec.LookPath("mount.nfs")
	return err == nil && strings.Contains(string(known), "\tnfs\n")
}

// KernelCommand is the command that mounts a filer's export with the kernel's client: NFS and MOUNT on one TCP port, no
// portmapper, no locks, and hard, so that a filer's restart is waited out.
func KernelCommand(host, port, path, dir string) []string {
	options := "vers=3,proto=tcp,port=" + port + ",mountport=" + port + ",mountproto=tcp,nolock,hard"
	return []string{"mount", "-t", "nfs", "-o", options, host + ":" + path, dir}
}
