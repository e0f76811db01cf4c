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
	nas   string // the folder that is the NAS
	state string // of the near filer
	procs []*exec.Cmd
	made  []string // namespaces
	cache *cache   // the far filer; nil: none runs
}

// cache is a far filer.
type cache struct {
	dir string
	cmd *exec.Cmd
}

// start makes the namespaces, the link and the near filer.
func (p *place) start(ctx context.Context) (err error) {
	p.nas = filepath.Join(p.dir, "nas")
	if err := os.MkdirAll(p.nas, 0o755); err != nil {
		return err
	}
	if p.state, err = os.MkdirTemp(p.dir, "cache-"); err != nil {
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
		{near, []string{"filer", "--listen", nearAddr + ":2049", "--cache-dir", p.state, "--export", "/nas=posix:" + p.nas}},
	} {
		cmd, err := p.daemon(ctx, d.ns, d.args...)
		if err != nil {
			return err
		}
		p.procs = append(p.procs, cmd)
	}
	return nil
}

// freshCache starts a far filer with an empty cache, in place of the one before. export is added to its configuration,
// such as ", usageModel: READ_WRITE".
func (p *place) freshCache(ctx context.Context, size int64, export string) error {
	if err := p.endCache(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(p.dir, "cache-")
	if err != nil {
		return err
	}
	conf := filepath.Join(dir, "conf.yaml")
	text := fmt.Sprintf("listen: %s\nmetrics: %s\ncacheDir: %s\ncacheSize: %d\nexports:\n  - {path: /nas, origin: \"nfs:%s:2049/nas\"%s}\n",
		cacheAddr, cacheStatus, dir, size, nearAddr, export)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return err
	}
	cmd, err := p.daemon(ctx, far, "filer", "--config", conf)
	if err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	p.cache = &cache{dir, cmd}
	return nil
}

// endCache ends the far filer and removes its cache.
func (p *place) endCache() error {
	c := p.cache
	if c == nil {
		return nil
	}
	p.cache = nil
	end(c.cmd)
	return os.RemoveAll(c.dir)
}

// daemon starts the program in a namespace and waits until it is ready.
func (p *place) daemon(ctx context.Context, ns string, args ...string) (*exec.Cmd, error) {
	argv := append([]string{p.binary}, args...)
	if ns != "" {
		argv = append([]string{"ip", "netns", "exec", ns}, argv...) // ip replaces itself by the command
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "ready") {
			return cmd, nil
		}
	}
	end(cmd)
	return nil, fmt.Errorf("spillway %s ended before it was ready", args[0])
}

// end tells a process to end, and makes it.
func end(cmd *exec.Cmd) {
	_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	timer := time.AfterFunc(15*time.Second, func() { _ = cmd.Process.Kill() })
	_ = cmd.Wait() // how it ends does not matter any more
	timer.Stop()
}

// stop ends everything, the last first.
func (p *place) stop() (err error) {
	err = p.endCache()
	for i := len(p.procs) - 1; i >= 0; i-- {
		end(p.procs[i])
	}
	for _, ns := range p.made {
		if out, delErr := exec.Command("ip", "netns", "delete", ns).CombinedOutput(); delErr != nil {
			err = errors.Join(err, fmt.Errorf("namespace %s: %w: %s", ns, delErr, out))
		}
	}
	if p.state != "" {
		err = errors.Join(err, os.RemoveAll(p.state))
	}
	return err
}

// link measures the link itself, in bytes a second: what arrives from the studio, or there. The first two seconds, in
// which TCP looks for the rate, do not count.
func (p *place) link(ctx context.Context, back bool) (float64, error) {
	args := []string{"--time", "6", "--omit", "2", "--json"}
	if !back {
		args = append(args, "--reverse")
	}
	out, err := p.iperf(ctx, args...)
	if err != nil {
		return 0, err
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

// iperf runs iperf3 in the far namespace, against one in the near namespace.
func (p *place) iperf(ctx context.Context, args ...string) (out []byte, err error) {
	server := exec.CommandContext(ctx, "ip", "netns", "exec", near, "iperf3", "--server", "--one-off", "--bind", nearAddr)
	if err := server.Start(); err != nil {
		return nil, err
	}
	defer func() { _ = server.Wait() }() // one-off
	args = append([]string{"netns", "exec", far, "iperf3", "--client", nearAddr, "--parallel", fmt.Sprint(p.streams)}, args...)
	for range 20 { // until the server listens
		if out, err = exec.CommandContext(ctx, "ip", args...).Output(); err == nil {
			return out, nil
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	_ = server.Process.Kill() // it waits for a client that does not come
	return nil, fmt.Errorf("iperf3: %w: %.300s", err, out)
}

// traffic is what the far filer has asked its origin so far.
type traffic struct {
	read  int64            // bytes of file data
	calls map[string]int64 // by operation
	cpu   time.Duration    // that it has used
}

func (p *place) traffic(ctx context.Context) (t traffic, err error) {
	out, err := exec.CommandContext(ctx, "ip", "netns", "exec", far, "curl", "-sf", "http://"+cacheStatus+"/status").Output()
	if err != nil {
		return t, fmt.Errorf("status of the far filer: %w", err)
	}
	var s struct {
		Exports []struct {
			ReadDemand, ReadAhead, ReadPrimed int64
			OriginCalls                       []struct {
				Name    string
				Latency struct{ Calls int64 }
			}
		}
	}
	if err := json.Unmarshal(out, &s); err != nil {
		return t, err
	}
	t.calls = map[string]int64{}
	for _, e := range s.Exports {
		t.read += e.ReadDemand + e.ReadAhead + e.ReadPrimed
		for _, c := range e.OriginCalls {
			t.calls[c.Name] += c.Latency.Calls
		}
	}
	t.cpu, err = cpuTime(p.cache.cmd.Process.Pid)
	return t, err
}

// cpuTime returns the CPU time of a process, the kernel's work for it included.
func cpuTime(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(b), ") ") // the name before may hold anything
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, errors.New("stat has too few fields")
	}
	var user, system int64
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		return 0, err
	}
	return time.Duration(user+system) * (time.Second / 100), nil // USER_HZ
}

// client runs this program in the far namespace and returns what it measured.
func (p *place) client(ctx context.Context, t *task) (*result, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", far, self, "client"}, t.args()...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("client %v: %w", t.args(), err)
	}
	r := &result{}
	return r, json.Unmarshal(out, r)
}
