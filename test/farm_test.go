package test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/client"
	"github.com/spillway/spillway/internal/provider/process"
)

// patience bounds every wait for something that takes a moment on an idle machine: it may be a very busy one.
const patience = 2 * time.Minute

// mark is the environment variable by which every process of a test's farm is found again.
const mark = "SPILLWAY_TEST_FARM"

// testFarm is a farm of real processes on this machine.
type testFarm struct {
	t      *testing.T
	dir    string   // everything that the farm keeps
	nas    string   // the folder in which all files live
	listen string   // the server's
	args   []string // of the server
	server *daemon
	agents []*daemon
	api    *client.Client
	env    []string // of every process: marks, and where the server is
}

// newFarm prepares a farm that is not started. When the test ends, its processes are ended and its mounts detached; a
// process that outlives the orderly stop of its agent fails the test.
func newFarm(t *testing.T) *testFarm {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	f := &testFarm{t: t, dir: dir, nas: filepath.Join(dir, "nas"), listen: freeAddress()}
	f.env = []string{mark + "=" + dir, "XDG_CONFIG_HOME=" + dir, "SPILLWAY_DIR="}
	if err := os.MkdirAll(f.nas, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		left := process.FindByEnv(mark, dir)
		if len(left) > 0 && !t.Failed() {
			t.Errorf("left running: %s", describe(left))
		}
		if err := process.EndByEnv(context.Background(), mark, dir, 0); err != nil {
			t.Error(err)
		}
		if _, err := process.DetachBelow(dir); err != nil {
			t.Error(err)
		}
	})
	return f
}

// newFolderFarm starts a server over a folder that all nodes see under the same path.
func newFolderFarm(t *testing.T) *testFarm {
	t.Helper()
	f := newFarm(t)
	f.configure(fmt.Sprintf(`
lease: 60s
heartbeat: 500ms
storage:
  - {name: nas, path: %q, sources: [{path: %q}], sites: {studio: {direct: %q}}}
tokens:
  - {role: agent, names: "*", site: studio, uses: 9, file: agents.token}
`, f.nas, f.nas, f.nas))
	f.startServer()
	return f
}

// configure writes the server's configuration; its address and directory are given on the command line.
func (f *testFarm) configure(text string) {
	f.t.Helper()
	path := f.write("farm.yaml", text)
	f.args = []string{"server", "--config", path, "--dir", f.serverDir(), "--listen", f.listen}
}

func (f *testFarm) serverDir() string { return filepath.Join(f.dir, "server") }
func (f *testFarm) url() string       { return "https://" + f.listen }
func (f *testFarm) ca() string        { return filepath.Join(f.serverDir(), "ca.pem") }
func (f *testFarm) token(name string) string {
	return filepath.Join(f.serverDir(), name+".token")
}

// write writes a file below the farm's directory and returns its path.
func (f *testFarm) write(name, text string) string {
	f.t.Helper()
	path := filepath.Join(f.dir, name)
	writeFile(f.t, path, text)
	return path
}

// startServer starts the server, again after a kill.
func (f *testFarm) startServer() {
	f.t.Helper()
	f.server = start(f.t, f.env, f.args...)
	f.t.Cleanup(func() { // before the server, to which they say goodbye
		for _, a := range f.agents {
			a.stop()
		}
	})
	secret := strings.TrimSpace(readFile(f.t, f.token("admin")))
	if f.api == nil {
		f.env = append(f.env, "SPILLWAY_SERVER="+f.url(), "SPILLWAY_CA="+f.ca(), "SPILLWAY_TOKEN="+secret)
		var err error
		if f.api, err = client.New(client.Config{Server: f.url(), Token: secret, CA: f.ca()}); err != nil {
			f.t.Fatal(err)
		}
		f.t.Cleanup(f.api.Close)
	}
}

// agentArgs is the command line of a node at the studio.
func (f *testFarm) agentArgs(name string, more ...string) []string {
	return append([]string{"agent", "--dir", filepath.Join(f.dir, name), "--name", name, "--site", "studio", "--token-file", f.token("agents")}, more...)
}

// startAgent starts a node that takes everything with it when it is stopped.
func (f *testFarm) startAgent(name string, more ...string) *daemon {
	f.t.Helper()
	a := start(f.t, f.env, append(f.agentArgs(name, more...), "--stop-with-agent")...)
	f.agents = append(f.agents, a)
	return a
}

// run runs a command of the command line to its end.
func (f *testFarm) run(args ...string) (stdout, stderr string, exit int) {
	f.t.Helper()
	return spillwayOutput(f.t, patience, f.env, args...)
}

// must runs a command that has to succeed and returns its standard output.
func (f *testFarm) must(args ...string) string {
	f.t.Helper()
	stdout, stderr, exit := f.run(args...)
	if exit != 0 {
		f.t.Fatalf("spillway %s: exit %d\n%s%s", strings.Join(args, " "), exit, stdout, stderr)
	}
	return stdout
}

// bundle writes a job bundle and returns its folder.
func (f *testFarm) bundle(name, template, policy string) string {
	f.t.Helper()
	dir := filepath.Join(f.dir, "bundles", name)
	writeFile(f.t, filepath.Join(dir, "template.yaml"), template)
	if policy != "" {
		writeFile(f.t, filepath.Join(dir, "spillway.yaml"), policy)
	}
	return dir
}

// submit submits a bundle and returns the job.
func (f *testFarm) submit(bundle string, more ...string) restv1.Job {
	f.t.Helper()
	var job restv1.Job
	decode(f.t, f.must(append([]string{"job", "submit", "--json", bundle}, more...)...), &job)
	return job
}

// job returns a job as it is now.
func (f *testFarm) job(id string) restv1.Job {
	f.t.Helper()
	job, err := f.api.Job(f.t.Context(), id)
	if err != nil {
		f.t.Fatal(err)
	}
	return job
}

// attempts returns a job's attempts, newest first.
func (f *testFarm) attempts(id string) []restv1.Attempt {
	f.t.Helper()
	list, err := f.api.Attempts(f.t.Context(), id, client.AttemptQuery{Step: -1, Unit: -1, Limit: 200})
	if err != nil {
		f.t.Fatal(err)
	}
	return list
}

// wait waits until a job is over and returns it. It gives up when nothing has happened for longer than patience.
func (f *testFarm) wait(id string) restv1.Job {
	f.t.Helper()
	ctx, cancel := context.WithCancel(f.t.Context())
	defer cancel()
	quiet := time.AfterFunc(patience, cancel)
	defer quiet.Stop()
	job, err := f.api.Watch(ctx, id, untilQuiet{quiet})
	if err != nil {
		why, _ := f.api.Why(f.t.Context(), id)
		f.t.Fatalf("job %s: %v\n%+v\n%+v", id, err, f.job(id), why)
	}
	return job
}

// succeed waits until a job is over, and fails the test unless it has succeeded.
func (f *testFarm) succeed(id string) restv1.Job {
	f.t.Helper()
	job := f.wait(id)
	if job.State != "succeeded" {
		f.t.Fatalf("job %s: %s: %s\n%+v", id, job.State, job.Reason, f.attempts(id))
	}
	return job
}

// untilQuiet begins to wait anew with every event of a job.
type untilQuiet struct{ quiet *time.Timer }

func (u untilQuiet) Event(restv1.Event, restv1.Job) error { u.quiet.Reset(patience); return nil }
func (u untilQuiet) Job(restv1.Job) error                 { return nil }

// freeAddress returns an address of this machine that nobody else uses: no outgoing connection has it, as its port is not one
// that the kernel gives to those (from 32768 on), and hardly any other test. So it is free while what listens there is
// restarted.
func freeAddress() string {
	return fmt.Sprintf("127.%d.%d.%d:%d", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254), 12000+rand.IntN(20000))
}

// describe names processes.
func describe(pids []int) string {
	var out []string
	for _, pid := range pids {
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		out = append(out, fmt.Sprintf("%d (%s)", pid, strings.TrimSpace(strings.ReplaceAll(string(line), "\x00", " "))))
	}
	return strings.Join(out, ", ")
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func decode(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
}

// contains fails the test unless a text holds all of some words.
func contains(t *testing.T, what, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("%s does not say %q:\n%s", what, w, text)
		}
	}
}
