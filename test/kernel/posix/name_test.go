package posix

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Names are bytes: any but 0 and the slash, up to 255 of them, in no encoding.
func TestNames(t *testing.T) {
	dir := scratch(t)
	every := make([]byte, 0, 255)
	for b := 1; b < 256; b++ {
		if b != '/' {
			every = append(every, byte(b))
		}
	}
	all := []string{
		string(every), strings.Repeat("n", 255), strings.Repeat("\xff", 255), strings.Repeat("ü", 127) + "x", "...", " ", "-", "\\", "a\nb",
		"CON", "x.", ".nfs", "case", "Case", "e\u0301", "\u00e9", "\xc3", "*?[", "%2f",
	}
	for i, name := range all {
		write(t, filepath.Join(dir, name), []byte{byte(i)})
	}
	got := names(t, dir)
	slices.Sort(got)
	expected := slices.Sorted(slices.Values(all))
	if !slices.Equal(got, expected) {
		t.Errorf("the folder lists\n%q, want\n%q", got, expected)
	}
	for i, name := range all {
		holds(t, filepath.Join(dir, name), []byte{byte(i)})
	}
	deep := filepath.Join(dir, strings.Repeat("d", 200), strings.Repeat("\xfe", 255), string(every))
	check(t, os.MkdirAll(deep, 0o755))
	write(t, filepath.Join(deep, "file"), []byte("deep"))
	holds(t, filepath.Join(deep, "file"), []byte("deep"))
}

func TestNamesTooLong(t *testing.T) {
	dir := scratch(t)
	long := filepath.Join(dir, strings.Repeat("n", 256))
	write(t, filepath.Join(dir, "file"), nil)
	_, err := os.OpenFile(long, os.O_CREATE|os.O_WRONLY, 0o644)
	want(t, "create", err, unix.ENAMETOOLONG)
	_, err = os.Lstat(long)
	want(t, "lookup", err, unix.ENAMETOOLONG)
	want(t, "mkdir", unix.Mkdir(long, 0o755), unix.ENAMETOOLONG)
	want(t, "symlink", unix.Symlink("x", long), unix.ENAMETOOLONG)
	want(t, "link", unix.Link(filepath.Join(dir, "file"), long), unix.ENAMETOOLONG)
	want(t, "rename", unix.Rename(filepath.Join(dir, "file"), long), unix.ENAMETOOLONG)
	want(t, "unlink", unix.Unlink(long), unix.ENAMETOOLONG)
	want(t, "mkfifo", unix.Mkfifo(long, 0o644), unix.ENAMETOOLONG)
	_, err = os.Lstat(dir + strings.Repeat("/d", 2100))
	want(t, "a path of more than 4096 bytes", err, unix.ENAMETOOLONG)
	if left := names(t, dir); len(left) != 1 {
		t.Errorf("the folder holds %q", left)
	}
}
