package filer

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/spillway/spillway/nfs"
)

func TestMountStaysInTheExports(t *testing.T) {
	dir, o := folder(t)
	if err := errors.Join(os.MkdirAll(filepath.Join(dir, "a", "b"), 0o755), os.Symlink("/etc", filepath.Join(dir, "etc"))); err != nil {
		t.Fatal(err)
	}
	_, inner := folder(t)
	f := start(t, Config{Exports: []Export{{Path: "/nas", Origin: o}, {Path: "/nas/fast", Origin: inner}}})
	c := dial(t, f.addr, "/nas")
	for _, p := range []string{"/nas/../etc", "/nas/a/../../etc", "/etc", "", "nas", "/nas/none", "/nas/etc/passwd", "/nasty",
		"/.session/", "/.session/00/nas", "/.session//nas", "/nas/\x00"} {
		if r, err := c.Mnt(t.Context(), nil, p); err == nil {
			t.Errorf("mounted %q as %v", p, r.Root)
		}
	}
	for _, p := range []string{"/nas", "/nas/", "//nas//a", "/nas/a/b", "/nas/fast"} {
		if _, err := c.Mnt(t.Context(), nil, p); err != nil {
			t.Errorf("mount %q: %v", p, err)
		}
	}
	exports, err := c.Exports(t.Context(), nil)
	if err != nil || len(exports) != 2 {
		t.Errorf("exports %v, %v", exports, err)
	}
	inside := dial(t, f.addr, "/nas/fast")
	outer, err := c.Getattr(t.Context(), nil, nfs.GetattrArgs{Object: c.root})
	if err != nil {
		t.Fatal(err)
	}
	innerAttr, err := inside.Getattr(t.Context(), nil, nfs.GetattrArgs{Object: inside.root})
	if err != nil || innerAttr.Attr.FSID == outer.Attr.FSID {
		t.Errorf("a nested export has the file-system id of the outer one (%v)", err)
	}
	mounts, err := c.Mounts(t.Context(), nil)
	if err != nil || len(mounts) == 0 {
		t.Errorf("mounts %v, %v", mounts, err)
	}
}

// A session's secret opens its own export and nothing else.
func TestSessionIsConfined(t *testing.T) {
	dir, o := folder(t)
	if err := os.MkdirAll(filepath.Join(dir, "show", "shot"), 0o755); err != nil {
		t.Fatal(err)
	}
	f := start(t, Config{NoPlain: true, Exports: []Export{{Path: "/nas", Origin: o}}})
	id, path, err := f.OpenSession("agent/a", "k", "/nas/show")
	if err != nil {
		t.Fatal(err)
	}
	if again, same, _ := f.OpenSession("agent/a", "k", "/nas/show"); again != id || same != path {
		t.Error("the same key gave another session")
	}
	c := dial(t, f.addr, path)
	secret := path[:len(path)-len("/nas/show")]
	for p, ok := range map[string]bool{
		secret + "/nas/show/shot": true, secret + "/nas": false, secret + "/nas/showy": false, secret + "/nas/show/../..": false, "/nas": false,
	} {
		if _, err := c.Mnt(t.Context(), nil, p); (err == nil) != ok {
			t.Errorf("mount %s: %v", p, err)
		}
	}
}

func TestForgedHandles(t *testing.T) {
	dir, o := folder(t)
	writeFile(t, filepath.Join(dir, "a"), []byte("x"))
	f := start(t, Config{Exports: []Export{{Path: "/nas", Origin: o}}})
	c := dial(t, f.addr, "/nas")
	good := c.look(c.root, "a")
	for i := range handleSize {
		b := append([]byte{}, good.Bytes()...)
		b[i] ^= 1
		h, err := nfs.NewHandle(b)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Getattr(t.Context(), nil, nfs.GetattrArgs{Object: h}); !errors.Is(err, nfs.ErrBadHandle) {
			t.Fatalf("byte %d changed: %v", i, err)
		}
	}
	for _, n := range []int{0, 1, 20, 36, 38, 64} {
		h, _ := nfs.NewHandle(make([]byte, n))
		if _, err := c.Getattr(t.Context(), nil, nfs.GetattrArgs{Object: h}); !errors.Is(err, nfs.ErrBadHandle) {
			t.Errorf("%d zero bytes: %v", n, err)
		}
	}
	stale := f.seal.seal(handle{f.exports[0].id, 1 << 40, 0})
	if _, err := c.Getattr(t.Context(), nil, nfs.GetattrArgs{Object: stale}); !errors.Is(err, nfs.ErrStale) {
		t.Errorf("an inode that never was: %v", err)
	}
}

func FuzzHandle(f *testing.F) {
	kv, err := openKV(f.TempDir(), nil, kvLog{log: testLogF()})
	if err != nil {
		f.Fatal(err)
	}
	defer kv.Close()
	s, err := openSealer(kv)
	if err != nil {
		f.Fatal(err)
	}
	good := s.seal(handle{1, 2, 3})
	f.Add(good.Bytes())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := nfs.NewHandle(b)
		if err != nil {
			return
		}
		opened, err := s.open(&h)
		if err == nil && s.seal(opened) != h {
			t.Fatal("accepted a handle that it would not make")
		}
	})
}

func FuzzRecord(f *testing.F) {
	r := record{gen: 7, lastUse: 8, state: stateAt(3), have: ranges{[]span{{0, 10}}}}
	f.Add(r.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := parseRecord(b); err == nil {
			if _, err := parseRecord(r.encode()); err != nil {
				t.Fatalf("does not read what it writes: %v", err)
			}
		}
	})
}

func TestLookupOfOddNames(t *testing.T) {
	f := newFarm(t)
	c := dial(t, f.cloud.addr, "/nas")
	for name, want := range map[string]nfs.Status{"": nfs.ErrInval, "a/b": nfs.ErrInval, "none": nfs.ErrNoEnt, string(make([]byte, 256)): nfs.ErrNameTooLong} {
		if _, err := c.Lookup(t.Context(), nil, nfs.LookupArgs{Dir: c.root, Name: name}); !errors.Is(err, want) {
			t.Errorf("%.10q: %v, want %v", name, err, want)
		}
	}
	if c.look(c.root, ".") != c.root {
		t.Error(". of the root is something else")
	}
	top := c.look(c.root, "..")
	if top == c.root || c.look(top, "nas") != c.root || c.look(top, "..") != top {
		t.Error(".. of the export does not lead to the root of the tree, or not back")
	}
}
