package mount

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/spillway/spillway/nfs"
	"github.com/spillway/spillway/nfs/nfstest"
)

func instantly(c *Config) { c.AttrTimeout, c.EntryTimeout = time.Nanosecond, time.Nanosecond }

// TestLooksDoNotShortenWhatIsWritten has bytes gathered on the node while the name is looked up at the server, which has
// not got them yet: the kernel must not believe that the file is as short as that, or appending would overwrite.
func TestLooksDoNotShortenWhatIsWritten(t *testing.T) {
	fsys := nfstest.New()
	srv := nfstest.Start(t, fsys)
	dir, _ := mounted(t, srv, instantly, func(c *Config) { c.WriteDelay = time.Hour })
	path := filepath.Join(dir, "log")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(t, err)
	var want []byte
	looks := map[string]func() error{
		"stat": func() error { _, err := os.Stat(path); return err },
		"list": func() error { _, err := os.ReadDir(dir); return err },
		"link": func() error { return os.Link(path, fmt.Sprintf("%s.%d", path, len(want))) },
	}
	for range 5 {
		for name, look := range looks {
			line := fmt.Appendf(nil, "%s at %d\n", name, len(want))
			want = append(want, line...)
			_, err := f.Write(line)
			must(t, errors.Join(err, look()))
		}
	}
	must(t, f.Close())
	if got := content(t, srv, "log"); !bytes.Equal(got, want) {
		t.Errorf("the server has %q", got)
	}
}

// TestListingTellsTheKernelAll counts what a walk costs: pages of READDIRPLUS and nothing else.
func TestListingTellsTheKernelAll(t *testing.T) {
	fsys := nfstest.New()
	const files = 5000
	for i := range files {
		fsys.Add(fmt.Sprintf("frame_%05d.exr", i), nil)
	}
	dir, _ := mounted(t, nfstest.Start(t, fsys), func(c *Config) { c.AttrTimeout, c.EntryTimeout = time.Minute, time.Minute })
	before := fsys.Calls(nfs.ProcLookup) + fsys.Calls(nfs.ProcGetattr) + fsys.Calls(nfs.ProcAccess)
	out, err := exec.CommandContext(t.Context(), "find", dir, "-ls").Output()
	if err != nil || bytes.Count(out, []byte("\n")) != files+1 {
		t.Errorf("find lists %d lines: %v", bytes.Count(out, []byte("\n")), err)
	}
	if n := fsys.Calls(nfs.ProcLookup) + fsys.Calls(nfs.ProcGetattr) + fsys.Calls(nfs.ProcAccess) - before; n > 5 {
		t.Errorf("%d calls besides READDIRPLUS", n)
	}
	if n := fsys.Calls(nfs.ProcReaddirplus); n > files/500 {
		t.Errorf("%d pages for %d files", n, files)
	}
}

// TestAttributesGrowOldFromTheReply lists a directory, and expects a change at the server to be seen when attributes may
// be no older.
func TestListedAttributesAgeFromTheReply(t *testing.T) {
	fsys := nfstest.New()
	fsys.Add("f", []byte("one"))
	srv := nfstest.Start(t, fsys)
	dir, _ := mounted(t, srv, instantly)
	_, err := os.ReadDir(dir)
	must(t, err)
	change(t, srv, "f", []byte("three"))
	if info, err := os.Stat(filepath.Join(dir, "f")); err != nil || info.Size() != 5 {
		t.Errorf("%v, %v", info, err)
	}
}

// change overwrites a file at the server, not through a mount.
func change(t *testing.T, srv *nfstest.Server, name string, data []byte) {
	t.Helper()
	c, err := nfs.Dial(t.Context(), srv.Addr, nfs.Options{})
	must(t, err)
	defer c.Close()
	found, err := c.Lookup(t.Context(), nil, nfs.LookupArgs{Dir: srv.FS.Root(), Name: name})
	must(t, err)
	_, err = c.Setattr(t.Context(), nil, nfs.SetattrArgs{Object: found.Object, Attr: nfs.SetAttr{Size: nfs.Set64(uint64(len(data)))}})
	must(t, err)
	for off := 0; off < len(data); off += nfs.MaxTransfer {
		_, err = c.Write(t.Context(), nil, nfs.WriteArgs{File: found.Object, Offset: uint64(off), Stable: nfs.FileSync, Data: data[off:min(len(data), off+nfs.MaxTransfer)]})
		must(t, err)
	}
}

// TestForgottenNodesAreForgotten looks a file up many times: the mount must know it once.
func TestForgottenNodesAreForgotten(t *testing.T) {
	fsys := nfstest.New()
	fsys.Add("f", nil)
	dir, m := mounted(t, nfstest.Start(t, fsys), instantly)
	for range 100 {
		if _, err := os.Stat(filepath.Join(dir, "f")); err != nil {
			t.Fatal(err)
		}
	}
	m.fsys.mu.Lock()
	defer m.fsys.mu.Unlock()
	if n := len(m.fsys.nodes); n > 2 {
		t.Errorf("the mount knows %d nodes", n)
	}
}

// TestOpensThatRaceSeeTheNewVersion changes a file, then opens it from many programs at once; none may read old pages.
func TestOpensThatRaceSeeTheNewVersion(t *testing.T) {
	fsys := nfstest.New()
	fsys.Add("f", nil)
	srv := nfstest.Start(t, fsys)
	dir, _ := mounted(t, srv)
	path := filepath.Join(dir, "f")
	for round := range 10 {
		want := bytes.Repeat([]byte{byte('a' + round%26)}, 100_000)
		change(t, srv, "f", want)
		var wrong atomic.Int32
		ended := make(chan struct{})
		const readers = 8
		for range readers {
			go func() {
				defer func() { ended <- struct{}{} }()
				if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
					wrong.Add(1)
				}
			}()
		}
		for range readers {
			<-ended
		}
		if n := wrong.Load(); n > 0 {
			t.Fatalf("round %d: %d readers got old bytes", round, n)
		}
	}
}

func TestSharedMappingIsWrittenBack(t *testing.T) {
	fsys := nfstest.New()
	srv := nfstest.Start(t, fsys)
	dir, _ := mounted(t, srv)
	want := noise(1<<20 + 5000)
	must(t, os.WriteFile(filepath.Join(dir, "scene"), want, 0o600))
	for i := 0; i < len(want); i += 4096 { // what the program below changes
		want[i] ^= 0xff
	}
	for _, sync := range []string{"msync", "munmap"} {
		runMapper(t, sync, filepath.Join(dir, "scene"))
		if got := content(t, srv, "scene"); !bytes.Equal(got, want) {
			t.Errorf("after %s the server has %d bytes; equal %v", sync, len(got), bytes.Equal(got, want))
		}
		for i := 0; i < len(want); i += 4096 {
			want[i] ^= 0xff
		}
	}
}

func TestOpenAsksTheServer(t *testing.T) {
	fsys := nfstest.New()
	fsys.Add("f", []byte("secret"))
	fsys.Intercept = func(p nfs.Proc, _ *nfs.Request) nfs.Status {
		if p == nfs.ProcAccess {
			return nfs.ErrAcces
		}
		return nfs.OK
	}
	dir, _ := mounted(t, nfstest.Start(t, fsys))
	if _, err := os.Open(filepath.Join(dir, "f")); !errors.Is(err, syscall.EACCES) {
		t.Errorf("open: %v", err)
	}
}
