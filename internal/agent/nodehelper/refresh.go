package nodehelper

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/spillway/spillway/internal/fault"
)

// do makes the mount forget its names. A FUSE mount is told over its control socket ("refresh" answers "ok"); the
// kernel's client checks a directory when it is listed from its start, and a file when it is opened.
func (r *Refresh) do(ctx context.Context) error {
	if r.Kind == "fuse" {
		return tell(ctx, r.Socket, "refresh")
	}
	for _, path := range r.Paths {
		// An error is no failure: the name may not exist yet, and the task will say what it misses.
		if dir, err := os.Open(filepath.Dir(path)); err == nil {
			_, _ = dir.ReadDir(-1)
			_ = dir.Close()
		}
		if f, err := os.Open(path); err == nil {
			_ = f.Close()
		}
	}
	return nil
}

// tell sends one line to a mount's control socket and expects "ok".
func tell(ctx context.Context, socket, line string) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "reach the mount")
	}
	defer conn.Close()
	if _, err := fmt.Fprintln(conn, line); err != nil {
		return fault.Wrap(fault.Unavailable, err, "reach the mount")
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "the mount's answer")
	}
	if answer = strings.TrimSpace(answer); answer != "ok" {
		return fault.New(fault.Unavailable, "the mount answers %.200q", answer)
	}
	return nil
}
