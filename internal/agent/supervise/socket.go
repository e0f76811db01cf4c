package supervise

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// A unix socket's address holds 107 bytes, a session's directory may be longer: the socket is reached through a
// descriptor of the directory (unix(7), proc(5)).
func throughDir(dir string, use func(address string) error) error {
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &fs.PathError{Op: "open", Path: dir, Err: err}
	}
	defer unix.Close(fd)
	return use(fmt.Sprintf("/proc/self/fd/%d/%s", fd, socketFile))
}

func listen(dir string) (net.Listener, error) {
	var l *net.UnixListener
	err := throughDir(dir, func(address string) error {
		if err := os.Remove(address); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		var err error
		if l, err = net.ListenUnix("unix", &net.UnixAddr{Name: address, Net: "unix"}); err != nil {
			return err
		}
		l.SetUnlinkOnClose(false) // the address will not be valid any more
		return os.Chmod(address, 0o600)
	})
	if err != nil {
		return nil, err
	}
	return l, nil
}

func dial(dir string) (net.Conn, error) {
	var c net.Conn
	err := throughDir(dir, func(address string) (err error) {
		c, err = net.Dial("unix", address)
		return err
	})
	return c, err
}
