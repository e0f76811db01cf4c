package mount

import (
	"bufio"
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"sync"

	"github.com/spillway/spillway/internal/fault"
)

// ServeControl answers commands on a unix socket: each line holds one, and is answered by one line once it has been done.
//
//	refresh → ok      drops all cached names and attributes
//
// An unknown command is answered "unknown command". It returns when the
// listener is closed, and closes the connections.
func (m *Mounted) ServeControl(l net.Listener) error {
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	defer serving.Wait()
	defer cancel()
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		serving.Go(func() {
			defer context.AfterFunc(ctx, func() { conn.Close() })()
			m.control(conn)
		})
	}
}

func (m *Mounted) control(conn net.Conn) {
	defer conn.Close()
	lines := bufio.NewScanner(conn)
	lines.Buffer(nil, 4096)
	for lines.Scan() {
		answer := "unknown command\n"
		if lines.Text() == "refresh" {
			m.Refresh()
			answer = "ok\n"
		}
		if _, err := conn.Write([]byte(answer)); err != nil {
			return
		}
	}
}

// ListenControl opens the socket at path, which only this user may use. A socket that a killed process left is replaced.
func ListenControl(path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Wrap(fault.Invalid, err, "control socket")
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "control socket")
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, fault.Wrap(fault.Internal, err, "control socket")
	}
	return l, nil
}
