// Package portmap is the port mapper: version 2 (RFC 1833 §3) whole but for CALLIT, and of its successor rpcbind, versions 3
// and 4 (RFC 1833 §2), what finds a program (GETADDR, DUMP). CALLIT makes a port mapper call others in somebody's name and
// is refused.
package portmap

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/spillway/spillway/nfs/rpc"
)

// Program number, versions and the port of all port mappers.
const (
	Program     = 100000
	Version     = 2
	VersionBind = 3 // rpcbind
	VersionLast = 4 // rpcbind
	Port        = 111
)

// The procedures that are spoken, of version 2; those of rpcbind have the same numbers, and GETADDR is in place of GETPORT.
const (
	ProcNull    = 0
	ProcSet     = 1
	ProcUnset   = 2
	ProcGetPort = 3
	ProcDump    = 4
)

// Transport is how a program is reached: a protocol number of IP.
type Transport uint32

// The transports.
const (
	TCP Transport = 6
	UDP Transport = 17
)

// Mapping says where a version of a program answers.
type Mapping struct {
	Program   uint32
	Version   uint32
	Transport Transport
	Port      uint32 // 0 stands for none, in an answer, and for any, in a question
}

// netid returns the name of a transport in rpcbind, for addresses of IPv4 or IPv6; empty where there is none.
func (t Transport) netid(v6 bool) string {
	name := ""
	switch t {
	case TCP:
		name = "tcp"
	case UDP:
		name = "udp"
	default:
		return ""
	}
	if v6 {
		name += "6"
	}
	return name
}

// transport is the inverse of netid.
func transport(netid string) (t Transport, v6, ok bool) {
	name, v6 := strings.CutSuffix(netid, "6")
	switch name {
	case "tcp":
		return TCP, v6, true
	case "udp":
		return UDP, v6, true
	}
	return 0, false, false
}

// universal returns an address in rpcbind's form: the host's, and the port's two bytes (RFC 1833 §2.3.1).
func universal(host netip.Addr, port uint32) string {
	if !host.IsValid() {
		host = netip.IPv4Unspecified()
	}
	return host.String() + "." + strconv.Itoa(int(port>>8&0xff)) + "." + strconv.Itoa(int(port&0xff))
}

// Client asks a port mapper; for the errors of its methods see [rpc.Client.Call].
type Client struct{ rpc *rpc.Client }

// Dial connects to the port mapper at host:port. The context bounds connecting only.
func Dial(ctx context.Context, addr string, opts rpc.Options) (*Client, error) {
	c, err := rpc.Dial(ctx, addr, opts)
	if err != nil {
		return nil, err
	}
	return &Client{c}, nil
}

// Close ends all calls and closes the connections.
func (c *Client) Close() error { return c.rpc.Close() }

func (c *Client) do(ctx context.Context, version, proc uint32, args, res rpc.Value) error {
	return c.rpc.Do(ctx, rpc.Message{Program: Program, Version: version, Procedure: proc, Auth: &rpc.Auth{}}, args, res)
}

// Null asks for a sign of life.
func (c *Client) Null(ctx context.Context) error {
	return c.do(ctx, Version, ProcNull, &rpc.Void{}, &rpc.Void{})
}

// Set registers a mapping; false if there is another one.
func (c *Client) Set(ctx context.Context, m Mapping) (bool, error) {
	var ok boolean
	err := c.do(ctx, Version, ProcSet, &m, &ok)
	return bool(ok), err
}

// Unset takes back every mapping of a version of a program, on all transports; false if there was none.
func (c *Client) Unset(ctx context.Context, program, version uint32) (bool, error) {
	var ok boolean
	err := c.do(ctx, Version, ProcUnset, &Mapping{Program: program, Version: version}, &ok)
	return bool(ok), err
}

// GetPort returns where a version of a program answers; 0: nowhere.
func (c *Client) GetPort(ctx context.Context, program, version uint32, t Transport) (uint16, error) {
	var port number
	err := c.do(ctx, Version, ProcGetPort, &Mapping{Program: program, Version: version, Transport: t}, &port)
	return uint16(port), err
}

// GetAddr is GetPort by rpcbind, version 4.
func (c *Client) GetAddr(ctx context.Context, program, version uint32, t Transport, v6 bool) (string, error) {
	var addr text
	err := c.do(ctx, VersionLast, ProcGetPort, &bound{Program: program, Version: version, Netid: t.netid(v6)}, &addr)
	return string(addr), err
}

// Dump returns all mappings.
func (c *Client) Dump(ctx context.Context) ([]Mapping, error) {
	var all mappings
	err := c.do(ctx, Version, ProcDump, &rpc.Void{}, &all)
	return all, err
}

// Find asks the port mapper of a host where a version of a program answers over TCP; 0: nowhere. The local address, if
// valid, is the one it asks from.
func Find(ctx context.Context, host, local netip.Addr, program, version uint32) (uint16, error) {
	return FindAt(ctx, net.JoinHostPort(host.String(), strconv.Itoa(Port)), local, program, version)
}

// FindAt is Find for a port mapper at HOST:PORT.
func FindAt(ctx context.Context, addr string, local netip.Addr, program, version uint32) (uint16, error) {
	c, err := Dial(ctx, addr, rpc.Options{Connections: 1, Dialer: rpc.DialFrom(local, patience), Timeout: patience})
	if err != nil {
		return 0, err
	}
	defer c.Close()
	return c.GetPort(ctx, program, version, TCP)
}

// patience bounds how long one question waits.
const patience = 10 * time.Second
