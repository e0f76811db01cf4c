package test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/spillway/spillway/api/restv1"
)

// twelve writes a file for each of its frames, then one about them all.
const twelve = `specificationVersion: jobtemplate-2023-09
name: twelve
parameterDefinitions:
  - {name: OutDir, type: PATH, objectType: DIRECTORY, dataFlow: OUT}
steps:
  - name: Make
    parameterSpace:
      taskParameterDefinitions:
        - {name: Frame, type: INT, range: "1-12"}
    script:
      actions:
        onRun: {command: sh, args: ["{{Task.File.Make}}"]}
      embeddedFiles:
        - name: Make
          type: TEXT
          data: |
            set -eu
            echo "openjd_progress: 50"
            echo "making frame {{Task.Param.Frame}}"
            mkdir -p '{{Param.OutDir}}'
            printf 'frame %s\n' '{{Task.Param.Frame}}' > "$(printf '%s/frame_%04d.txt' '{{Param.OutDir}}' '{{Task.Param.Frame}}')"
  - name: Sum
    dependencies: [{dependsOn: Make}]
    script:
      actions:
        onRun:
          command: python3
          args: ["{{Task.File.Sum}}", "{{Param.OutDir}}"]
      embeddedFiles:
        - name: Sum
          type: TEXT
          data: |
            import pathlib, sys
            out = pathlib.Path(sys.argv[1])
            lines = [p.read_text() for p in sorted(out.glob("frame_*.txt"))]
            (out / "sum.txt").write_text("".join(lines))
            print("openjd_status: summed", len(lines))
`

const twelvePolicy = `priority: 60
steps:
  Make:
    outputs: ["{{Param.OutDir}}/frame_{{Task.Param.Frame:04}}.txt"]
    check: {kind: exists}
  Sum:
    outputs: ["{{Param.OutDir}}/sum.txt"]
    check: {kind: exists}
`

// A job over a folder, the way people work with it.
func TestJobOverAFolder(t *testing.T) {
	needs(t, "python3")
	t.Parallel()
	f := newFolderFarm(t)
	f.startAgent("ws-01", "--vcpus", "2")
	out := filepath.Join(f.nas, "out")
	said := f.must("job", "submit", f.bundle("twelve", twelve, twelvePolicy), "-p", "OutDir="+out, "--follow")
	contains(t, "job submit --follow", said, "succeeded")

	var want strings.Builder
	for i := range 12 {
		line := fmt.Sprintf("frame %d\n", i+1)
		if got := readFile(t, filepath.Join(out, fmt.Sprintf("frame_%04d.txt", i+1))); got != line {
			t.Errorf("frame %d holds %q", i+1, got)
		}
		want.WriteString(line)
	}
	if got := readFile(t, filepath.Join(out, "sum.txt")); got != want.String() {
		t.Errorf("the sum is %q", got)
	}

	var jobs []restv1.Job
	decode(t, f.must("job", "list", "--json"), &jobs)
	if len(jobs) != 1 || jobs[0].Name != "twelve" || jobs[0].State != "succeeded" || jobs[0].Priority != 60 {
		t.Fatalf("job list: %+v", jobs)
	}
	var job restv1.Job
	decode(t, f.must("job", "show", "twelve", "--json"), &job)
	if job.Steps[0].Counts.Succeeded != 12 || job.Steps[1].Counts.Succeeded != 1 || job.Parameters["OutDir"] != out {
		t.Errorf("job show: %+v", job)
	}
	contains(t, "the log of frame 7", f.must("job", "log", job.ID, "--task", "7"), "making frame 7\n")
	contains(t, "the log of the sum", f.must("job", "log", job.ID, "--step", "Sum"), "summed 12")
	var why restv1.Why
	decode(t, f.must("job", "why", job.ID, "--json"), &why)
	if why.Job != job.ID || why.Summary == "" {
		t.Errorf("job why: %+v", why)
	}
	contains(t, "node list", f.must("node", "list"), "ws-01", "online")
	for _, a := range f.attempts(job.ID) {
		if a.Number != 1 || a.State != "succeeded" || len(a.Outputs) != 1 || a.Outputs[0].SHA256 == "" {
			t.Errorf("attempt %+v", a)
		}
	}
	_, stderr, exit := f.run("job", "show", "twelfe")
	if exit != 1 {
		t.Errorf("job show of no job: exit %d", exit)
	}
	contains(t, "job show of no job", stderr, "did you mean", job.ID)
}

// flaky fails until the file `good` is there.
const flaky = `specificationVersion: jobtemplate-2023-09
name: flaky
parameterDefinitions:
  - {name: Dir, type: PATH, objectType: DIRECTORY, dataFlow: INOUT}
steps:
  - name: Try
    script:
      actions:
        onRun: {command: sh, args: [-c, "echo trying >> '{{Param.Dir}}/tries'; echo tried; test -e '{{Param.Dir}}/good' || exit 7"]}
`

// A failing task is tried again as often as its policy says; then people look, mend and retry.
func TestFailureAndRetry(t *testing.T) {
	t.Parallel()
	f := newFolderFarm(t)
	f.startAgent("ws-01")
	job := f.submit(f.bundle("flaky", flaky, "retries: 1\n"), "-p", "Dir="+f.nas)
	if job = f.wait(job.ID); job.State != "failed" {
		t.Fatalf("the job %s: %s", job.State, job.Reason)
	}
	attempts := f.attempts(job.ID)
	if len(attempts) != 2 || attempts[0].ExitCode != 7 || attempts[0].Number != 2 || attempts[0].Cause != "task error" {
		t.Errorf("attempts: %+v", attempts)
	}
	contains(t, "the log of the failed attempt", f.must("job", "log", job.ID), "tried")
	contains(t, "job why", f.must("job", "why", job.ID), "failed")

	writeFile(t, filepath.Join(f.nas, "good"), "")
	f.must("job", "retry", job.ID)
	f.succeed(job.ID)
	if got := readFile(t, filepath.Join(f.nas, "tries")); strings.Count(got, "trying") != 3 {
		t.Errorf("tries: %q", got)
	}
}

// unlicensed is denied a licence twice, and broken fails on every frame.
const (
	unlicensed = `specificationVersion: jobtemplate-2023-09
name: unlicensed
parameterDefinitions:
  - {name: Dir, type: PATH, objectType: DIRECTORY, dataFlow: INOUT}
steps:
  - name: Comp
    script:
      actions:
        onRun: {command: sh, args: ["{{Task.File.Comp}}"]}
      embeddedFiles:
        - name: Comp
          type: TEXT
          data: |
            echo "trying" >> '{{Param.Dir}}/tries'
            [ "$(wc -l < '{{Param.Dir}}/tries')" -gt 2 ] || { echo "license server: all seats are taken"; exit 100; }
`
	broken = `specificationVersion: jobtemplate-2023-09
name: broken
steps:
  - name: Render
    parameterSpace:
      taskParameterDefinitions:
        - {name: Frame, type: INT, range: "1-500"}
    script:
      actions:
        onRun: {command: sh, args: ["-c", "exit 3"]}
`
)

// A denied licence costs no retry, and a scene that is broken does not run through all its frames.
func TestLicencesAndBrokenScenes(t *testing.T) {
	t.Parallel()
	f := newFolderFarm(t)
	f.startAgent("ws-01")
	job := f.submit(f.bundle("unlicensed", unlicensed, `retries: 0
failures:
  licenceWait: 200ms
  signs: [{cause: licence, exitCodes: [100], text: "license server"}]
`), "-p", "Dir="+f.nas)
	f.succeed(job.ID)
	attempts := f.attempts(job.ID)
	if len(attempts) != 3 || attempts[2].Cause != "licence" || !strings.Contains(attempts[2].Reason, "having printed: license server: all seats are taken") {
		t.Errorf("attempts: %+v", attempts)
	}

	job = f.submit(f.bundle("broken", broken, "failures: {pauseAfter: 3}\n"))
	eventually(t, patience, func() error {
		if job = f.job(job.ID); job.State != "paused" {
			return fmt.Errorf("the job is %s: %s", job.State, job.Reason)
		}
		return nil
	})
	if n := len(f.attempts(job.ID)); n > 6 {
		t.Errorf("%d attempts at a broken scene", n)
	}
	contains(t, "the reason", job.Reason, "3 tasks in a row failed, on 1 node")
	contains(t, "job why", f.must("job", "why", job.ID), "failed by task error", "avoided by the job: node ws-01 failed 3 of its tasks in a row")
	f.must("job", "order", job.ID, "deadline:1-500x100,500-1")
	if _, said, exit := f.run("job", "order", job.ID, "deadline:501"); exit == 0 || !strings.Contains(said, "its frames are 1 to 500 by 1") {
		t.Errorf("an order of frames that there are not: exit status %d, %s", exit, said)
	}
	contains(t, "task skip", f.must("task", "skip", job.ID, "--tasks", "5-500", "--dry-run"), "skip: ", "pending")
	f.must("task", "skip", job.ID, "--tasks", "5-500")
	if c := f.job(job.ID).Steps[0].Counts; c.Skipped < 490 || c.Skipped != c.Succeeded || c.Pending > 4 {
		t.Errorf("after a skip of 5 to 500: %+v", c)
	}
	contains(t, "node list", f.must("node", "list"), "job "+job.ID+" avoids it")
	contains(t, "node release", f.must("node", "release", "ws-01"), "ws-01")
	if _, said, exit := f.run("node", "release", "ws-01"); exit == 0 || !strings.Contains(said, "neither quarantined nor avoided") {
		t.Errorf("released twice: exit status %d, %s", exit, said)
	}
	f.must("node", "drain", "ws-01")
	contains(t, "node resume", f.must("node", "resume", "ws-01"), "online")
}

// brood leaves a child that ignores the end of its parent, and waits for ever.
const brood = `specificationVersion: jobtemplate-2023-09
name: brood
parameterDefinitions:
  - {name: Dir, type: PATH, objectType: DIRECTORY, dataFlow: INOUT}
steps:
  - name: Brood
    script:
      actions:
        onRun: {command: sh, args: ["{{Task.File.Brood}}"]}
      embeddedFiles:
        - name: Brood
          type: TEXT
          data: |
            (trap '' TERM; exec sleep 1000) &
            echo "$$ $!" > '{{Param.Dir}}/pids.new'
            mv '{{Param.Dir}}/pids.new' '{{Param.Dir}}/pids'
            wait
`

// Cancel ends the whole process tree.
func TestCancelEndsTheTree(t *testing.T) {
	t.Parallel()
	f := newFolderFarm(t)
	f.startAgent("ws-01")
	job := f.submit(f.bundle("brood", brood, ""), "-p", "Dir="+f.nas)
	pids := f.pids("pids")
	f.must("job", "cancel", job.ID)
	if job = f.wait(job.ID); job.State != "canceled" {
		t.Errorf("the job %s: %s", job.State, job.Reason)
	}
	for _, pid := range pids {
		eventually(t, patience, func() error {
			if alive(pid) {
				return fmt.Errorf("process %d still runs", pid)
			}
			return nil
		})
	}
}

// pids waits for a file of the folder with process ids and reads it.
func (f *testFarm) pids(name string) []int {
	f.t.Helper()
	path := filepath.Join(f.nas, name)
	f.waitFile(path)
	var pids []int
	for _, word := range strings.Fields(readFile(f.t, path)) {
		pid, err := strconv.Atoi(word)
		if err != nil {
			f.t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

// waitFile waits until a file is there.
func (f *testFarm) waitFile(path string) {
	f.t.Helper()
	eventually(f.t, patience, func() error { _, err := os.Stat(path); return err })
}

// alive reports whether a process is there and no zombie.
func alive(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z")
}
