package posix

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	unix.Umask(0o022)
	if at := os.Getenv("SPILLWAY_POSIX_SERVE"); at != "" {
		if err := servePeer(at, os.Getenv("SPILLWAY_POSIX_DIR")); err != nil {
			fmt.Fprintln(os.Stderr, "posix peer:", err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// scratch returns an empty folder of the file system that is tried.
func scratch(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("SPILLWAY_POSIX_DIR")
	if dir == "" {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp(dir, t.Name()+"-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("remove what the test left: %v", err)
		}
	})
	return dir
}

// overNFS reports whether a kernel's NFS client is what is tried.
func overNFS(t *testing.T, dir string) bool {
	t.Helper()
	var s unix.Statfs_t
	check(t, unix.Statfs(dir, &s))
	return s.Type == unix.NFS_SUPER_MAGIC
}

// whole reports whether the long tests run whole.
func whole() bool { return os.Getenv("SPILLWAY_TEST_ALL") != "" }

// lacks says why the file system lacks something; "" if it does not.
func lacks(feature string) string {
	for _, entry := range strings.Split(os.Getenv("SPILLWAY_POSIX_WITHOUT"), ";") {
		if name, why, _ := strings.Cut(entry, "="); name == feature {
			return why
		}
	}
	return ""
}

// needs skips the test where the file system lacks something.
func needs(t *testing.T, feature string) {
	t.Helper()
	if why := lacks(feature); why != "" {
		t.Skip("this file system has no " + feature + ": " + why)
	}
}

func needsRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can act as others")
	}
	if os.Getenv("SPILLWAY_POSIX_SQUASHED") != "" {
		t.Skip("root is nobody on this file system")
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// must is check for a call with a result.
func must[T any](value T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		check(t, err)
		return value
	}
}

// want fails the test unless err is one of the errors that are right here.
func want(t *testing.T, what string, err error, right ...error) {
	t.Helper()
	for _, r := range right {
		if errors.Is(err, r) {
			return
		}
	}
	t.Errorf("%s: %v, want %v", what, err, right)
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	check(t, os.WriteFile(path, data, 0o644))
}

// holds fails the test unless a file holds these bytes.
func holds(t *testing.T, path string, data []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	check(t, err)
	same(t, filepath.Base(path), got, data)
}

func same(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if bytes.Equal(got, want) {
		return
	}
	at := 0
	for at < min(len(got), len(want)) && got[at] == want[at] {
		at++
	}
	t.Errorf("%s: %d bytes, want %d; they differ from byte %d on", what, len(got), len(want), at)
}

func open(t *testing.T, path string, flags int) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, flags, 0o644)
	check(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

func stat(t *testing.T, path string) unix.Stat_t {
	t.Helper()
	var s unix.Stat_t
	if err := unix.Lstat(path, &s); err != nil {
		t.Fatalf("lstat %s: %v", path, err)
	}
	return s
}

func readAll(t *testing.T, f *os.File) []byte {
	t.Helper()
	_, err := f.Seek(0, io.SeekStart)
	check(t, err)
	return must(io.ReadAll(f))(t)
}

// noise is data that does not compress and is the same every time.
func noise(size int, seed uint64) []byte {
	data := make([]byte, size)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	_, _ = r.Read(data) // never fails
	return data
}

// names lists a folder.
func names(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	for _, e := range must(os.ReadDir(dir))(t) {
		all = append(all, e.Name())
	}
	return all
}

// tick is the longest that a Linux kernel takes between two readings of the clock for a file's times, where they are coarse.
const tick = 10 * time.Millisecond

// nextTick waits until a change has other times than the one before. Clients of NFSv3 tell changes apart by times alone: two
// of them within a tick are one to a client that looks between.
func nextTick() { <-time.After(2 * tick) }

// namesAfterClose is names when files have been closed that had been removed. Where the file system hears of a close later,
// it waits until that has been so.
func namesAfterClose(t *testing.T, dir string) []string {
	t.Helper()
	all := names(t, dir)
	if lacks("close at once") == "" {
		return all
	}
	silly := func(name string) bool { return strings.HasPrefix(name, ".nfs") }
	for deadline := time.Now().Add(10 * time.Second); slices.ContainsFunc(all, silly) && time.Now().Before(deadline); all = names(t, dir) {
		<-time.After(time.Millisecond)
	}
	return all
}

// as runs fn as another user: the kernel keeps the file system's idea of the user by thread. Errors must be returned,
// not reported, from fn.
func as(t *testing.T, uid, gid int, groups []int, fn func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		list := make([]uint32, len(groups)+1)
		for i, g := range groups {
			list[i] = uint32(g)
		}
		if err := setGroups(list[:len(groups)]); err != nil {
			done <- fmt.Errorf("setgroups: %w", err)
			return
		}
		_ = unix.Setfsgid(gid)
		_ = unix.Setfsuid(uid)
		done <- fn()
	}()
	return <-done
}

func mkdir(t *testing.T, path string, mode uint32) string {
	t.Helper()
	check(t, unix.Mkdir(path, 0o700))
	check(t, unix.Chmod(path, mode))
	return path
}
