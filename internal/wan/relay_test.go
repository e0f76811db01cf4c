package wan_test

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"
	"time"

	"github.com/spillway/spillway/internal/wan"
)

// target accepts connections until the test ends and hands each to serve.
func target(t *testing.T, serve func(*net.TCPConn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { l.Close(); <-done })
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serve(c.(*net.TCPConn))
			c.Close()
		}
	}()
	return l.Addr().String()
}

func echo(c *net.TCPConn) {
	_, _ = io.Copy(c, c)
	_ = c.CloseWrite()
}

func link(t *testing.T, c wan.Config) *wan.Link {
	t.Helper()
	l, err := wan.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func dial(t *testing.T, l *wan.Link, c wan.RelayConfig) *net.TCPConn {
	t.Helper()
	c.Listen = "127.0.0.1:0"
	r, err := l.Relay(c)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", r.Addr())
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn.(*net.TCPConn)
}

func TestRoundTripAndHalfClose(t *testing.T) {
	const rtt = 50 * time.Millisecond
	l := link(t, wan.Config{RTT: rtt})
	conn := dial(t, l, wan.RelayConfig{Name: "echo", Target: target(t, echo)})
	buf := make([]byte, 5)
	for range 2 { // the first trip includes the connection's own
		began := time.Now()
		if _, err := conn.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(conn, buf); err != nil || string(buf) != "hello" {
			t.Fatalf("%q, %v", buf, err)
		}
		if took := time.Since(began); took < rtt {
			t.Errorf("a round trip took %v, less than %v", took, rtt)
		}
	}
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(conn); err != nil || len(rest) != 0 {
		t.Errorf("after the end: %q, %v", rest, err)
	}
	s := l.Status()
	if r := s.Relays[0]; s.NearToFar != 10 || s.FarToNear != 10 || r.ToTarget != 10 || r.FromTarget != 10 || r.Accepted != 1 {
		t.Errorf("status %+v", s)
	}
}

func TestThroughputOfOneStream(t *testing.T) {
	const size = 5 << 20
	l := link(t, wan.Config{RTT: 60 * time.Millisecond, Bandwidth: 200e6})
	conn := dial(t, l, wan.RelayConfig{Name: "source", Reverse: true, Target: target(t, func(c *net.TCPConn) {
		_, _ = c.Write(make([]byte, size))
	})})
	began := time.Now()
	n, err := io.Copy(io.Discard, conn)
	took := time.Since(began)
	least := time.Duration(float64(size) / 25e6 * float64(time.Second))
	t.Logf("%d bytes in %v, %.0f Mbit/s", n, took, float64(n)*8/1e6/(took-90*time.Millisecond).Seconds())
	if n != size || err != nil || took < least { // how little more it takes: TestOneStreamFillsTheWire
		t.Errorf("%d bytes in %v, %v; want %d in at least %v", n, took, err, size, least)
	}
	if s := l.Status(); s.NearToFar != size || s.FarToNear != 0 {
		t.Errorf("a reversed relay's target is near: %+v", s)
	}
}

// wantReset dials a relay and wants a reset, at once or when it reads.
func wantReset(t *testing.T, l *wan.Link, target string) {
	t.Helper()
	r, err := l.Relay(wan.RelayConfig{Name: "reset", Listen: "127.0.0.1:0", Target: target})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.DialTimeout("tcp", r.Addr(), time.Minute)
	if err == nil {
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		_, err = io.ReadAll(conn)
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %v, want a reset", err)
	}
}

func TestTargetThatRefuses(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	wantReset(t, link(t, wan.Config{}), closed.Addr().String())
}

func TestResetReachesTheOtherSide(t *testing.T) {
	wantReset(t, link(t, wan.Config{RTT: time.Millisecond}), target(t, func(c *net.TCPConn) { _ = c.SetLinger(0) }))
}

func TestCutLinkOpensNoConnection(t *testing.T) {
	accepted := make(chan struct{}, 1)
	l := link(t, wan.Config{})
	l.Cut()
	conn := dial(t, l, wan.RelayConfig{Name: "echo", Target: target(t, func(c *net.TCPConn) {
		accepted <- struct{}{}
		echo(c)
	})})
	if _, err := conn.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	select {
	case <-accepted:
		t.Error("the target was reached over a cut link")
	case <-time.After(50 * time.Millisecond):
	}
	l.Heal()
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		t.Error(err)
	}
}

func TestCloseEndsOpenConnections(t *testing.T) {
	l, err := wan.New(wan.Config{RTT: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	conn := dial(t, l, wan.RelayConfig{Name: "echo", Target: target(t, echo)})
	if _, err := conn.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("the connection outlives its link")
	}
	if _, err := l.Relay(wan.RelayConfig{Name: "late", Listen: "127.0.0.1:0", Target: "127.0.0.1:1"}); err == nil {
		t.Error("a closed link takes a relay")
	}
}

func TestBadRelaysAndLinks(t *testing.T) {
	l := link(t, wan.Config{})
	if _, err := l.Relay(wan.RelayConfig{Name: "a", Listen: "127.0.0.1:0", Target: "127.0.0.1:1"}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []wan.RelayConfig{
		{Name: "b", Listen: "127.0.0.1:0", Target: "nowhere"},
		{Name: "b", Listen: "256.0.0.1:0", Target: "127.0.0.1:1"},
		{Name: "a", Listen: "127.0.0.1:0", Target: "127.0.0.1:1"},
	} {
		if _, err := l.Relay(c); err == nil {
			t.Errorf("%+v was accepted", c)
		}
	}
	for _, c := range []wan.Config{{RTT: -1}, {RTT: time.Hour}, {Bandwidth: -1}} {
		if _, err := wan.New(c); err == nil {
			t.Errorf("%+v was accepted", c)
		}
	}
}

func TestHandler(t *testing.T) {
	l := link(t, wan.Config{RTT: 60 * time.Millisecond, Bandwidth: 200e6})
	ask := func(method, path string) (wan.Status, int) {
		w := httptest.NewRecorder()
		l.Handler().ServeHTTP(w, httptest.NewRequest(method, path, http.NoBody))
		var s wan.Status
		if w.Code == http.StatusOK {
			if err := json.Unmarshal(w.Body.Bytes(), &s); err != nil {
				t.Error(err)
			}
		}
		return s, w.Code
	}
	if s, _ := ask("POST", "/cut"); !s.Cut {
		t.Error("not cut")
	}
	if s, _ := ask("POST", "/heal"); s.Cut {
		t.Error("not healed")
	}
	if s, _ := ask("GET", "/"); s.RTT != "60ms" || s.Bandwidth != 200e6 {
		t.Errorf("%+v", s)
	}
	if _, code := ask("GET", "/other"); code != http.StatusNotFound {
		t.Errorf("other paths: %d", code)
	}
}
