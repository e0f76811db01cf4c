package agent_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	agentv1 "github.com/spillway/spillway/api/spillway/agent/v1"
	"github.com/spillway/spillway/internal/agent"
	"github.com/spillway/spillway/internal/agent/process"
)

// TestMain makes the test binary play every process of the node.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 || len(os.Args) == 2 && os.Args[1] == "node-helper" {
		if played, err := play(os.Args[1], os.Args[2:]); played {
			if err != nil {
				slog.Error("failed", "error", err)
				os.Exit(1)
			}
			os.Exit(0)
		}
	}
	// A file of /proc may block as long as some other process of this machine hangs in execve.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/spillway/spillway/internal/agent/process.bounded.func1"))
}

func play(part string, args []string) (played bool, err error) {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	switch part {
	case "supervise":
		return true, agent.Supervise(ctx, args[0], log)
	case "node-helper":
		return true, agent.Help(ctx, os.Stdin, os.Stdout)
	case "mount":
		return true, playMount(ctx, args)
	case "agent":
		var c agent.Config
		if err := json.Unmarshal([]byte(args[0]), &c); err != nil {
			return true, err
		}
		return true, agent.Run(ctx, c, log)
	}
	return false, nil
}

// patience bounds every wait of these tests; it is met only when something is wrong.
const patience = time.Minute

// farm is a server and one node with a plain folder for storage.
type farm struct {
	*fakeServer
	config agent.Config
	nas    string
}

func newFarm(t *testing.T) *farm {
	t.Helper()
	f := &farm{fakeServer: newFakeServer(t), nas: t.TempDir()}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f.config = agent.Config{Server: f.url, Dir: filepath.Join(t.TempDir(), "node"), Name: "n1", Site: "studio", Token: f.token, CA: f.caPEM(),
		VCPUs: 1, MemoryMiB: 1024, Command: []string{self}, Version: "test", StorageTimeout: 15 * time.Second}
	f.storage = []*agentv1.StorageLocation{{Name: "nas", DirectPath: f.nas, Sources: []*agentv1.SourcePath{{Format: "POSIX", Path: "/studio"}}}}
	t.Cleanup(f.assertNothingLeft)
	return f
}

// assertNothingLeft fails the test if a process of the node is still there, and kills it.
func (f *farm) assertNothingLeft() {
	mark := "SPILLWAY_NODE_DIR=" + f.config.Dir
	for deadline := time.Now().Add(patience); ; <-time.After(20 * time.Millisecond) {
		left := process.Marked(mark)
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			f.t.Errorf("processes are left: %+v", left)
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			_, _ = process.KillGroup(ctx, nil, mark)
			return
		}
	}
}

// start runs the agent in this process until the returned function is called.
func (f *farm) start() (stop func()) {
	f.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- agent.Run(ctx, f.config, slog.New(slog.NewTextHandler(f.t.Output(), nil))) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case err := <-done:
			if err != nil {
				f.t.Errorf("Run: %v", err)
			}
		case <-time.After(2 * patience):
			_ = pprof.Lookup("goroutine").WriteTo(f.t.Output(), 1)
			f.t.Error("the agent does not end")
		}
	}
	f.t.Cleanup(stop)
	return stop
}

// startProcess runs the agent as a process of its own.
func (f *farm) startProcess() *exec.Cmd {
	f.t.Helper()
	config, err := json.Marshal(f.config)
	if err != nil {
		f.t.Fatal(err)
	}
	cmd := exec.Command(f.config.Command[0], "agent", string(config))
	cmd.Stderr = f.t.Output()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd
}

// job sends a job whose step Render runs a bash script.
func (f *farm) job(script string, more ...string) {
	f.t.Helper()
	quoted, _ := json.Marshal(script)
	template := `{"specificationVersion":"jobtemplate-2023-09","name":"test","parameterDefinitions":[{"name":"Out","type":"PATH"}],` + strings.Join(more, "") +
		`"steps":[{"name":"Render","parameterSpace":{"taskParameterDefinitions":[{"name":"Frame","type":"INT","range":"1-100"}]},` +
		`"script":{"actions":{"onRun":{"command":"bash","args":["{{Task.File.Run}}"]}},"embeddedFiles":[{"name":"Run","type":"TEXT","data":` + string(quoted) + `}]}}]}`
	f.order(&agentv1.Order{Order: &agentv1.Order_JobSpec{JobSpec: &agentv1.JobSpec{Job: "j1", TemplateJson: []byte(template), Name: "test",
		Parameters: map[string]string{"Out": "/studio/out"}}}})
}

func (f *farm) task(attempt string, outputs ...*agentv1.OutputRule) *agentv1.Order {
	return &agentv1.Order{Order: &agentv1.Order_RunTask{RunTask: &agentv1.RunTask{Attempt: attempt, Job: "j1", Step: "Render", Session: "s1",
		TaskIndex: 6, TaskParameters: map[string]string{"Frame": "7"}, Outputs: outputs, AttemptNumber: 1}}}
}

func endSession() *agentv1.Order {
	return &agentv1.Order{Order: &agentv1.Order_EndSession{EndSession: &agentv1.EndSession{Session: "s1"}}}
}

func (f *farm) sessionEnded() {
	f.t.Helper()
	f.wait("the session's end", func() bool {
		for _, r := range f.reports {
			if s := r.GetSession(); s != nil && s.Phase == agentv1.SessionPhase_SESSION_PHASE_ENDED {
				return true
			}
		}
		return false
	})
}

func TestRunsATask(t *testing.T) {
	f := newFarm(t)
	f.start()
	f.job(`mkdir -p "{{Param.Out}}"; echo "frame {{Task.Param.Frame}}" > "{{Param.Out}}/frame_0007.txt"; echo "openjd_progress: 50"; echo "Saved: '{{Param.Out}}/frame_0007.txt'"`)
	f.order(f.task("a1", &agentv1.OutputRule{Location: "nas", Path: "out/frame_0007.txt", Check: "exists"}))
	end := f.ended("a1")
	if end.Cause != agentv1.EndCause_END_CAUSE_SUCCESS || end.ExitCode != 0 {
		t.Fatalf("end = %v", end)
	}
	if len(end.Outputs) != 1 || end.Outputs[0].Path != "out/frame_0007.txt" || end.Outputs[0].Size != 8 || len(end.Outputs[0].Sha256) != 32 {
		t.Errorf("outputs = %v", end.Outputs)
	}
	log := f.log("a1")
	if uint64(len(log)) != end.LogSize || !strings.Contains(log, "[spillway] exited with code: 0") || !strings.Contains(log, f.nas+"/out/frame_0007.txt") {
		t.Errorf("log of %d bytes, want %d:\n%s", len(log), end.LogSize, log)
	}
	f.order(&agentv1.Order{Order: &agentv1.Order_Forget{Forget: &agentv1.Forget{Attempt: "a1"}}})
	f.order(endSession())
	f.sessionEnded()
	for _, dir := range []string{"attempts/a1", "sessions/s1"} {
		if _, err := os.Stat(filepath.Join(f.config.Dir, dir)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left: %v", dir, err)
		}
	}
}

func cancelOrder(attempt string) *agentv1.Order {
	return &agentv1.Order{Order: &agentv1.Order_CancelAttempt{CancelAttempt: &agentv1.CancelAttempt{Attempt: attempt, Reason: "by alice"}}}
}

// finish lets the session end, so that nothing is left behind the test.
func (f *farm) finish() {
	f.t.Helper()
	f.order(endSession())
	f.sessionEnded()
}

func TestOrdersAreIdempotent(t *testing.T) {
	f := newFarm(t)
	f.start()
	f.job(`echo once >> "{{RawParam.Out}}/../count" 2>/dev/null; mkdir -p "{{Param.Out}}"; echo run >> "{{Param.Out}}/count"`)
	f.order(cancelOrder("never-heard-of"))
	if end := f.ended("never-heard-of"); end.Cause != agentv1.EndCause_END_CAUSE_CANCELED || end.ExitCode != -1 {
		t.Errorf("an unknown attempt ends with %v", end)
	}
	for range 3 {
		f.order(f.task("a1"))
	}
	f.ended("a1")
	f.order(f.task("a1"))
	f.order(cancelOrder("a1"))
	f.log("a1")
	f.order(&agentv1.Order{Order: &agentv1.Order_Forget{Forget: &agentv1.Forget{Attempt: "a1"}}})
	f.order(f.task("a1"))
	f.order(f.task("a2"))
	f.ended("a2")
	if data, _ := os.ReadFile(filepath.Join(f.nas, "out", "count")); string(data) != "run\nrun\n" {
		t.Errorf("the two tasks ran: %q", data)
	}
	f.finish()
}

func TestCancelKillsAGrandchild(t *testing.T) {
	f := newFarm(t)
	f.start()
	f.job(`mkdir -p {{Param.Out}}; setsid sh -c 'sh -c "echo \$\$ > {{Param.Out}}/pid; exec sleep 300" &'; sleep 300`)
	f.order(f.task("a1"))
	f.reached("a1", agentv1.AttemptPhase_ATTEMPT_PHASE_RUNNING)
	f.awaitFile("out/pid")
	f.order(cancelOrder("a1"))
	if end := f.ended("a1"); end.Cause != agentv1.EndCause_END_CAUSE_CANCELED || end.Message != "by alice" || end.ExitCode != 137 {
		t.Errorf("end = %v", end)
	}
	f.sessionEnded() // a cancelation ends the session; assertNothingLeft looks for the grandchild
	f.log("a1")
}

// awaitFile waits for a file on the storage to have content: an outside process writes it.
func (f *farm) awaitFile(name string) string {
	f.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-time.After(10 * time.Millisecond) {
		if data, err := os.ReadFile(filepath.Join(f.nas, name)); err == nil && len(data) > 0 {
			return string(data)
		}
	}
	f.t.Fatalf("%s did not appear", name)
	return ""
}

func TestMissingOutputFailsVerification(t *testing.T) {
	f := newFarm(t)
	f.start()
	f.job(`true`)
	f.order(f.task("a1", &agentv1.OutputRule{Location: "nas", Path: "out/a.png", Check: "image"}, &agentv1.OutputRule{Location: "nas", Path: "out/b.png", Check: "exists", Optional: true}))
	end := f.ended("a1")
	if end.Cause != agentv1.EndCause_END_CAUSE_VERIFICATION || end.Message != "output nas:out/a.png is missing" || end.ExitCode != 0 {
		t.Errorf("end = %v", end)
	}
	if log := f.log("a1"); !strings.Contains(log, "[spillway] output nas:out/a.png is missing") || uint64(len(log)) != end.LogSize {
		t.Errorf("log:\n%s", log)
	}
	for attempt, rule := range map[string]*agentv1.OutputRule{
		"a2": {Location: "nas", Path: "../../etc/passwd", Check: "exists"},
		"a3": {Location: "elsewhere", Path: "x", Check: "exists"},
	} {
		f.order(f.task(attempt, rule))
		if end := f.ended(attempt); end.Cause != agentv1.EndCause_END_CAUSE_VERIFICATION {
			t.Errorf("%v ends with %v", rule, end)
		}
	}
	f.finish()
}

func TestReportsAreRepeatedUntilAcknowledged(t *testing.T) {
	f := newFarm(t)
	f.ack = false
	f.start()
	f.job(`true`)
	f.order(f.task("a1"))
	f.ended("a1")
	f.disconnect(func() { f.reports, f.ack = nil, true })
	f.ended("a1")
	f.wait("the second Hello", func() bool { return len(f.hellos) == 2 })
	f.mu.Lock()
	before, hello, first := f.hellos[0], f.hellos[1], f.reports[0]
	f.mu.Unlock()
	if len(hello.Attempts) != 1 || hello.Attempts[0].End == nil || hello.AgentRun != before.AgentRun {
		t.Errorf("hello = %v", hello)
	}
	if first.Seq != 1 {
		t.Errorf("repeats from %d", first.Seq)
	}
	f.finish()
}

func TestLogUploadResumesAfterABreak(t *testing.T) {
	f := newFarm(t)
	f.breakAt = 300_000
	f.start()
	f.job(`for i in $(seq 20000); do echo "line $i of a long log that is to be uploaded"; done`)
	f.order(f.task("a1"))
	end := f.ended("a1")
	log := f.log("a1")
	if uint64(len(log)) != end.LogSize || strings.Count(log, "\n") != 20002 || !strings.Contains(log, "line 20000 of") {
		t.Errorf("the server has %d bytes of %d, %d lines", len(log), end.LogSize, strings.Count(log, "\n"))
	}
	f.finish()
}

func TestSupersededServerIsRefused(t *testing.T) {
	f := newFarm(t)
	f.epoch = 7
	f.start()
	f.wait("the first Hello", func() bool { return len(f.hellos) == 1 })
	f.job(`true`)
	f.wait("a connection", func() bool { return f.conn != nil })
	f.order(&agentv1.Order{Epoch: 6, Order: &agentv1.Order_EndSession{EndSession: &agentv1.EndSession{Session: "s1"}}})
	f.wait("another Hello", func() bool { return len(f.hellos) >= 2 })
	f.mu.Lock()
	defer f.mu.Unlock()
	if got := f.hellos[1].Epoch; got != 7 {
		t.Errorf("the agent says epoch %d", got)
	}
}

func TestDrainWithStopEndsTheAgent(t *testing.T) {
	f := newFarm(t)
	agentProcess := f.startProcess()
	f.job(`mkdir -p {{Param.Out}}; echo up > {{Param.Out}}/up; while [ ! -e {{Param.Out}}/go ]; do sleep 0.02; done`)
	f.order(f.task("a1"))
	f.awaitFile("out/up")
	f.order(&agentv1.Order{Order: &agentv1.Order_Drain{Drain: &agentv1.Drain{Stop: true, Reason: "idle"}}})
	f.order(f.task("a2"))
	if err := os.WriteFile(filepath.Join(f.nas, "out", "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if end := f.ended("a1"); end.Cause != agentv1.EndCause_END_CAUSE_SUCCESS {
		t.Errorf("end = %v", end)
	}
	if err := agentProcess.Wait(); err != nil {
		t.Errorf("the agent: %v", err)
	}
	f.log("a1")
	f.sessionEnded()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.reports {
		if a := r.GetAttempt(); a != nil && a.Attempt == "a2" {
			t.Errorf("a draining node took a task: %v", a)
		}
	}
}

func TestStopWithAgent(t *testing.T) {
	f := newFarm(t)
	f.config.StopWithAgent = true
	stop := f.start()
	f.job(`sleep 300`)
	f.order(f.task("a1"))
	f.reached("a1", agentv1.AttemptPhase_ATTEMPT_PHASE_RUNNING)
	stop()
	if end := f.ended("a1"); end.Cause != agentv1.EndCause_END_CAUSE_AGENT || end.Message != "the node is stopped" {
		t.Errorf("end = %v", end)
	}
	f.sessionEnded()
}

func TestStorageThatIsNotThere(t *testing.T) {
	f := newFarm(t)
	f.config.StorageTimeout = 6 * time.Second // as long as the task waits
	f.storage[0].DirectPath = filepath.Join(f.nas, "missing")
	f.start()
	f.job(`true`)
	f.order(f.task("a1"))
	end := f.ended("a1")
	if end.Cause != agentv1.EndCause_END_CAUSE_STORAGE || !strings.Contains(end.Message, `storage "nas" is not mounted on the node`) {
		t.Errorf("end = %v", end)
	}
	f.wait("a MountUpdate", func() bool {
		for _, r := range f.reports {
			if m := r.GetMount(); m != nil && m.Phase == agentv1.MountPhase_MOUNT_PHASE_FAILED && m.Kind == "direct" {
				return f.beats > 3
			}
		}
		return false
	})
	if log := f.log("a1"); !strings.Contains(log, "is not mounted") {
		t.Errorf("log:\n%s", log)
	}
}
