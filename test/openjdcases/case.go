package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spillway/spillway/openjd"
)

// patience bounds one case.
const patience = 2 * time.Minute

// job is a case that runs.
type job struct {
	Template     json.RawMessage   `json:"template"`
	Parameters   json.RawMessage   `json:"parameters"`
	Environments []json.RawMessage `json:"environments"`
	PathMapping  json.RawMessage   `json:"pathMapping"`
	RunOn        []string          `json:"runOn"`
	Expected     struct {
		Output         []text   `json:"output"`
		OutputPosix    []text   `json:"output_posix"`
		Forbidden      []string `json:"forbidden"`
		ForbiddenPosix []string `json:"forbidden_posix"`
		TaskFailure    *failure `json:"taskFailure"`
	} `json:"expected"`
}

type failure struct {
	ExitCode *int `json:"exitCode"`
}

// text is one text, or any of several.
type text []string

// UnmarshalJSON reads a string, or an object with anyOf.
func (t *text) UnmarshalJSON(src []byte) error {
	var one string
	if json.Unmarshal(src, &one) == nil {
		*t = text{one}
		return nil
	}
	var several struct {
		AnyOf []string `json:"anyOf"`
	}
	if err := json.Unmarshal(src, &several); err != nil || several.AnyOf == nil {
		return fmt.Errorf("expected output %s", src)
	}
	*t = several.AnyOf
	return nil
}

func (b *bench) run(ctx context.Context, root, path string) outcome {
	o := outcome{path: path}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	file, err := filepath.Abs(filepath.Join(root, path))
	if err != nil {
		o.problem = err.Error()
		return o
	}
	if kindOf(path) == "jobs" {
		o.problem, o.skipped, err = b.runJob(ctx, file)
	} else {
		o.problem, err = b.check(ctx, file)
	}
	if err != nil {
		o.problem = err.Error()
	}
	return o
}

func invalid(file string) bool { return strings.Contains(filepath.Base(file), ".invalid.") }

// check must accept the file, or refuse it.
func (b *bench) check(ctx context.Context, file string) (string, error) {
	output, exit, err := b.spillway(ctx, b.dir, "openjd", "check", file)
	switch {
	case err != nil:
		return "", err
	case invalid(file) && exit == 0:
		return "accepted, must be refused", nil
	case !invalid(file) && exit != 0:
		return "refused, must be accepted:\n" + output, nil
	}
	return "", nil
}

// runJob runs the job in an empty folder of its own and compares what it printed.
func (b *bench) runJob(ctx context.Context, file string) (problem string, skipped bool, err error) {
	src, err := os.ReadFile(file)
	if err != nil {
		return "", false, err
	}
	data, err := openjd.JSON(src, file)
	if err != nil {
		return "", false, err
	}
	var j job
	if err := json.Unmarshal(data, &j); err != nil {
		return "", false, err
	}
	if len(j.RunOn) > 0 && !slices.Contains(j.RunOn, "posix") {
		return "", true, nil
	}
	dir, err := os.MkdirTemp(b.dir, "case-")
	if err != nil {
		return "", false, err
	}
	args, err := j.write(dir)
	if err != nil {
		return "", false, err
	}
	output, exit, err := b.spillway(ctx, dir, args...)
	if err != nil {
		return "", false, err
	}
	if problem = j.judge(output, exit, invalid(file)); problem != "" {
		problem += "\n" + output
	}
	return problem, false, nil
}

// write puts the case's files into a folder and returns the command line.
func (j *job) write(dir string) ([]string, error) {
	args := []string{"openjd", "run", "template.json"}
	put := func(name string, data []byte) error { return os.WriteFile(filepath.Join(dir, name), data, 0o600) }
	if err := put("template.json", j.Template); err != nil {
		return nil, err
	}
	if len(j.Parameters) > 0 {
		if err := put("parameters.json", j.Parameters); err != nil {
			return nil, err
		}
		args = append(args, "-p", "file://parameters.json")
	}
	for i, e := range j.Environments {
		name := fmt.Sprintf("environment-%d.json", i)
		if err := put(name, e); err != nil {
			return nil, err
		}
		args = append(args, "--environment", name)
	}
	if len(j.PathMapping) > 0 {
		rules := fmt.Sprintf(`{"version": "pathmapping-1.0", "path_mapping_rules": %s}`, j.PathMapping)
		if err := put("rules.json", []byte(rules)); err != nil {
			return nil, err
		}
		args = append(args, "--path-mapping-rules", "file://rules.json")
	}
	return args, nil
}

var exitedWith = regexp.MustCompile(`exited with code: (-?\d+)`)

// judge returns what differs from what is expected, or "".
func (j *job) judge(output string, exit int, mustFail bool) string {
	if mustFail {
		if exit == 0 {
			return "succeeded, must fail"
		}
		return ""
	}
	want := j.Expected.TaskFailure
	switch {
	case want == nil && exit != 0:
		return fmt.Sprintf("exit status %d", exit)
	case want != nil && exit == 0:
		return "succeeded, the task must fail"
	case want != nil && want.ExitCode != nil:
		if got := firstFailure(output); got != *want.ExitCode {
			return fmt.Sprintf("a command exited with %d, want %d", got, *want.ExitCode)
		}
	}
	for _, t := range slices.Concat(j.Expected.Output, j.Expected.OutputPosix) {
		if !slices.ContainsFunc(t, func(s string) bool { return strings.Contains(output, s) }) {
			return fmt.Sprintf("the output lacks %q", []string(t))
		}
	}
	for _, t := range slices.Concat(j.Expected.Forbidden, j.Expected.ForbiddenPosix) {
		if strings.Contains(output, t) {
			return fmt.Sprintf("the output holds %q", t)
		}
	}
	return ""
}

// firstFailure is the first exit status in the output that is not 0.
func firstFailure(output string) int {
	for _, m := range exitedWith.FindAllStringSubmatch(output, -1) {
		if n, err := strconv.Atoi(m[1]); err == nil && n != 0 {
			return n
		}
	}
	return 0
}

// spillway runs the binary and returns what it printed on both streams.
func (b *bench) spillway(ctx context.Context, dir string, args ...string) (output string, exit int, err error) {
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, b.binary, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, b.env, &out, &out
	err = cmd.Run()
	if status, ok := errors.AsType[*exec.ExitError](err); ok && ctx.Err() == nil {
		return out.String(), status.ExitCode(), nil
	}
	return out.String(), 0, err
}
