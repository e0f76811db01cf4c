package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const checkedTemplate = `specificationVersion: jobtemplate-2023-09
name: shot {{Param.Shot}}
parameterDefinitions:
- {name: Shot, type: STRING, default: s010}
- {name: Frames, type: STRING, default: 1-1000000000000}
steps:
- name: Render
  parameterSpace:
    taskParameterDefinitions:
    - {name: Frame, type: INT, range: "{{Param.Frames}}"}
  script: {actions: {onRun: {command: blender, args: ["-f", "{{Task.Param.Frame}}"]}}}
- name: Encode
  script: {actions: {onRun: {command: ffmpeg}}}
`

// runCheck runs `spillway openjd check` on a file with the given text.
func runCheck(t *testing.T, text string, flags ...string) (out, errOut, file string, exit int) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "shot.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var o, e bytes.Buffer
	exit = run(t.Context(), append([]string{"openjd", "check", file}, flags...), &o, &e)
	return o.String(), e.String(), file, exit
}

func TestOpenjdCheckValid(t *testing.T) {
	out, errOut, file, exit := runCheck(t, checkedTemplate)
	want := file + ": valid job template shot {{Param.Shot}}: 2 steps, 1000000000001 tasks\n"
	if out != want || errOut != "" || exit != 0 {
		t.Errorf("exit %d, out %q, err %q, want %q", exit, out, errOut, want)
	}
}

func TestOpenjdCheckInvalidShowsEveryErrorWithItsLine(t *testing.T) {
	broken := strings.NewReplacer("ffmpeg", "''", "Param.Frames", "Param.Frame").Replace(checkedTemplate)
	out, errOut, file, exit := runCheck(t, broken)
	if exit != 2 || out != "" {
		t.Errorf("exit %d, out %q", exit, out)
	}
	for _, want := range []string{
		file + ":10:39: steps[0].parameterSpace.taskParameterDefinitions[0].range: Param.Frame has no value here (did you mean \"Param.Frames\"?)",
		"  10 |     - {name: Frame, type: INT, range: \"{{Param.Frame}}\"}\n     |                                       ^",
		":13:39: steps[1].script.actions.onRun.command: must not be empty",
		"is not a valid job template: 2 errors",
	} {
		if !strings.Contains(errOut, want) {
			t.Errorf("%q is missing in\n%s", want, errOut)
		}
	}
}

func TestOpenjdCheckJSON(t *testing.T) {
	out, _, _, exit := runCheck(t, "specificationVersion: environment-2023-09\nenvironment: {name: Blender, varables: {A: b}}\n", "--json")
	var got checkResult
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if exit != 2 || got.Valid || got.Kind != "environment template" || len(got.Errors) != 2 || got.Errors[1].Hint != `did you mean "variables"?` {
		t.Errorf("exit %d, %+v", exit, got)
	}
}

func TestOpenjdCheckBundle(t *testing.T) {
	dir := t.TempDir()
	var out, errOut bytes.Buffer
	if exit := run(t.Context(), []string{"openjd", "check", dir}, &out, &errOut); exit != 1 || !strings.Contains(errOut.String(), "holds no template") {
		t.Errorf("an empty folder: exit %d: %s", exit, errOut.String())
	}
	if err := os.WriteFile(filepath.Join(dir, "template.yaml"), []byte(checkedTemplate), 0o600); err != nil {
		t.Fatal(err)
	}
	if exit := run(t.Context(), []string{"openjd", "check", dir}, &out, &errOut); exit != 0 || !strings.Contains(out.String(), "template.yaml: valid job template") {
		t.Errorf("exit %d: %s%s", exit, out.String(), errOut.String())
	}
}

func TestOpenjdCheckMissingFile(t *testing.T) {
	var out, errOut bytes.Buffer
	if exit := run(t.Context(), []string{"openjd", "check", filepath.Join(t.TempDir(), "none.yaml")}, &out, &errOut); exit != 2 {
		t.Errorf("exit %d: %s", exit, errOut.String())
	}
}
