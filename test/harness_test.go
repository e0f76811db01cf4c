package test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binDir is where TestMain lets the binary be built.
var binDir string

// binary builds the spillway binary once for all tests of this package.
var binary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(binDir, "spillway")
	cmd := exec.Command("go", "build", "-o", path, "../cmd/spillway")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "spillway-test-bin-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binDir = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// spillway returns the path of the built binary.
func spillway(t *testing.T) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// needs skips the test where a program is missing.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("needs %s", p)
		}
	}
}

// needsFUSE skips the test where FUSE file systems cannot be mounted.
func needsFUSE(t *testing.T) {
	t.Helper()
	f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("needs /dev/fuse: %v", err)
	}
	f.Close()
	if os.Getuid() != 0 {
		needs(t, "fusermount3")
	}
}

// daemon is a running part of the farm.
type daemon struct {
	t     *testing.T
	cmd   *exec.Cmd
	ready map[string]any
	done  chan struct{} // closed when it has ended
	mu    sync.Mutex    // guards log
	log   bytes.Buffer
}

// Write collects the daemon's log.
func (d *daemon) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.log.Write(p)
}

// logged returns what the daemon has logged so far.
func (d *daemon) logged() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.log.String()
}

// start runs `spillway args…` as a daemon, waits for its ready line, and stops it when the test ends.
func start(t *testing.T, env []string, args ...string) *daemon {
	t.Helper()
	d := &daemon{t: t, done: make(chan struct{}), cmd: exec.Command(spillway(t), args...)}
	d.cmd.Env = append(os.Environ(), env...)
	d.cmd.Stderr = d
	stdout, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			if text, ok := strings.CutPrefix(lines.Text(), "ready "); ok {
				select {
				case ready <- text:
				default:
				}
			}
		}
		_, _ = io.Copy(io.Discard, stdout)
		_ = d.cmd.Wait()
		close(d.done)
	}()
	t.Cleanup(func() {
		d.stop()
		if t.Failed() {
			t.Logf("log of spillway %s:\n%s", strings.Join(args, " "), tail(d.logged(), 60))
		}
	})
	select {
	case text := <-ready:
		if err := json.Unmarshal([]byte(text), &d.ready); err != nil {
			t.Fatalf("ready line %q: %v", text, err)
		}
	case <-d.done:
		t.Fatalf("spillway %s ended before it was ready:\n%s", strings.Join(args, " "), d.logged())
	case <-time.After(patience):
		t.Fatalf("spillway %s is not ready:\n%s", strings.Join(args, " "), d.logged())
	}
	return d
}

// said returns a string of the ready line.
func (d *daemon) said(key string) string {
	d.t.Helper()
	s, ok := d.ready[key].(string)
	if !ok {
		d.t.Fatalf("the ready line %v has no %q", d.ready, key)
	}
	return s
}

// stop ends the daemon in order: SIGTERM. If that takes longer than patience the test fails, with the daemon's goroutines.
func (d *daemon) stop() {
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-d.done:
	case <-time.After(patience):
		before := len(d.logged())
		_ = d.cmd.Process.Signal(syscall.SIGQUIT)
		select {
		case <-d.done:
		case <-time.After(5 * time.Second):
			d.kill()
		}
		d.t.Errorf("spillway %s did not end on SIGTERM:\n%s", strings.Join(d.cmd.Args[1:], " "), d.logged()[before:])
	}
}

// kill ends the daemon like a power failure would.
func (d *daemon) kill() {
	_ = d.cmd.Process.Kill()
	<-d.done
}

// spillwayOutput runs one command to its end and returns its standard output, standard error and exit status.
func spillwayOutput(t *testing.T, within time.Duration, env []string, args ...string) (stdout, stderr string, exit int) {
	t.Helper()
	path := spillway(t) // which may have to be built first
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), env...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	if ctx.Err() != nil {
		t.Fatalf("spillway %s took longer than %v:\n%s\n%s", strings.Join(args, " "), within, tail(out.String(), 40), tail(errOut.String(), 40))
	}
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
}

// eventually waits until check returns nil, and fails with its last error when the time is up. It is for processes and
// disks outside the test, of which no event can be had.
func eventually(t *testing.T, within time.Duration, check func() error) {
	t.Helper()
	deadline := time.Now().Add(within)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %v", within, err)
		}
		<-tick.C
	}
}

// tail returns the last n lines of a text.
func tail(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
