package filer

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTeeth shows that the crash harness bites: testdata/teeth has rules of the filer, each with the fault that it is for
// and a change of the code that breaks it. Some seed of the harness must fail over each broken filer. That takes a build and
// up to a few hundred lives for each, so it is done with SPILLWAY_TEST_TEETH=1 (make test-teeth); else it is checked that
// the changes still fit the code.
func TestTeeth(t *testing.T) {
	files, err := filepath.Glob("testdata/teeth/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("there are no broken rules", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			b, err := parseBroken(string(text))
			if err != nil {
				t.Fatal(err)
			}
			code, err := os.ReadFile(b.file)
			if err != nil {
				t.Fatal(err)
			}
			changed, err := b.apply(string(code))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := parser.ParseFile(token.NewFileSet(), b.file, changed, parser.SkipObjectResolution); err != nil {
				t.Fatal(err)
			}
			if os.Getenv("SPILLWAY_TEST_TEETH") != "" {
				b.mustBeCaught(t, changed)
			}
		})
	}
}

// broken is a rule, and how to break it. Its file has the fields below, one a line, and then the lines to take out, each
// behind a minus, followed by those to put in, behind a plus.
type broken struct {
	rule, fault, test, seeds, file string
	hunks                          []hunk
}

type hunk struct{ old, new string }

func parseBroken(text string) (b broken, err error) {
	fields := map[string]*string{"rule": &b.rule, "fault": &b.fault, "test": &b.test, "seeds": &b.seeds, "file": &b.file}
	added := false
	for line := range strings.Lines(text) {
		switch {
		case line[0] == '-':
			if added || len(b.hunks) == 0 {
				b.hunks = append(b.hunks, hunk{})
			}
			added = false
			b.hunks[len(b.hunks)-1].old += line[1:]
		case line[0] == '+' && len(b.hunks) > 0:
			added = true
			b.hunks[len(b.hunks)-1].new += line[1:]
		case line != "\n":
			name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
			if fields[name] == nil {
				return b, fmt.Errorf("there is no field %q", name)
			}
			*fields[name] = value
		}
	}
	for name, value := range fields {
		if *value == "" {
			return b, fmt.Errorf("the field %q is missing", name)
		}
	}
	return b, nil
}

// apply breaks the rule.
func (b *broken) apply(code string) (string, error) {
	for _, h := range b.hunks {
		if n := strings.Count(code, h.old); n != 1 {
			return "", fmt.Errorf("these lines are %d times in %s, and must be once:\n%s", n, b.file, h.old)
		}
		code = strings.Replace(code, h.old, h.new, 1)
	}
	return code, nil
}

var firstFailure = regexp.MustCompile(`(?m)^ +crash\w*_test\.go:\d+: .*`)

// mustBeCaught runs the harness over the broken filer.
func (b *broken) mustBeCaught(t *testing.T, changed string) {
	dir := t.TempDir()
	at, err := filepath.Abs(b.file)
	if err != nil {
		t.Fatal(err)
	}
	with := filepath.Join(dir, "broken.go")
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{at: with}})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(with, []byte(changed), 0o600), os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600)); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "broken.test")
	if out, err := exec.CommandContext(t.Context(), "go", "test", "-c", "-vet=off", "-overlay", filepath.Join(dir, "overlay.json"), "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("the broken filer does not compile: %v\n%s", err, out)
	}
	run := exec.CommandContext(t.Context(), binary, "-test.run", "^"+b.test+"$", "-test.failfast", "-test.v", "-test.timeout", "10m")
	run.Env = append(os.Environ(), "SPILLWAY_CRASH_SEED=1-"+b.seeds, "SPILLWAY_TEST_TEETH=")
	out, err := run.CombinedOutput()
	caught := regexp.MustCompile(`--- FAIL: ` + b.test + `/(\d+)`).FindSubmatch(out)
	if err == nil || caught == nil {
		t.Fatalf("%s seeds do not notice that this is broken: %s (%v)\n%s", b.seeds, b.rule, err, tailOf(string(out), 30))
	}
	t.Logf("seed %s: %s", caught[1], strings.TrimSpace(firstFailure.FindString(string(out))))
}

func tailOf(text string, lines int) string {
	all := strings.Split(text, "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
