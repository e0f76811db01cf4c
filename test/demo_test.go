package test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spillway/spillway/internal/demo"
	"github.com/spillway/spillway/internal/provider/process"
)

// demoSize is the reduced demo that runs with every `make test`; SPILLWAY_TEST_ALL runs it as `make demo` does.
func demoSize() (args []string, frames int, within time.Duration) {
	if os.Getenv("SPILLWAY_TEST_ALL") != "" {
		return nil, 24, 15 * time.Minute
	}
	return []string{"--frames", "5", "--size", "160x90", "--samples", "4", "--assets", "6"}, 5, 6 * time.Minute
}

func needsDemo(t *testing.T) {
	t.Helper()
	needs(t, "blender", "ffmpeg", "bash")
	needsFUSE(t)
}

// runDemo runs the demo to its end and returns what it measured and what it said.
func runDemo(t *testing.T, dir string, extra ...string) (result demo.Result, said string) {
	t.Helper()
	size, _, within := demoSize()
	out, said, exit := spillwayOutput(t, within, nil, append(append([]string{"demo", "--json", "--dir", dir}, size...), extra...)...)
	if exit != 0 {
		t.Fatalf("the demo exited %d:\n%s", exit, tail(said, 80))
	}
	if err := json.Unmarshal([]byte(out), &result); err != nil {
		t.Fatalf("the demo's result %q: %v", out, err)
	}
	return result, said
}

// wantNothingLeft fails if a demo in dir left a process or a mount behind.
func wantNothingLeft(t *testing.T, dir string) {
	t.Helper()
	if pids := process.FindByEnv("SPILLWAY_DEMO", dir); len(pids) > 0 {
		t.Errorf("processes of the demo still run: %v", pids)
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(mounts), dir+"/") {
		t.Errorf("the demo left a mount behind:\n%s", mounts)
	}
}

func TestDemo(t *testing.T) {
	needsDemo(t)
	needs(t, "idiff")
	dir := filepath.Join(t.TempDir(), "demo")
	_, frames, _ := demoSize()
	result, said := runDemo(t, dir)
	wantNothingLeft(t, dir)

	if result.Frames != frames || result.FramesRight != frames {
		t.Errorf("%d of %d frames are right, want %d", result.FramesRight, result.Frames, frames)
	}
	if result.Proved != frames+2 { // and the movie and the contact sheet
		t.Errorf("%d files equal their receipts on the NAS, want %d", result.Proved, frames+2)
	}
	if result.BurstNodes < 1 || result.FramesBySite["cloud"] < 1 || result.FramesBySite["studio"] < 1 {
		t.Errorf("the shot was not rendered at both sites: %v, %d rented nodes\n%s", result.FramesBySite, result.BurstNodes, tail(said, 60))
	}
	if w := result.WAN; w.Overhead > 1.10 || w.Read == 0 {
		t.Errorf("the WAN carried %d bytes, %.3f times what was needed (%d), want at most 1.10", w.Read, w.Overhead, w.Needed)
	} else if float64(w.PrimedUnread) > 0.10*float64(w.Read) {
		t.Errorf("%d of %d bytes were primed and never read, want at most a tenth", w.PrimedUnread, w.Read)
	}
	for _, want := range []string{"the deadline is 65 %", "deadline in", " MB loaded", "killed both filers and deleted both caches"} {
		if !strings.Contains(said, want) {
			t.Errorf("the demo did not say %q", want)
		}
	}
	if !strings.HasPrefix(result.Page, "https://127.") {
		t.Errorf("the web page is said to be at %q", result.Page)
	}
	comparePixels(t, dir, frames)
}

// comparePixels renders the same scene plainly and compares every frame with what the farm left on the NAS.
func comparePixels(t *testing.T, dir string, frames int) {
	t.Helper()
	project := filepath.Join(dir, "nas", "projects", "weir")
	plain := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "blender", "-b", filepath.Join(project, "shots", "weir", "weir.blend"), "-noaudio", "-F", "PNG", "-x", "1",
		"-o", filepath.Join(plain, "frame_####"), "-a")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("plain render: %v\n%s", err, tail(string(out), 20))
	}
	for frame := 1; frame <= frames; frame++ {
		name := fmt.Sprintf("frame_%04d.png", frame)
		if out, err := exec.Command("idiff", filepath.Join(plain, name), filepath.Join(project, "render", "weir", name)).CombinedOutput(); err != nil {
			t.Errorf("%s differs from the plain render: %v\n%s", name, err, out)
		}
	}
}

func TestDemoChaos(t *testing.T) {
	needsDemo(t)
	dir := filepath.Join(t.TempDir(), "demo")
	_, frames, _ := demoSize()
	result, said := runDemo(t, dir, "--chaos")
	wantNothingLeft(t, dir)
	if result.FramesRight != frames {
		t.Errorf("%d of %d frames are right", result.FramesRight, frames)
	}
	for _, want := range []string{"cut the power of", "killed the cloud filer", "truncated; removed after the fence", "fenced: the mount session", "attempt 2 at frame"} {
		if !strings.Contains(said, want) {
			t.Errorf("the demo did not say %q:\n%s", want, tail(said, 80))
		}
	}
}

func TestDemoInterrupted(t *testing.T) {
	needsDemo(t)
	dir := filepath.Join(t.TempDir(), "demo")
	size, _, within := demoSize()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	cmd := exec.CommandContext(ctx, spillway(t), append([]string{"demo", "--dir", dir}, size...)...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		fmt.Fprintln(&said, lines.Text())
		if strings.Contains(lines.Text(), "renders on") { // both sites work: Ctrl-C
			if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil {
		t.Error("an interrupted demo exited 0")
	}
	if !strings.Contains(said.String(), "nothing of the farm is left running or mounted") {
		t.Errorf("the demo did not say that it stopped:\n%s", tail(said.String(), 40))
	}
	wantNothingLeft(t, dir)
}

func TestDemoRefusesForeignDirectory(t *testing.T) {
	needsDemo(t)
	dir := t.TempDir()
	precious := filepath.Join(dir, "precious.txt")
	if err := os.WriteFile(precious, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, said, exit := spillwayOutput(t, time.Minute, nil, "demo", "--dir", dir)
	if exit == 0 || !strings.Contains(said, "was not made by the demo") {
		t.Errorf("exit %d: %s", exit, said)
	}
	if _, err := os.Stat(precious); err != nil {
		t.Errorf("the demo removed a file that is not its own: %v", err)
	}
}
