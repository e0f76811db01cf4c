package rpc

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/spillway/spillway/nfs/xdr"
)

// dial connects a client until the test ends.
func dial(t *testing.T, addr string, opts Options) *Client {
	t.Helper()
	c, err := Dial(t.Context(), addr, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// echoOf calls procEcho with a payload and returns what came back.
func echoOf(ctx context.Context, c *Client, payload []byte) ([]byte, error) {
	var got []byte
	err := c.Call(ctx, &Message{
		Program: testProgram, Version: 3, Procedure: procEcho,
		Args: xdr.AppendUint32(nil, uint32(len(payload))), Payload: payload,
		Decode: func(b *Body) error {
			d, err := b.Rest()
			if err != nil {
				return err
			}
			got = bytes.Clone(d.Opaque(1 << 20))
			return d.Err()
		},
	})
	return got, err
}

func nothing(*Body) error { return nil }

func waitCall() *Message {
	return &Message{Program: testProgram, Version: 3, Procedure: procWait, Decode: nothing}
}

func TestManyCallsAtOnce(t *testing.T) {
	_, addr := serve(t, newEcho(), Limits{InFlight: 16})
	c := dial(t, addr, Options{Connections: 3, InFlight: 20})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			for j := range 20 {
				want := bytes.Repeat(fmt.Appendf(nil, "%d.%d ", i, j), 1+j*j*20)
				if got, err := echoOf(ctx, c, want); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%d bytes became %d, %v", len(want), len(got), err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestRefusalIsAnError(t *testing.T) {
	_, addr := serve(t, newEcho(), Limits{})
	c := dial(t, addr, Options{})
	err := c.Call(t.Context(), &Message{Program: testProgram, Version: 9, Procedure: 1, Decode: nothing})
	var refusal *Error
	if !errors.As(err, &refusal) || refusal.Accept != ProgMismatch || refusal.High != 4 {
		t.Errorf("got %v", err)
	}
}

func TestCanceledCallsLetGo(t *testing.T) {
	e := newEcho()
	_, addr := serve(t, e, Limits{})
	c := dial(t, addr, Options{Connections: 1, InFlight: 2})
	cause := errors.New("the artist closed the window")
	for range 10 {
		ctx, cancel := context.WithCancelCause(t.Context())
		ended := make(chan error)
		go func() { ended <- c.Call(ctx, waitCall()) }()
		<-e.entered
		cancel(cause)
		if err := <-ended; !errors.Is(err, cause) {
			t.Errorf("got %v", err)
		}
	}
	if got, err := echoOf(t.Context(), c, []byte("still here")); err != nil || string(got) != "still here" {
		t.Errorf("%q, %v", got, err)
	}
	close(e.release)
}

func TestSoftCallsTimeOut(t *testing.T) {
	e := newEcho()
	s, addr := serve(t, e, Limits{})
	c := dial(t, addr, Options{Connections: 1, Timeout: 50 * time.Millisecond})
	if err := c.Call(t.Context(), waitCall()); !errors.Is(err, ErrTimeout) {
		t.Errorf("a silent server: %v", err)
	}
	s.Close()
	if _, err := echoOf(t.Context(), c, nil); !errors.Is(err, ErrTimeout) {
		t.Errorf("a server that is gone: %v", err)
	}
}

func TestCloseEndsCalls(t *testing.T) {
	e := newEcho()
	_, addr := serve(t, e, Limits{})
	c := dial(t, addr, Options{})
	ended := make(chan error)
	go func() { ended <- c.Call(t.Context(), waitCall()) }()
	<-e.entered
	c.Close()
	if err := <-ended; !errors.Is(err, ErrClientClosed) {
		t.Errorf("got %v", err)
	}
	if err := c.Call(t.Context(), waitCall()); !errors.Is(err, ErrClientClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// script accepts connections and gives each call's xid and the connection to a function; false hangs up.
func script(t *testing.T, answer func(conn int, xid uint32, nc net.Conn) bool) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for conn := 0; ; conn++ {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer nc.Close()
				records := newRecordReader(nc, 4096, 2<<20)
				for {
					buf, err := records.record(&pool{})
					if err != nil || !answer(conn, binary.BigEndian.Uint32(buf.b), nc) {
						return
					}
				}
			})
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return l.Addr().String()
}

func echoReply(xid uint32, text string) []byte {
	return xdr.AppendString(appendAccepted(nil, xid, Success), text)
}

func TestUnansweredCallsAreSentAgain(t *testing.T) {
	var mu sync.Mutex
	seen := map[int][]uint32{}
	addr := script(t, func(conn int, xid uint32, nc net.Conn) bool {
		mu.Lock()
		seen[conn] = append(seen[conn], xid)
		mu.Unlock()
		if conn == 0 {
			// Half of an answer, then the end.
			b := fragment(true, echoReply(xid, "answer"))
			_, _ = nc.Write(b[:len(b)-3])
			return false
		}
		// In fragments, as a server may.
		_, err := nc.Write(pieces(echoReply(xid, "answer"), 7))
		return err == nil
	})
	c := dial(t, addr, Options{Connections: 1})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	got, err := echoOf(ctx, c, []byte("question"))
	if err != nil || string(got) != "answer" {
		t.Fatalf("%q, %v", got, err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(seen[0]) != 1 || len(seen[1]) != 1 || seen[0][0] != seen[1][0] {
		t.Errorf("xids by connection: %v; want the same one twice", seen)
	}
}

func TestOversizedReplyFailsItsCall(t *testing.T) {
	addr := script(t, func(conn int, xid uint32, nc net.Conn) bool {
		text := "small"
		if conn == 0 {
			text = string(make([]byte, 10_000))
		}
		_, err := nc.Write(fragment(true, echoReply(xid, text)))
		return err == nil
	})
	c := dial(t, addr, Options{Connections: 1, MaxRecord: 5000})
	if _, err := echoOf(t.Context(), c, nil); !errors.Is(err, ErrRecordSize) {
		t.Errorf("got %v", err)
	}
	if got, err := echoOf(t.Context(), c, nil); err != nil || string(got) != "small" {
		t.Errorf("the next call: %q, %v", got, err)
	}
}

func TestBadResultsFailTheirCall(t *testing.T) {
	addr := script(t, func(_ int, xid uint32, nc net.Conn) bool {
		// A stranger's reply first, then one whose results end early.
		b := append(fragment(true, echoReply(xid+1000, "?")), fragment(true, append(appendAccepted(nil, xid, Success), 0, 0, 0, 9))...)
		_, err := nc.Write(b)
		return err == nil
	})
	c := dial(t, addr, Options{Connections: 1})
	if _, err := echoOf(t.Context(), c, nil); !errors.Is(err, xdr.ErrShort) {
		t.Errorf("got %v", err)
	}
}

// TestDataGoStraightToTheirPlace cancels calls while their reply arrives: afterwards nobody may write to the buffer,
// which the race detector watches.
func TestDataGoStraightToTheirPlace(t *testing.T) {
	addr := script(t, func(conn int, xid uint32, nc net.Conn) bool {
		b := fragment(true, echoReply(xid, string(bytes.Repeat([]byte("x"), 300_000))))
		if conn > 0 {
			_, err := nc.Write(b)
			return err == nil
		}
		_, err := nc.Write(b[:200_000])
		return err == nil
	})
	c := dial(t, addr, Options{Connections: 1})
	buf := make([]byte, 300_000)
	ctx, cancel := context.WithCancel(t.Context())
	m := &Message{Program: testProgram, Version: 3, Procedure: procEcho, Decode: func(b *Body) error {
		cancel()
		var n [4]byte
		if _, err := io.ReadFull(b, n[:]); err != nil {
			return err
		}
		_, err := io.ReadFull(b, buf)
		return err
	}}
	if err := c.Call(ctx, m); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	clear(buf)
	if err := c.Call(t.Context(), m); err != nil || buf[299_999] != 'x' {
		t.Errorf("the next call: %v", err)
	}
}
