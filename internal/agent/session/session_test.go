package session_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/spillway/spillway/internal/agent/process"
	"github.com/spillway/spillway/internal/agent/session"
	"github.com/spillway/spillway/openjd"
)

func TestMain(m *testing.M) {
	if err := process.Adopt(); err != nil { // as a supervisor does
		panic(err)
	}
	// A file of /proc may block as long as some other process of this machine hangs in execve.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/spillway/spillway/internal/agent/process.bounded.func1"))
}

// bench is one session under test.
type bench struct {
	t    *testing.T
	dir  string
	open *session.Session
	seen recorder
}

type recorder struct {
	mu       sync.Mutex // guards what follows
	started  chan struct{}
	once     sync.Once
	percent  []float64
	statuses []string
}

func (r *recorder) Started()      { r.once.Do(func() { close(r.started) }) }
func (r *recorder) LogGrew(int64) {}
func (r *recorder) Progress(p float64, s string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p >= 0 {
		r.percent = append(r.percent, p)
	}
	if s != "" {
		r.statuses = append(r.statuses, s)
	}
}

// script is a step that runs a bash script; more is further YAML of the action.
func script(text string, more ...string) string {
	return `{name: Render, script: {actions: {onRun: {command: bash, args: ["{{Task.File.Run}}"]` + strings.Join(more, "") +
		`}}, embeddedFiles: [{name: Run, type: TEXT, data: ` + quote(text) + `}]}}`
}

func quote(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

func open(t *testing.T, template string, change ...func(*session.Spec)) *bench {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir()}
	b.seen.started = make(chan struct{})
	spec := session.Spec{Session: "s-" + filepath.Base(b.dir) + "-" + t.Name(), JobName: "job.yaml", Template: []byte("specificationVersion: jobtemplate-2023-09\nextensions: [REDACTED_ENV_VARS]\nname: test\n" + template),
		Step: "Render", Dir: filepath.Join(b.dir, "session"), Parameters: map[string]string{}}
	for _, f := range change {
		f(&spec)
	}
	s, err := session.Open(spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	b.open = s
	t.Cleanup(func() { b.close() })
	return b
}

func (b *bench) close() error {
	if b.open == nil {
		return nil
	}
	s := b.open
	b.open = nil
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return s.Close(ctx)
}

func (b *bench) run(attempt string) (session.Result, string) {
	b.t.Helper()
	return b.runCtx(b.t.Context(), attempt)
}

func (b *bench) runCtx(ctx context.Context, attempt string) (session.Result, string) {
	b.t.Helper()
	dir := filepath.Join(b.dir, attempt)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		b.t.Fatal(err)
	}
	r := b.open.Run(ctx, session.Task{Attempt: attempt, Step: "Render", Dir: dir}, &b.seen)
	log, err := os.ReadFile(filepath.Join(dir, "log"))
	if err != nil {
		b.t.Fatal(err)
	}
	if int64(len(log)) != r.LogSize {
		b.t.Errorf("the log has %d bytes, the result says %d", len(log), r.LogSize)
	}
	return r, string(log)
}

func TestTaskSeesItsWorld(t *testing.T) {
	b := open(t, `
parameterDefinitions: [{name: Scene, type: PATH}, {name: Label, type: STRING, default: "it's"}]
steps: [`+script(`
pwd; echo "dir=$OPENJD_SESSION_WORKING_DIR"
echo "scene={{Param.Scene}} raw={{RawParam.Scene}} label={{Param.Label}} rules={{Session.HasPathMappingRules}}"
cat {{Session.PathMappingRulesFile}}; echo; stat -c %a "$0"; echo "to stderr" >&2; echo "secret=$SPILLWAY_TOKEN"`)+`]`,
		func(s *session.Spec) {
			t.Setenv("SPILLWAY_TOKEN", "hush")
			s.Parameters["Scene"] = "/studio/shot/a.blend"
			s.Rules = []openjd.PathRule{{SourceFormat: openjd.Posix, Source: "/studio", Destination: "/mnt/nas"}}
		})
	work := filepath.Join(b.dir, "session", "work")
	r, log := b.run("a1")
	if r.Cause != session.Success || r.ExitCode != 0 || r.RunTime <= 0 || r.MaxRSS == 0 {
		t.Errorf("result = %+v", r)
	}
	for _, want := range []string{
		"[spillway] onRun: bash " + work, "\n" + work + "\n", "dir=" + work, "scene=/mnt/nas/shot/a.blend raw=/studio/shot/a.blend label=it's rules=true",
		`"destination_path":"/mnt/nas"`, "\n400\n", "to stderr", "secret=\n", "[spillway] exited with code: 0",
	} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q:\n%s", want, log)
		}
	}
	if err := b.close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(work); !os.IsNotExist(err) {
		t.Errorf("the working directory is left: %v", err)
	}
}

const threeEnvironments = `
jobEnvironments:
- name: Outer
  variables: {WHO: outer, LEVEL: "1"}
  script: {actions: {onEnter: {command: sh, args: [-c, "echo enter outer $WHO >> {{Session.WorkingDirectory}}/../trace; echo openjd_env: SHOT=s1"]}, onExit: {command: sh, args: [-c, "echo exit outer $WHO $SHOT >> {{Session.WorkingDirectory}}/../trace"]}}}
- name: Middle
  variables: {WHO: middle}
  script: {actions: {onEnter: {command: sh, args: [-c, "echo enter middle $SHOT >> {{Session.WorkingDirectory}}/../trace; echo openjd_unset_env: LEVEL; exit MIDDLE"]}, onExit: {command: sh, args: [-c, "echo exit middle ${LEVEL-none} >> {{Session.WorkingDirectory}}/../trace; exit 3"]}}}
steps:
- name: Render
  stepEnvironments:
  - name: Inner
    script: {actions: {onEnter: {command: sh, args: [-c, "echo enter inner $WHO >> {{Session.WorkingDirectory}}/../trace; echo openjd_redacted_env: PASS=hunter$((1+1))"]}, onExit: {command: sh, args: [-c, "echo exit inner >> {{Session.WorkingDirectory}}/../trace"]}}}
  script: {actions: {onRun: {command: sh, args: [-c, "echo run $WHO $SHOT ${LEVEL-none} $PASS >> {{Session.WorkingDirectory}}/../trace; echo the password is $PASS"]}}}
`

func (b *bench) trace() string {
	data, err := os.ReadFile(filepath.Join(b.dir, "session", "trace"))
	if err != nil {
		b.t.Fatal(err)
	}
	return strings.ReplaceAll(strings.TrimSpace(string(data)), "\n", "; ")
}

func TestEnvironmentsInOrder(t *testing.T) {
	b := open(t, strings.ReplaceAll(threeEnvironments, "MIDDLE", "0"))
	for _, attempt := range []string{"a1", "a2"} {
		r, log := b.run(attempt)
		if r.Cause != session.Success {
			t.Fatalf("%+v\n%s", r, log)
		}
		if strings.Contains(log, "hunter2") || !strings.Contains(log, "the password is "+openjd.Redacted) {
			t.Errorf("the log shows a secret:\n%s", log)
		}
	}
	if err := b.close(); err == nil || !strings.Contains(err.Error(), "environment Middle could not be left") {
		t.Errorf("Close = %v, want Middle's failure", err)
	}
	want := "enter outer outer; enter middle s1; enter inner middle; run middle s1 none hunter2; run middle s1 none hunter2; exit inner; exit middle none; exit outer outer s1"
	if got := b.trace(); got != want {
		t.Errorf("order:\n got %s\nwant %s", got, want)
	}
}

func TestFailureToEnterLeavesWhatWasTried(t *testing.T) {
	b := open(t, strings.ReplaceAll(threeEnvironments, "MIDDLE", "7"))
	r, _ := b.run("a1")
	if r.Cause != session.Environment || r.ExitCode != -1 || r.Message != "environment Middle could not be entered: onEnter exited with status 7" {
		t.Errorf("result = %+v", r)
	}
	if r, _ := b.run("a2"); r.Cause != session.Agent || !strings.Contains(r.Message, "the session has ended") {
		t.Errorf("a session that failed ran another task: %+v", r)
	}
	_ = b.close()
	if got, want := b.trace(), "enter outer outer; enter middle s1; exit middle none; exit outer outer s1"; got != want {
		t.Errorf("order:\n got %s\nwant %s", got, want)
	}
}

func TestFailures(t *testing.T) {
	tests := []struct {
		name, step, message string
		cause               session.Cause
		exit                int
	}{
		{"exit status", script("exit 9"), "the command exited with status 9", session.TaskError, 9},
		{"its own words", script("echo openjd_fail: no licence; exit 1"), "no licence", session.TaskError, 1},
		{"own words without failure", script("echo openjd_fail: never mind"), "", session.Success, 0},
		{"signal", script("kill -9 $$"), "the command was ended by signal 9, killed (did the node run out of memory?)", session.TaskError, 137},
		{"malformed message", script("echo openjd_progress: lots; sleep 60"), `malformed message in the output: openjd_progress: "lots" is not a number from 0 to 100`, session.TaskError, 137},
		{"timeout", script("sleep 60", ", timeout: 1"), "the command did not end within 1s", session.Timeout, 137},
		{"no such command", `{name: Render, script: {actions: {onRun: {command: no-such-renderer}}}}`, `command "no-such-renderer" was not found on the node`, session.Agent, -1},
		{"not executable", `{name: Render, script: {actions: {onRun: {command: /etc/passwd}}}}`, "command /etc/passwd is not executable", session.Agent, -1},
		{"bad interpreter", `{name: Render, script: {actions: {onRun: {command: "{{Task.File.X}}"}}, embeddedFiles: [{name: X, type: TEXT, runnable: true, data: "#!/no/such/interpreter"}]}}`,
			"start the command", session.Agent, -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := open(t, "steps: ["+tt.step+"]")
			r, log := b.run("a1")
			if r.Cause != tt.cause || r.ExitCode != tt.exit || !strings.HasPrefix(r.Message, tt.message) {
				t.Errorf("result = %+v, want %s, %d, %q\n%s", r, tt.cause, tt.exit, tt.message, log)
			}
		})
	}
}

func TestProgressAndSavedFiles(t *testing.T) {
	b := open(t, "steps: ["+script(`
echo "openjd_status: loading"; printf 'openjd_progress: 12.5\n'
echo "Fra:1 Mem:1M | Sample 8/16"; echo "Saved: '/nas/out/0001.png'"
printf 'Rendered 10 of 100 pixels (10%%)\rRendered 99 of 100 pixels (99%%)\r\n'
head -c 200000 /dev/zero | tr '\0' x; printf 'no end of line'`)+"]")
	r, log := b.run("a1")
	if r.Cause != session.Success || len(r.Saved) != 1 || r.Saved[0] != "/nas/out/0001.png" {
		t.Errorf("result = %+v", r)
	}
	if got := b.seen.percent; len(got) != 4 || got[0] != 12.5 || got[1] != 50 || got[2] != 10 || got[3] != 99 {
		t.Errorf("progress = %v", got)
	}
	if got := strings.Join(b.seen.statuses, "; "); got != "loading; frame 1, sample 8 of 16" {
		t.Errorf("statuses = %s", got)
	}
	if !strings.Contains(log, "no end of line\n[spillway] exited") || strings.Count(log, "x") < 200000 {
		t.Errorf("the log lost output: %d bytes", len(log))
	}
}
