package mount

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/spillway/spillway/nfs"
	"github.com/spillway/spillway/nfs/nfstest"
)

// cached gives a mount a node cache.
func cached(dir string, size int64) func(*Config) {
	return func(c *Config) { c.CacheDir, c.CacheSize = dir, size }
}

func cacheDir(t *testing.T) string { return filepath.Join(t.TempDir(), "cache") }

// needPassthrough skips a test where the kernel does not read backing files.
func needPassthrough(t *testing.T, m *Mounted) {
	t.Helper()
	if !m.fsys.cache.passthrough {
		t.Skip("needs FUSE_PASSTHROUGH: Linux 6.9 or later, and root")
	}
}

// idle waits until the mount copies nothing.
func (c *cache) idle(t *testing.T) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		c.mu.Lock()
		n := len(c.fills)
		c.mu.Unlock()
		if n == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("files are copied for ever")
		}
		<-time.After(time.Millisecond)
	}
}

// closed waits until the mount knows that no file is open through the daemon: the kernel tells it some time after close
// has returned, and reads no copy of such a file directly.
func (f *fileSystem) closed(t *testing.T) {
	t.Helper()
	open := func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, n := range f.nodes {
			n.mu.Lock()
			opens := n.opens.daemon
			n.mu.Unlock()
			if opens > 0 {
				return true
			}
		}
		return false
	}
	for deadline := time.Now().Add(30 * time.Second); open(); <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a file is never closed")
		}
	}
}

// warm reads a file until the next open of it finds a copy.
func warm(t *testing.T, m *Mounted, path string, want []byte) {
	t.Helper()
	wantFile(t, path, want)
	m.fsys.cache.idle(t)
}

// readsOf counts READs that a function costs.
func readsOf(fsys *nfstest.FS, f func()) int64 {
	before := fsys.Calls(nfs.ProcRead)
	f()
	return fsys.Calls(nfs.ProcRead) - before
}

func TestCachedFilesAreReadFromTheNode(t *testing.T) {
	for name, daemon := range map[string]bool{"by the kernel": false, "by the daemon": true} {
		t.Run(name, func(t *testing.T) {
			how := func(c *Config) { c.noPassthrough = daemon }
			fsys := nfstest.New()
			want := noise(3<<20 + 17)
			fsys.Add("scene.blend", want)
			srv := nfstest.Start(t, fsys)
			node := cacheDir(t)
			dir, m := mounted(t, srv, cached(node, 64<<20), how)
			if !daemon {
				needPassthrough(t, m)
			}
			path := filepath.Join(dir, "scene.blend")
			warm(t, m, path, want)
			if n := readsOf(fsys, func() {
				m.Refresh()
				wantFile(t, path, want)
				mapped(t, path, want)
			}); n != 0 {
				t.Errorf("%d READs of a cached file", n)
			}
			// Another mount of the node, and one after a restart of the daemon.
			again, _ := mounted(t, srv, cached(node, 64<<20), how)
			if n := readsOf(fsys, func() { wantFile(t, filepath.Join(again, "scene.blend"), want) }); n != 0 {
				t.Errorf("%d READs by the second mount", n)
			}
			// Changed at the server: at once for the next open, and cached anew.
			for i, size := range []int{3<<20 + 17, 1000, 2 << 20} {
				want = noise(size + i)
				change(t, srv, "scene.blend", want)
				warm(t, m, path, want)
				wantFile(t, path, want)
			}
			m.fsys.cache.idle(t)
			if n := readsOf(fsys, func() { wantFile(t, path, want) }); n != 0 {
				t.Errorf("%d READs of the last version", n)
			}
			// Changed here.
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			must(t, err)
			_, err = f.WriteAt([]byte("mine"), 100)
			must(t, err)
			copy(want[100:], "mine")
			wantFile(t, path, want)
			must(t, f.Close())
			wantFile(t, path, want)
		})
	}
}

// mapped reads a file through a mapping in another process.
func mapped(t *testing.T, path string, want []byte) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), mapVariable+"="+path)
	got, err := cmd.Output()
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("mapped %d bytes, want %d: %v", len(got), len(want), err)
	}
}

// TestReadersOfAnOldCopyReadOn opens a cached file, has it changed, written and removed, and expects the reader to see the
// old version whole, and everybody else the new one.
func TestReadersOfAnOldCopyReadOn(t *testing.T) {
	fsys := nfstest.New()
	old := bytes.Repeat([]byte("o"), 2<<20)
	fsys.Add("f", old)
	srv := nfstest.Start(t, fsys)
	dir, m := mounted(t, srv, cached(cacheDir(t), 64<<20), func(c *Config) { c.calm = time.Nanosecond })
	needPassthrough(t, m)
	path := filepath.Join(dir, "f")
	warm(t, m, path, old)
	readers := map[string]*os.File{}
	open := func(name string) {
		m.fsys.closed(t)
		f, err := os.Open(path)
		must(t, err)
		readers[name] = f
	}
	open("of the first")
	next := bytes.Repeat([]byte("n"), 2<<20)
	change(t, srv, "f", next)
	warm(t, m, path, next)
	open("of the second")
	w, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0) // while the kernel reads directly
	must(t, err)
	_, err = w.WriteString("rewritten")
	must(t, errors.Join(err, w.Close()))
	wantFile(t, path, []byte("rewritten"))
	must(t, os.Remove(path))
	for name, want := range map[string][]byte{"of the first": old, "of the second": next} {
		got, err := io.ReadAll(readers[name])
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("the reader %s got %d bytes; equal %v; %v", name, len(got), bytes.Equal(got, want), err)
		}
		must(t, readers[name].Close())
	}
}

// TestNoReaderSeesOldBytesAfterOpen has one file changed again and again at the server and by this mount, each version being
// another letter, while others open and read it whole: they may read that version or newer ones.
func TestNoReaderSeesOldBytesAfterOpen(t *testing.T) {
	fsys := nfstest.New()
	fsys.Add("f", bytes.Repeat([]byte{'A'}, 100_000))
	srv := nfstest.Start(t, fsys)
	dir, m := mounted(t, srv, cached(cacheDir(t), 64<<20))
	path := filepath.Join(dir, "f")
	var mu sync.Mutex
	newest := byte('A') // that a writer has finished
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				mu.Lock()
				least := newest
				mu.Unlock()
				got, err := os.ReadFile(path)
				if err != nil {
					t.Errorf("read: %v", err)
					return
				}
				for i, b := range got {
					if b < least && b != 0 {
						t.Errorf("byte %d of %d is of version %c, though %c was there before the open", i, len(got), b, least)
						return
					}
				}
			}
		})
	}
	for v := byte('B'); v <= 'P'; v++ {
		data := bytes.Repeat([]byte{v}, 100_000)
		if v%3 == 0 {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			must(t, err)
			_, err = f.Write(data)
			must(t, errors.Join(err, f.Close()))
		} else {
			change(t, srv, "f", data)
		}
		mu.Lock()
		newest = v
		mu.Unlock()
		wantFile(t, path, data)
		if v%2 == 0 {
			m.fsys.cache.idle(t)
		}
	}
	close(stop)
	readers.Wait()
}

// TestAChangeWhileCopyingIsNoticed has the server change a file between two READs of it.
func TestAChangeWhileCopyingIsNoticed(t *testing.T) {
	fsys := nfstest.New()
	fsys.Add("f", bytes.Repeat([]byte("o"), 8<<20))
	var once sync.Once
	var srv *nfstest.Server
	next := bytes.Repeat([]byte("n"), 8<<20)
	fsys.Intercept = func(p nfs.Proc, _ *nfs.Request) nfs.Status {
		if p == nfs.ProcRead {
			once.Do(func() { change(t, srv, "f", next) })
		}
		return nfs.OK
	}
	srv = nfstest.Start(t, fsys)
	dir, m := mounted(t, srv, cached(cacheDir(t), 64<<20))
	path := filepath.Join(dir, "f")
	if _, err := os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	m.fsys.cache.idle(t)
	wantFile(t, path, next)
	m.fsys.cache.idle(t)
	wantFile(t, path, next)
}

// TestFilesJustChangedSettleFirst checks how long copying waits for a server's clock to tick.
func TestFilesJustChangedSettleFirst(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	at := func(ago time.Duration, nsec uint32) *nfs.Attr {
		when := nfs.Time{Sec: uint32(now.Add(-ago).Unix()), Nsec: nsec}
		return &nfs.Attr{Mtime: when, Ctime: when}
	}
	for _, c := range []struct {
		attr *nfs.Attr
		want time.Duration
	}{
		{at(time.Hour, 0), 0}, {at(time.Hour, 5), 0},
		{at(time.Second, 0), 1100 * time.Millisecond}, {at(time.Second, 5), 20 * time.Millisecond},
		{at(-time.Minute, 0), 1100 * time.Millisecond}, // the server's clock is ahead
	} {
		if got := settling(c.attr, now); got != c.want {
			t.Errorf("%v: %v, want %v", c.attr.Ctime, got, c.want)
		}
	}
}

// TestEachByteComesOnce reads a file that is copied, from several programs at once.
func TestEachByteComesOnce(t *testing.T) {
	fsys := nfstest.New()
	fsys.Now = func() time.Time { return time.Now().Add(-time.Hour) } // it has settled
	want := noise(16 << 20)
	fsys.Add("f", want)
	dir, m := mounted(t, nfstest.Start(t, fsys), cached(cacheDir(t), 64<<20))
	path := filepath.Join(dir, "f")
	// The first read begins the copy; whatever comes before it has begun asks the server.
	f, err := os.Open(path)
	must(t, err)
	_, err = f.ReadAt(make([]byte, 1), 0)
	must(t, errors.Join(err, f.Close()))
	reads := readsOf(fsys, func() {
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() { wantFile(t, path, want) })
		}
		all.Wait()
		m.fsys.cache.idle(t)
	})
	if most := int64(16 + 8); reads > most {
		t.Errorf("%d READs of 1 MiB for 16 MiB", reads)
	}
}

func TestAFullDiskDoesNotHurtReaders(t *testing.T) {
	fsys := nfstest.New()
	want := noise(3 << 20)
	fsys.Add("f", want)
	dir, m := mounted(t, nfstest.Start(t, fsys), cached(cacheDir(t), 2<<20)) // too small for it
	wantFile(t, filepath.Join(dir, "f"), want)
	m.fsys.cache.idle(t)
	wantFile(t, filepath.Join(dir, "f"), want)
}

// TestCachedFileOfSomebodyElse lets the server deny a user what the cache holds.
func TestCachedFileOfSomebodyElse(t *testing.T) {
	fsys := nfstest.New()
	want := noise(100_000)
	fsys.Add("f", want)
	var deny sync.Map
	fsys.Intercept = func(p nfs.Proc, req *nfs.Request) nfs.Status {
		if _, denied := deny.Load("now"); denied && p == nfs.ProcAccess {
			return nfs.ErrAcces
		}
		return nfs.OK
	}
	dir, m := mounted(t, nfstest.Start(t, fsys), cached(cacheDir(t), 64<<20))
	path := filepath.Join(dir, "f")
	warm(t, m, path, want)
	deny.Store("now", true)
	if _, err := os.ReadFile(path); !errors.Is(err, syscall.EACCES) {
		t.Errorf("read: %v", err)
	}
}

func TestUnmountWhileCopying(t *testing.T) {
	fsys := nfstest.New()
	fsys.Add("f", noise(20<<20))
	hold, held := make(chan struct{}), make(chan struct{}, 100)
	fsys.Intercept = func(p nfs.Proc, _ *nfs.Request) nfs.Status {
		if p == nfs.ProcRead && fsys.Calls(nfs.ProcRead) > 3 {
			held <- struct{}{}
			<-hold
		}
		return nfs.OK
	}
	node := cacheDir(t)
	dir, m := mounted(t, nfstest.Start(t, fsys), cached(node, 64<<20))
	f, err := os.Open(filepath.Join(dir, "f"))
	must(t, err)
	_, err = f.ReadAt(make([]byte, 10), 0)
	must(t, err)
	<-held
	must(t, f.Close())
	must(t, m.Unmount())
	close(hold)
	left, err := filepath.Glob(filepath.Join(node, "v1", "*", "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left in the cache: %v, %v", left, err)
	}
}
