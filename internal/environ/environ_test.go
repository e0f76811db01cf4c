package environ

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

// run starts a command that holds its standard output open and ends with the test.
func run(t *testing.T, env []string, argv ...string) int {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = env
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd.Process.Pid
}

func TestHas(t *testing.T) {
	pid := run(t, []string{"PATH=" + os.Getenv("PATH"), "MARK=one"}, "sleep", "1000")
	for entry, want := range map[string]bool{"MARK=one": true, "MARK=on": false, "MARK=one1": false, "ARK=one": false, "MARK": false, "": false} {
		if got, err := Has(pid, entry, patience); err != nil || got != want {
			t.Errorf("%q: %v, %v", entry, got, err)
		}
	}
}

func TestEmptyEnvironmentIsNotWaitedFor(t *testing.T) {
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	pid := run(t, []string{}, sleep, "1000")
	if got, err := Has(pid, "MARK=one", patience); err != nil || got {
		t.Errorf("%v, %v", got, err)
	}
}

func TestNoSuchProcess(t *testing.T) {
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if got, err := Has(cmd.Process.Pid, "MARK=one", patience); !errors.Is(err, fs.ErrNotExist) || got {
		t.Errorf("%v, %v", got, err)
	}
}

// A process that does nothing but replace itself is always found: it has an environment, or will have one in a moment.
func TestProcessInExecve(t *testing.T) {
	pid := run(t, []string{"MARK=one"}, "/bin/sh", "-c", `exec /bin/sh -c "$0" "$0"`, `exec /bin/sh -c "$0" "$0"`)
	for range 2000 {
		if got, err := Has(pid, "MARK=one", patience); err != nil || !got {
			t.Fatalf("%v, %v", got, err)
		}
	}
}

func TestHasNone(t *testing.T) {
	line := func(state string, vsize, envStart, envEnd int) string {
		f := strings.Fields(state + strings.Repeat(" 7", 49))
		f[20], f[47], f[48] = fmt.Sprint(vsize), fmt.Sprint(envStart), fmt.Sprint(envEnd)
		return "12 (a ) b) " + strings.Join(f, " ")
	}
	for text, want := range map[string]bool{
		line("R", 4096, 0, 0): false, line("R", 4096, 90, 99): false, line("R", 4096, 90, 90): true, line("Z", 0, 0, 0): true,
		"": true, "12 (sh) R 1": true,
	} {
		if got := hasNone([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
