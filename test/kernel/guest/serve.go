package main

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"

	"github.com/spillway/spillway/test/kernel/wire"
)

// serve runs one command.
func serve(conn net.Conn) {
	defer conn.Close()
	requests := json.NewDecoder(conn)
	var c wire.Command
	if requests.Decode(&c) != nil || len(c.Args) == 0 {
		return
	}
	if c.Args[0] == wire.PowerOff {
		powerOff()
	}
	events := &events{to: json.NewEncoder(conn)}
	cmd := exec.Command(c.Args[0], c.Args[1:]...)
	cmd.Env, cmd.Dir = append(os.Environ(), c.Env...), c.Dir
	cmd.Stdout, cmd.Stderr = events, events
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		events.send(wire.Event{Failed: err.Error()})
		return
	}
	go func() {
		_, _ = io.Copy(io.Discard, conn) // nothing more comes: this ends when the rig hangs up, or we do
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}()
	err := cmd.Wait()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		events.send(wire.Event{Failed: err.Error()})
		return
	}
	exit := cmd.ProcessState.ExitCode()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		exit = 128 + int(status.Signal())
	}
	events.send(wire.Event{Exit: &exit})
}

// events writes a command's events. It is the command's standard output, too.
type events struct {
	mu sync.Mutex // guards to
	to *json.Encoder
}

func (e *events) send(event wire.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	_ = e.to.Encode(event) // if the rig is gone, so is the command
}

// Write sends output.
func (e *events) Write(p []byte) (int, error) {
	e.send(wire.Event{Output: p})
	return len(p), nil
}
