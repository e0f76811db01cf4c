package filer

import (
	"net"
	"net/netip"

	"github.com/spillway/spillway/internal/fault"
)

// LockMode says whether the filer has a lock manager, and whether it may use the port mapper's port to let clients find it.
// The zero value is LocksAuto.
type LockMode string

// The modes.
const (
	LocksAuto LockMode = "auto" // the port mapper is for a filer on NFS's own port: there is one per address
	LocksOn   LockMode = "on"
	LocksOff  LockMode = "off"
)

// nfsPort is where clients' kernels expect NFS.
const nfsPort = 2049

func (m LockMode) check() error {
	switch m {
	case "", LocksAuto, LocksOn, LocksOff:
		return nil
	}
	return fault.WithHint(fault.New(fault.Invalid, "locks %q is no mode", string(m)), "auto, on or off")
}

// portmapperFor says at which address clients' kernels are to find the lock manager, if they are.
func (c *File) portmapperFor(nfs net.Addr) (netip.AddrPort, bool) {
	a, ok := nfs.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}, false
	}
	return a.AddrPort(), c.Locks == LocksOn || c.Locks != LocksOff && a.Port == nfsPort
}
