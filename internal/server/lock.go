package server

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/spillway/spillway/internal/fault"
)

// Lock takes possession of a server's directory until the returned file is closed or the process ends. Another server in it is
// fault.Conflict: both would write its tokens, logs and context.
func Lock(dir string) (*os.File, error) {
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fault.WithHint(fault.Wrap(fault.Invalid, err, "the server's directory"), "choose one that the server's user may write with --dir")
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		return nil, fault.WithHint(fault.New(fault.Conflict, "another server runs in %s", dir), "stop it, or give this one a directory of its own with --dir")
	}
	return lock, nil
}
