package wan_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/spillway/spillway/internal/wan"
)

// namespaces makes two network namespaces for the test, or skips it.
func namespaces(t *testing.T) (near, far string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("network namespaces are for root")
	}
	if err := unix.Access("/dev/net/tun", unix.R_OK|unix.W_OK); err != nil {
		t.Skip("this machine has no /dev/net/tun: ", err)
	}
	var names []string
	for _, end := range []string{"near", "far"} {
		name := fmt.Sprintf("spillway-%d-%s", os.Getpid(), end)
		if out, err := exec.Command("ip", "netns", "add", name).CombinedOutput(); err != nil {
			t.Skipf("this machine makes no network namespaces (package iproute2): %v: %s", err, out)
		}
		t.Cleanup(func() {
			if out, err := exec.Command("ip", "netns", "delete", name).CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
		names = append(names, name)
	}
	return names[0], names[1]
}

// inside calls fn on a thread in a namespace. Sockets that it opens stay there.
func inside(t *testing.T, namespace string, fn func() error) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		ns, err := os.Open("/run/netns/" + namespace)
		if err == nil {
			err = unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET)
			ns.Close()
		}
		if err == nil {
			err = fn()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// The kernel's own TCP crosses a lossy link: what arrives is what was sent, later.
func TestTCPOverTUN(t *testing.T) {
	near, far := namespaces(t)
	for name, c := range map[string]struct {
		offload bool
		loss    float64
	}{"offload": {true, 0}, "loss": {false, 0.005}} {
		t.Run(name, func(t *testing.T) {
			const rtt = 20 * time.Millisecond
			l := link(t, wan.Config{RTT: rtt, Bandwidth: 400e6})
			var ends []wan.Device
			for i, ns := range []string{near, far} {
				tun, err := wan.OpenTUN(wan.TUNConfig{
					Namespace: ns, Address: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 77, 0, byte(i + 1)}), 24), Offload: c.offload,
				})
				if err != nil {
					t.Fatal(err)
				}
				ends = append(ends, tun)
			}
			if _, err := l.Tunnel(wan.TunnelConfig{Near: ends[0], Far: ends[1], Loss: c.loss, Seed: 1}); err != nil {
				t.Fatal(err)
			}
			var listener net.Listener
			inside(t, far, func() (err error) {
				listener, err = net.Listen("tcp4", "10.77.0.2:0")
				return err
			})
			defer listener.Close()
			const size = 4 << 20
			sum := make(chan string, 1)
			go func() {
				c, err := listener.Accept()
				if err != nil {
					sum <- err.Error()
					return
				}
				defer c.Close()
				h := sha256.New()
				n, err := io.Copy(h, c)
				sum <- fmt.Sprintf("%d %x %v", n, h.Sum(nil), err)
			}()
			var conn net.Conn
			began := time.Now()
			inside(t, near, func() (err error) {
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				conn, err = new(net.Dialer).DialContext(ctx, "tcp4", listener.Addr().String())
				return err
			})
			defer conn.Close()
			if took := time.Since(began); took < rtt {
				t.Errorf("connecting took %v, less than the round trip", took)
			}
			data := make([]byte, size)
			for i := range data {
				data[i] = byte(i * i >> 7)
			}
			if _, err := conn.Write(data); err != nil {
				t.Fatal(err)
			}
			conn.Close()
			if got, want := <-sum, fmt.Sprintf("%d %x <nil>", size, sha256.Sum256(data)); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			s := l.Status().Tunnel.NearToFar
			if lost := s.Lost > 0; lost != (c.loss > 0) {
				t.Errorf("losses: %+v", s)
			}
		})
	}
}

func TestTUNMistakes(t *testing.T) {
	if _, err := wan.OpenTUN(wan.TUNConfig{Namespace: "spillway-no-such", Address: netip.MustParsePrefix("10.77.0.1/24")}); err == nil || !strings.Contains(err.Error(), "spillway-no-such") {
		t.Errorf("a namespace that is not there: %v", err)
	}
	if _, err := wan.OpenTUN(wan.TUNConfig{Address: netip.MustParsePrefix("fd00::1/64")}); err == nil {
		t.Error("an address of IPv6 was taken")
	}
}
