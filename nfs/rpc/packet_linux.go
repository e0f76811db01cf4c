package rpc

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	maxPacket  = 8 << 10 // bytes of a call in a datagram: what the small programs that use them need
	maxPackets = 32      // calls in datagrams that run at the same time; more are dropped, as datagrams may be
)

// ServePackets answers calls that come as datagrams (RFC 5531 §10: one message each, and the caller repeats what stays
// unanswered) until ctx ends, and closes the socket. Replies leave from the address that was called.
func ServePackets(ctx context.Context, conn *net.UDPConn, programs []Program) error {
	defer conn.Close()
	if err := wantLocal(conn); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	var running sync.WaitGroup
	defer running.Wait()
	slots := make(chan struct{}, maxPackets)
	oob := make([]byte, 128)
	for {
		buf := make([]byte, maxPacket)
		n, on, flags, peer, err := conn.ReadMsgUDPAddrPort(buf, oob)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil || flags&unix.MSG_TRUNC != 0: // an ICMP error of an earlier reply, or too long
			continue
		}
		local := localOf(oob[:on])
		select {
		case slots <- struct{}{}:
		default:
			continue
		}
		running.Go(func() {
			defer func() { <-slots }()
			if reply := answerPacket(ctx, programs, buf[:n], peer, local); reply != nil {
				_, _, _ = conn.WriteMsgUDPAddrPort(reply, sourceOf(local, peer), peer)
			}
		})
	}
}

// answerPacket runs the call in a datagram and returns the reply; nil for what is no call.
func answerPacket(ctx context.Context, programs []Program, b []byte, peer netip.AddrPort, local netip.Addr) []byte {
	call := &Call{Peer: unmapped(peer), Local: netip.AddrPortFrom(local, 0), Datagram: true}
	call.Args.Reset(b)
	var h callHeader
	h.decode(&call.Args)
	if call.Args.Err() != nil {
		return nil
	}
	call.XID, call.Program, call.Version, call.Procedure = h.xid, h.program, h.version, h.procedure
	if h.rpcVersion != rpcVersion {
		return appendRefusal(nil, h.xid, &Error{Denied: true, Low: rpcVersion, High: rpcVersion})
	}
	auth, stat := parseAuth(h.flavor, h.credential)
	if stat != AuthOK {
		return appendRefusal(nil, h.xid, &Error{Denied: true, Auth: stat})
	}
	call.Auth = auth
	p, refusal := find(programs, h.program, h.version)
	if refusal == nil {
		call.Out = appendAccepted(nil, h.xid, Success)
		p.Serve(ctx, call)
		refusal = call.refusal
		call.dropBody()
	}
	if refusal != nil {
		return appendRefusal(nil, h.xid, refusal)
	}
	return call.Out
}

func unmapped(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// wantLocal makes the kernel say to which address each datagram was sent.
func wantLocal(conn *net.UDPConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var v4, v6 error
	err = raw.Control(func(fd uintptr) {
		v4 = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
		v6 = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
	})
	if err == nil && v4 != nil && v6 != nil {
		err = v4
	}
	return err
}

// localOf returns the address that a datagram was sent to, invalid if the kernel did not say.
func localOf(oob []byte) netip.Addr {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return netip.Addr{}
	}
	for _, m := range messages {
		switch {
		case m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_PKTINFO && len(m.Data) >= unix.SizeofInet4Pktinfo:
			return netip.AddrFrom4([4]byte(m.Data[8:12]))
		case m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_PKTINFO && len(m.Data) >= unix.SizeofInet6Pktinfo:
			return netip.AddrFrom16([16]byte(m.Data[:16])).Unmap()
		}
	}
	return netip.Addr{}
}

// sourceOf returns the control message that makes a reply leave from the local address.
func sourceOf(local netip.Addr, peer netip.AddrPort) []byte {
	switch {
	case !local.IsValid() || local.IsMulticast() || local == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return nil
	case peer.Addr().Is4():
		return unix.PktInfo4(&unix.Inet4Pktinfo{Spec_dst: local.As4()})
	default: // the socket is of IPv6; it takes mapped addresses too
		return unix.PktInfo6(&unix.Inet6Pktinfo{Addr: local.As16()})
	}
}
