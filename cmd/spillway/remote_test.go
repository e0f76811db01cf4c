package main

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/server/rest"
	"github.com/spillway/spillway/internal/server/rest/resttest"
)

// remoteFarm is a server with a farm in memory, and the command line pointed at it.
type remoteFarm struct {
	t    *testing.T
	farm *resttest.Farm
	job  string
	// following is called when somebody opens the event stream.
	following func()
}

func startRemote(t *testing.T) *remoteFarm {
	t.Helper()
	const token = "a-token-of-the-tests-0123456789"
	f := &remoteFarm{t: t, farm: resttest.New(time.Now), following: func() {}}
	h, err := rest.New(rest.Config{Jobs: f.farm, Fleet: f.farm, Streams: f.farm, Sharing: f.farm, Door: f.farm, Users: f.farm, Ledger: f.farm, Token: token, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/events") {
			f.following()
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(func() { f.farm.Cut(); web.CloseClientConnections(); web.Close() })
	t.Setenv("SPILLWAY_SERVER", web.URL)
	t.Setenv("SPILLWAY_TOKEN", token)
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	f.farm.Node(restv1.Node{ID: "ws-01", Site: "studio", State: "online", VCPUs: 1, MemoryMiB: 4096}, "joined")
	f.job = f.farm.Add(restv1.Job{Name: "shot", Owner: "ann", Queue: "default", Steps: []restv1.Step{
		{Name: "Render", Units: 24, Numbering: &restv1.Numbers{Parameter: "Frame", First: 101, Every: 1}},
		{Name: "Encode", Units: 1, DependsOn: []int{0}},
	}})
	return f
}

// spillway runs one command line and returns its exit status and what it printed.
func (f *remoteFarm) spillway(args ...string) (code int, out, errOut string) {
	f.t.Helper()
	var o, e bytes.Buffer
	code = run(f.t.Context(), args, &o, &e)
	return code, o.String(), e.String()
}

// wants runs a command line that must succeed and whose output must match the pattern.
func (f *remoteFarm) wants(pattern string, args ...string) {
	f.t.Helper()
	code, out, errOut := f.spillway(args...)
	if code != 0 || !regexp.MustCompile(pattern).MatchString(out) {
		f.t.Errorf("spillway %s: exit %d\n%s%s\nwant %s", strings.Join(args, " "), code, out, errOut, pattern)
	}
}

// refuses runs a command line that must fail with a status and an error that matches the pattern.
func (f *remoteFarm) refuses(status int, pattern string, args ...string) {
	f.t.Helper()
	code, out, errOut := f.spillway(args...)
	if code != status || !regexp.MustCompile(pattern).MatchString(errOut) {
		f.t.Errorf("spillway %s: exit %d\n%s%s\nwant %d and %s", strings.Join(args, " "), code, out, errOut, status, pattern)
	}
}

func TestJobCommands(t *testing.T) {
	f := startRemote(t)
	a := f.farm.Start(f.job, 0, 3, "ws-01")
	f.farm.Print(a, "Fra:104 done\n")
	b := f.farm.Start(f.job, 0, 4, "ws-01")
	f.farm.Print(b, "Error: no scene\n")
	f.farm.Fail(b, 1, "blender left with 1")
	f.farm.Explain(f.job, "1 task failed", restv1.WhyReason{Step: "Render", Count: 1, Of: "units", Text: "failed twice"})

	f.wants(`(?m)^ID +NAME +STATE +DONE +RUNNING +FAILED +SUBMITTED +BY +WHY\n`+f.job+` +shot +active +0/25 +1 +1 +\S+( ago)? +ann +submitted`, "job", "list")
	f.wants(`(?s)job +`+f.job+`  shot\n.*why +1 task failed.*STEP +TASKS.*Render +24 +0 +1 +22 +1.*Encode +1 +0 +1 +Render`, "job", "show", f.job)
	f.wants(`1 task failed\n  Render: 1 unit: failed twice`, "job", "why", "shot")
	f.wants(`^Error: no scene\n$`, "job", "log", f.job)
	f.wants(`^Fra:104 done\n$`, "job", "log", f.job, "--task", "104")
	f.wants(`^done\n$`, "job", "log", f.job, "--attempt", a, "--tail", "5")
	f.wants(`ws-01 +studio +online +1 +4.0 GiB .*shot #3`, "node", "list")
	f.wants(`No elastic pools`, "pool", "list")
	f.wants(f.job+` runs again\n`, "job", "retry", f.job)
	f.wants(f.job+` fits\n`, "job", "pause", "--owner", "ann", "--dry-run")
	f.wants(f.job+` paused\n`, "job", "pause", "--owner", "ann", "--state", "active")
	f.wants(`no job fits`, "job", "pause", "--state", "active")
	f.wants(`"`+f.job+`"`, "job", "resume", "--named", "sh*", "--json")
	f.wants(f.job+` changed\n`, "job", "set", f.job, "--priority", "80", "--to-queue", "night", "--deadline", "none")
	f.wants(`queue +night, priority 80`, "job", "show", f.job)
	f.refuses(2, `nothing is to be changed`, "job", "set", f.job)
	f.refuses(2, `"soon" is no time`, "job", "set", f.job, "--deadline", "soon")
	f.refuses(2, `no job is named, and no filter given\n  to mean every job`, "job", "cancel")
	f.wants(f.job+` canceled\n`, "job", "cancel", f.job[:len(f.job)-1])

	f.refuses(1, `1 of 1 jobs are left as they were: `+f.job+`: it has ended`, "job", "pause", f.job)
	f.refuses(1, `no job "shto"\n  did you mean `+f.job+` \(shot\)`, "job", "show", "shto")
	f.refuses(1, `no job "something else"\n  see: spillway job list`, "job", "show", "something else")
	f.refuses(1, `no task 99\n  its tasks are 101 to 124`, "job", "log", f.job, "--task", "99")
	f.refuses(1, `no step "Comp"`, "job", "log", f.job, "--step", "Comp")
	f.refuses(1, `no attempt "a404"`, "job", "log", f.job, "--attempt", "a404")
	f.refuses(2, `can't be used together`, "job", "log", f.job, "--attempt", "a", "--task", "1")

	f.farm.Add(restv1.Job{Name: "other"})
	f.refuses(2, `fits 2 jobs\n  name one of`, "job", "show", "j")
}

func TestJSONEverywhere(t *testing.T) {
	f := startRemote(t)
	for _, args := range [][]string{
		{"job", "list"}, {"job", "show", f.job}, {"job", "why", f.job}, {"job", "cancel", f.job}, {"node", "list"}, {"pool", "list"},
	} {
		code, out, errOut := f.spillway(append(args, "--json")...)
		if code != 0 || !json.Valid([]byte(out)) {
			t.Errorf("spillway %s --json: exit %d\n%s%s", strings.Join(args, " "), code, out, errOut)
		}
	}
}

func TestSubmitBundle(t *testing.T) {
	f := startRemote(t)
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f.refuses(1, `no template`, "job", "submit", dir)
	write("template.yaml", "name: x\nparameterDefinitions:\n- {name: Scene, type: PATH, default: shot.blend}\n- {name: OutDir, type: PATH}\n- {name: Frames, type: STRING}\n")
	write("parameter_values.yaml", "parameterValues:\n- {name: Frames, value: 7}\n- {name: OutDir, value: out}\n")
	write("spillway.yaml", "priority: 60\n")
	f.wants(`^j\d+ submitted: night\n  follow it`, "job", "submit", dir, "--name", "night", "-p", "OutDir=/abs", "--key", "k")
	f.wants(`^j\d+ was submitted before: night`, "job", "submit", dir, "--name", "night", "-p", "OutDir=/abs", "--key", "k")
	f.wants(`Frames = 7\nparameter +OutDir = /abs\nparameter +Scene = `+regexp.QuoteMeta(dir)+`/shot.blend`, "job", "show", "night")
	f.wants(`^j\d+ submitted: late`, "job", "submit", dir, "--name", "late", "--after", "night")
	f.refuses(1, `no job "dawn"`, "job", "submit", dir, "--after", "dawn")
	f.refuses(1, `used for another job`, "job", "submit", dir, "--name", "day", "--key", "k")
	f.refuses(2, `not NAME=VALUE`, "job", "submit", dir, "-p", "OutDir")
	f.refuses(2, `the policy`, "job", "submit", dir, "--policy", "/nonexistent")
	write("parameter_values.yaml", "parameterValues:\n- {name: Frames, vlaue: 7}\n")
	f.refuses(2, `parameter_values.yaml.*vlaue`, "job", "submit", dir)
	f.refuses(1, `no such file`, "job", "submit", filepath.Join(dir, "gone"))
}

func TestTokenCreate(t *testing.T) {
	f := startRemote(t)
	code, out, errOut := f.spillway("token", "create", "ws-*", "--site", "studio", "--uses", "3", "--life", "7d")
	if code != 0 || out != "spw_1\n" || !regexp.MustCompile(`good for 3 nodes called ws-\* at studio until 20.*--token-file`).MatchString(errOut) {
		t.Errorf("exit %d: %q %q", code, out, errOut)
	}
	file := filepath.Join(t.TempDir(), "edge.token")
	f.wants(`^$`, "token", "create", "edge", "--for", "filer", "-o", file)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 || info.Size() != 6 {
		t.Errorf("the token's file: %v, %v", info, err)
	}
	f.refuses(2, `file exists`, "token", "create", "edge", "-o", file)
	f.wants(`"secret": "spw_3"`, "token", "create", "edge", "--json")
	f.refuses(2, `must be one of "agent","filer"`, "token", "create", "x", "--for", "server")
	f.refuses(2, `for 0 machines`, "token", "create", "x", "--uses", "0")
	f.refuses(2, `no span of time`, "token", "create", "x", "--life", "soon")
}

func TestFollow(t *testing.T) {
	f := startRemote(t)
	// Each line that is printed makes the next thing happen; the first happens when the stream is opened.
	a := ""
	steps := []func(){
		func() { a = f.farm.Start(f.job, 0, 0, "ws-01") },
		func() { f.farm.Cut(); f.farm.Move(a, "succeeded", "receipt 1 of edge") },
		func() { f.farm.Change(f.job, "all 25 tasks succeeded", func(j *restv1.Job) { j.State = "succeeded" }) },
	}
	var mu sync.Mutex
	next := func() {
		mu.Lock()
		defer mu.Unlock()
		if len(steps) > 0 {
			steps[0]()
			steps = steps[1:]
		}
	}
	f.following = sync.OnceFunc(next)
	var out strings.Builder
	var errOut bytes.Buffer
	w := writerFunc(func(p []byte) (int, error) {
		next()
		return out.Write(p)
	})
	if code := run(t.Context(), []string{"job", "log", "-f", f.job}, w, &errOut); code != 0 {
		t.Fatalf("exit %d: %s%s", code, &out, &errOut)
	}
	if !regexp.MustCompile(`(?s)Render 101 +running.*Render 101 +succeeded on ws-01 receipt 1 of edge.*shot succeeded after \S+: all 25 tasks succeeded`).MatchString(out.String()) {
		t.Errorf("%s", &out)
	}
}

func TestFollowTellsOfFailure(t *testing.T) {
	f := startRemote(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "template.json"), []byte(`{"name": "x"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	f.following = func() {
		f.farm.Change("j00000002", "1 task failed 3 times", func(j *restv1.Job) { j.State = "failed" })
	}
	f.refuses(1, `job j\d+ \(night\) failed: 1 task failed 3 times\n  see: spillway job log`, "job", "submit", "-f", dir, "--name", "night")
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestNoServer(t *testing.T) {
	f := startRemote(t)
	t.Setenv("SPILLWAY_TOKEN", "another-token-of-nobody")
	f.refuses(1, `not known\n  give the token with --token`, "job", "list")
	f.refuses(2, `not the URL of a server`, "job", "list", "--server", "farm")
	t.Setenv("SPILLWAY_SERVER", "")
	f.refuses(2, `no server is named\n  give --server URL`, "job", "list")
	if testing.Short() {
		return
	}
	f.refuses(1, `no answer from http://127.0.0.1:1.*\n  is the server running`, "job", "list", "--server", "http://127.0.0.1:1")
}

func TestFormulasAreTriedAtTheServer(t *testing.T) {
	f := startRemote(t)
	f.farm.Pool(restv1.Pool{ID: "burst", Site: "cloud", Max: 9, Wanted: 2})
	formula := filepath.Join(t.TempDir(), "formula.txt")
	if err := os.WriteFile(formula, []byte("$TargetDedicatedNodes = 2"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, errOut := f.spillway("pool", "autoscale", "evaluate", "burst", "--formula", formula); code != 0 || !strings.Contains(out, "The pool would have 2 nodes.") {
		t.Errorf("%d %s %s", code, out, errOut)
	}
	if code, _, errOut := f.spillway("pool", "autoscale", "evaluate", "burst"); code == 0 || !strings.Contains(errOut, "has no formula") {
		t.Errorf("a pool without a formula: %d %s", code, errOut)
	}
	if code, _, errOut := f.spillway("pool", "autoscale", "samples", "bursty"); code == 0 || !strings.Contains(errOut, "there is no pool bursty") {
		t.Errorf("samples of no pool: %d %s", code, errOut)
	}
	if code, out, errOut := f.spillway("pool", "autoscale", "samples", "burst"); code != 0 || out != "" {
		t.Errorf("samples: %d %s %s", code, out, errOut)
	}
}
