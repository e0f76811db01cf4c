package wan

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// TUNConfig describes a TUN device to be made.
type TUNConfig struct {
	Namespace string       // a network namespace as `ip netns add` names it; "" is this process's own
	Name      string       // of the device; "" is wan0
	Address   netip.Prefix // of IPv4: the device's address and network
	MTU       int          // 0: 1500
	// Offload lets TCP hand over segments of up to 64 KiB, as it does to a network card: far fewer packets to carry, but
	// each that is lost loses many segments at once.
	Offload bool
}

// TUN is a network device whose packets this process carries.
type TUN struct {
	file     *os.File
	overhead int
}

var _ Device = (*TUN)(nil)

// vnetHeader is the length of struct virtio_net_hdr, which comes before each packet of a device with offload.
const vnetHeader = 10

// OpenTUN makes a TUN device, gives it its address and brings it up. It needs CAP_NET_ADMIN, and CAP_SYS_ADMIN to enter a
// namespace. The device is gone when it is closed.
func OpenTUN(c TUNConfig) (*TUN, error) {
	if c.Name == "" {
		c.Name = "wan0"
	}
	if c.MTU == 0 {
		c.MTU = 1500
	}
	if !c.Address.Addr().Is4() {
		return nil, fmt.Errorf("the address %v of a TUN is not of IPv4, such as 10.77.0.1/24", c.Address)
	}
	type answer struct {
		tun *TUN
		err error
	}
	done := make(chan answer)
	go func() {
		// The thread that enters another namespace is never unlocked: it ends with the goroutine.
		runtime.LockOSThread()
		tun, err := c.open()
		if c.Namespace == "" {
			runtime.UnlockOSThread()
		}
		done <- answer{tun, err}
	}()
	a := <-done
	return a.tun, a.err
}

// open makes the device in the namespace, which this thread enters.
func (c *TUNConfig) open() (*TUN, error) {
	if c.Namespace != "" {
		ns, err := os.Open(filepath.Join("/run/netns", filepath.Base(c.Namespace)))
		if err != nil {
			return nil, fmt.Errorf("network namespace %s: %w", c.Namespace, err)
		}
		defer ns.Close()
		if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
			return nil, fmt.Errorf("enter network namespace %s: %w", c.Namespace, err)
		}
	}
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open /dev/net/tun: %w", err)
	}
	tun := &TUN{}
	if err := c.shape(fd, tun); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("device %s: %w", c.Name, err)
	}
	tun.file = os.NewFile(uintptr(fd), c.Name)
	return tun, nil
}

// shape names the device, chooses its offload, and configures it in this thread's namespace.
func (c *TUNConfig) shape(fd int, tun *TUN) error {
	flags := uint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if c.Offload {
		flags |= unix.IFF_VNET_HDR
		tun.overhead = vnetHeader
	}
	if err := c.request(fd, unix.TUNSETIFF, func(r *unix.Ifreq) error { r.SetUint16(flags); return nil }); err != nil {
		return err
	}
	if c.Offload {
		if err := unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, unix.TUN_F_CSUM|unix.TUN_F_TSO4|unix.TUN_F_TSO6); err != nil {
			return err
		}
	}
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	address := c.Address.Addr().As4()
	mask := netip.PrefixFrom(netip.AddrFrom4([4]byte{255, 255, 255, 255}), c.Address.Bits()).Masked().Addr().As4()
	for _, step := range []struct {
		ioctl uint
		set   func(*unix.Ifreq) error
	}{
		{unix.SIOCSIFADDR, func(r *unix.Ifreq) error { return r.SetInet4Addr(address[:]) }},
		{unix.SIOCSIFNETMASK, func(r *unix.Ifreq) error { return r.SetInet4Addr(mask[:]) }},
		{unix.SIOCSIFMTU, func(r *unix.Ifreq) error { r.SetUint32(uint32(c.MTU)); return nil }},
		{unix.SIOCSIFTXQLEN, func(r *unix.Ifreq) error { r.SetUint32(10000); return nil }},
		{unix.SIOCSIFFLAGS, func(r *unix.Ifreq) error { r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING); return nil }},
	} {
		if err := c.request(s, step.ioctl, step.set); err != nil {
			return err
		}
	}
	return nil
}

// request is an ioctl about the device (netdevice(7)).
func (c *TUNConfig) request(fd int, ioctl uint, set func(*unix.Ifreq) error) error {
	r, err := unix.NewIfreq(c.Name)
	if err == nil {
		err = set(r)
	}
	if err == nil {
		err = unix.IoctlIfreq(fd, ioctl, r)
	}
	return err
}

// Read reads one packet.
func (t *TUN) Read(b []byte) (int, error) { return t.file.Read(b) }

// Write sends one packet.
func (t *TUN) Write(b []byte) (int, error) { return t.file.Write(b) }

// Close ends reads and removes the device.
func (t *TUN) Close() error { return t.file.Close() }

// Overhead is the length of the header before each packet.
func (t *TUN) Overhead() int { return t.overhead }
