package process_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/spillway/spillway/internal/provider"
	"github.com/spillway/spillway/internal/provider/process"
	"github.com/spillway/spillway/internal/provider/providertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// unruly is a machine whose processes leave the group and the session, ignore SIGTERM, and lose their parents.
var unruly = []string{"sh", "-c", `
	trap "" TERM
	setsid sh -c 'sh -c "trap \"\" TERM; sleep 1000; sleep 1000" & sleep 0.1' &
	echo "${name} runs" > "${dir}/began"
	sleep 1000; sleep 1000`}

func open(t *testing.T, dir string, command []string) *process.Provider {
	t.Helper()
	p, err := process.New(process.Config{Dir: dir, Command: command, Grace: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestConformance(t *testing.T) {
	providertest.Run(t, func(t *testing.T) providertest.Fixture {
		dir := t.TempDir()
		ids := func(name string) []int {
			var pids []int
			entries, _ := filepath.Glob("/proc/[0-9]*/environ")
			for _, e := range entries {
				env, _ := os.ReadFile(e)
				if strings.Contains(string(env), process.Variable+"="+name+"@") && strings.Contains(string(env), dir) {
					var pid int
					fmt.Sscanf(e, "/proc/%d/", &pid)
					pids = append(pids, pid)
				}
			}
			return pids
		}
		p := open(t, dir, unruly)
		t.Setenv("SPILLWAY_TEST_DIR", dir) // tells this test's machines from those of others
		t.Cleanup(func() {
			list, err := p.List(context.Background())
			if err == nil && t.Failed() {
				for _, i := range list {
					_ = p.Delete(context.Background(), i.Name)
				}
			}
		})
		return providertest.Fixture{
			Provider: p,
			Reopen:   func(t *testing.T) provider.Provider { return open(t, dir, unruly) },
			Alive:    func(_ *testing.T, name string) bool { return len(ids(name)) > 0 },
		}
	})
}

func TestKillIsAPowerFailure(t *testing.T) {
	dir := t.TempDir()
	p := open(t, dir, []string{"sh", "-c", `trap "echo said goodbye > ${dir}/bye" EXIT TERM; while :; do sleep 0.01; done`})
	i, err := p.Create(t.Context(), provider.Spec{Name: "n1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Freeze("n1"); err != nil {
		t.Fatal(err)
	}
	if err := p.Kill("n1"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return len(process.FindByEnv(process.Variable, i.ID)) == 0 })
	if _, err := os.Stat(filepath.Join(dir, "n1", "bye")); err == nil {
		t.Error("the machine noticed its power failure")
	}
	list, err := p.List(t.Context())
	if err != nil || len(list) != 1 || list[0].Running {
		t.Errorf("after a power failure the machine is listed as %+v, %v; want one that does not run", list, err)
	}
	if err := p.Delete(t.Context(), "n1"); err != nil {
		t.Fatal(err)
	}
}

func TestCommandIsFilledIn(t *testing.T) {
	dir := t.TempDir()
	p := open(t, dir, []string{"sh", "-c", `echo "$@" > ${dir}/args.new; mv ${dir}/args.new ${dir}/args; exec sleep 1000`, "sh",
		"${name}", "${pool}", "${site}", "${server}", "${vcpus}", "${memory}", "${cpu}"})
	_, err := p.Create(t.Context(), provider.Spec{Name: "n1", Pool: "p", Site: "s", Server: "https://x", Token: "secret", VCPUs: 1.5, Memory: 64})
	if err != nil {
		t.Fatal(err)
	}
	var got []byte
	waitFor(t, func() bool {
		got, err = os.ReadFile(filepath.Join(dir, "n1", "args"))
		return err == nil
	})
	if want := "n1 p s https://x 1.5 64 0\n"; string(got) != want {
		t.Errorf("the command was given %q, want %q", got, want)
	}
	info, err := os.Stat(filepath.Join(dir, "n1", "join.token"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the join token's file: %v, %v; want mode 0600", info, err)
	}
	if err := p.Delete(t.Context(), "n1"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "n1.log")); err != nil {
		t.Errorf("the log did not outlive the machine: %v", err)
	}
}

func TestMissingProgramIsAnError(t *testing.T) {
	p := open(t, t.TempDir(), []string{"/no/such/program"})
	if _, err := p.Create(t.Context(), provider.Spec{Name: "n1"}); err == nil || !strings.Contains(err.Error(), "/no/such/program") {
		t.Errorf("create: %v, want an error that names the program", err)
	}
}

// waitFor waits for what another process does.
func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("it did not happen within a minute")
		}
	}
}
