package mount

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/nfs"
	"github.com/spillway/spillway/nfs/nfstest"
)

// needFUSE skips a test where there is no FUSE.
func needFUSE(t *testing.T) {
	t.Helper()
	if err := checkFUSE(false); err != nil {
		t.Skipf("needs /dev/fuse: %v", err)
	}
}

// mounted mounts the server's export in a new folder until the test ends.
func mounted(t *testing.T, srv *nfstest.Server, change ...func(*Config)) (string, *Mounted) {
	t.Helper()
	needFUSE(t)
	c := Config{Server: srv.Addr, Path: "/", Dir: filepath.Join(t.TempDir(), "mnt")}
	for _, f := range change {
		f(&c)
	}
	m, err := Mount(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Unmount(); err != nil {
			t.Errorf("unmount: %v", err)
		}
		mounts, err := os.ReadFile("/proc/self/mountinfo")
		if err != nil || bytes.Contains(mounts, []byte(c.Dir)) {
			t.Errorf("%s is still mounted (%v)", c.Dir, err)
		}
	})
	return c.Dir, m
}

func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(n), byte(n >> 8)}).Read(b) // never fails
	return b
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantFile(t *testing.T, path string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s: %d bytes, want %d; equal %v; %v", filepath.Base(path), len(got), len(want), bytes.Equal(got, want), err)
	}
}

func TestFilesAndNames(t *testing.T) {
	dir, _ := mounted(t, nfstest.Start(t, nfstest.New()))
	at := func(name string) string { return filepath.Join(dir, name) }

	must(t, os.WriteFile(at("small"), []byte("frame"), 0o640))
	wantFile(t, at("small"), []byte("frame"))
	info, err := os.Stat(at("small"))
	must(t, err)
	if info.Mode() != 0o640 || info.Size() != 5 {
		t.Errorf("small is %v", info)
	}
	large := noise(5<<20 + 123)
	must(t, os.WriteFile(at("large"), large, 0o600))
	wantFile(t, at("large"), large)

	must(t, os.Truncate(at("large"), 1<<20+1))
	wantFile(t, at("large"), large[:1<<20+1])
	must(t, os.Chmod(at("small"), 0o400))
	stamp := time.Unix(1_700_000_000, 123_456_789)
	must(t, os.Chtimes(at("small"), stamp, stamp))
	if info, err = os.Stat(at("small")); err != nil || info.Mode() != 0o400 || !info.ModTime().Equal(stamp) {
		t.Errorf("after chmod and utimens: %v %v %v", info.Mode(), info.ModTime(), err)
	}

	must(t, os.MkdirAll(at("a/b/c"), 0o755))
	must(t, os.Symlink("../../small", at("a/b/link")))
	wantFile(t, at("a/b/link"), []byte("frame"))
	must(t, os.Link(at("small"), at("a/hard")))
	if info, err = os.Stat(at("a/hard")); err != nil || info.Sys().(*syscall.Stat_t).Nlink != 2 {
		t.Errorf("hard link: %+v, %v", info.Sys(), err)
	}
	must(t, os.Rename(at("a/hard"), at("a/b/moved")))
	must(t, os.Rename(at("a/b/moved"), at("large"))) // over an existing file
	wantFile(t, at("large"), []byte("frame"))
	if err := os.Rename(at("gone"), at("x")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("rename of nothing: %v", err)
	}
	if err := os.Remove(at("a")); !errors.Is(err, syscall.ENOTEMPTY) {
		t.Errorf("rmdir of a full directory: %v", err)
	}
	must(t, os.RemoveAll(at("a")))
	must(t, syscall.Mkfifo(at("pipe"), 0o600))
	if info, err = os.Lstat(at("pipe")); err != nil || info.Mode()&fs.ModeNamedPipe == 0 {
		t.Errorf("mkfifo: %v, %v", info, err)
	}
	for _, name := range []string{"Bärenhöhle.blend", "\xff\xfe latin", "$ROOT;rm -rf \\ *", "a\nb", ".hidden", strings.Repeat("x", 255)} {
		must(t, os.WriteFile(at(name), []byte(name), 0o600))
		wantFile(t, at(name), []byte(name))
	}
	if err := os.WriteFile(at(strings.Repeat("x", 256)), nil, 0o600); !errors.Is(err, syscall.ENAMETOOLONG) {
		t.Errorf("a name of 256 bytes: %v", err)
	}
	var space syscall.Statfs_t
	if err := syscall.Statfs(dir, &space); err != nil || space.Blocks*uint64(space.Bsize) != 1<<40 {
		t.Errorf("statfs: %d × %d, %v", space.Blocks, space.Bsize, err)
	}
}

func TestExclusiveCreate(t *testing.T) {
	dir, _ := mounted(t, nfstest.Start(t, nfstest.New()))
	path := filepath.Join(dir, "lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	must(t, err)
	_, err = f.WriteString("mine")
	must(t, errors.Join(err, f.Close()))
	if _, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second creator: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o640 || info.Size() != 4 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestLargeDirectory(t *testing.T) {
	fsys := nfstest.New()
	const files = 10_000
	for i := range files {
		fsys.Add(fmt.Sprintf("frame_%05d.exr", i), nil)
	}
	dir, _ := mounted(t, nfstest.Start(t, fsys), func(c *Config) { c.AttrTimeout, c.EntryTimeout = time.Hour, time.Hour })
	lookups := fsys.Calls(nfs.ProcLookup)
	entries, err := os.ReadDir(dir)
	must(t, err)
	seen := map[string]bool{}
	for _, e := range entries {
		seen[e.Name()] = true
		if _, err := e.Info(); err != nil {
			t.Fatal(err)
		}
	}
	if len(entries) != files || len(seen) != files {
		t.Errorf("%d entries, %d names", len(entries), len(seen))
	}
	if n := fsys.Calls(nfs.ProcLookup) - lookups; n > 0 {
		t.Errorf("%d LOOKUPs after a listing that had said it all", n)
	}
}

func TestRemovedWhileOpen(t *testing.T) {
	dir, _ := mounted(t, nfstest.Start(t, nfstest.New()))
	path := filepath.Join(dir, "f")
	must(t, os.WriteFile(path, []byte("still here"), 0o600))
	f, err := os.Open(path)
	must(t, err)
	must(t, os.Remove(path))
	b := make([]byte, 20)
	if n, _ := f.ReadAt(b, 0); string(b[:n]) != "still here" {
		t.Errorf("read %q", b[:n])
	}
	must(t, f.Close())
	deadline := time.Now().Add(time.Minute) // the kernel tells of the last close when it likes
	for {
		entries, err := os.ReadDir(dir)
		must(t, err)
		if len(entries) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("left behind: %v", entries)
		}
		<-time.After(10 * time.Millisecond)
	}
}

// TestRemovedOnceClosed closes files and removes them at once, and their directory: nothing may live on under another name.
func TestRemovedOnceClosed(t *testing.T) {
	fsys := nfstest.New()
	dir, _ := mounted(t, nfstest.Start(t, fsys), func(c *Config) { c.closing = time.Minute })
	for range 40 {
		tmp := filepath.Join(dir, "tmp")
		must(t, os.Mkdir(tmp, 0o700))
		must(t, os.WriteFile(filepath.Join(tmp, "f"), []byte("data"), 0o600))
		must(t, os.Remove(filepath.Join(tmp, "f")))
		must(t, os.WriteFile(filepath.Join(tmp, "g"), []byte("data"), 0o600))
		_, err := os.ReadFile(filepath.Join(tmp, "g"))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, "h"), []byte("data"), 0o600))
		must(t, os.Rename(filepath.Join(dir, "h"), filepath.Join(tmp, "g")))
		must(t, os.RemoveAll(tmp))
	}
	if n := fsys.Calls(nfs.ProcRename); n != 40 {
		t.Errorf("%d renames, of which 40 were asked for", n)
	}
}

// TestRemovedWithADuplicateOpen closes one of two descriptors of one open: the file lives on for the other.
func TestRemovedWithADuplicateOpen(t *testing.T) {
	dir, _ := mounted(t, nfstest.Start(t, nfstest.New()), func(c *Config) { c.closing = time.Millisecond })
	path := filepath.Join(dir, "f")
	must(t, os.WriteFile(path, []byte("data"), 0o600))
	f, err := os.Open(path)
	must(t, err)
	second, err := syscall.Dup(int(f.Fd()))
	must(t, err)
	defer syscall.Close(second)
	must(t, f.Close())
	must(t, os.Remove(path))
	read := make([]byte, 10)
	if n, err := syscall.Pread(second, read, 0); err != nil || string(read[:n]) != "data" {
		t.Errorf("read %q, %v", read[:n], err)
	}
}

func TestMappedFile(t *testing.T) {
	srv := nfstest.Start(t, nfstest.New())
	dir, _ := mounted(t, srv)
	path := filepath.Join(dir, "scene.blend")
	for _, n := range []int{3<<20 + 17, 1 << 20} { // mapped, changed, mapped again
		want := noise(n)
		must(t, os.WriteFile(path, want, 0o600))
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), mapVariable+"="+path)
		got, err := cmd.Output()
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("mapped %d bytes, want %d: %v", len(got), len(want), err)
		}
	}
}

func TestCloseToOpen(t *testing.T) {
	fsys := nfstest.New()
	srv := nfstest.Start(t, fsys)
	long := func(c *Config) { c.AttrTimeout, c.EntryTimeout = time.Hour, time.Hour }
	one, _ := mounted(t, srv, long)
	two, m := mounted(t, srv, long)
	a, b := filepath.Join(one, "f"), filepath.Join(two, "f")
	must(t, os.WriteFile(a, []byte("first"), 0o600))
	wantFile(t, b, []byte("first"))
	for i := range 5 {
		text := bytes.Repeat([]byte{byte('a' + i)}, 5+i%2*5000) // of the same size, and of another
		must(t, os.WriteFile(a, text, 0o600))
		wantFile(t, b, text)
	}

	// Unchanged: the second open reads nothing from the server.
	wantFile(t, b, bytes.Repeat([]byte("e"), 5))
	reads := fsys.Calls(nfs.ProcRead)
	wantFile(t, b, bytes.Repeat([]byte("e"), 5))
	if n := fsys.Calls(nfs.ProcRead) - reads; n != 0 {
		t.Errorf("%d READs of a file that has not changed", n)
	}

	// A name that is cached as something else, until Refresh.
	must(t, os.WriteFile(filepath.Join(one, "tmp"), []byte("replaced"), 0o600))
	must(t, os.Rename(filepath.Join(one, "tmp"), a))
	m.Refresh()
	wantFile(t, b, []byte("replaced"))
	if info, err := os.Stat(b); err != nil || info.Size() != 8 {
		t.Errorf("stat after Refresh: %v, %v", info, err)
	}
}

func TestMountErrors(t *testing.T) {
	needFUSE(t)
	srv := nfstest.Start(t, nfstest.New())
	for name, c := range map[string]struct {
		config Config
		want   fault.Kind
	}{
		"no such export": {Config{Server: srv.Addr, Path: "/elsewhere", Dir: t.TempDir()}, fault.NotFound},
		"no server":      {Config{Server: "127.0.0.1:1", Path: "/", Dir: t.TempDir()}, fault.Unavailable},
		"relative":       {Config{Server: srv.Addr, Path: "/", Dir: "mnt"}, fault.Invalid},
		"on a file":      {Config{Server: srv.Addr, Path: "/", Dir: os.Args[0]}, fault.Invalid},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		m, err := Mount(ctx, c.config)
		cancel()
		if fault.KindOf(err) != c.want {
			t.Errorf("%s: %v (%v), want %v", name, err, fault.KindOf(err), c.want)
		}
		if m != nil {
			_ = m.Unmount()
		}
	}
}

func TestMountPointOfAKilledMount(t *testing.T) {
	needFUSE(t)
	fsys := nfstest.New()
	fsys.Add("f", []byte("x"))
	srv := nfstest.Start(t, fsys)
	dir := t.TempDir()
	killed := exec.CommandContext(t.Context(), os.Args[0])
	killed.Env = append(os.Environ(), mountVariable+"="+srv.Addr+" "+dir)
	out, err := killed.StdoutPipe()
	must(t, err)
	must(t, killed.Start())
	_, err = out.Read(make([]byte, 1)) // it is mounted
	must(t, err)
	must(t, killed.Process.Kill())
	_ = killed.Wait()
	if _, err := os.ReadDir(dir); !isDead(err) {
		t.Fatalf("the mount point of a killed mount: %v", err)
	}
	again, _ := mounted(t, srv, func(c *Config) { c.Dir = dir })
	wantFile(t, filepath.Join(again, "f"), []byte("x"))
}

func TestUnmountWhileInUse(t *testing.T) {
	dir, m := mounted(t, nfstest.Start(t, nfstest.New()))
	f, err := os.Create(filepath.Join(dir, "f"))
	must(t, err)
	ended := make(chan error)
	go func() { ended <- m.Unmount() }()
	for { // detached: the folder below shows
		if _, err := os.Stat(f.Name()); errors.Is(err, fs.ErrNotExist) {
			break
		}
		<-time.After(time.Millisecond)
	}
	_, err = f.WriteString("the last words")
	must(t, errors.Join(err, f.Close()))
	must(t, <-ended)
}

// A mount namespace that was made meanwhile, as any container's, has a copy of every mount, which keeps the file system
// alive: Unmount must end all the same.
func TestUnmountWithACopyElsewhere(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: a mount namespace")
	}
	dir, m := mounted(t, nfstest.Start(t, nfstest.New()), func(c *Config) { c.lingering = 10 * time.Millisecond })
	elsewhere := exec.CommandContext(t.Context(), "unshare", "--mount", "--propagation", "private", "sh", "-c", "echo there; read -r line")
	in, err := elsewhere.StdinPipe()
	must(t, err)
	out, err := elsewhere.StdoutPipe()
	must(t, err)
	must(t, elsewhere.Start())
	line := make([]byte, len("there\n"))
	if _, err := io.ReadFull(out, line); err != nil {
		t.Skipf("needs mount namespaces: %v", elsewhere.Wait())
	}
	must(t, m.Unmount())
	if mounts, err := os.ReadFile("/proc/self/mountinfo"); err != nil || bytes.Contains(mounts, []byte(dir)) {
		t.Errorf("%s is still mounted here (%v)", dir, err)
	}
	must(t, in.Close())
	_ = elsewhere.Wait() // it ends because there is no line
	<-m.Done()
}
