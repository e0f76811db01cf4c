package kernel

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The suite over our own mount, with this machine's kernel.
func TestMount(t *testing.T) {
	if f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0); err != nil {
		t.Skipf("needs /dev/fuse: %v", err)
	} else {
		f.Close()
	}
	if os.Geteuid() != 0 {
		if _, err := exec.LookPath("fusermount3"); err != nil {
			t.Skip("needs fusermount3")
		}
	}
	p, err := built()
	if err != nil {
		t.Fatal(err)
	}
	f := startDaemon(t, "filer", "--listen", "127.0.0.1:0", "--cache-dir", folder(t, "cache"), "--export", "/nas="+posixOrigin(folder(t, "nas")))
	var at struct{ Listen string }
	if err := json.Unmarshal([]byte(f.ready), &at); err != nil || at.Listen == "" {
		t.Fatalf("%q: %v", f.ready, err)
	}
	dir := filepath.Join(t.TempDir(), "mount")
	startDaemon(t, "mount", at.Listen+":/nas", dir)
	cmd := exec.CommandContext(t.Context(), p.posix, "-test.v")
	without := []string{noOpens,
		"locks=the mount does not pass them on",
		"set-user-id=the kernel clears it as the writer, who may not",
		"close at once=the kernel tells the daemon of it when close has returned",
	}
	cmd.Env = append(os.Environ(), "SPILLWAY_POSIX_DIR="+dir, "SPILLWAY_POSIX_WITHOUT="+strings.Join(without, ";"))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	report(t, out.String(), err)
}
