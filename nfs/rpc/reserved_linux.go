package rpc

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// DialFrom returns a dialer that connects from the given local address (invalid: any), and from a reserved port if this
// process may use one: port mappers and lock managers trust those alone with some calls.
func DialFrom(local netip.Addr, timeout time.Duration) func(context.Context, string) (net.Conn, error) {
	return func(ctx context.Context, addr string) (net.Conn, error) {
		d := net.Dialer{Timeout: timeout, KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}}
		var ip net.IP
		if local.IsValid() {
			ip = local.Unmap().AsSlice()
		}
		const low, high, tries = 600, 1023, 8
		for range tries {
			d.LocalAddr = &net.TCPAddr{IP: ip, Port: low + rand.IntN(high-low+1)}
			nc, err := d.DialContext(ctx, "tcp", addr)
			if err == nil || !errors.Is(err, syscall.EADDRINUSE) && !errors.Is(err, syscall.EADDRNOTAVAIL) {
				if errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EPERM) {
					break
				}
				return nc, err
			}
		}
		d.LocalAddr = nil
		if ip != nil {
			d.LocalAddr = &net.TCPAddr{IP: ip}
		}
		return d.DialContext(ctx, "tcp", addr)
	}
}
