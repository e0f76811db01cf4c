package posix_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/internal/origin/origintest"
	"github.com/spillway/spillway/internal/origin/posix"
	"github.com/spillway/spillway/nfs"
)

func open(t *testing.T, dir string, noHandles bool) *posix.Origin {
	t.Helper()
	o, err := posix.Open(posix.Config{Dir: dir, NoHandles: noHandles})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.Close() })
	return o
}

func TestConformanceWithHandles(t *testing.T) {
	origintest.Run(t, func(t *testing.T) origin.Origin { return open(t, t.TempDir(), false) })
}

func TestConformanceByPlace(t *testing.T) {
	origintest.Run(t, func(t *testing.T) origin.Origin { return open(t, t.TempDir(), true) })
}

// A file system whose directory offsets do not last, as far as this package knows.
func TestConformanceInMemory(t *testing.T) {
	if _, err := os.Stat("/dev/shm"); err != nil {
		t.Skipf("no tmpfs at hand: %v", err)
	}
	origintest.Run(t, func(t *testing.T) origin.Origin {
		dir, err := os.MkdirTemp("/dev/shm", "posix-*")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		return open(t, dir, false)
	})
}

var me = origin.Cred{UID: uint32(os.Getuid()), GID: uint32(os.Getgid())}

// Nothing outside the folder is reached, by link or by "..".
func TestStaysInTheFolder(t *testing.T) {
	for _, noHandles := range []bool{false, true} {
		outside := t.TempDir()
		dir := filepath.Join(outside, "nas")
		if err := errors.Join(os.Mkdir(dir, 0o755), os.WriteFile(filepath.Join(outside, "secret"), []byte("x"), 0o644),
			os.Symlink("..", filepath.Join(dir, "up"))); err != nil {
			t.Fatal(err)
		}
		o := open(t, dir, noHandles)
		root, err := o.Root(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		up, _, err := o.Lookup(t.Context(), me, root.ID, "..")
		if err != nil || up.ID != root.ID {
			t.Errorf("above the root is %v, %v", up.ID == root.ID, err)
		}
		link, _, err := o.Lookup(t.Context(), me, root.ID, "up")
		if err != nil || link.Attr.Type != nfs.TypeSymlink {
			t.Fatal(err)
		}
		if _, _, err := o.Lookup(t.Context(), me, link.ID, "secret"); !errors.Is(err, nfs.ErrNotDir) {
			t.Errorf("a lookup through a link: %v", err)
		}
		if _, err := o.Rename(t.Context(), me, root.ID, "up", root.ID, "../moved"); err == nil {
			t.Error("renamed out of the folder")
		}
	}
}

// A directory moved out of the folder does not become a way out.
func TestMovedOutDirectory(t *testing.T) {
	outside := t.TempDir()
	dir := filepath.Join(outside, "nas")
	if err := errors.Join(os.MkdirAll(filepath.Join(dir, "sub"), 0o755)); err != nil {
		t.Fatal(err)
	}
	o := open(t, dir, false)
	root, _ := o.Root(t.Context())
	sub, _, err := o.Lookup(t.Context(), me, root.ID, "sub")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "sub"), filepath.Join(outside, "sub")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := o.Lookup(t.Context(), me, sub.ID, ".."); !origin.IsGone(err) {
		t.Errorf("above a directory that was moved out: %v", err)
	}
}

// Without handles a file is found again after somebody renamed it in its directory, and never taken for its successor.
func TestPlacesAreChecked(t *testing.T) {
	dir := t.TempDir()
	o := open(t, dir, true)
	root, _ := o.Root(t.Context())
	path := filepath.Join(dir, "a")
	if err := os.WriteFile(path, []byte("first"), 0o644); err != nil {
		t.Fatal(err)
	}
	a, _, err := o.Lookup(t.Context(), me, root.ID, "a")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Rename(path, filepath.Join(dir, "b")), os.WriteFile(path, []byte("second"), 0o644)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 10)
	r, err := o.Read(t.Context(), me, a.ID, 0, buf)
	if err != nil || string(buf[:r.N]) != "first" {
		t.Errorf("read %q, %v", buf[:r.N], err)
	}
	if err := os.Remove(filepath.Join(dir, "b")); err != nil {
		t.Fatal(err)
	}
	if _, err := o.GetAttr(t.Context(), me, a.ID); !origin.IsGone(err) {
		t.Errorf("a deleted file: %v", err)
	}
}

func TestRunsAsTheCaller(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	dir := t.TempDir()
	if err := errors.Join(os.Chmod(dir, 0o777), os.WriteFile(filepath.Join(dir, "private"), []byte("x"), 0o600)); err != nil {
		t.Fatal(err)
	}
	o := open(t, dir, false)
	root, _ := o.Root(t.Context())
	user := origin.Cred{UID: 4242, GID: 4343, GIDs: []uint32{4444}}
	made, err := o.Create(t.Context(), user, root.ID, "mine", origin.CreateHow{Mode: nfs.Guarded, Attr: nfs.SetAttr{Mode: nfs.Set32(0o400)}})
	if err != nil || made.Node.Attr.UID != 4242 || made.Node.Attr.GID != 4343 {
		t.Fatalf("created as %d:%d, %v", made.Node.Attr.UID, made.Node.Attr.GID, err)
	}
	if _, err := o.Write(t.Context(), user, made.Node.ID, 0, []byte("owner"), nfs.FileSync); err != nil {
		t.Errorf("the owner of a read-only file is checked at open only: %v", err)
	}
	private, _, err := o.Lookup(t.Context(), user, root.ID, "private")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Read(t.Context(), user, private.ID, 0, make([]byte, 1)); !errors.Is(err, nfs.ErrAcces) {
		t.Errorf("read somebody else's file: %v", err)
	}
	if got, err := o.Access(t.Context(), user, private.ID, nfs.AccessRead); err != nil || got != 0 {
		t.Errorf("access %x, %v", got, err)
	}
	var st syscall.Stat_t
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "after"), nil, 0o644), syscall.Stat(filepath.Join(dir, "after"), &st)); err != nil || st.Uid != 0 {
		t.Errorf("the process makes files as %d afterwards, %v", st.Uid, err)
	}
	group := origin.Cred{UID: 5000, GID: 5000, GIDs: []uint32{4444}}
	if err := errors.Join(os.Chown(filepath.Join(dir, "private"), 0, 4444), os.Chmod(filepath.Join(dir, "private"), 0o640)); err != nil {
		t.Fatal(err)
	}
	if _, err := o.Read(t.Context(), group, private.ID, 0, make([]byte, 1)); err != nil {
		t.Errorf("a member of the group: %v", err)
	}
}

// A program with set-user-id loses it when somebody else writes to it or cuts it, as on a local file system.
func TestSetUserIDIsLost(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	dir := t.TempDir()
	o := open(t, dir, false)
	root, _ := o.Root(t.Context())
	user := origin.Cred{UID: 4242, GID: 4343}
	path := filepath.Join(dir, "tool")
	for what, change := range map[string]func(id origin.ID) error{
		"write": func(id origin.ID) error {
			_, err := o.Write(t.Context(), user, id, 0, []byte("y"), nfs.Unstable)
			return err
		},
		"truncate": func(id origin.ID) error {
			_, err := o.SetAttr(t.Context(), user, id, nfs.SetAttr{Size: nfs.Set64(0)}, nil)
			return err
		},
	} {
		if err := errors.Join(os.WriteFile(path, []byte("x"), 0o666), syscall.Chmod(path, 0o6777)); err != nil {
			t.Fatal(err)
		}
		tool, _, err := o.Lookup(t.Context(), user, root.ID, "tool")
		if err != nil || tool.Attr.Mode != 0o6777 {
			t.Fatalf("mode %o, %v", tool.Attr.Mode, err)
		}
		if err := change(tool.ID); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if a, err := o.GetAttr(t.Context(), user, tool.ID); err != nil || a.Mode != 0o777 {
			t.Errorf("mode %o after somebody else's %s, %v", a.Mode, what, err)
		}
	}
}

// A folder that is made in one with set-group-id has it too, although clients send a mode without it.
func TestSetGroupIDIsInherited(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Chmod(dir, 0o2755); err != nil {
		t.Fatal(err)
	}
	o := open(t, dir, false)
	root, _ := o.Root(t.Context())
	who := []origin.Cred{me}
	if os.Getuid() == 0 {
		who = append(who, origin.Cred{UID: 4242, GID: 4343}) // who is not in the folder's group
		if err := syscall.Chmod(dir, 0o2777); err != nil {
			t.Fatal(err)
		}
	}
	for i, as := range who {
		made, err := o.MkDir(t.Context(), as, root.ID, fmt.Sprint("d", i), nfs.SetAttr{Mode: nfs.Set32(0o755)})
		if err != nil || made.Node.Attr.Mode != 0o2755 {
			t.Errorf("mode %o, %v", made.Node.Attr.Mode, err)
		}
	}
	made, err := o.Create(t.Context(), me, root.ID, "f", origin.CreateHow{Mode: nfs.Guarded, Attr: nfs.SetAttr{Mode: nfs.Set32(0o644)}})
	if err != nil || made.Node.Attr.Mode != 0o644 {
		t.Errorf("mode %o of a file, %v", made.Node.Attr.Mode, err)
	}
}
