package posix

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

const (
	artist, other    = 4001, 4002 // user ids that nobody has
	staff, strangers = 5001, 5002
)

func TestPermissions(t *testing.T) {
	needsRoot(t)
	dir := mkdir(t, filepath.Join(scratch(t), "show"), 0o777)
	reachable(t, dir)
	path := func(name string) string { return filepath.Join(dir, name) }

	check(t, as(t, artist, staff, nil, func() error { return os.WriteFile(path("mine"), []byte("secret"), 0o600) }))
	if s := stat(t, path("mine")); s.Uid != artist || s.Gid != staff || s.Mode&0o7777 != 0o600 {
		t.Errorf("owner %d:%d mode %o of a file of %d:%d", s.Uid, s.Gid, s.Mode&0o7777, artist, staff)
	}
	read := func(name string) func() error {
		return func() error { _, err := os.ReadFile(path(name)); return err }
	}
	check(t, as(t, artist, staff, nil, read("mine")))
	want(t, "read another's file", as(t, other, staff, nil, read("mine")), unix.EACCES)
	want(t, "write another's file", as(t, other, staff, nil, func() error { return os.WriteFile(path("mine"), nil, 0) }), unix.EACCES)
	want(t, "chmod another's file", as(t, other, staff, nil, func() error { return unix.Chmod(path("mine"), 0o666) }), unix.EPERM)
	want(t, "chown one's own file", as(t, artist, staff, nil, func() error { return unix.Chown(path("mine"), other, -1) }), unix.EPERM)
	want(t, "give to a group one is not in", as(t, artist, staff, nil, func() error { return unix.Chown(path("mine"), -1, strangers) }), unix.EPERM)
	want(t, "set another's times", as(t, other, staff, nil, func() error {
		return unix.UtimesNanoAt(unix.AT_FDCWD, path("mine"), []unix.Timespec{{Sec: 1}, {Sec: 1}}, 0)
	}), unix.EPERM)
	want(t, "truncate another's file", as(t, other, staff, nil, func() error { return unix.Truncate(path("mine"), 0) }), unix.EACCES)
	holds(t, path("mine"), []byte("secret"))

	check(t, unix.Chmod(path("mine"), 0o640))
	check(t, as(t, other, staff, nil, read("mine")))
	want(t, "read without the group", as(t, other, strangers, nil, read("mine")), unix.EACCES)
	check(t, as(t, other, strangers, []int{1, 2, 3, 4, 5, staff}, read("mine")))
	check(t, unix.Chmod(path("mine"), 0o604))
	want(t, "read with the group that may not", as(t, other, staff, nil, read("mine")), unix.EACCES)
	check(t, as(t, other, strangers, nil, read("mine")))

	// Permission is that of the moment of opening.
	check(t, as(t, artist, staff, nil, func() error {
		f, err := os.OpenFile(path("kept"), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := unix.Fchmod(int(f.Fd()), 0); err != nil {
			return err
		}
		if _, err := f.Write([]byte("still")); err != nil {
			return err
		}
		return f.Sync()
	}))
}

func TestPermissionsOfFolders(t *testing.T) {
	needsRoot(t)
	top := scratch(t)
	reachable(t, top)
	closed := mkdir(t, filepath.Join(top, "closed"), 0o700)
	write(t, filepath.Join(closed, "f"), nil)
	check(t, unix.Chmod(filepath.Join(closed, "f"), 0o666))
	readable := mkdir(t, filepath.Join(top, "readable"), 0o755)
	write(t, filepath.Join(readable, "f"), nil)
	sticky := mkdir(t, filepath.Join(top, "sticky"), 0o777|unix.S_ISVTX)
	check(t, as(t, artist, staff, nil, func() error { return os.WriteFile(filepath.Join(sticky, "f"), nil, 0o666) }))

	err := as(t, other, staff, nil, func() error { _, err := os.Stat(filepath.Join(closed, "f")); return err })
	want(t, "look into a closed folder", err, unix.EACCES)
	err = as(t, other, staff, nil, func() error { _, err := os.ReadDir(closed); return err })
	want(t, "list a closed folder", err, unix.EACCES)
	err = as(t, other, staff, nil, func() error { return os.WriteFile(filepath.Join(readable, "new"), nil, 0o644) })
	want(t, "create in another's folder", err, unix.EACCES)
	err = as(t, other, staff, nil, func() error { return unix.Unlink(filepath.Join(readable, "f")) })
	want(t, "remove from another's folder", err, unix.EACCES)
	err = as(t, other, staff, nil, func() error { return unix.Unlink(filepath.Join(sticky, "f")) })
	want(t, "remove another's file from a sticky folder", err, unix.EPERM, unix.EACCES)
	err = as(t, other, staff, nil, func() error { return unix.Rename(filepath.Join(sticky, "f"), filepath.Join(sticky, "g")) })
	want(t, "rename another's file in a sticky folder", err, unix.EPERM, unix.EACCES)
	check(t, as(t, artist, staff, nil, func() error { return unix.Unlink(filepath.Join(sticky, "f")) }))

	// What is made in a folder with the set-group-id bit has the folder's group.
	shared := mkdir(t, filepath.Join(top, "shared"), 0o777)
	check(t, unix.Chown(shared, -1, strangers))
	check(t, unix.Chmod(shared, 0o777|unix.S_ISGID))
	check(t, as(t, artist, staff, nil, func() error {
		return errors.Join(os.WriteFile(filepath.Join(shared, "f"), nil, 0o644), unix.Mkdir(filepath.Join(shared, "d"), 0o755))
	}))
	if f, d := stat(t, filepath.Join(shared, "f")), stat(t, filepath.Join(shared, "d")); f.Gid != strangers || d.Gid != strangers || d.Mode&unix.S_ISGID == 0 {
		t.Errorf("groups %d and %d, mode %o in a folder of group %d with set-group-id", f.Gid, d.Gid, d.Mode, strangers)
	}
}

// Set-user-id does not survive somebody else's write, nor a change of the owner.
func TestSetUserIDIsLost(t *testing.T) {
	needsRoot(t)
	needs(t, "set-user-id")
	dir := scratch(t)
	reachable(t, dir)
	path := filepath.Join(dir, "tool")
	write(t, path, []byte("x"))
	check(t, unix.Chmod(path, 0o6777))
	check(t, as(t, other, staff, nil, func() error {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = f.Write([]byte("y"))
		return errors.Join(err, f.Close())
	}))
	if s := stat(t, path); s.Mode&(unix.S_ISUID|unix.S_ISGID) != 0 {
		t.Errorf("mode %o after another user's write", s.Mode&0o7777)
	}
	check(t, unix.Chmod(path, 0o4755))
	check(t, unix.Chown(path, artist, staff))
	if s := stat(t, path); s.Mode&unix.S_ISUID != 0 || s.Uid != artist || s.Gid != staff {
		t.Errorf("mode %o, owner %d:%d after chown", s.Mode&0o7777, s.Uid, s.Gid)
	}
}

// Where root is squashed, what root makes belongs to nobody, and root may do nothing with others' files.
func TestRootSquash(t *testing.T) {
	anon, err := strconv.Atoi(os.Getenv("SPILLWAY_POSIX_SQUASHED"))
	if err != nil {
		t.Skip("root is root on this file system")
	}
	dir := scratch(t)
	path := filepath.Join(dir, "f")
	write(t, path, []byte("x"))
	if s := stat(t, path); s.Uid != uint32(anon) {
		t.Errorf("a file that root made belongs to %d, want %d", s.Uid, anon)
	}
	check(t, unix.Chmod(dir, 0o777))
	check(t, as(t, artist, staff, nil, func() error { return os.WriteFile(filepath.Join(dir, "theirs"), nil, 0o600) }))
	_, err = os.ReadFile(filepath.Join(dir, "theirs"))
	want(t, "root reads a user's file", err, unix.EACCES)
	want(t, "root chowns", unix.Chown(path, artist, staff), unix.EPERM)
}

// reachable opens the way to a folder of the test for everybody.
func reachable(t *testing.T, dir string) {
	t.Helper()
	for at := dir; at != "/"; at = filepath.Dir(at) {
		if s := stat(t, at); s.Mode&0o005 != 0o005 {
			check(t, unix.Chmod(at, s.Mode&0o7777|0o055))
		}
	}
}
