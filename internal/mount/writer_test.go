package mount

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/spillway/spillway/nfs"
	"github.com/spillway/spillway/nfs/nfstest"
)

// content reads a file at the server, not through a mount.
func content(t *testing.T, srv *nfstest.Server, name string) []byte {
	t.Helper()
	c, err := nfs.Dial(t.Context(), srv.Addr, nfs.Options{})
	must(t, err)
	defer c.Close()
	found, err := c.Lookup(t.Context(), nil, nfs.LookupArgs{Dir: srv.FS.Root(), Name: name})
	must(t, err)
	var all []byte
	buf := make([]byte, nfs.MaxTransfer)
	for {
		res, err := c.Read(t.Context(), nil, nfs.ReadArgs{File: found.Object, Offset: uint64(len(all))}, buf)
		must(t, err)
		all = append(all, res.Data...)
		if res.EOF {
			return all
		}
	}
}

// writePieces writes data the way renderers do, 4 KiB at a time.
func writePieces(t *testing.T, f *os.File, data []byte) {
	t.Helper()
	for len(data) > 0 {
		n := min(len(data), 4096)
		if _, err := f.Write(data[:n]); err != nil {
			t.Fatal(err)
		}
		data = data[n:]
	}
}

func TestSmallWritesAreGathered(t *testing.T) {
	fsys := nfstest.New()
	srv := nfstest.Start(t, fsys)
	dir, _ := mounted(t, srv, func(c *Config) { c.WriteDelay = time.Hour })
	want := noise(3<<20 + 1000)
	f, err := os.Create(filepath.Join(dir, "frame.png"))
	must(t, err)
	writePieces(t, f, want)
	_, err = f.WriteAt([]byte("header"), 0)
	must(t, err)
	copy(want, "header")
	must(t, f.Close())
	if got := content(t, srv, "frame.png"); !bytes.Equal(got, want) {
		t.Errorf("%d bytes at the server, want %d", len(got), len(want))
	}
	if n := fsys.Calls(nfs.ProcWrite); n > 5 {
		t.Errorf("%d WRITEs, want 5", n)
	}
	if n := fsys.Calls(nfs.ProcCommit); n != 1 {
		t.Errorf("%d COMMITs, want 1", n)
	}
}

func TestPartsAreSentWhenTheProgramPauses(t *testing.T) {
	fsys := nfstest.New()
	sent := make(chan struct{}, 10)
	fsys.Intercept = func(p nfs.Proc, _ *nfs.Request) nfs.Status {
		if p == nfs.ProcWrite {
			sent <- struct{}{}
		}
		return nfs.OK
	}
	dir, _ := mounted(t, nfstest.Start(t, fsys), func(c *Config) { c.WriteDelay = 10 * time.Millisecond })
	f, err := os.Create(filepath.Join(dir, "log"))
	must(t, err)
	defer f.Close()
	_, err = f.WriteString("one line")
	must(t, err)
	select {
	case <-sent:
	case <-time.After(time.Minute):
		t.Error("the line is kept back")
	}
}

func TestWritesSurviveTheServer(t *testing.T) {
	fsys := nfstest.New()
	srv := nfstest.Start(t, fsys)
	dir, _ := mounted(t, srv)
	want := noise(6 << 20)
	f, err := os.Create(filepath.Join(dir, "frame.exr"))
	must(t, err)
	writePieces(t, f, want[:3<<20])
	_, err = f.Seek(0, 1)
	must(t, err)
	if _, err := f.Stat(); err != nil { // everything so far has been sent
		t.Fatal(err)
	}
	srv.Kill()
	fsys.Crash() // loses it
	ended := make(chan error)
	go func() {
		writePieces(t, f, want[3<<20:])
		_, err := f.WriteAt([]byte("rewritten header"), 0) // younger than the lost bytes that it overlaps
		ended <- errors.Join(err, f.Close())
	}()
	srv.Restart()
	must(t, <-ended)
	copy(want, "rewritten header")
	fsys.Crash() // loses nothing: all has been committed
	if got := content(t, srv, "frame.exr"); !bytes.Equal(got, want) {
		t.Errorf("%d bytes at the server, want %d; the first are %q", len(got), len(want), got[:min(16, len(got))])
	}
}

// TestYoungerBytesWin has the server lose an older write after it has confirmed a younger one of the same bytes.
func TestYoungerBytesWin(t *testing.T) {
	fsys := nfstest.New()
	srv := nfstest.Start(t, fsys)
	dir, _ := mounted(t, srv)
	f, err := os.Create(filepath.Join(dir, "f"))
	must(t, err)
	_, err = f.WriteString("old old old")
	must(t, err)
	_, err = f.Stat()
	must(t, err)
	fsys.Crash()
	_, err = f.WriteAt([]byte("new"), 4)
	must(t, errors.Join(err, f.Sync(), f.Close()))
	fsys.Crash()
	if got := content(t, srv, "f"); string(got) != "old new old" {
		t.Errorf("the server has %q", got)
	}
}

func TestErrorsComeOutAtClose(t *testing.T) {
	fsys := nfstest.New()
	var full atomic.Bool
	fsys.Intercept = func(p nfs.Proc, _ *nfs.Request) nfs.Status {
		if full.Load() && p == nfs.ProcWrite {
			return nfs.ErrNoSpc
		}
		return nfs.OK
	}
	dir, _ := mounted(t, nfstest.Start(t, fsys))
	for name, end := range map[string]func(*os.File) error{"close": (*os.File).Close, "fsync": (*os.File).Sync} {
		full.Store(true)
		f, err := os.Create(filepath.Join(dir, name))
		must(t, err)
		_, err = f.WriteString("no room")
		must(t, err)
		if err := end(f); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%s: %v, want no space", name, err)
		}
		full.Store(false)
		f.Close()
	}
	path := filepath.Join(dir, "after")
	must(t, os.WriteFile(path, []byte("room"), 0o600))
	wantFile(t, path, []byte("room"))
}

func TestJukeboxIsWaitedFor(t *testing.T) {
	fsys := nfstest.New()
	var asked atomic.Int32
	fsys.Intercept = func(p nfs.Proc, _ *nfs.Request) nfs.Status {
		if p == nfs.ProcRead && asked.Add(1) == 1 {
			return nfs.ErrJukebox
		}
		return nfs.OK
	}
	dir, _ := mounted(t, nfstest.Start(t, fsys))
	path := filepath.Join(dir, "f")
	must(t, os.WriteFile(path, []byte("on tape"), 0o600))
	wantFile(t, path, []byte("on tape"))
}

func TestSoftMountFailsInTime(t *testing.T) {
	srv := nfstest.Start(t, nfstest.New())
	dir, _ := mounted(t, srv, func(c *Config) { c.Soft, c.AttrTimeout = 200*time.Millisecond, time.Millisecond })
	f, err := os.Create(filepath.Join(dir, "f"))
	for errors.Is(err, syscall.ETIMEDOUT) { // a busy machine may take as long
		f, err = os.Create(filepath.Join(dir, "f"))
	}
	must(t, err)
	_, err = f.WriteString("x")
	must(t, err)
	srv.Kill()
	if err := f.Close(); !errors.Is(err, syscall.ETIMEDOUT) {
		t.Errorf("close: %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, syscall.ETIMEDOUT) {
		t.Errorf("stat: %v", err)
	}
	srv.Restart()
}

// TestSoftMountDoesNotWaitForATape has a server that puts a call off for ever.
func TestSoftMountDoesNotWaitForATape(t *testing.T) {
	fsys := nfstest.New()
	fsys.Add("f", []byte("on tape"))
	fsys.Intercept = func(p nfs.Proc, _ *nfs.Request) nfs.Status {
		if p == nfs.ProcRead {
			return nfs.ErrJukebox
		}
		return nfs.OK
	}
	dir, _ := mounted(t, nfstest.Start(t, fsys), func(c *Config) { c.Soft = 300 * time.Millisecond })
	if _, err := os.ReadFile(filepath.Join(dir, "f")); !errors.Is(err, syscall.ETIMEDOUT) {
		t.Errorf("read: %v", err)
	}
}
