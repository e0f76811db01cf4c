package session_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spillway/spillway/internal/agent/process"
	"github.com/spillway/spillway/internal/agent/session"
)

// runTask runs a task that is more than its number.
func (b *bench) runTask(task session.Task) session.Result {
	b.t.Helper()
	task.Attempt, task.Step, task.Dir = "a1", "Render", filepath.Join(b.dir, "a1")
	if err := os.MkdirAll(task.Dir, 0o700); err != nil {
		b.t.Fatal(err)
	}
	return b.open.Run(b.t.Context(), task, &b.seen)
}

func TestSignsNameTheCause(t *testing.T) {
	signs := []session.Sign{
		{Cause: session.Licence, ExitCodes: []int{7}, Text: `license.*denied`},
		{Cause: session.Licence, ExitCodes: []int{100, 101}},
		{Cause: session.Memory, Text: `bad_alloc`},
	}
	tests := []struct {
		script string
		cause  session.Cause
		says   string
	}{
		{"echo nuke: license server: denied; exit 7", session.Licence, "the command exited with status 7, having printed: nuke: license server: denied"},
		{"echo nuke: license server: denied; exit 8", session.TaskError, "exited with status 8"},
		{"exit 7", session.TaskError, "exited with status 7"},
		{"exit 101", session.Licence, "the command exited with status 101"},
		{"echo std::bad_alloc >&2; exit 1", session.Memory, "having printed: std::bad_alloc"},
		{"echo std::bad_alloc, and caught", session.Success, ""},
	}
	for _, tt := range tests {
		t.Run(tt.script, func(t *testing.T) {
			b := open(t, `steps: [`+script(tt.script)+`]`)
			r := b.runTask(session.Task{Signs: signs})
			if r.Cause != tt.cause || !strings.Contains(r.Message, tt.says) {
				t.Errorf("%s: %q, want %s: %q", r.Cause, r.Message, tt.cause, tt.says)
			}
		})
	}
	b := open(t, `steps: [`+script("exit 0")+`]`)
	if r := b.runTask(session.Task{Signs: []session.Sign{{Cause: session.Licence, Text: "("}}}); r.Cause != session.TaskError {
		t.Errorf("a sign that is no regular expression: %s: %s", r.Cause, r.Message)
	}
}

func TestOutOfMemory(t *testing.T) {
	tests := []struct {
		name, script string
		own, machine uint64
		cause        session.Cause
	}{
		{"killed while the machine ran out", "kill -9 $$", 0, 1, session.Memory},
		{"a child killed, told by the shell", "(kill -9 $BASHPID); exit $?", 0, 1, session.Memory},
		{"a process of its own cgroup", "exit 1", 1, 1, session.Memory},
		{"failed while the machine ran out for others", "exit 1", 0, 1, session.TaskError},
		{"killed by somebody", "kill -9 $$", 0, 0, session.TaskError},
		{"succeeded", "exit 0", 1, 1, session.Success},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := open(t, `steps: [`+script(tt.script)+`]`)
			b.open.SetOOMKills(tt.own, tt.machine)
			if r := b.runTask(session.Task{}); r.Cause != tt.cause {
				t.Errorf("%s: %s, want %s", r.Cause, r.Message, tt.cause)
			}
		})
	}
}

func TestNoProgressEndsATask(t *testing.T) {
	b := open(t, `steps: [`+script("echo begins; sleep 600")+`]`)
	r := b.runTask(session.Task{NoProgress: 200 * time.Millisecond})
	if r.Cause != session.NoProgress || !strings.Contains(r.Message, "the command printed, computed, read and wrote nothing for 200ms") {
		t.Errorf("%s: %s", r.Cause, r.Message)
	}
}

func TestWhatIsProgress(t *testing.T) {
	still := process.Usage{PIDs: 100, Count: 1, Ticks: 50, IO: 1 << 20}
	with := func(change func(*process.Usage)) []process.Usage {
		var looks []process.Usage
		u := still
		for range 5 {
			looks = append(looks, u)
			change(&u)
		}
		return looks
	}
	tests := map[string]struct {
		looks []process.Usage
		want  int
	}{
		"nothing at all":              {with(func(*process.Usage) {}), 3},
		"wakes up now and then":       {with(func(u *process.Usage) { u.IO += 100 }), 3},
		"computes":                    {with(func(u *process.Usage) { u.Ticks += 5 }), -1},
		"reads":                       {with(func(u *process.Usage) { u.IO += 4096 }), -1},
		"starts others":               {with(func(u *process.Usage) { u.PIDs++ }), -1},
		"a process of it has ended":   {with(func(u *process.Usage) { u.Ticks -= 10 }), -1},
		"computes, then does nothing": {append(with(func(u *process.Usage) { u.Ticks += 50 }), with(func(*process.Usage) {})...), 8},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := session.Stalls(3*time.Second, tt.looks...); got != tt.want {
				t.Errorf("stalled at look %d, want %d", got, tt.want)
			}
		})
	}
}

func TestUsageOfAProcess(t *testing.T) {
	own := process.NewTree(syscall.Getpgrp(), nil, nil)
	before, err := own.Usage()
	if err != nil || before.Count == 0 {
		t.Fatalf("%+v, %v", before, err)
	}
	if err := os.WriteFile(filepath.Join(t.TempDir(), "x"), make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	after, err := own.Usage()
	if err != nil || after.IO < before.IO+1<<20 {
		t.Errorf("a MiB written counts as %d bytes, %v", after.IO-before.IO, err)
	}
}
