package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spillway/spillway/internal/agent/process"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/openjd"
)

const (
	// leftoverGrace is what processes that a task leaves behind have between SIGTERM and SIGKILL.
	leftoverGrace = 2 * time.Second
	// outputWait is how long the last output of an action is waited for after its processes have ended.
	outputWait = 5 * time.Second
	// daemonQuiet is how long the output of a daemon that onEnter left is still taken for onEnter's.
	daemonQuiet = 200 * time.Millisecond
)

// outcome is how an action ended.
type outcome struct {
	err     error // nil: exit status 0
	cause   Cause // with err
	exit    int   // -1: never started
	elapsed time.Duration
	cpu     float64
	rss     uint64 // MiB
	out     *output
}

// action is one command to run, with where its output goes.
type action struct {
	run     openjd.Run
	role    openjd.Role
	leaf    *process.Leaf
	log     io.Writer
	grew    func()
	watch   Observer
	started func()
	signs   []*sign       // by what a failure is told apart
	idle    time.Duration // how long it may do nothing; 0: for ever
}

// perform runs an action to its end, or ends it when ctx does.
func (s *Session) perform(ctx context.Context, a action) outcome {
	abort := make(chan error, 1)
	out := &output{role: a.role, log: a.log, redactor: s.redactor, observer: a.watch, grew: a.grew, signs: a.signs,
		abort: func(err error) { abort <- err }}
	result := outcome{exit: -1, out: out}
	shown := a.run
	if s.spec.HideArguments {
		shown.Args = nil
	}
	s.note(a, "%s: %s", a.role, commandLine(shown))

	kills := s.oomKills(a.leaf)
	before, err := process.Before()
	if err != nil {
		return result.failed(Agent, err)
	}
	cmd, reader, err := s.start(a)
	if err != nil {
		s.note(a, "not started: %v", err)
		return result.failed(Agent, err)
	}
	began := time.Now()
	tree := process.NewTree(cmd.Process.Pid, a.leaf, before)
	s.track(cmd.Process.Pid)
	defer s.untrack(cmd.Process.Pid)
	if a.started != nil {
		a.started()
	}

	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(out, reader)
	}()
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()

	result = s.supervise(ctx, a, tree, out, exited, abort, result)
	result.elapsed = time.Since(began)
	s.settle(a, tree, reader, read, out)
	result.account(cmd.ProcessState)
	result = result.classify(a.signs, kills, s.oomKills(a.leaf))
	if err := a.checkLog(abort); err != nil && result.cause != Agent {
		result = result.failed(Agent, err)
	}
	s.note(a, "exited with code: %d after %s", result.exit, result.elapsed.Round(10*time.Millisecond))
	return result
}

// checkLog returns what made the output unusable after the action had ended by itself.
func (a action) checkLog(abort <-chan error) error {
	select {
	case err := <-abort:
		return err
	default:
		return nil
	}
}

func (s *Session) start(a action) (*exec.Cmd, *os.File, error) {
	env := s.variables()
	path, err := lookPath(a.run.Command, s.workDir, env)
	if err != nil {
		return nil, nil, err
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, nil, fault.Wrap(fault.Exhausted, err, "make a pipe")
	}
	defer writer.Close()
	cmd := &exec.Cmd{Path: path, Args: append([]string{a.run.Command}, a.run.Args...), Env: env, Dir: s.workDir, Stdout: writer, Stderr: writer}
	if err := s.starter.Start(cmd, a.leaf); err != nil {
		reader.Close()
		return nil, nil, fault.Wrap(fault.Internal, err, "start the command")
	}
	return cmd, reader, nil
}

// supervise waits until the command has exited: by itself, after its timeout, because it makes no progress, or because it was
// told to.
func (s *Session) supervise(ctx context.Context, a action, tree *process.Tree, out *output, exited <-chan error, abort <-chan error, r outcome) outcome {
	var timeout <-chan time.Time
	if a.run.Timeout > 0 {
		t := time.NewTimer(a.run.Timeout)
		defer t.Stop()
		timeout = t.C
	}
	watch, look := stall{limit: a.idle}, (<-chan time.Time)(nil)
	if a.idle > 0 {
		t := time.NewTicker(watch.every())
		defer t.Stop()
		look = t.C
	}
	for {
		select {
		case <-look:
			if u, err := tree.Usage(); err != nil || !watch.look(time.Now(), u, out.taken.Load()) {
				continue
			}
			s.note(a, "is ended: it %v", watch.stalled())
			s.end(a, tree, exited, a.run.NotifyPeriod)
			return r.failed(NoProgress, watch.stalled())
		case err := <-exited:
			return r.exited(err)
		case <-timeout:
			s.end(a, tree, exited, a.run.NotifyPeriod)
			return r.failed(Timeout, fault.New(fault.Exhausted, "did not end within %s", a.run.Timeout))
		case err := <-abort:
			s.end(a, tree, exited, 0)
			return r.failed(causeOf(err), err)
		case <-ctx.Done():
			grace := a.run.NotifyPeriod
			cancel := canceled(context.Cause(ctx))
			if cancel.Grace > 0 {
				grace = min(grace, cancel.Grace)
			}
			s.note(a, "canceled: %s", cancel.Reason)
			s.end(a, tree, exited, grace)
			return r.failed(cancel.Cause, cancel)
		}
	}
}

// canceled returns the Cancel in a context's cause, or one that stands for another cause.
func canceled(cause error) *Cancel {
	if c, ok := errors.AsType[*Cancel](cause); ok {
		return c
	}
	return &Cancel{Cause: Canceled, Reason: cause.Error()}
}

// causeOf tells a task's own fault from a log that can't be written.
func causeOf(err error) Cause {
	if _, ok := errors.AsType[*malformed](err); ok {
		return TaskError
	}
	return Agent
}

// end makes a command exit by its cancelation method (§5.3).
func (s *Session) end(a action, tree *process.Tree, exited <-chan error, grace time.Duration) {
	if a.run.Cancel == openjd.NotifyThenTerminate && grace > 0 {
		if err := s.writeCancelInfo(time.Now().Add(grace)); err != nil {
			s.note(a, "cancel_info.json: %v", err)
		}
		tree.Signal(syscall.SIGTERM)
		t := time.NewTimer(grace)
		defer t.Stop()
		select {
		case <-exited: //nolint:errcheck // the caller has the exit status
			return
		case <-t.C:
		}
	}
	s.kill(a, tree)
	<-exited //nolint:errcheck // the caller has the exit status
}

// settle ends what the command has left running, except that of onEnter, and takes the rest of the output.
func (s *Session) settle(a action, tree *process.Tree, reader *os.File, read <-chan struct{}, out *output) {
	left, _ := tree.Left()
	daemons := len(left) > 0 && entering(a.role)
	if len(left) > 0 && !daemons {
		s.note(a, "the command left %d processes behind; they are ended", len(left))
		s.endLeft(a, tree)
	}
	wait := outputWait
	if daemons {
		wait = daemonQuiet
	}
	_ = reader.SetReadDeadline(time.Now().Add(wait))
	<-read
	out.flush()
	if daemons {
		s.drain(reader)
	} else {
		_ = reader.Close()
	}
}

func (s *Session) endLeft(a action, tree *process.Tree) {
	left, _ := tree.Left()
	for _, p := range left {
		_ = syscall.Kill(p.PID, syscall.SIGTERM)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(leftoverGrace); time.Now().Before(deadline); {
		if left, err := tree.Left(); err != nil || len(left) == 0 {
			return
		}
		<-tick.C
	}
	s.kill(a, tree)
}

// kill ends the tree. It does not return before the last process is gone: an attempt whose processes may still write has
// not ended. Processes that wait for a storage that hangs die when it is detached.
func (s *Session) kill(a action, tree *process.Tree) {
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		left, err := tree.Kill(ctx)
		cancel()
		if err == nil {
			return
		}
		if len(left) > 0 {
			s.note(a, "%d processes do not die (process %d is in state %c)", len(left), left[0].PID, left[0].State)
			a.watch.Progress(-1, fmt.Sprintf("waiting for process %d to die (state %c)", left[0].PID, left[0].State))
		}
	}
}

// note writes a line of Spillway's own into the action's log.
func (s *Session) note(a action, format string, args ...any) {
	text := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", `\n`)
	_, _ = io.WriteString(a.log, "[spillway] "+s.redactor.line(text)+"\n")
	a.grew()
}

func (o outcome) failed(cause Cause, err error) outcome {
	o.cause, o.err = cause, err
	return o
}

func (o outcome) exited(err error) outcome {
	exit, ok := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil:
		return o
	case !ok:
		return o.failed(Agent, err)
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		why := ""
		if status.Signal() == syscall.SIGKILL {
			why = " (did the node run out of memory?)"
		}
		return o.failed(TaskError, fmt.Errorf("was ended by signal %d, %s%s", status.Signal(), status.Signal(), why))
	}
	return o.failed(TaskError, fmt.Errorf("exited with status %d", exit.ExitCode()))
}

func (o *outcome) account(p *os.ProcessState) {
	if p == nil {
		return
	}
	o.exit = p.ExitCode()
	if status, ok := p.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		o.exit = 128 + int(status.Signal())
	}
	o.cpu = (p.UserTime() + p.SystemTime()).Seconds()
	if usage, ok := p.SysUsage().(*syscall.Rusage); ok {
		o.rss = uint64(usage.Maxrss) >> 10 // KiB
	}
}

// commandLine shows a command so that it could be pasted into a shell.
func commandLine(run openjd.Run) string {
	words := make([]string, 0, 1+len(run.Args))
	for _, w := range append([]string{run.Command}, run.Args...) {
		if w == "" || strings.ContainsAny(w, " \t\n\"'\\$`*?[]{}()<>|&;#!~") {
			w = strconv.Quote(w)
		}
		words = append(words, w)
	}
	return strings.Join(words, " ")
}
