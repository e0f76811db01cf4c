package rig

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/spillway/spillway/test/kernel/wire"
)

// Host is the address of the tests' side of the network: what guests call the filer.
const Host = "10.99.0.1"

const bridge = "rig0"

// Network is a switch to which the tests and all guests are connected.
type Network struct {
	guests atomic.Uint32 // guests boot side by side
}

// NewNetwork makes the network. There can be one in a run of tests.
func NewNetwork() (*Network, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	name, err := unix.BytePtrFromString(bridge)
	if err != nil {
		return nil, err
	}
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCBRADDBR, uintptr(unsafe.Pointer(name))); errno != 0 {
		return nil, fmt.Errorf("make a bridge: %w", errno)
	}
	return &Network{}, wire.SetAddress(bridge, netip.PrefixFrom(netip.MustParseAddr(Host), 24))
}

// port makes a tap device for one more guest, and says which address the guest shall have.
func (n *Network) port() (device string, address netip.Prefix, err error) {
	number := n.guests.Add(1)
	if number > 253 {
		return "", address, errors.New("the network has no address left for one more guest")
	}
	device = fmt.Sprintf("tap%d", number)
	address = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 99, 0, byte(1 + number)}), 24)
	tun, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
	if err != nil {
		return "", address, err
	}
	defer tun.Close()
	ifr, err := unix.NewIfreq(device)
	if err != nil {
		return "", address, err
	}
	// vnet_hdr lets whole segments pass: the guest's kernel neither cuts nor sums them.
	ifr.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_VNET_HDR)
	fd := int(tun.Fd())
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr); err != nil {
		return "", address, fmt.Errorf("make %s: %w", device, err)
	}
	if err := unix.IoctlSetInt(fd, unix.TUNSETPERSIST, 1); err != nil {
		return "", address, fmt.Errorf("keep %s: %w", device, err)
	}
	if err := connect(device); err != nil {
		return "", address, err
	}
	return device, address, wire.Up(device)
}

// connect puts a device into the bridge.
func connect(device string) error {
	port, err := net.InterfaceByName(device)
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq(bridge)
	if err != nil {
		return err
	}
	ifr.SetUint32(uint32(port.Index))
	if err := unix.IoctlIfreq(fd, unix.SIOCBRADDIF, ifr); err != nil {
		return fmt.Errorf("connect %s: %w", device, err)
	}
	return nil
}
