package demo

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spillway/spillway/internal/fault"
)

// Time limits of a part's life.
const (
	readyWithin = 60 * time.Second // a loaded machine with two cores starts six parts at once
	stopWithin  = 15 * time.Second
)

// part is one process of the farm.
type part struct {
	name  string
	args  []string
	cmd   *exec.Cmd
	ready map[string]any // what its ready line said
	log   string
	done  chan struct{} // closed when it has ended
	err   error         // set before done is closed
}

// marker is the environment variable that every process of a demo inherits, with the work directory as its value: what
// a killed demo left behind is found by it.
const marker = "SPILLWAY_DEMO"

// startPart starts the binary with args and waits for its ready line. Its log goes to logs/NAME.log.
func startPart(ctx context.Context, c Config, name string, env []string, args ...string) (*part, error) {
	p := &part{name: name, args: args, log: filepath.Join(c.logs(), name+".log"), done: make(chan struct{})}
	logFile, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer logFile.Close()
	p.cmd = exec.Command(c.Binary, args...)
	p.cmd.Env = append(append(os.Environ(), marker+"="+c.Dir), env...)
	p.cmd.Stderr = logFile
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is ours: parts stop in order
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "start the "+name)
	}
	ready := make(chan map[string]any, 1)
	go p.follow(stdout, ready)

	timer := time.NewTimer(readyWithin)
	defer timer.Stop()
	select {
	case p.ready = <-ready:
		return p, nil
	case <-p.done:
		return nil, fault.WithHint(fault.New(fault.Internal, "the %s ended before it was ready: %s", name, p.lastLog()), "see %s", p.log)
	case <-ctx.Done():
		p.stop()
		return nil, context.Cause(ctx)
	case <-timer.C:
		p.stop()
		return nil, fault.WithHint(fault.New(fault.Unavailable, "the %s was not ready within %v: %s", name, readyWithin, p.lastLog()), "see %s", p.log)
	}
}

// follow reads standard output until its end, then reaps the process.
func (p *part) follow(stdout io.Reader, ready chan<- map[string]any) {
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		text, ok := strings.CutPrefix(lines.Text(), "ready ")
		if !ok {
			continue
		}
		said := map[string]any{}
		if json.Unmarshal([]byte(text), &said) == nil {
			select {
			case ready <- said:
			default:
			}
		}
	}
	p.err = p.cmd.Wait()
	close(p.done)
}

// said returns a string of the ready line.
func (p *part) said(key string) string {
	s, _ := p.ready[key].(string)
	return s
}

// stop ends the process: SIGTERM, then SIGKILL. It may be called on a part that has ended, and twice.
func (p *part) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.NewTimer(stopWithin)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		p.kill()
	}
}

// kill ends the process with SIGKILL and waits for its end.
func (p *part) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// lastLog returns the last line of the part's log.
func (p *part) lastLog() string {
	data, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	if line := lastLine(string(data)); line != "" {
		return line
	}
	return fmt.Sprintf("it said nothing (%v)", p.err)
}
