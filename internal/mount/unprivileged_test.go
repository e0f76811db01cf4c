package mount

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/nfs/nfstest"
)

// userVariable makes this test binary a program that mounts "server dir" as whoever it is, uses it, and unmounts it.
const userVariable = "SPILLWAY_TEST_USER"

const nobody = 65534

// TestMountWithoutRoot mounts as nobody, through fusermount3, in a mount namespace where the device may be used by everybody:
// containers often give it to root alone. What is mounted there goes with the namespace.
func TestMountWithoutRoot(t *testing.T) {
	needFUSE(t)
	if os.Geteuid() != 0 {
		t.Skip("needs root, to become nobody")
	}
	dir, err := os.MkdirTemp("", "mount")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	point := filepath.Join(dir, "mnt")
	must(t, errors.Join(os.Chmod(dir, 0o755), os.Mkdir(point, 0o755), os.Mkdir(filepath.Join(dir, "own"), 0o700)))
	must(t, errors.Join(os.Chown(point, nobody, nobody), os.Chown(filepath.Join(dir, "own"), nobody, nobody)))
	self, err := os.Open("/proc/self/exe") // nobody may not enter the folder that it is in
	must(t, err)
	defer self.Close()
	srv := nfstest.Start(t, nfstest.New())
	for _, c := range []struct{ mode, want string }{
		{"600", "this user may not use /dev/fuse"},
		{"666", "as it should be"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
		script := `mknod "$0/fuse$1" c 10 229 && chmod "$1" "$0/fuse$1" && mount --bind "$0/fuse$1" /dev/fuse &&
			exec setpriv --reuid=65534 --regid=65534 --clear-groups /proc/self/fd/3`
		cmd := exec.CommandContext(ctx, "unshare", "--mount", "--propagation", "private", "sh", "-c", script, dir, c.mode)
		cmd.Env = append(os.Environ(), userVariable+"="+srv.Addr+" "+point)
		cmd.ExtraFiles = []*os.File{self}
		out, err := cmd.CombinedOutput()
		cancel()
		if strings.Contains(string(out), "unshare failed") {
			t.Skipf("needs mount namespaces: %s", out)
		}
		if !strings.Contains(string(out), c.want) {
			t.Errorf("/dev/fuse of mode %s: %v: %s", c.mode, err, out)
		}
	}
}

// mountAsUser is what nobody does.
func mountAsUser(where string) error {
	server, dir, _ := strings.Cut(where, " ")
	c := Config{Server: server, Path: "/", Dir: dir, CacheDir: filepath.Join(filepath.Dir(dir), "own", "cache"), CacheSize: 64 << 20}
	m, err := Mount(context.Background(), c)
	if err != nil {
		return err
	}
	err = useAsUser(m, dir)
	if err := errors.Join(err, m.Unmount()); err != nil {
		return err
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || strings.Contains(string(mounts), dir) {
		return fmt.Errorf("still mounted (%w)", err)
	}
	c.AllowOther = true
	conf, _ := os.ReadFile(fuseConf)
	m, err = Mount(context.Background(), c)
	switch {
	case err == nil:
		err = m.Unmount()
		if !othersAllowed(string(conf)) {
			err = errors.New("mounted for others, which this machine does not allow")
		}
	case !othersAllowed(string(conf)) && fault.KindOf(err) == fault.Denied && strings.Contains(fault.HintOf(err), "user_allow_other"):
		err = nil
	}
	if err == nil {
		fmt.Println("as it should be")
	}
	return err
}

func useAsUser(m *Mounted, dir string) error {
	if m.fsys.cache.passthrough {
		return errors.New("the kernel takes backing files from nobody")
	}
	path := filepath.Join(dir, "f")
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		return err
	}
	for range 3 { // the first copies it
		if got, err := os.ReadFile(path); err != nil || string(got) != "mine" {
			return fmt.Errorf("read %q, %w", got, err)
		}
	}
	return os.Remove(path)
}

func TestOthersAllowed(t *testing.T) {
	for conf, want := range map[string]bool{
		"": false, "#user_allow_other\n": false, "user_allow_other": true, "mount_max = 5\n  user_allow_other \n": true,
		"user_allow_others\n": false,
	} {
		if got := othersAllowed(conf); got != want {
			t.Errorf("%q: %v", conf, got)
		}
	}
}
