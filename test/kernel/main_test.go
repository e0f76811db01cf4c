package kernel

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/spillway/spillway/test/kernel/rig"
)

func TestMain(m *testing.M) {
	if rig.Missing() == "" {
		if exit, done := rig.Enter(); done {
			os.Exit(exit)
		}
	}
	os.Exit(m.Run())
}

// needsRig skips the test where no kernel can be booted.
func needsRig(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("booting machines is not short")
	}
	if missing := rig.Missing(); missing != "" {
		t.Skip(missing)
	}
}

// whole reports whether the long tests run whole.
func whole() bool { return os.Getenv("SPILLWAY_TEST_ALL") != "" }

// programs are what the tests run: here, and in guests, which need static ones.
type programs struct{ spillway, guest, posix string }

// built builds the programs once for all tests. They lie in the temporary folder that ends with the run.
var built = sync.OnceValues(func() (programs, error) {
	dir, err := os.MkdirTemp("", "programs-")
	if err != nil {
		return programs{}, err
	}
	p := programs{filepath.Join(dir, "spillway"), filepath.Join(dir, "guest"), filepath.Join(dir, "posix.test")}
	return p, errors.Join(
		build("build", "-o", p.spillway, "../../cmd/spillway"),
		build("build", "-o", p.guest, "./guest"),
		build("test", "-c", "-o", p.posix, "./posix"))
})

func build(args ...string) error {
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %v: %w\n%s", args, err, out)
	}
	return nil
}
