package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// steady has one long task, which ends when the file `go` is there, and twenty short ones; each leaves a line in a file.
const steady = `specificationVersion: jobtemplate-2023-09
name: steady
parameterDefinitions:
  - {name: Dir, type: PATH, objectType: DIRECTORY, dataFlow: INOUT}
steps:
  - name: Long
    script:
      actions:
        onRun: {command: sh, args: ["{{Task.File.Long}}"]}
      embeddedFiles:
        - name: Long
          type: TEXT
          data: |
            set -eu
            n=0
            echo long >> '{{Param.Dir}}/done'
            echo "$$" > '{{Param.Dir}}/long.new'
            mv '{{Param.Dir}}/long.new' '{{Param.Dir}}/long'
            while ! test -e '{{Param.Dir}}/go'; do
              n=$((n+1)); echo "line $n"; sleep 0.1
            done
            echo "last line, after $n"
  - name: Short
    parameterSpace:
      taskParameterDefinitions:
        - {name: Frame, type: INT, range: "1-20"}
    script:
      actions:
        onRun: {command: sh, args: [-c, "echo short {{Task.Param.Frame}} >> '{{Param.Dir}}/done'; sleep 0.1; printf x > '{{Param.Dir}}/short_{{Task.Param.Frame}}'"]}
`

const steadyPolicy = `steps:
  Short:
    outputs: ["{{Param.Dir}}/short_{{Task.Param.Frame}}"]
    check: {kind: exists}
`

// The server dies again and again in the middle of a job: what renders goes on, nothing is lost, nothing is done twice.
func TestServerKilled(t *testing.T) {
	t.Parallel()
	f := newFolderFarm(t)
	f.startAgent("ws-01", "--vcpus", "2")
	job := f.submit(f.bundle("steady", steady, steadyPolicy), "-p", "Dir="+f.nas)
	long := f.pids("long")[0]
	for kill := range 3 {
		f.waitFile(filepath.Join(f.nas, fmt.Sprintf("short_%d", 2+4*kill)))
		f.server.kill()
		if !alive(long) {
			t.Fatalf("the long task has ended with the server (kill %d)", kill)
		}
		f.startServer()
	}
	f.waitFile(filepath.Join(f.nas, "short_20"))
	if !alive(long) || f.pids("long")[0] != long {
		t.Fatal("the long task was disturbed")
	}
	writeFile(t, filepath.Join(f.nas, "go"), "")
	job = f.succeed(job.ID)
	f.onceEach(job.ID)
	f.wholeLog(job.ID)
}

// onceEach checks that every task of steady was done once.
func (f *testFarm) onceEach(job string) {
	f.t.Helper()
	count := map[string]int{}
	for line := range strings.Lines(readFile(f.t, filepath.Join(f.nas, "done"))) {
		count[strings.TrimSpace(line)]++
	}
	want := []string{"long"}
	for i := range 20 {
		want = append(want, fmt.Sprintf("short %d", i+1))
	}
	for _, w := range want {
		if count[w] != 1 {
			f.t.Errorf("%q was done %d times", w, count[w])
		}
	}
	for _, a := range f.attempts(job) {
		if a.Number != 1 || a.State != "succeeded" {
			f.t.Errorf("attempt %d of %d/%d: %s, %s", a.Number, a.Step, a.Unit, a.State, a.Reason)
		}
	}
}

// wholeLog checks that no line of the long task is missing or twice in its log.
func (f *testFarm) wholeLog(job string) {
	f.t.Helper()
	n, last := 0, false
	for line := range strings.Lines(f.must("job", "log", job, "--step", "Long")) {
		switch line = strings.TrimSpace(line); {
		case line == fmt.Sprintf("line %d", n+1):
			n++
		case line == fmt.Sprintf("last line, after %d", n):
			last = true
		case strings.HasPrefix(line, "line "), strings.HasPrefix(line, "last"):
			f.t.Errorf("%q follows line %d in the log", line, n)
		}
	}
	if n == 0 || !last {
		f.t.Errorf("the log has %d lines, its last one: %v", n, last)
	}
}

// The agent dies under its tasks: the next one in the same directory takes them over.
func TestAgentKilled(t *testing.T) {
	t.Parallel()
	f := newFolderFarm(t)
	agent := start(t, f.env, f.agentArgs("ws-01", "--vcpus", "2")...)
	job := f.submit(f.bundle("steady", steady, steadyPolicy), "-p", "Dir="+f.nas)
	long := f.pids("long")[0]
	for kill := range 2 {
		f.waitFile(filepath.Join(f.nas, fmt.Sprintf("short_%d", 3+5*kill)))
		agent.kill()
		if !alive(long) {
			t.Fatal("the long task has ended with the agent")
		}
		agent = f.startAgent("ws-01", "--vcpus", "2")
	}
	f.waitFile(filepath.Join(f.nas, "short_20"))
	if !alive(long) {
		t.Fatal("the long task was disturbed")
	}
	writeFile(t, filepath.Join(f.nas, "go"), "")
	job = f.succeed(job.ID)
	f.onceEach(job.ID)
	f.wholeLog(job.ID)
}

// The agent is away while its task ends: the next one finds the end, the output and the log.
func TestTaskEndsWithoutAgent(t *testing.T) {
	t.Parallel()
	f := newFolderFarm(t)
	agent := start(t, f.env, f.agentArgs("ws-01")...)
	job := f.submit(f.bundle("lonely", lonely, lonelyPolicy), "-p", "Dir="+f.nas)
	task := f.pids("task")[0]
	agent.kill()
	writeFile(t, filepath.Join(f.nas, "go"), "")
	eventually(t, patience, func() error {
		if alive(task) {
			return fmt.Errorf("the task still runs")
		}
		return nil
	})
	f.startAgent("ws-01")
	f.succeed(job.ID)
	contains(t, "the log", f.must("job", "log", job.ID), "written while nobody looked")
	attempts := f.attempts(job.ID)
	if len(attempts) != 1 || len(attempts[0].Outputs) != 1 {
		t.Errorf("attempts: %+v", attempts)
	}
	if _, err := os.Stat(filepath.Join(f.nas, "out")); err != nil {
		t.Error(err)
	}
}

const lonely = `specificationVersion: jobtemplate-2023-09
name: lonely
parameterDefinitions:
  - {name: Dir, type: PATH, objectType: DIRECTORY, dataFlow: INOUT}
steps:
  - name: Wait
    script:
      actions:
        onRun: {command: sh, args: ["{{Task.File.Wait}}"]}
      embeddedFiles:
        - name: Wait
          type: TEXT
          data: |
            echo "$$" > '{{Param.Dir}}/task.new'
            mv '{{Param.Dir}}/task.new' '{{Param.Dir}}/task'
            while ! test -e '{{Param.Dir}}/go'; do sleep 0.05; done
            echo written while nobody looked
            echo out > '{{Param.Dir}}/out'
`

const lonelyPolicy = `steps: {Wait: {outputs: ["{{Param.Dir}}/out"], check: {kind: exists}}}
`
