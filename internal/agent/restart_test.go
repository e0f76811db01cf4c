package agent_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	agentv1 "github.com/spillway/spillway/api/spillway/agent/v1"
	"github.com/spillway/spillway/internal/agent/supervise"
)

const untilGo = `mkdir -p {{Param.Out}}; echo $$ > {{Param.Out}}/pid
while [ ! -e {{Param.Out}}/go ]; do sleep 0.02; done; echo done > {{Param.Out}}/frame.txt`

func (f *farm) letGo() {
	f.t.Helper()
	if err := os.WriteFile(filepath.Join(f.nas, "out", "go"), nil, 0o600); err != nil {
		f.t.Fatal(err)
	}
}

func TestKilledAgentIsReplacedUnderARunningTask(t *testing.T) {
	for _, when := range []string{"while it runs", "after it ended"} {
		t.Run(when, func(t *testing.T) {
			f := newFarm(t)
			first := f.startProcess()
			f.job(untilGo)
			f.order(f.task("a1", &agentv1.OutputRule{Location: "nas", Path: "out/frame.txt", Check: "exists"}))
			f.reached("a1", agentv1.AttemptPhase_ATTEMPT_PHASE_RUNNING)
			pid := strings.TrimSpace(f.awaitFile("out/pid"))
			if err := first.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = first.Wait()
			if when == "after it ended" {
				f.letGo()
				f.awaitGone("out/pid", pid)
			}
			f.start()
			f.wait("the second Hello", func() bool { return len(f.hellos) == 2 })
			f.mu.Lock()
			before, hello := f.hellos[0], f.hellos[1]
			f.mu.Unlock()
			if len(hello.Attempts) != 1 || hello.Attempts[0].Attempt != "a1" || len(hello.Sessions) != 1 {
				t.Errorf("hello = %v", hello)
			}
			if hello.BootId != before.BootId || hello.AgentRun == before.AgentRun {
				t.Errorf("boot %q then %q, run %q then %q", before.BootId, hello.BootId, before.AgentRun, hello.AgentRun)
			}
			if when == "while it runs" {
				f.letGo()
			}
			end := f.ended("a1")
			if end.Cause != agentv1.EndCause_END_CAUSE_SUCCESS || len(end.Outputs) != 1 {
				t.Errorf("end = %v", end)
			}
			if log := f.log("a1"); strings.Count(log, "onRun:") != 1 || !strings.Contains(log, "exited with code: 0") {
				t.Errorf("log:\n%s", log)
			}
			f.finish()
		})
	}
}

// awaitGone waits until a process that is not ours has ended.
func (f *farm) awaitGone(what, pid string) {
	f.t.Helper()
	n, err := strconv.Atoi(pid)
	if err != nil {
		f.t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-time.After(10 * time.Millisecond) {
		if syscall.Kill(n, 0) != nil {
			return
		}
	}
	f.t.Fatalf("%s: process %d does not end", what, n)
}

func TestSigtermLeavesTheTaskToTheNextAgent(t *testing.T) {
	f := newFarm(t)
	stop := f.start()
	f.job(untilGo)
	f.order(f.task("a1"))
	f.awaitFile("out/pid")
	stop()
	f.start()
	f.letGo()
	if end := f.ended("a1"); end.Cause != agentv1.EndCause_END_CAUSE_SUCCESS {
		t.Errorf("end = %v", end)
	}
	f.log("a1")
	f.finish()
}

func TestKilledSupervisorEndsItsTask(t *testing.T) {
	for _, agentToo := range []bool{false, true} {
		t.Run("agent killed too: "+strconv.FormatBool(agentToo), func(t *testing.T) {
			f := newFarm(t)
			first := f.startProcess()
			f.job(`mkdir -p {{Param.Out}}; setsid sh -c 'sleep 300 &'; echo $$ > {{Param.Out}}/pid; sleep 300`)
			f.order(f.task("a1"))
			f.reached("a1", agentv1.AttemptPhase_ATTEMPT_PHASE_RUNNING)
			f.awaitFile("out/pid")
			var record supervise.Record
			if err := supervise.ReadJSON(filepath.Join(f.config.Dir, "sessions", "s1", supervise.RecordFile), &record); err != nil || len(record.Groups) != 1 {
				t.Fatal(record, err)
			}
			if agentToo {
				_ = first.Process.Kill()
				_ = first.Wait()
			}
			if err := syscall.Kill(record.Supervisor.PID, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			if agentToo {
				f.start()
			}
			if end := f.ended("a1"); end.Cause != agentv1.EndCause_END_CAUSE_AGENT || !strings.Contains(end.Message, "supervisor was killed") {
				t.Errorf("end = %v", end)
			}
			f.sessionEnded()
			f.log("a1")
			if !agentToo {
				_ = first.Process.Signal(syscall.SIGTERM)
				_ = first.Wait()
			}
			f.assertNothingLeft()
		})
	}
}
