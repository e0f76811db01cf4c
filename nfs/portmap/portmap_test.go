package portmap

import (
	"context"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/spillway/spillway/nfs/rpc"
	"github.com/spillway/spillway/nfs/xdr"
)

var someMappings = []Mapping{
	{100003, 3, TCP, 2049}, {100021, 4, TCP, 2049}, {100024, 1, TCP, 2049}, {100024, 1, UDP, 61234},
}

// serve answers on TCP and UDP of one loopback port.
func serve(t *testing.T) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(l.Addr().(*net.TCPAddr).AddrPort()))
	if err != nil {
		t.Skipf("the same port is taken for UDP: %v", err)
	}
	programs := (&Server{Mappings: someMappings}).Programs()
	srv := rpc.NewServer(programs, rpc.Limits{}, rpc.Hooks{})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { done <- srv.Serve(ctx, l) }()
	go func() { done <- rpc.ServePackets(ctx, u, programs) }()
	t.Cleanup(func() { cancel(); <-done; <-done })
	return l.Addr().String()
}

func dial(t *testing.T, addr string) *Client {
	t.Helper()
	c, err := Dial(t.Context(), addr, rpc.Options{Connections: 1, Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestWhereProgramsAre(t *testing.T) {
	addr := serve(t)
	c, ctx := dial(t, addr), t.Context()
	if err := c.Null(ctx); err != nil {
		t.Fatal(err)
	}
	for _, q := range []struct {
		program, version uint32
		t                Transport
		want             uint16
	}{
		{100003, 3, TCP, 2049},
		{100003, 3, UDP, 0},
		{100003, 4, TCP, 2049}, // the program itself says that it has version 3 only
		{100024, 1, UDP, 61234},
		{Program, Version, UDP, Port},
		{100099, 1, TCP, 0},
	} {
		if got, err := c.GetPort(ctx, q.program, q.version, q.t); got != q.want || err != nil {
			t.Errorf("GETPORT %+v: %d, %v", q, got, err)
		}
	}
	if got, err := FindAt(ctx, addr, netip.MustParseAddr("127.0.0.1"), 100021, 4); got != 2049 || err != nil {
		t.Errorf("%d, %v", got, err)
	}
	all, err := c.Dump(ctx)
	if err != nil || len(all) != 6+len(someMappings) || !slices.Contains(all, someMappings[3]) {
		t.Errorf("DUMP: %v, %v", all, err)
	}
	if a, err := c.GetAddr(ctx, 100024, 1, UDP, false); a != "127.0.0.1.239.50" || err != nil {
		t.Errorf("GETADDR: %q, %v", a, err)
	}
	for _, q := range []struct {
		t  Transport
		v6 bool
	}{{UDP, true}, {99, true}} {
		if a, err := c.GetAddr(ctx, 100003, 3, q.t, q.v6); a != "" && q.t != 99 || err != nil {
			t.Errorf("GETADDR over %+v: %q, %v", q, a, err)
		}
	}
	var bound bounds
	if err := c.do(ctx, VersionBind, ProcDump, &rpc.Void{}, &bound); err != nil || len(bound) != len(all) {
		t.Errorf("rpcbind DUMP: %v, %v", bound, err)
	}
}

func TestNobodyMayRegister(t *testing.T) {
	c := dial(t, serve(t))
	if ok, err := c.Set(t.Context(), Mapping{100003, 3, TCP, 666}); ok || err != nil {
		t.Errorf("SET: %v, %v", ok, err)
	}
	if ok, err := c.Unset(t.Context(), 100003, 3); ok || err != nil {
		t.Errorf("UNSET: %v, %v", ok, err)
	}
	if got, err := c.GetPort(t.Context(), 100003, 3, TCP); got != 2049 || err != nil {
		t.Errorf("afterwards: %d, %v", got, err)
	}
	if err := c.do(t.Context(), Version, 5, &Mapping{Program: 100003}, &rpc.Void{}); err == nil {
		t.Error("CALLIT is answered")
	}
}

// ask sends a call in a datagram and returns the reply.
func ask(t *testing.T, addr string, call []byte) []byte {
	t.Helper()
	nc, err := net.Dial("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := nc.Write(call); err != nil {
		t.Fatal(err)
	}
	if err := nc.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4096)
	n, err := nc.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return buf[:n]
}

func words(v ...uint32) (b []byte) {
	for _, w := range v {
		b = xdr.AppendUint32(b, w)
	}
	return b
}

func TestDatagrams(t *testing.T) {
	addr := serve(t)
	// xid, CALL, RPC 2, program, version, procedure, credential, verifier
	getport := append(words(77, 0, 2, Program, 2, ProcGetPort, 0, 0, 0, 0), words(100024, 1, 17, 0)...)
	if got, want := ask(t, addr, getport), words(77, 1, 0, 0, 0, 0, 61234); !reflect.DeepEqual(got, want) {
		t.Errorf("GETPORT: % x", got)
	}
	for name, c := range map[string]struct{ call, want []byte }{
		"another RPC version": {words(1, 0, 3, 0, 0, 0, 0, 0, 0, 0), words(1, 1, 1, 0, 2, 2)},
		"another flavor":      {words(2, 0, 2, Program, 2, 0, 6, 0, 0, 0), words(2, 1, 1, 1, 2)},
		"another program":     {words(3, 0, 2, 5, 1, 0, 0, 0, 0, 0), words(3, 1, 0, 0, 0, 1)},
		"another version":     {words(4, 0, 2, Program, 9, 0, 0, 0, 0, 0), words(4, 1, 0, 0, 0, 2, 2, 4)},
		"garbage":             {words(5, 0, 2, Program, 2, ProcGetPort, 0, 0, 0, 0, 1), words(5, 1, 0, 0, 0, 4)},
	} {
		// Datagrams that are no call, or too long, are left unanswered and hurt nobody.
		nc, err := net.Dial("udp", addr)
		if err != nil {
			t.Fatal(err)
		}
		for _, junk := range [][]byte{nil, {1}, words(9, 1), make([]byte, 9000)} {
			_, _ = nc.Write(junk)
		}
		nc.Close()
		if got := ask(t, addr, c.call); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: % x, want % x", name, got, c.want)
		}
	}
}

func TestUniversalAddresses(t *testing.T) {
	if got := universal(netip.MustParseAddr("::1"), 2049); got != "::1.8.1" {
		t.Error(got)
	}
}

// FuzzDecode checks every decoder: no panic, and what decodes says the same after encoding and decoding again.
func FuzzDecode(f *testing.F) {
	list := mappings(someMappings)
	f.Add(list.AppendXDR(nil))
	f.Add((&bounds{{1, 2, "tcp", "1.2.3.4.8.1", "o"}}).AppendXDR(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, pair := range [][2]rpc.Value{
			{&mappings{}, &mappings{}}, {&bounds{}, &bounds{}}, {&Mapping{}, &Mapping{}}, {new(boolean), new(boolean)}, {new(text), new(text)},
		} {
			d := xdr.NewDecoder(b)
			if pair[0].DecodeXDR(&d); d.Err() != nil {
				continue
			}
			d.Reset(pair[0].AppendXDR(nil))
			if pair[1].DecodeXDR(&d); d.Err() != nil || !reflect.DeepEqual(pair[0], pair[1]) {
				t.Fatalf("%T: %+v became %+v", pair[0], pair[0], pair[1])
			}
		}
	})
}
