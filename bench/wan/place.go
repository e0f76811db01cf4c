package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// The two ends of the link.
const (
	near, far = "spillway-bench-studio", "spillway-bench-cloud"
	nearAddr  = "10.77.0.1"
	farAddr   = "10.77.0.2"
	// cacheAddr is where the far filer answers, inside its namespace.
	cacheAddr, cacheStatus = "127.0.0.1:2049", "127.0.0.1:9090"
)

// place is the two sites and what runs in them.
type place struct {
	setting
	data  string // the NAS
	procs []*exec.Cmd
	made  []string // namespaces
}

// start makes the namespaces, the link and the filers.
func (p *place) start(ctx context.Context) error {
	cache, err := os.MkdirTemp(p.dir, "cache-")
	if err != nil {
		return err
	}
	for _, ns := range []string{near, far} {
		if out, err := exec.CommandContext(ctx, "ip", "netns", "add", ns).CombinedOutput(); err != nil {
			return fmt.Errorf("namespace %s (package iproute2): %w: %s", ns, err, out)
		}
		p.made = append(p.made, ns)
		if out, err := exec.CommandContext(ctx, "ip", "-n", ns, "link", "set", "lo", "up").CombinedOutput(); err != nil {
			return fmt.Errorf("loopback of %s: %w: %s", ns, err, out)
		}
	}
	for _, d := range []struct {
		ns   string
		args []string
	}{
		{"", []string{"wan", "--rtt", p.rtt, "--bandwidth", p.bandwidth, "--queue", p.queue, "--tun", near + "=" + nearAddr + "/24", "--tun", far + "=" + farAddr + "/24"}},
		{near, []string{"filer", "--listen", nearAddr + ":2049", "--cache-dir", filepath.Join(cache, "studio"), "--export", "/nas=posix:" + p.data}},
		{far, []string{"filer", "--listen", cacheAddr, "--metrics", cacheStatus, "--cache-dir", filepath.Join(cache, "cloud"), "--export", "/nas=nfs:" + nearAddr + ":2049/nas"}},
	} {
		if err := p.daemon(ctx, d.ns, d.args...); err != nil {
			return err
		}
	}
	return nil
}

// daemon starts the program in a namespace and waits until it is ready.
func (p *place) daemon(ctx context.Context, ns string, args ...string) error {
	argv := append([]string{p.binary}, args...)
	if ns != "" {
		argv = append([]string{"ip", "netns", "exec", ns}, argv...) // ip replaces itself by the command
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	p.procs = append(p.procs, cmd)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "ready") {
			return nil
		}
	}
	return fmt.Errorf("spillway %s ended before it was ready", args[0])
}

// stop ends everything, the last first.
func (p *place) stop() (err error) {
	for i := len(p.procs) - 1; i >= 0; i-- {
		cmd := p.procs[i]
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		timer := time.AfterFunc(15*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait() // how it ends does not matter any more
		timer.Stop()
	}
	for _, ns := range p.made {
		if out, delErr := exec.Command("ip", "netns", "delete", ns).CombinedOutput(); delErr != nil {
			err = errors.Join(err, fmt.Errorf("namespace %s: %w: %s", ns, delErr, out))
		}
	}
	caches, _ := filepath.Glob(filepath.Join(p.dir, "cache-*"))
	for _, dir := range caches {
		err = errors.Join(err, os.RemoveAll(dir))
	}
	return err
}

// link measures the link itself, in bytes a second: what arrives from the studio, or there. The first two seconds, in
// which TCP looks for the rate, do not count.
func (p *place) link(ctx context.Context, back bool) (float64, error) {
	server := exec.CommandContext(ctx, "ip", "netns", "exec", near, "iperf3", "--server", "--one-off", "--bind", nearAddr)
	if err := server.Start(); err != nil {
		return 0, err
	}
	defer func() { _ = server.Wait() }() // one-off
	args := []string{"netns", "exec", far, "iperf3", "--client", nearAddr, "--parallel", fmt.Sprint(p.streams), "--time", "6", "--omit", "2", "--json"}
	if !back {
		args = append(args, "--reverse")
	}
	var out []byte
	var err error
	for range 20 { // until the server listens
		if out, err = exec.CommandContext(ctx, "ip", args...).Output(); err == nil {
			break
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	if err != nil {
		return 0, fmt.Errorf("iperf3: %w: %.300s", err, out)
	}
	var report struct {
		End struct {
			Received struct {
				BitsPerSecond float64 `json:"bits_per_second"`
			} `json:"sum_received"`
		} `json:"end"`
	}
	if err := json.Unmarshal(out, &report); err != nil {
		return 0, fmt.Errorf("iperf3's report: %w", err)
	}
	return report.End.Received.BitsPerSecond / 8, nil
}

// traffic returns the bytes of file data that the far filer has read from its origin so far.
func (p *place) traffic(ctx context.Context) (int64, error) {
	out, err := exec.CommandContext(ctx, "ip", "netns", "exec", far, "curl", "-sf", "http://"+cacheStatus+"/status").Output()
	if err != nil {
		return 0, fmt.Errorf("status of the far filer: %w", err)
	}
	var s struct {
		Exports []struct{ ReadDemand, ReadAhead, ReadPrimed int64 }
	}
	if err := json.Unmarshal(out, &s); err != nil {
		return 0, err
	}
	var n int64
	for _, e := range s.Exports {
		n += e.ReadDemand + e.ReadAhead + e.ReadPrimed
	}
	return n, nil
}
