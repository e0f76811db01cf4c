package main

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
	"time"

	"github.com/spillway/spillway/nfs"
)

// filer is the process that is measured.
type filer struct {
	*setting
	cmd     *exec.Cmd
	addr    string
	metrics string
}

// start starts it over what it knows already.
func (f *filer) start(ctx context.Context) error {
	state := filepath.Join(f.dir, fmt.Sprintf("state-%d", f.files))
	conf := filepath.Join(f.dir, "conf.yaml")
	text := fmt.Sprintf("listen: 127.0.0.1:0\nmetrics: 127.0.0.1:0\ncacheDir: %s\nexports:\n  - {path: /nas, origin: \"nfs:%s/nas\", verify: 1h}\n", state, f.storage)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return err
	}
	f.cmd = exec.CommandContext(ctx, f.binary, "filer", "--config", conf)
	f.cmd.Cancel = func() error { return f.cmd.Process.Signal(syscall.SIGTERM) }
	f.cmd.Stderr = os.Stderr
	out, err := f.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := f.cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		text, ok := strings.CutPrefix(lines.Text(), "ready ")
		if !ok {
			continue
		}
		var at struct{ Listen, Metrics string }
		if err := json.Unmarshal([]byte(text), &at); err != nil {
			return err
		}
		f.addr, f.metrics = at.Listen, at.Metrics
		return nil
	}
	return fmt.Errorf("the filer ended before it was ready: %w", f.cmd.Wait())
}

// end ends it.
func (f *filer) end(how syscall.Signal) error {
	if f.cmd == nil {
		return nil
	}
	err := f.cmd.Process.Signal(how)
	_ = f.cmd.Wait() // it was told to
	f.cmd = nil
	return err
}

// client connects and mounts.
func (f *filer) client(ctx context.Context) (*nfs.Client, nfs.Handle, error) {
	c, err := nfs.Dial(ctx, f.addr, nfs.Options{Auth: nfs.Sys("scale", 0, 0)})
	if err != nil {
		return nil, nfs.Handle{}, err
	}
	m, err := c.Mnt(ctx, nil, "/nas")
	if err != nil {
		c.Close()
	}
	return c, m.Root, err
}

// anonymous returns its anonymous memory in bytes: what the page cache does not hold.
func (f *filer) anonymous() (uint64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", f.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	var kib uint64
	for line := range strings.Lines(string(b)) {
		if _, err := fmt.Sscanf(line, "Anonymous: %d kB", &kib); err == nil {
			return kib << 10, nil
		}
	}
	return 0, fmt.Errorf("smaps_rollup says nothing of anonymous memory")
}

// inodes returns how many inodes it has in memory, and how many calls it has made to the storage.
func (f *filer) inodes(ctx context.Context) (inodes int, calls uint64, err error) {
	out, err := exec.CommandContext(ctx, "curl", "-sf", "http://"+f.metrics+"/status").Output()
	if err != nil {
		return 0, 0, fmt.Errorf("status: %w", err)
	}
	var s struct {
		Cache   struct{ Inodes int }
		Exports []struct {
			OriginCalls []struct{ Latency struct{ Calls uint64 } }
		}
	}
	err = json.Unmarshal(out, &s)
	for _, e := range s.Exports {
		for _, c := range e.OriginCalls {
			calls += c.Latency.Calls
		}
	}
	return s.Cache.Inodes, calls, err
}

func since(begin time.Time) float64 { return time.Since(begin).Seconds() }
