package copies

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/nfs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, dir string, limit int64) *Store {
	t.Helper()
	s, err := Open(dir, limit)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func cacheDir(t *testing.T) string { return filepath.Join(t.TempDir(), "cache") }

func version(size int, sec uint32) nfs.PreAttr {
	return nfs.PreAttr{Size: uint64(size), Mtime: nfs.Time{Sec: sec, Nsec: 7}, Ctime: nfs.Time{Sec: sec, Nsec: 9}}
}

func noise(n int, seed uint64) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(seed)}).Read(b) // never fails
	return b
}

// keep makes a copy.
func keep(t *testing.T, s *Store, id ID, v nfs.PreAttr, data []byte) {
	t.Helper()
	d, err := s.Begin(id, v)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for i := range d.Blocks() {
		if err := d.WriteBlock(i, data[i*BlockSize:][:d.BlockLen(i)]); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Commit(); err != nil {
		t.Fatal(err)
	}
}

func wantCopy(t *testing.T, s *Store, id ID, v nfs.PreAttr, want []byte) {
	t.Helper()
	f := s.Get(id, v)
	if f == nil {
		t.Fatalf("no copy of %v", id)
	}
	defer f.Close()
	got := make([]byte, len(want)+1)
	if n, _ := f.ReadAt(got, 0); !bytes.Equal(got[:n], want) {
		t.Errorf("the copy has %d bytes, want %d", n, len(want))
	}
}

func wantNone(t *testing.T, s *Store, id ID, v nfs.PreAttr, why string) {
	t.Helper()
	if f := s.Get(id, v); f != nil {
		f.Close()
		t.Errorf("a copy is served though %s", why)
	}
}

func TestOnlyTheSameVersionIsServed(t *testing.T) {
	dir := cacheDir(t)
	s := open(t, dir, 64<<20)
	id, data := ID{Server: "a:1", FSID: 1, File: 2}, noise(3<<20+17, 1)
	v := version(len(data), 100)
	wantNone(t, s, id, v, "none was made")
	keep(t, s, id, v, data)
	wantCopy(t, s, id, v, data)
	wantCopy(t, open(t, dir, 64<<20), id, v, data) // another process
	for name, other := range map[string]ID{
		"server": {Server: "b:1", FSID: 1, File: 2}, "export": {Server: "a:1", FSID: 2, File: 2},
		"file": {Server: "a:1", FSID: 1, File: 3}, "unique": {Server: "a:1", FSID: 1, File: 2, Unique: "x"},
	} {
		wantNone(t, s, other, v, "it is of another "+name)
	}
	for _, other := range []nfs.PreAttr{
		version(len(data)+1, 100), version(len(data), 101),
		{Size: v.Size, Mtime: v.Mtime, Ctime: nfs.Time{Sec: 100, Nsec: 10}},
		{Size: v.Size, Mtime: nfs.Time{Sec: 100, Nsec: 8}, Ctime: v.Ctime},
	} {
		wantNone(t, s, id, other, "the file has changed")
	}

	// Whoever has the old version open reads on in it.
	old := s.Get(id, v)
	defer old.Close()
	next := noise(len(data), 2)
	keep(t, s, id, version(len(next), 200), next)
	wantCopy(t, s, id, version(len(next), 200), next)
	wantNone(t, s, id, v, "it has been replaced")
	got := make([]byte, len(data))
	if _, err := old.ReadAt(got, 0); err != nil || !bytes.Equal(got, data) {
		t.Errorf("the replaced copy reads otherwise: %v", err)
	}
}

func TestDamagedCopiesAreNotServed(t *testing.T) {
	id, data := ID{Server: "a:1", File: 2}, noise(2<<20+5, 1)
	v := version(len(data), 100)
	for name, damage := range map[string]func(path string) error{
		"a byte": func(path string) error {
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			if _, err := f.WriteAt([]byte{^data[1<<20]}, 1<<20); err != nil {
				return err
			}
			return os.Chtimes(path, info.ModTime(), info.ModTime()) // as if nothing had been
		},
		"cut short":      func(path string) error { return os.Truncate(path, 1<<20) },
		"replaced":       func(path string) error { return os.WriteFile(path, data, 0o600) },
		"removed":        os.Remove,
		"no record":      func(path string) error { return os.Remove(path + ".rec") },
		"record cut":     func(path string) error { return os.Truncate(path+".rec", 50) },
		"record emptied": func(path string) error { return os.Truncate(path+".rec", 0) },
		"record zeroed":  func(path string) error { return os.WriteFile(path+".rec", make([]byte, recordHeader+16), 0o600) },
	} {
		s := open(t, cacheDir(t), 64<<20)
		keep(t, s, id, v, data)
		if err := damage(s.path(id)); err != nil {
			t.Fatal(name, err)
		}
		wantNone(t, s, id, v, name)
		if s.Recheck(id, v) {
			t.Errorf("%s: a damaged copy is made to count", name)
		}
		keep(t, s, id, v, data) // and can be made again
		wantCopy(t, s, id, v, data)
	}
}

// reboot makes a directory's records as if an earlier boot had written them.
func reboot(t *testing.T, s *Store, id ID, damage func(*os.File)) {
	t.Helper()
	path := s.path(id)
	if damage != nil {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		damage(f)
		f.Close()
	}
	b, err := os.ReadFile(path + ".rec")
	if err != nil {
		t.Fatal(err)
	}
	r, err := decode(b)
	if err != nil {
		t.Fatal(err)
	}
	r.boot[0]++
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if r.local, err = look(f); err != nil { // a lost power leaves old or zero bytes, and nothing in the attributes
		t.Fatal(err)
	}
	if err := writeRecord(path, &r); err != nil {
		t.Fatal(err)
	}
}

func TestACopyOfAnEarlierBootIsReadThroughFirst(t *testing.T) {
	id, data := ID{Server: "a:1", File: 2}, noise(3<<20+5, 1)
	v := version(len(data), 100)
	s := open(t, cacheDir(t), 64<<20)
	keep(t, s, id, v, data)
	reboot(t, s, id, nil)
	wantNone(t, s, id, v, "nobody has read it since the machine booted")
	if !s.Recheck(id, v) {
		t.Error("a whole copy does not pass")
	}
	wantCopy(t, s, id, v, data)
	for name, damage := range map[string]func(*os.File){
		"zeros": func(f *os.File) { f.WriteAt(make([]byte, 4096), 2<<20) },
		"a bit": func(f *os.File) { f.WriteAt([]byte{data[3<<20+4] ^ 1}, 3<<20+4) },
	} {
		keep(t, s, id, v, data)
		reboot(t, s, id, damage)
		if s.Recheck(id, v) {
			t.Errorf("%s: a torn copy passes", name)
		}
		wantNone(t, s, id, v, "it is torn: "+name)
	}
}

func TestOnlyOneMakesACopy(t *testing.T) {
	dir := cacheDir(t)
	one, two := open(t, dir, 64<<20), open(t, dir, 64<<20)
	id, data := ID{Server: "a:1", File: 2}, noise(BlockSize+1, 1)
	v := version(len(data), 100)
	d, err := one.Begin(id, v)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := two.Begin(id, v); fault.KindOf(err) != fault.Conflict {
		t.Errorf("a second maker: %v", err)
	}
	wantNone(t, one, id, v, "it is not whole")
	d.Abort()
	d.Close()
	keep(t, two, id, v, data)
	wantCopy(t, one, id, v, data)
}

// size returns what the directory takes.
func size(t *testing.T, dir string) (bytes int64, files int) {
	t.Helper()
	err := filepath.Walk(filepath.Join(dir, "v1"), func(_ string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			bytes, files = bytes+info.Size(), files+1
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return bytes, files
}

func TestTheLimitHolds(t *testing.T) {
	dir := cacheDir(t)
	const limit = 8 << 20
	one, two := open(t, dir, limit), open(t, dir, limit)
	data := noise(1<<20, 1)
	v := version(len(data), 100)
	at := func(i int) ID { return ID{Server: "a:1", File: uint64(i)} }
	hour := time.Now().Add(-time.Hour)
	for i := range 30 {
		s := []*Store{one, two}[i%2]
		keep(t, s, at(i), v, data)
		// Used in this order, and the first one all the time.
		if err := os.Chtimes(s.path(at(i))+".rec", hour, hour.Add(time.Duration(i)*time.Second)); err != nil {
			t.Fatal(err)
		}
		wantCopy(t, s, at(0), v, data)
		if n, _ := size(t, dir); n > limit {
			t.Fatalf("after %d copies there are %d bytes", i+1, n)
		}
	}
	wantCopy(t, one, at(29), v, data)
	wantNone(t, one, at(1), v, "it was used longest ago")
	if _, err := one.Begin(at(99), version(limit, 1)); fault.KindOf(err) != fault.Exhausted {
		t.Errorf("a file as large as the cache: %v", err)
	}
	open(t, dir, 2<<20) // smaller now
	if n, _ := size(t, dir); n > 2<<20 {
		t.Errorf("the smaller cache has %d bytes", n)
	}
}

func TestWhatAKilledProcessLeftIsCleared(t *testing.T) {
	dir := cacheDir(t)
	s := open(t, dir, 8<<20)
	var unfinished []*Draft
	for i := range 3 {
		d, err := s.Begin(ID{Server: "a:1", File: uint64(i)}, version(2<<20, 1))
		if err != nil {
			t.Fatal(err)
		}
		unfinished = append(unfinished, d)
	}
	if _, err := s.Begin(ID{Server: "b:1"}, version(3<<20, 1)); fault.KindOf(err) != fault.Exhausted {
		t.Errorf("more than there is room for: %v", err)
	}
	for _, d := range unfinished {
		d.Close() // the kernel does this, and nothing else
	}
	data := noise(3<<20, 1)
	keep(t, s, ID{Server: "b:1"}, version(len(data), 1), data)
	if _, files := size(t, dir); files != 2 {
		t.Errorf("%d files are left", files)
	}
}

func TestOthersMayNotUseTheDirectory(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, 8<<20); fault.KindOf(err) != fault.Denied || fault.HintOf(err) == "" {
		t.Errorf("a directory that everybody may read: %v", err)
	}
	if _, err := Open(filepath.Join(dir, "x"), 0); fault.KindOf(err) != fault.Invalid {
		t.Errorf("no room at all: %v", err)
	}
}

// TestManyAtOnce has makers and readers of two stores over one directory that is much too small.
func TestManyAtOnce(t *testing.T) {
	dir := cacheDir(t)
	stores := []*Store{open(t, dir, 4<<20), open(t, dir, 4<<20)}
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			s := stores[w%2]
			for i := range 40 {
				file := uint64((w + i) % 10)
				data := noise(100_000+int(file), file)
				id, v := ID{Server: "a:1", File: file}, version(len(data), 1)
				if f := s.Get(id, v); f != nil {
					got := make([]byte, len(data))
					if _, err := f.ReadAt(got, 0); err != nil || !bytes.Equal(got, data) {
						t.Errorf("a wrong copy: %v", err)
					}
					f.Close()
					continue
				}
				d, err := s.Begin(id, v)
				if err != nil {
					if k := fault.KindOf(err); k != fault.Conflict && k != fault.Exhausted {
						t.Error(err)
					}
					continue
				}
				if err := d.WriteBlock(0, data); err != nil {
					t.Error(err)
				}
				if i%5 == 0 {
					d.Abort()
				} else if err := d.Commit(); err != nil {
					t.Error(err)
				}
				d.Close()
			}
		})
	}
	wg.Wait()
	for _, name := range []string{"part", "new"} {
		if left, _ := filepath.Glob(filepath.Join(dir, "v1", "*", "*."+name)); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	}
}

func FuzzRecord(f *testing.F) {
	r := record{version: version(3<<20, 5), local: local{inode: 1, size: 3 << 20, mtime: 2, ctime: 3}, sums: []uint32{1, 2, 3}}
	f.Add(r.encode())
	f.Add([]byte(recordMagic))
	f.Add(make([]byte, recordHeader))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decode(b)
		if err != nil {
			return
		}
		if again := r.encode(); !bytes.Equal(again, b) {
			t.Errorf("%x became %x", b, again)
		}
	})
}
