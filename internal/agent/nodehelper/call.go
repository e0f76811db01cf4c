package nodehelper

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os/exec"
	"syscall"
	"time"

	"github.com/spillway/spillway/internal/fault"
)

// maxAnswer bounds what is read from a helper, in bytes.
const maxAnswer = 16 << 20

// Caller starts helpers.
type Caller struct {
	Command []string // the program and its arguments up to and including node-helper
	Env     []string
}

// Call has a request done within limit. Errors are the helper's own; a helper that takes too long is killed, and the
// error is fault.Unavailable.
func (c Caller) Call(ctx context.Context, limit time.Duration, r Request) (Answer, error) {
	input, err := json.Marshal(r)
	if err != nil {
		return Answer{}, fault.Wrap(fault.Internal, err, "encode a request")
	}
	cmd := exec.Command(c.Command[0], c.Command[1:]...)
	output, messages := &bounded{max: maxAnswer}, &bounded{max: 4 << 10}
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Env, cmd.Dir = bytes.NewReader(input), output, messages, c.Env, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = time.Second // a process that keeps the pipes open is not waited for
	if err := cmd.Start(); err != nil {
		return Answer{}, fault.Wrap(fault.Internal, err, "start a helper")
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case err := <-done:
		return decode(output.buf.Bytes(), messages.buf.Bytes(), err)
	case <-timer.C:
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		return Answer{}, fault.New(fault.Unavailable, "the storage did not answer within %s", limit)
	case <-ctx.Done():
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		return Answer{}, context.Cause(ctx)
	}
}

func decode(output, messages []byte, exit error) (Answer, error) {
	var a Answer
	if err := json.Unmarshal(output, &a); err != nil {
		if exit == nil {
			exit = err
		}
		return a, fault.New(fault.Internal, "the helper failed: %w: %s", exit, bytes.TrimSpace(messages))
	}
	if a.Error != nil {
		return a, a.Error.err()
	}
	return a, nil
}

// bounded keeps the first max bytes.
type bounded struct {
	buf bytes.Buffer
	max int
}

func (b *bounded) Write(p []byte) (int, error) {
	b.buf.Write(p[:min(len(p), b.max-b.buf.Len())])
	return len(p), nil
}

var _ io.Writer = (*bounded)(nil)
