package rpc

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spillway/spillway/nfs/xdr"
)

// The procedures of the program that these tests serve.
const (
	testProgram = 400_000
	procEcho    = 1 // returns its argument
	procWait    = 2 // returns when the test says so
	procFile    = 3 // returns a file's bytes
	procGarbage = 4

	procGetNothing = 5 // returns at once
	procDeadline   = 6 // returns when a deadline of its own has passed
)

// echo is a program for tests.
type echo struct {
	release chan struct{} // procWait waits for it
	entered chan uint32   // gets the xid of each procWait
	file    *os.File
	length  int
	freed   atomic.Int32
	slow    atomic.Bool // no procedure is quick
}

func newEcho() *echo { return &echo{release: make(chan struct{}), entered: make(chan uint32, 1000)} }

func (e *echo) program() Program {
	return Program{Number: testProgram, Low: 3, High: 4, Serve: e.serve, Quick: func(uint32) bool { return !e.slow.Load() }}
}

func (e *echo) serve(ctx context.Context, call *Call) {
	switch call.Procedure {
	case procEcho:
		b := call.Args.Opaque(1 << 20)
		call.Out = xdr.AppendUint32(call.Out, uint32(len(b)))
		lent := call.Buffer(len(b))
		copy(lent, b)
		call.SetPayload(lent, func() { e.freed.Add(1) })
	case procWait:
		Wait(ctx)
		Wait(context.WithoutCancel(ctx)) // repeating it does nothing
		e.entered <- call.XID
		select {
		case <-e.release:
		case <-ctx.Done():
		}
	case procFile:
		call.Out = xdr.AppendUint32(call.Out, uint32(e.length))
		call.SetFile(e.file, 0, e.length, func() { e.freed.Add(1) })
	case procGetNothing:
	case procDeadline:
		own, cancel := context.WithTimeout(ctx, 50*time.Microsecond)
		context.AfterFunc(own, cancel) // elsewhere: it would wait here for the timer to have looked
		<-own.Done()
	case procGarbage:
		call.Refuse(GarbageArgs)
	default:
		call.Refuse(ProcUnavail)
	}
}

// serve runs a server on a port until the test ends.
func serve(t *testing.T, e *echo, limits Limits) (*Server, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := NewServer([]Program{e.program()}, limits, Hooks{})
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(context.Background(), l) }()
	t.Cleanup(func() {
		s.Close()
		if err := <-ended; !errors.Is(err, ErrServerClosed) {
			t.Errorf("serve: %v", err)
		}
	})
	return s, l.Addr().String()
}

// raw is a connection without a client's help.
type raw struct {
	t *testing.T
	net.Conn
}

func connect(t *testing.T, addr string) raw {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(time.Minute))
	return raw{t, nc}
}

func (r raw) send(b []byte) {
	r.t.Helper()
	if _, err := r.Write(b); err != nil {
		r.t.Fatal(err)
	}
}

// call returns a call as a record of one fragment.
func call(xid, version, procedure uint32, args []byte) []byte {
	return fragment(true, append(appendCall(nil, xid, testProgram, version, procedure, Sys("t", 1, 2)), args...))
}

// reply reads a reply of one fragment.
func (r raw) reply() (xid uint32, body []byte, err error) {
	r.t.Helper()
	var mark [4]byte
	if _, err := io.ReadFull(r, mark[:]); err != nil {
		r.t.Fatal(err)
	}
	b := make([]byte, binary.BigEndian.Uint32(mark[:])&^lastMark)
	if _, err := io.ReadFull(r, b); err != nil {
		r.t.Fatal(err)
	}
	d := xdr.NewDecoder(b)
	xid = d.Uint32()
	err = decodeReply(&d)
	return xid, b[len(b)-d.Len():], err
}

// closed waits for the server to close the connection.
func (r raw) closed() {
	r.t.Helper()
	_, err := io.Copy(io.Discard, r)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		r.t.Error("the server keeps the connection")
	}
}

func TestRefusedCalls(t *testing.T) {
	_, addr := serve(t, newEcho(), Limits{})
	r := connect(t, addr)
	for name, c := range map[string]struct {
		record []byte
		want   Error
	}{
		"other program":   {fragment(true, appendCall(nil, 1, 100_005, 3, 0, &Auth{})), Error{Accept: ProgUnavail}},
		"older version":   {call(1, 2, procEcho, nil), Error{Accept: ProgMismatch, Low: 3, High: 4}},
		"newer version":   {call(1, 5, procEcho, nil), Error{Accept: ProgMismatch, Low: 3, High: 4}},
		"other procedure": {call(1, 3, 99, nil), Error{Accept: ProcUnavail}},
		"garbage":         {call(1, 3, procGarbage, nil), Error{Accept: GarbageArgs}},
		"RPC version 3":   {fragment(true, []byte{0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 3}), Error{Denied: true, Low: 2, High: 2}},
		"RPCSEC_GSS":      {fragment(true, appendCall(nil, 1, testProgram, 3, 1, &Auth{Flavor: 6})), Error{Denied: true, Auth: AuthRejectedCred}},
	} {
		r.send(c.record)
		xid, _, err := r.reply()
		var got *Error
		if !errors.As(err, &got) || *got != c.want || xid != 1 {
			t.Errorf("%s: xid %d, %v, want %v", name, xid, err, &c.want)
		}
	}
}

func TestRepliesOutOfOrder(t *testing.T) {
	e := newEcho()
	_, addr := serve(t, e, Limits{})
	r := connect(t, addr)
	r.send(append(call(1, 3, procWait, nil), call(2, 3, procEcho, xdr.AppendString(nil, "fast"))...))
	if xid, body, err := r.reply(); xid != 2 || err != nil || string(body) != "\x00\x00\x00\x04fast" {
		t.Errorf("first reply: xid %d, %q, %v", xid, body, err)
	}
	close(e.release)
	if xid, _, err := r.reply(); xid != 1 || err != nil {
		t.Errorf("second reply: xid %d, %v", xid, err)
	}
}

func TestCallInManyFragments(t *testing.T) {
	_, addr := serve(t, newEcho(), Limits{})
	r := connect(t, addr)
	data := bytes.Repeat([]byte("0123456789"), 20_000)
	r.send(pieces(call(9, 3, procEcho, xdr.AppendOpaque(nil, data))[4:], 1001))
	if xid, body, err := r.reply(); xid != 9 || err != nil || !bytes.Equal(body[4:], data) {
		t.Errorf("xid %d, %d bytes, %v", xid, len(body), err)
	}
}

func TestBrokenPeersHurtNobodyElse(t *testing.T) {
	e := newEcho()
	_, addr := serve(t, e, Limits{})
	good := connect(t, addr)
	half := connect(t, addr)
	half.send(fragment(true, make([]byte, 1<<20))[:1000])
	for name, stream := range map[string][]byte{
		"4 GiB":   {0xff, 0xff, 0xff, 0xff},
		"garbage": bytes.Repeat([]byte("GET / HTTP/1.1\r\n"), 10),
		"short":   fragment(true, []byte{1, 2, 3}),
		"a reply": fragment(true, appendAccepted(nil, 1, Success)),
		"empty":   fragment(true, nil),
	} {
		t.Run(name, func(t *testing.T) {
			r := connect(t, addr)
			r.send(stream)
			r.closed()
		})
	}
	good.send(call(3, 3, procEcho, xdr.AppendString(nil, "ok")))
	if xid, _, err := good.reply(); xid != 3 || err != nil {
		t.Errorf("xid %d, %v", xid, err)
	}
}

// A client that opens one connection after the other gets so many, and takes none from another.
func TestConnectionsOfAClientAreBounded(t *testing.T) {
	_, addr := serve(t, newEcho(), Limits{Connections: 6, PerClient: 4})
	from := func(address string) raw {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
		nc, err := d.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { nc.Close() })
		_ = nc.SetDeadline(time.Now().Add(time.Minute))
		return raw{t, nc}
	}
	asks := func(r raw) {
		t.Helper()
		r.send(call(1, 3, procEcho, xdr.AppendString(nil, "ok")))
		if _, _, err := r.reply(); err != nil {
			t.Error(err)
		}
	}
	var greedy []raw
	for range 4 {
		greedy = append(greedy, from("127.0.0.2"))
		asks(greedy[len(greedy)-1])
	}
	for range 10 {
		from("127.0.0.2").closed()
	}
	other := from("127.0.0.3")
	asks(other)
	greedy[0].Close()
	for { // when the server has noticed, there is room again
		r := from("127.0.0.2")
		if _, err := r.Write(call(1, 3, procEcho, xdr.AppendString(nil, "ok"))); err != nil {
			continue
		}
		if n, _ := r.Read(make([]byte, 64)); n > 0 {
			break
		}
	}
	asks(greedy[1])
	asks(other)
}

func TestCallsInFlightAreBounded(t *testing.T) {
	e := newEcho()
	_, addr := serve(t, e, Limits{InFlight: 4})
	r := connect(t, addr)
	for xid := range uint32(10) {
		r.send(call(xid, 3, procWait, nil))
	}
	for range 4 {
		<-e.entered
	}
	select {
	case xid := <-e.entered:
		t.Errorf("call %d runs although four are in flight", xid)
	case <-time.After(50 * time.Millisecond):
	}
	close(e.release)
	for range 10 {
		r.reply()
	}
}

func TestSendfile(t *testing.T) {
	data := make([]byte, 300_001)
	for i := range data {
		data[i] = byte(i * 31)
	}
	path := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() }) // after the servers have ended
	for _, length := range []int{0, 1, 4096, 40_001, len(data)} {
		e := newEcho()
		e.file, e.length = f, length
		_, addr := serve(t, e, Limits{})
		r := connect(t, addr)
		for xid := range uint32(8) {
			r.send(call(xid, 3, procFile, nil))
			r.send(call(100+xid, 3, procEcho, xdr.AppendString(nil, "between")))
		}
		for range 16 {
			xid, body, err := r.reply()
			want := data[:length]
			if xid >= 100 {
				want = []byte("between")
			}
			if err != nil || !bytes.Equal(body[4:4+len(want)], want) || len(body) != 4+xdr.Padded(len(want)) {
				t.Fatalf("xid %d: %d bytes, %v", xid, len(body), err)
			}
		}
	}
	// The connection ends before the file does not have what was promised.
	e := newEcho()
	e.file, e.length = f, len(data)+1
	_, addr := serve(t, e, Limits{})
	r := connect(t, addr)
	r.send(call(1, 3, procFile, nil))
	r.closed()
}

func TestShutdownLetsCallsFinish(t *testing.T) {
	e := newEcho()
	s, addr := serve(t, e, Limits{})
	r := connect(t, addr)
	r.send(call(5, 3, procWait, nil))
	<-e.entered
	ended := make(chan error)
	go func() { ended <- s.Shutdown(context.Background()) }()
	select {
	case <-ended:
		t.Fatal("Shutdown does not wait for the call in flight")
	case <-time.After(20 * time.Millisecond):
	}
	close(e.release)
	if xid, _, err := r.reply(); xid != 5 || err != nil {
		t.Errorf("xid %d, %v", xid, err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	r.closed()
}

func TestShutdownOutOfPatience(t *testing.T) {
	e := newEcho()
	s, addr := serve(t, e, Limits{})
	r := connect(t, addr)
	r.send(call(5, 3, procWait, nil))
	<-e.entered
	ctx, cancel := context.WithCancelCause(context.Background())
	impatient := errors.New("impatient")
	cancel(impatient)
	if err := s.Shutdown(ctx); !errors.Is(err, impatient) {
		t.Errorf("Shutdown: %v", err)
	}
	r.closed()
}

// pipes is a listener of connections in memory, whose deadlines follow synctest's clock.
type pipes struct{ conns chan net.Conn }

func (p *pipes) Accept() (net.Conn, error) {
	nc, ok := <-p.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return nc, nil
}

func (p *pipes) Close() error {
	defer func() { _ = recover() }()
	close(p.conns)
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func TestSilentPeersAreLeft(t *testing.T) {
	for name, c := range map[string]struct {
		send []byte
		want time.Duration
	}{
		"idle":          {nil, time.Minute},
		"half a call":   {call(1, 3, procEcho, nil)[:20], 5 * time.Second},
		"half a mark":   {[]byte{0x80}, 5 * time.Second},
		"unread answer": {call(1, 3, procEcho, xdr.AppendString(nil, "x")), 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				closed := make(chan struct{})
				hooks := Hooks{Closed: func(uint64, error) { close(closed) }}
				s := NewServer([]Program{newEcho().program()}, Limits{Idle: time.Minute, Slow: 5 * time.Second}, hooks)
				l := &pipes{conns: make(chan net.Conn)}
				go s.Serve(context.Background(), l)
				client, server := net.Pipe()
				defer client.Close()
				l.conns <- server
				begin := time.Now()
				if c.send != nil {
					if _, err := client.Write(c.send); err != nil {
						t.Fatal(err)
					}
				}
				<-closed
				if took := time.Since(begin); took != c.want {
					t.Errorf("closed after %v, want %v", took, c.want)
				}
				s.Close()
			})
		})
	}
}
