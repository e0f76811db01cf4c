package kernel

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spillway/spillway/test/kernel/rig"
)

// daemon is a part of Spillway that runs beside the guests.
type daemon struct {
	t    *testing.T
	args []string
	log  rig.Log

	cmd   *exec.Cmd
	done  chan struct{} // closed when it has ended
	ready string        // what it said when it was ready, JSON
}

// startFiler starts a filer that listens at a port on every address, and stops it when the test ends.
func startFiler(t *testing.T, port, cache, origin string, more ...string) *daemon {
	t.Helper()
	return startDaemon(t, append([]string{"filer", "--listen", "0.0.0.0:" + port, "--cache-dir", cache, "--export", "/nas=" + origin}, more...)...)
}

// startDaemon runs `spillway args…` until the test ends.
func startDaemon(t *testing.T, args ...string) *daemon {
	t.Helper()
	d := &daemon{t: t, args: args}
	t.Cleanup(func() {
		d.stop()
		if t.Failed() {
			t.Logf("log of spillway %s:\n%s", strings.Join(d.args, " "), tail(d.log.String(), 40))
		}
	})
	d.start()
	return d
}

// start starts it, and waits until it is ready.
func (d *daemon) start() {
	d.t.Helper()
	p, err := built()
	if err != nil {
		d.t.Fatal(err)
	}
	cmd := exec.Command(p.spillway, d.args...)
	cmd.Stderr = &d.log
	out, err := cmd.StdoutPipe()
	if err != nil {
		d.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	ready, done := make(chan string, 1), make(chan struct{})
	go func() {
		lines := bufio.NewScanner(out)
		if lines.Scan() {
			if text, ok := strings.CutPrefix(lines.Text(), "ready "); ok {
				ready <- text
			}
		}
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
		close(done)
	}()
	d.cmd, d.done = cmd, done
	select {
	case d.ready = <-ready:
	case <-done:
		d.t.Fatalf("spillway %s ended before it was ready:\n%s", strings.Join(d.args, " "), d.log.String())
	case <-time.After(60 * time.Second):
		d.t.Fatalf("spillway %s is not ready:\n%s", strings.Join(d.args, " "), d.log.String())
	}
}

// stop ends it in order.
func (d *daemon) stop() {
	if d.cmd == nil {
		return
	}
	select {
	case <-d.done:
		d.t.Errorf("spillway %s ended by itself: %v", strings.Join(d.args, " "), d.cmd.ProcessState)
		return
	default:
	}
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-d.done:
		if !d.cmd.ProcessState.Success() {
			d.t.Errorf("spillway %s ended on SIGTERM with: %v", strings.Join(d.args, " "), d.cmd.ProcessState)
		}
	case <-time.After(30 * time.Second):
		d.kill()
		d.t.Errorf("spillway %s did not end on SIGTERM", strings.Join(d.args, " "))
	}
}

// kill ends it with SIGKILL.
func (d *daemon) kill() {
	_ = d.cmd.Process.Kill()
	<-d.done
	d.cmd = nil
}

// tail returns the last n lines of a text.
func tail(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// folder makes an empty folder of the run that everybody may enter.
func folder(t *testing.T, name string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return dir
}

func posixOrigin(dir string) string { return "posix:" + dir }

func nfsOrigin(port string) string { return fmt.Sprintf("nfs:127.0.0.1:%s/nas", port) }
