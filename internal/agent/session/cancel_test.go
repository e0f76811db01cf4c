package session_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spillway/spillway/internal/agent/process"
	"github.com/spillway/spillway/internal/agent/session"
)

// cancelOnceReady runs a task and cancels it when the file "ready" has appeared in its working directory.
func (b *bench) cancelOnceReady(cancel *session.Cancel) (session.Result, string, time.Duration) {
	b.t.Helper()
	ctx, stop := context.WithCancelCause(b.t.Context())
	defer stop(nil)
	canceled := make(chan time.Time, 1)
	go func() {
		<-b.seen.started
		b.await("ready")
		canceled <- time.Now()
		stop(cancel)
	}()
	r, log := b.runCtx(ctx, "a1")
	return r, log, time.Since(<-canceled)
}

// soon is far less than what the commands of these tests sleep for, and than the notice that they are given.
const soon = 20 * time.Second

// await waits for a file in the working directory and returns its text.
func (b *bench) await(name string) string {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); <-time.After(5 * time.Millisecond) {
		if data, err := os.ReadFile(filepath.Join(b.dir, "session", "work", name)); err == nil {
			return string(data)
		}
	}
	b.t.Errorf("%s did not appear", name)
	return ""
}

// forks leaves a grandchild that has left the process group and the session, and has lost its parent. The one process that
// is left starts no other, which might be there a little longer.
const forks = `setsid sh -c 'sh -c "echo \$\$ > pid; exec sleep 300" & ' 
while [ ! -s pid ]; do sleep 0.01; done
`

func (b *bench) assertDead(pid string) {
	b.t.Helper()
	n, err := strconv.Atoi(strings.TrimSpace(pid))
	if err != nil {
		b.t.Fatal(err)
	}
	if s, err := process.Read(n); err == nil && s.State != 'Z' {
		b.t.Errorf("process %d survived: %+v", n, s)
	}
}

func TestCancelTerminatesTheTree(t *testing.T) {
	for name, cgroup := range slots(t) {
		t.Run(name, func(t *testing.T) {
			b := open(t, "steps: ["+script(forks+"cp pid ..; touch ready; trap '' TERM; sleep 300 & wait; sleep 300")+"]", func(s *session.Spec) { s.Cgroup = cgroup })
			r, _, took := b.cancelOnceReady(&session.Cancel{Cause: session.Canceled, Reason: "by alice"})
			if r.Cause != session.Canceled || r.Message != "by alice" || r.ExitCode != 137 {
				t.Errorf("result = %+v", r)
			}
			if took > soon {
				t.Errorf("took %v", took)
			}
			pid, err := os.ReadFile(filepath.Join(b.dir, "session", "pid"))
			if err != nil {
				t.Fatal(err)
			}
			b.assertDead(string(pid))
		})
	}
}

// slots are the ways to hold processes that this machine has.
func slots(t *testing.T) map[string]string {
	out := map[string]string{"process group": ""}
	if root := process.FindHierarchy(); root != "" {
		dir := filepath.Join(root, "spillway-test-"+strconv.Itoa(os.Getpid()))
		out["cgroup"] = dir
		t.Cleanup(func() {
			if err := process.RemoveSlot(dir); err != nil {
				t.Error(err)
			}
		})
	}
	return out
}

func TestCancelNotifiesFirst(t *testing.T) {
	b := open(t, "steps: ["+script(`trap 'cat cancel_info.json; echo tidied up; exit 4' TERM; touch ready; while :; do sleep 0.05; done`,
		", cancelation: {mode: NOTIFY_THEN_TERMINATE, notifyPeriodInSeconds: 30}")+"]")
	r, log, took := b.cancelOnceReady(&session.Cancel{Cause: session.Canceled, Reason: "by alice"})
	if r.Cause != session.Canceled || r.ExitCode != 4 || took > soon {
		t.Errorf("result = %+v after %v", r, took)
	}
	if !strings.Contains(log, `{"NotifyEnd":"20`) || !strings.Contains(log, "tidied up") {
		t.Errorf("log:\n%s", log)
	}
}

func TestGraceIsCutShort(t *testing.T) {
	b := open(t, "steps: ["+script(`trap '' TERM; touch ready; while :; do sleep 0.05; done`, ", cancelation: {mode: NOTIFY_THEN_TERMINATE}")+"]")
	r, _, took := b.cancelOnceReady(&session.Cancel{Cause: session.Storage, Reason: "the mount hangs", Grace: 300 * time.Millisecond})
	if r.Cause != session.Storage || r.ExitCode != 137 || took < 300*time.Millisecond || took > soon {
		t.Errorf("result = %+v after %v", r, took)
	}
}

func TestLeftoversOfATaskAreEnded(t *testing.T) {
	b := open(t, "steps: ["+script(forks+"cp pid ..")+"]")
	r, log := b.run("a1")
	if r.Cause != session.Success || !strings.Contains(log, "left 1 processes behind") {
		t.Errorf("result = %+v\n%s", r, log)
	}
	pid, err := os.ReadFile(filepath.Join(b.dir, "session", "pid"))
	if err != nil {
		t.Fatal(err)
	}
	b.assertDead(string(pid))
}

func TestDaemonOfAnEnvironmentLivesUntilTheEnd(t *testing.T) {
	for name, cgroup := range slots(t) {
		t.Run(name, func(t *testing.T) {
			b := open(t, `
jobEnvironments: [{name: Daemon, script: {actions: {onEnter: {command: bash, args: [-c, "nohup bash -c 'echo $$ > ../daemon; while :; do echo alive; sleep 0.05; done' & while [ ! -s ../daemon ]; do sleep 0.01; done"]}}}}]
steps: [`+script(`kill -0 $(cat ../daemon) && echo "daemon is there"`)+"]", func(s *session.Spec) { s.Cgroup = cgroup })
			for _, attempt := range []string{"a1", "a2"} {
				if r, log := b.run(attempt); r.Cause != session.Success || !strings.Contains(log, "daemon is there") {
					t.Fatalf("%+v\n%s", r, log)
				}
			}
			if err := b.close(); err != nil {
				t.Error(err)
			}
			pid, _ := os.ReadFile(filepath.Join(b.dir, "session", "daemon"))
			b.assertDead(string(pid))
		})
	}
}
