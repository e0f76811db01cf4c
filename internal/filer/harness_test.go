package filer

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/spillway/spillway/internal/origin"
	originnfs "github.com/spillway/spillway/internal/origin/nfs"
	"github.com/spillway/spillway/internal/origin/posix"
	"github.com/spillway/spillway/nfs"
)

// running is a filer that serves on loopback.
type running struct {
	*Filer
	t       *testing.T
	cfg     Config
	addr    string
	stopped chan struct{}
}

func testLog(t *testing.T) *slog.Logger {
	if testing.Verbose() {
		return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo}))
	}
	return slog.New(slog.DiscardHandler)
}

// start opens and serves a filer; the test's end stops it.
func start(t *testing.T, cfg Config) *running {
	t.Helper()
	if cfg.CacheDir == "" {
		cfg.CacheDir = t.TempDir()
	}
	if cfg.Log == nil {
		cfg.Log = testLog(t)
	}
	r := &running{t: t, cfg: cfg}
	r.up(ownAddress())
	t.Cleanup(func() { r.down((*Filer).Close) })
	return r
}

// ownAddress is an address of this machine that nobody else uses, so that a filer can be started again there: no outgoing
// connection has it, and hardly any other test.
func ownAddress() string {
	return fmt.Sprintf("127.%d.%d.%d:%d", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254), 12000+rand.IntN(20000))
}

func (r *running) up(addr string) {
	r.t.Helper()
	f, err := Open(r.cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		r.t.Fatal(err)
	}
	r.Filer, r.addr, r.stopped = f, l.Addr().String(), make(chan struct{})
	go func(stopped chan struct{}) {
		defer close(stopped)
		if err := f.Serve(context.Background(), l); err != nil {
			r.t.Errorf("serve: %v", err)
		}
	}(r.stopped)
}

func (r *running) down(stop func(*Filer) error) {
	if err := stop(r.Filer); err != nil {
		r.t.Errorf("stop: %v", err)
	}
	<-r.stopped
}

// crash stops the filer without a clean end and starts it again over the same directory and address.
func (r *running) crash() {
	r.t.Helper()
	r.down(func(f *Filer) error { f.kill(); return nil })
	r.up(r.addr)
}

// client is an NFS client with a mounted root.
type client struct {
	*nfs.Client
	t    *testing.T
	root nfs.Handle
}

func dial(t *testing.T, addr, path string) *client {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := nfs.Dial(ctx, addr, nfs.Options{Auth: nfs.Sys("test", uint32(os.Getuid()), uint32(os.Getgid()))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	res, err := c.Mnt(ctx, nil, path)
	if err != nil {
		t.Fatalf("mount %s: %v", path, err)
	}
	return &client{c, t, res.Root}
}

func folder(t *testing.T) (string, origin.Origin) {
	t.Helper()
	dir := t.TempDir()
	o, err := posix.Open(posix.Config{Dir: dir, Log: testLog(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.Close() })
	return dir, o
}

func remote(t *testing.T, addr, path string) origin.Origin {
	t.Helper()
	o, err := originnfs.Open(originnfs.Config{Addr: addr, Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.Close() })
	return o
}

func (c *client) look(dir nfs.Handle, name string) nfs.Handle {
	c.t.Helper()
	r, err := c.Lookup(c.t.Context(), nil, nfs.LookupArgs{Dir: dir, Name: name})
	if err != nil {
		c.t.Fatalf("lookup %s: %v", name, err)
	}
	return r.Object
}

func (c *client) make(dir nfs.Handle, name string) nfs.Handle {
	c.t.Helper()
	r, err := c.Create(c.t.Context(), nil, nfs.CreateArgs{Dir: dir, Name: name, How: nfs.Guarded, Attr: nfs.SetAttr{Mode: nfs.Set32(0o644)}})
	if err != nil {
		c.t.Fatalf("create %s: %v", name, err)
	}
	return r.Object.Handle
}

func (c *client) put(h nfs.Handle, off uint64, data []byte, how nfs.Stable) nfs.WriteResult {
	c.t.Helper()
	r, err := c.Write(c.t.Context(), nil, nfs.WriteArgs{File: h, Offset: off, Data: data, Stable: how})
	if err != nil || int(r.Count) != len(data) {
		c.t.Fatalf("write %d bytes at %d: %d, %v", len(data), off, r.Count, err)
	}
	return r
}

// get reads a whole file in pieces.
func (c *client) get(h nfs.Handle, piece int) []byte {
	c.t.Helper()
	var out []byte
	buf := make([]byte, piece)
	for {
		r, err := c.Read(c.t.Context(), nil, nfs.ReadArgs{File: h, Offset: uint64(len(out)), Count: uint32(piece)}, buf)
		if err != nil {
			c.t.Fatalf("read at %d: %v", len(out), err)
		}
		out = append(out, r.Data...)
		if r.EOF {
			return out
		}
		if len(r.Data) == 0 {
			c.t.Fatalf("read at %d: nothing, and not the end", len(out))
		}
	}
}

func (c *client) wantContent(h nfs.Handle, want []byte) {
	c.t.Helper()
	if got := c.get(h, 1<<17); !bytes.Equal(got, want) {
		c.t.Fatalf("read %d bytes that differ from the %d expected", len(got), len(want))
	}
}

func noise(n int, seed uint64) []byte {
	var key [32]byte
	key[0] = byte(seed)
	b := make([]byte, n)
	rand.NewChaCha8(key).Read(b)
	return b
}

func writeFile(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func testLogF() *slog.Logger { return slog.New(slog.DiscardHandler) }
