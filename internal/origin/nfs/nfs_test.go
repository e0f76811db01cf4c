package nfs_test

import (
	"context"
	"net"
	"testing"

	"go.uber.org/goleak"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/origin"
	originnfs "github.com/spillway/spillway/internal/origin/nfs"
	"github.com/spillway/spillway/internal/origin/origintest"
	"github.com/spillway/spillway/nfs/nfstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	origintest.Run(t, func(t *testing.T) origin.Origin {
		srv := nfstest.Start(t, nfstest.New())
		o, err := originnfs.Open(originnfs.Config{Addr: srv.Addr, Path: "/"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { o.Close() })
		return o
	})
}

func TestBadAddress(t *testing.T) {
	for _, c := range []originnfs.Config{{}, {Addr: "host", Path: "/a"}, {Addr: "host:1"}} {
		if _, err := originnfs.Open(c); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestServerAway(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	o, err := originnfs.Open(originnfs.Config{Addr: addr, Path: "/a", Patience: 50e6})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	for range 2 {
		if _, err := o.Root(t.Context()); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("got %v, want unavailable", err)
		}
	}
}

// A caller that has given up says nothing about the server: the next one is not refused for its sake.
func TestCanceledCallerRefusesNobody(t *testing.T) {
	srv := nfstest.Start(t, nfstest.New())
	o, err := originnfs.Open(originnfs.Config{Addr: srv.Addr, Path: "/"})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := o.Root(canceled); err == nil {
		t.Error("a canceled caller was answered")
	}
	if _, err := o.Root(t.Context()); err != nil {
		t.Errorf("the next caller: %v", err)
	}
}
