package demo

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spillway/spillway/internal/fault"
)

var (
	//go:embed project/make_project.py
	projectScript []byte
	//go:embed project/template.yaml
	template string
	//go:embed project/spillway.yaml
	policy string
)

// makeProject generates the shot into the NAS folder and returns how many files and bytes of it the frames read.
func makeProject(ctx context.Context, c Config) (files int, size int64, err error) {
	script := filepath.Join(c.Dir, "make_project.py")
	if err := os.WriteFile(script, projectScript, 0o644); err != nil {
		return 0, 0, err
	}
	_, err = runBlender(ctx, filepath.Join(c.logs(), "project.log"), -1,
		"-b", "--factory-startup", "--python-exit-code", "1", "-P", script, "--",
		"--out", c.project(), "--seed", strconv.Itoa(c.Seed), "--frames", strconv.Itoa(c.Frames),
		"--width", strconv.Itoa(c.Width), "--height", strconv.Itoa(c.Height),
		"--samples", strconv.Itoa(c.Samples), "--megabytes", strconv.Itoa(c.Megabytes))
	if err != nil {
		return 0, 0, fmt.Errorf("make the project: %w", err)
	}
	return projectSize(c)
}

// projectSize counts the project's own files, without what was rendered.
func projectSize(c Config) (files int, size int64, err error) {
	err = filepath.WalkDir(c.project(), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path == c.outDir() {
			return fs.SkipDir
		}
		if d.IsDir() {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		files, size = files+1, size+info.Size()
		return nil
	})
	return files, size, err
}

// renderReference renders frame 1 plainly, without any part of Spillway, on one CPU like a node would. It returns the
// picture's path and the time the whole run took: the first estimate of a frame.
func renderReference(ctx context.Context, c Config) (string, time.Duration, error) {
	took, err := runBlender(ctx, filepath.Join(c.logs(), "reference.log"), 0,
		"-b", c.scene(), "-noaudio", "-t", "1", "--python-exit-code", "3", "-F", "PNG", "-x", "1",
		"-o", filepath.Join(c.reference(), "frame_####"), "-f", "1")
	if err != nil {
		return "", 0, fmt.Errorf("render the reference: %w", err)
	}
	return filepath.Join(c.reference(), "frame_0001.png"), took, nil
}

// runBlender runs Blender with its output in a log file, bound to one CPU unless cpu is negative, and returns how long
// it took. Blender exits 0 on much; the callers look at what it left.
func runBlender(ctx context.Context, logPath string, cpu int, args ...string) (time.Duration, error) {
	name := "blender"
	if _, err := exec.LookPath("taskset"); err == nil && cpu >= 0 {
		name, args = "taskset", append([]string{"-c", strconv.Itoa(cpu), "blender"}, args...)
	}
	cmd := exec.CommandContext(ctx, name, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	start := time.Now()
	err := cmd.Run()
	took := time.Since(start)
	if werr := os.WriteFile(logPath, out.Bytes(), 0o644); werr != nil {
		return took, werr
	}
	if err != nil {
		return took, fault.WithHint(fault.New(fault.Internal, "blender failed: %w: %s", err, lastLine(out.String())), "see %s", logPath)
	}
	return took, nil
}

// shotPolicy is the committed spillway.yaml with what only this run knows: the picture's size, the measured estimate of a
// frame and the deadline.
func shotPolicy(c Config, estimate, deadline time.Duration) string {
	head := fmt.Sprintf("estimate: %.2f\ndeadlineIn: %s\n", estimate.Seconds(), deadline.Round(100*time.Millisecond))
	return head + strings.Replace(policy, "check: {kind: image}",
		fmt.Sprintf("check: {kind: image, width: %d, height: %d}", c.Width, c.Height), 1)
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
