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
	if os.Geteuid() == 0 {
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

// checkFUSE says what is missing before the kernel or fusermount3 say something less clear. fusermount3 opens the device as
// the user who calls it.
func checkFUSE(allowOther bool) error {
	f, err := os.OpenFile(fuseDevice, os.O_RDWR, 0)
	switch {
	case errors.Is(err, os.ErrPermission) && os.Geteuid() != 0:
		return fault.WithHint(fault.New(fault.Denied, "this user may not use %s", fuseDevice),
			"chmod 666 %s, as most systems have it (the device checks for itself who may mount), or mount as root", fuseDevice)
	case err != nil:
		return fault.WithHint(fault.New(fault.Unavailable, "FUSE cannot be used: %w", err),
			"load the kernel's module (modprobe fuse), or allow the device %s in this container", fuseDevice)
	}
	f.Close()
	if os.Geteuid() == 0 {
		return nil
	}
	if _, err := exec.LookPath("fusermount3"); err != nil {
		return fault.WithHint(fault.New(fault.Unavailable, "mounting without root needs fusermount3"), "apt-get install fuse3")
	}
	if conf, err := os.ReadFile(fuseConf); allowOther && (err != nil || !othersAllowed(string(conf))) {
		return fault.WithHint(fault.New(fault.Denied, "this machine does not let users mount for others"),
			"put the line user_allow_other into %s, or mount as root, or leave out --allow-other", fuseConf)
	}
	return nil
}

const (
	fuseDevice = "/dev/fuse"
	fuseConf   = "/etc/fuse.conf"
)

// othersAllowed reports whether fusermount3 accepts allow_other from users: the word on a line of its own.
func othersAllowed(conf string) bool {
	for line := range strings.Lines(conf) {
		if strings.TrimSpace(line) == "user_allow_other" {
			return true
		}
	}
	return false
}

// KernelSupported reports whether this machine can mount NFSv3 with its own client: the kernel has it, mount.nfs is
// there, and we are root.
func KernelSupported() bool {
	known, err := os.ReadFile("/proc/filesystems")
	if err != nil || os.Geteuid() != 0 {
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
