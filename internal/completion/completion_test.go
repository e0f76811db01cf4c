package completion_test

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/spillway/spillway/internal/completion"
	"github.com/spillway/spillway/internal/fault"
)

type line struct {
	JSON bool `help:"Print JSON."`
	Job  struct {
		List struct {
			State string `help:"Only these."`
		} `cmd:"" help:"List jobs."`
		Show struct{} `cmd:"" help:"Show a job, it's one."`
	} `cmd:"" help:"Jobs."`
	Secret struct{} `cmd:"" hidden:""`
	Shell  struct {
		Name string `arg:"" enum:"bash,fish"`
	} `cmd:""`
}

func model(t *testing.T) *kong.Application {
	t.Helper()
	k, err := kong.New(&line{}, kong.Name("tool"))
	if err != nil {
		t.Fatal(err)
	}
	return k.Model
}

func TestBashCompletes(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("needs bash")
	}
	var script bytes.Buffer
	if err := completion.Write(&script, "bash", model(t)); err != nil {
		t.Fatal(err)
	}
	for typed, want := range map[string]string{
		"":                    "job shell --help --json",
		"j":                   "job",
		"job ":                "list show --help --json",
		"--json job l":        "list",
		"job list --s":        "--state",
		"job list --json --s": "--state",
		"job show --":         "--help --json",
		"shell b":             "bash",
		"secret":              "",
	} {
		words := strings.Split("tool "+typed, " ")
		run := script.String() + "\nCOMP_WORDS=('" + strings.Join(words, "' '") + "'); COMP_CWORD=$((${#COMP_WORDS[@]}-1)); _tool; echo ${COMPREPLY[*]}"
		out, err := exec.CommandContext(t.Context(), bash, "--norc", "-c", run).CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != want {
			t.Errorf("%q completes to %q (%v), want %q", typed, got, err, want)
		}
	}
}

func TestOtherShells(t *testing.T) {
	var fish, zsh bytes.Buffer
	if err := completion.Write(&fish, "fish", model(t)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(fish.String(), `-f -a 'show' -d 'Show a job, it'\''s one.'`) || strings.Contains(fish.String(), "secret") {
		t.Errorf("fish: %s", &fish)
	}
	if err := completion.Write(&zsh, "zsh", model(t)); err != nil || !strings.HasPrefix(zsh.String(), "#compdef tool\n") {
		t.Errorf("zsh: %v %s", err, &zsh)
	}
	if err := completion.Write(&zsh, "tcsh", model(t)); fault.KindOf(err) != fault.Invalid {
		t.Errorf("tcsh: %v", err)
	}
}
