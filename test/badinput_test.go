package test

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// refused runs a command that must fail with an exit status and say some words, soon.
func (f *testFarm) refused(status int, words []string, args ...string) {
	f.t.Helper()
	stdout, stderr, exit := f.run(args...)
	what := "spillway " + strings.Join(args, " ")
	if exit != status {
		f.t.Errorf("%s: exit %d, want %d\n%s%s", what, exit, status, stdout, stderr)
	}
	contains(f.t, what, stderr, words...)
}

// one is a template of a step Make with some lines put in, and a parameter Scene.
func one(lines string) string {
	return `specificationVersion: jobtemplate-2023-09
name: one
parameterDefinitions:
  - {name: Scene, type: PATH, objectType: FILE, dataFlow: IN, default: ""}
steps:
  - name: Make
` + lines + `    script: {actions: {onRun: {command: "true"}}}
`
}

// What cannot be a job is refused at submit, with what is wrong and where.
func TestSubmitRefuses(t *testing.T) {
	t.Parallel()
	f := newFolderFarm(t)
	f.startAgent("ws-01", "--memory", "64GiB")
	outside := f.write("outside.blend", "x")
	good := f.bundle("good", one(""), "")
	vast := "    hostRequirements: {amounts: [{name: amount.worker.memory, min: 524288}]}\n"
	for _, c := range []struct {
		name   string
		words  []string
		bundle string
		more   []string
	}{
		{"broken", []string{"not valid", "template.yaml:4", "^"}, f.bundle("broken", "specificationVersion: jobtemplate-2023-09\nname: x\nsteps:\n  - name: [\n", ""), nil},
		{"unknown key", []string{"template.yaml:7:5", `"hostRequirement"`, "hostRequirements"}, f.bundle("unknown", one("    hostRequirement: {}\n"), ""), nil},
		{"policy key", []string{"spillway.yaml:1:1", `unknown key "priorty", did you mean "priority"?`, "^"}, f.bundle("policy", one(""), "priorty: 5\n"), nil},
		{"policy step", []string{`no step "Mak"`, "its steps are: Make"}, f.bundle("step", one(""), "steps: {Mak: {outputs: []}}\n"), nil},
		{"too much memory", []string{"step Make needs 512 GiB memory", "the largest node has 64 GiB memory"}, f.bundle("vast", one(vast), ""), nil},
		{"missing scene", []string{"parameter Scene", "is not there"}, good, []string{"-p", "Scene=" + filepath.Join(f.nas, "no.blend")}},
		{"outside", []string{"parameter Scene", "outside every storage location", f.nas}, good, []string{"-p", "Scene=" + outside}},
		{"unknown parameter", []string{"Scen"}, good, []string{"-p", "Scen=x"}},
		{"nothing there", []string{"holds no template"}, f.dir, nil},
	} {
		status := 2
		if c.name == "nothing there" {
			status = 1
		}
		t.Run(c.name, func(t *testing.T) {
			sub := *f
			sub.t = t
			sub.refused(status, c.words, append([]string{"job", "submit", c.bundle}, c.more...)...)
		})
	}
	if jobs, err := f.api.Jobs(t.Context(), "", 10); err != nil || len(jobs) != 0 {
		t.Errorf("of what was refused there are jobs: %v %v", jobs, err)
	}
	f.succeed(f.submit(good).ID)
}

// A port in use, wrong and used tokens, other farms' CAs, exports that are not there.
func TestStrangersAreTold(t *testing.T) {
	t.Parallel()
	f := newFarm(t)
	f.configure(fmt.Sprintf(`
storage: [{name: nas, path: %q, sources: [{path: %q}], sites: {studio: {direct: %q}}}]
tokens:
  - {role: agent, names: "*", site: studio, file: agents.token}
  - {role: filer, names: edge, file: edge.token}
`, f.nas, f.nas, f.nas))
	f.startServer()
	inUse := []string{"address already in use", f.listen}
	f.refused(1, []string{"another server runs in " + f.serverDir()}, "server", "--dir", f.serverDir(), "--listen", freeAddress(), "--direct", f.nas)
	f.refused(1, append(inUse, "--listen"), "server", "--dir", filepath.Join(f.dir, "other"), "--listen", f.listen, "--direct", f.nas)
	f.refused(1, inUse, "filer", "--listen", f.listen, "--cache-dir", filepath.Join(f.dir, "cache"), "--export", "/nas=posix:"+f.nas)
	f.refused(1, inUse, "wan", "--relay", f.listen+"=127.0.0.1:1")

	f.refused(1, []string{"the token is not known", "SPILLWAY_TOKEN"}, "job", "list", "--token", "wrong")
	lost := f.write("lost.pem", "")
	f.refused(2, []string{"holds no PEM certificate"}, "job", "list", "--ca", lost)

	join := func(name, token string, more ...string) []string {
		return append([]string{"agent", "--dir", filepath.Join(f.dir, name), "--name", name, "--site", "studio", "--token-file", token}, more...)
	}
	f.refused(1, []string{"does not accept the join token", "make a new one"}, join("ws-01", f.write("bogus", "made up"))...)
	f.refused(1, []string{"for the filer"}, join("ws-01", f.token("edge"))...)
	f.startAgent("ws-02")
	f.refused(1, []string{"does not accept the join token"}, join("ws-03", f.token("agents"))...)

	at := freeAddress()
	f.startFiler("filer", at, "posix:"+f.nas)
	f.refused(1, []string{"has no export at that path"}, "mount", at+":/nope", filepath.Join(f.dir, "m"))
}

// Ten million tasks are accepted at once and cost nothing before they start.
func TestTenMillionTasks(t *testing.T) {
	t.Parallel()
	f := newFolderFarm(t)
	f.startAgent("ws-01")
	f.succeed(f.submit(f.bundle("small", one(""), "")).ID) // everything is warm
	before := residentMiB(t, f.server.cmd.Process.Pid)
	vast := f.bundle("vast", one("    parameterSpace: {taskParameterDefinitions: [{name: Frame, type: INT, range: \"1-10000000\"}]}\n"), "")
	began := time.Now()
	job := f.submit(vast)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the submit took %v", took)
	}
	if job.Steps[0].Units != 10_000_000 {
		t.Fatalf("steps: %+v", job.Steps)
	}
	eventually(t, patience, func() error {
		if done := f.job(job.ID).Steps[0].Counts.Succeeded; done < 3 {
			return fmt.Errorf("%d tasks are done", done)
		}
		return nil
	})
	if grown := residentMiB(t, f.server.cmd.Process.Pid) - before; grown > 50 {
		t.Errorf("the server grew by %d MiB", grown)
	}
	f.must("job", "cancel", job.ID)
	if job = f.wait(job.ID); job.State != "canceled" {
		t.Errorf("the job %s", job.State)
	}
}

// residentMiB is the memory that a process occupies.
func residentMiB(t *testing.T, pid int) int {
	t.Helper()
	for line := range strings.Lines(readFile(t, fmt.Sprintf("/proc/%d/status", pid))) {
		if text, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.Atoi(strings.Fields(text)[0])
			if err != nil {
				t.Fatal(err)
			}
			return kib >> 10
		}
	}
	t.Fatalf("process %d has no VmRSS", pid)
	return 0
}
