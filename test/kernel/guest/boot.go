package main

import (
	"fmt"
	"net/netip"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/spillway/spillway/test/kernel/wire"
)

// The kernel hands what it does not know of its command line to the first process as its environment.
const (
	envAddress  = "GUEST_ADDRESS"  // IPv4 address and prefix length
	envSoftware = "GUEST_SOFTWARE" // the host's folder that becomes /usr
	envModules  = "GUEST_MODULES"  // names of kernel modules to load, separated by commas
)

// boot mounts what every Linux machine has, loads modules and brings the network up.
func boot() error {
	for _, m := range []struct{ what, where, kind, options string }{
		{"proc", "/proc", "proc", ""},
		{"sysfs", "/sys", "sysfs", ""},
		{"tmpfs", "/tmp", "tmpfs", ""},
		{"tmpfs", "/run", "tmpfs", ""},
		{"tmpfs", "/dev/shm", "tmpfs", ""},
		{"none", "/usr", "hostfs", os.Getenv(envSoftware)},
	} {
		if err := os.MkdirAll(m.where, 0o755); err != nil {
			return err
		}
		flags := uintptr(0)
		if m.kind == "hostfs" {
			flags = unix.MS_RDONLY
		}
		if err := unix.Mount(m.what, m.where, m.kind, flags, m.options); err != nil {
			return fmt.Errorf("mount %s: %w", m.where, err)
		}
	}
	if err := os.Setenv("PATH", "/usr/sbin:/usr/bin"); err != nil {
		return err
	}
	if err := unix.Sethostname([]byte(os.Getenv("GUEST_NAME"))); err != nil {
		return fmt.Errorf("name this machine: %w", err)
	}
	if err := loadModules(strings.Split(os.Getenv(envModules), ",")); err != nil {
		return err
	}
	if err := wire.Up("lo"); err != nil {
		return err
	}
	address, err := netip.ParsePrefix(os.Getenv(envAddress))
	if err != nil {
		return err
	}
	return wire.SetAddress("vec0", address)
}
