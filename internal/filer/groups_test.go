package filer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/nfs"
)

func TestGroupsOfUsers(t *testing.T) {
	got, err := parseGroups("passwd", "root:x:0:0:root:/root:/bin/sh\n# people\nana:x:1001:100:::\nben:x:1002:100:::\r\nana2:x:1001:5:::\n+::::::\n",
		"group", "users:x:100:\nlight:x:200:ana,ben\ncomp:x:201:ana, ghost\nmore:*:7:ana2\n\n")
	if err != nil {
		t.Fatal(err)
	}
	want := userGroups{0: {0}, 1001: {5, 7, 100, 200, 201}, 1002: {100, 200}}
	for uid, groups := range want {
		if !slices.Equal(got[uid], groups) {
			t.Errorf("%d is in %v, want %v", uid, got[uid], groups)
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %v", got)
	}
	for _, c := range [][3]string{
		{"ana:x:1001:100:::\nben:x:100\n", "", "passwd:2:1: want 7 fields"},
		{"ana:x:me:100:::\n", "", "passwd:1:1: the third field is a uid"},
		{"ana:x:1:-1:::\n", "", "passwd:1:1: the fourth field is a gid"},
		{"", "a:x:1:x:y\n", "group:1:1: want 4 fields"},
		{"", "a:x:99999999999:\n", "group:1:1: the third field is a gid"},
	} {
		if _, err := parseGroups("passwd", c[0], "group", c[1]); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), c[2]) || !strings.Contains(err.Error(), "^") {
			t.Errorf("%q %q: %v, want %q", c[0], c[1], err, c[2])
		}
	}
}

func FuzzGroups(f *testing.F) {
	f.Add("ana:x:1001:100:::\n", "light:x:200:ana\n")
	f.Fuzz(func(t *testing.T, users, groups string) {
		got, err := parseGroups("u", users, "g", groups)
		if err != nil && fault.KindOf(err) != fault.Invalid {
			t.Errorf("kind %v", fault.KindOf(err))
		}
		for uid, all := range got {
			if !slices.IsSorted(all) || len(slices.Compact(slices.Clone(all))) != len(all) {
				t.Errorf("%d: %v", uid, all)
			}
		}
	})
}

// A caller in a hundred groups, of which the client can send sixteen, reaches a folder by the last of them.
func TestMoreThanSixteenGroups(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: callers are themselves only then")
	}
	dir, o := folder(t)
	writeFile(t, filepath.Join(dir, "closed", "f"), []byte("secret"))
	if err := errors.Join(os.Chmod(dir, 0o755), os.Chown(filepath.Join(dir, "closed"), 0, 3099), os.Chmod(filepath.Join(dir, "closed"), 0o750)); err != nil {
		t.Fatal(err)
	}
	files := GroupFiles{filepath.Join(t.TempDir(), "passwd"), filepath.Join(t.TempDir(), "group")}
	writeFile(t, files.UserFile, []byte("ana:x:2001:100:::\n"))
	var groups strings.Builder
	for i := range 100 {
		fmt.Fprintf(&groups, "g%d:x:%d:ana\n", i, 3000+i)
	}
	writeFile(t, files.GroupFile, []byte(groups.String()))
	f := start(t, Config{Exports: []Export{{Path: "/nas", Origin: o}}, Groups: &files})
	c := dial(t, f.addr, "/nas")
	closed := c.look(c.root, "closed")
	sixteen := make([]uint32, 16)
	for i := range sixteen {
		sixteen[i] = 3000 + uint32(i)
	}
	read := func(uid uint32) error {
		_, err := c.Lookup(t.Context(), nfs.Sys("test", uid, 100, sixteen...), nfs.LookupArgs{Dir: closed, Name: "f"})
		return err
	}
	if err := read(2001); err != nil {
		t.Errorf("by her hundredth group: %v", err)
	}
	if err := read(2002); !errors.Is(err, nfs.ErrAcces) {
		t.Errorf("somebody whom the files do not know: %v", err)
	}
	writeFile(t, files.GroupFile, []byte("g0:x:3000:ana\n"))
	f.reloadGroups()
	if err := read(2001); !errors.Is(err, nfs.ErrAcces) {
		t.Errorf("after she has left the group: %v", err)
	}
	writeFile(t, files.GroupFile, []byte("broken\n"))
	f.reloadGroups()
	if err := read(2001); !errors.Is(err, nfs.ErrAcces) {
		t.Errorf("with a broken file: %v", err)
	}
}
