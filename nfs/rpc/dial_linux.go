package rpc

import (
	"context"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// userTimeout is how long, in milliseconds, sent data may stay unacknowledged, or a peer may take none. A server that is
// busy stops reading for a while, which must not cost it its connections.
const userTimeout = 90_000

// dialTCP connects so that a peer that has vanished is noticed, whether data are under way to it or not.
func dialTCP(ctx context.Context, addr string) (net.Conn, error) {
	d := net.Dialer{
		Timeout:         10 * time.Second,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3},
		Control: func(_, _ string, raw syscall.RawConn) error {
			var failed error
			err := raw.Control(func(fd uintptr) {
				failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, userTimeout)
			})
			return firstError(failed, err)
		},
	}
	return d.DialContext(ctx, "tcp", addr)
}
