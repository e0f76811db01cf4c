package server_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/spillway/spillway/api/restv1"
	agentv1 "github.com/spillway/spillway/api/spillway/agent/v1"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/server/rest"
)

// shot returns a template of so many frames and a step that needs them all.
func shot(frames int) string {
	return fmt.Sprintf(`specificationVersion: jobtemplate-2023-09
name: shot
steps:
  - name: Render
    parameterSpace:
      taskParameterDefinitions:
        - {name: Frame, type: INT, range: "1-%d"}
    script:
      actions: {onRun: {command: render, args: ["{{Task.Param.Frame}}"]}}
  - name: Encode
    dependencies: [{dependsOn: Render}]
    script:
      actions: {onRun: {command: encode}}
`, frames)
}

// shotPolicy names the shot's files.
const shotPolicy = `retries: 2
steps:
  Render:
    outputs: ["/mnt/nas/out/frame_{{Task.Param.Frame:04}}.png"]
    check: {kind: image, width: 480, height: 270}
  Encode:
    outputs: ["/mnt/nas/out/movie.mp4"]
`

func TestJobRunsToItsEnd(t *testing.T) {
	w := newWorld(t, nil)
	a := w.newAgent("ws-01", "plain", "")
	a.connect()
	job := w.submit(shot(5), shotPolicy, "")
	job = w.waitState(job.ID, "succeeded")

	tasks := a.tasks()
	if len(tasks) != 6 {
		t.Fatalf("%d tasks were ordered, want 6", len(tasks))
	}
	first := tasks[0]
	if out := first.GetOutputs()[0]; out.GetLocation() != "nas" || out.GetPath() != "out/frame_0001.png" || out.GetCheck() != "image" || out.GetWidth() != 480 {
		t.Errorf("the first output rule is %v", out)
	}
	if first.GetTaskParameters()["Frame"] != "1" || first.GetStep() != "Render" {
		t.Errorf("the first task is %v", first)
	}
	last := tasks[5]
	if last.GetStep() != "Encode" || len(last.GetRefresh()) != 6 { // the folder and five frames
		t.Errorf("the last task is %v", last)
	}
	if got := job.Steps[0]; got.Counts.Succeeded != 5 || got.Numbering == nil || got.Numbering.First != 1 {
		t.Errorf("the step is %+v", got)
	}
	page, err := w.Units(context.Background(), job.ID, 0, 0, 100)
	w.must(err)
	if len(page.Units) != 5 || page.Units[2].Params["Frame"] != "3" || page.Units[2].Node != "ws-01" {
		t.Errorf("units: %+v", page)
	}
	pictures, err := w.Pictures(context.Background(), job.ID, 10)
	w.must(err)
	if len(pictures) != 5 || pictures[0].Name != "frame_0005.png" {
		t.Errorf("pictures: %+v", pictures)
	}
}

func TestEventsAreCommittedOrderedAndResumable(t *testing.T) {
	w := newWorld(t, nil)
	a := w.newAgent("ws-01", "plain", "")
	a.connect()
	w.waitState(w.submit(shot(2), shotPolicy, "").ID, "succeeded")
	w.close()
	w.start() // what was before the restart can still be read
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	follow, err := w.Events(ctx, rest.Cursor{Resume: true})
	w.must(err)
	if follow.Gap {
		t.Error("a gap before the first event")
	}
	seen := uint64(0)
	for e := range follow.Events {
		if e.Seq != seen+1 {
			t.Fatalf("event %d after %d", e.Seq, seen)
		}
		seen = e.Seq
		if e.Kind == "job" && e.To == "succeeded" {
			break
		}
	}
	stop()
	for range follow.Events { // to its end
	}
}

func TestServerRestartsInTheMiddleOfAJob(t *testing.T) {
	w := newWorld(t, nil)
	a := w.newAgent("ws-01", "plain", "")
	a.work = nil
	a.connect()
	job := w.submit(shot(3), shotPolicy, "")
	w.until("a task runs", func() bool { return len(a.tasks()) == 1 }, nothing)
	w.wait(job.ID, "running", func(j restv1.Job) bool { return j.Steps[0].Counts.Running == 1 })
	running := a.tasks()[0].GetAttempt()

	w.close()
	w.start()
	a.connect() // with the running attempt in its hello
	a.become(succeed)
	a.end(running, succeed(a.tasks()[0]))
	w.waitState(job.ID, "succeeded")
	if attempts, err := w.Attempts(context.Background(), job.ID, rest.AttemptFilter{Limit: 100}); err != nil || len(attempts) != 4 {
		t.Errorf("%d attempts (%v), want 4: nothing was to run twice", len(attempts), err)
	}
}

func TestSubmitIsIdempotent(t *testing.T) {
	w := newWorld(t, nil)
	ctx := context.Background()
	first, created, err := w.Submit(ctx, restv1.Submission{Template: shot(3)}, "key-1")
	if err != nil || !created {
		t.Fatal(created, err)
	}
	again, created, err := w.Submit(ctx, restv1.Submission{Template: shot(3)}, "key-1")
	if err != nil || created || again.ID != first.ID {
		t.Errorf("again: %s, created %t, %v", again.ID, created, err)
	}
	if _, _, err := w.Submit(ctx, restv1.Submission{Template: shot(4)}, "key-1"); fault.KindOf(err) != fault.Conflict {
		t.Errorf("another submission under the same key: %v", err)
	}
}

func TestTenMillionTasksAreAcceptedAtOnce(t *testing.T) {
	w := newWorld(t, nil)
	policy := "steps: {Render: {outputs: ['/mnt/nas/f_{{Task.Param.Frame}}.png']}}"
	job := w.submit(shot(10_000_000), policy, "")
	if job.Steps[0].Units != 10_000_000 || job.Steps[0].Counts.Pending != 10_000_000 {
		t.Errorf("the step is %+v", job.Steps[0])
	}
	a := w.newAgent("ws-01", "plain", "")
	a.connect()
	w.wait(job.ID, "progress", func(j restv1.Job) bool { return j.Steps[0].Counts.Succeeded > 20 })
	_, err := w.Cancel(context.Background(), job.ID)
	w.must(err)
	w.waitState(job.ID, "canceled")
}

func TestBadSubmissions(t *testing.T) {
	w := newWorld(t, nil)
	scene := `specificationVersion: jobtemplate-2023-09
name: one
parameterDefinitions: [{name: Scene, type: PATH, objectType: FILE, dataFlow: IN}]
steps: [{name: A, script: {actions: {onRun: {command: render}}}}]
`
	for name, c := range map[string]struct {
		template, policy string
		params           map[string]string
		want             []string
	}{
		"two mistakes, with carets":  {template: "specificationVersion: jobtemplate-2023-09\nname: x\nstepz: []\nsteps: [{name: A, scrip: {}}]\n", want: []string{"stepz", "scrip", "^", "template.yaml:3"}},
		"policy with an unknown key": {template: shot(2), policy: "priorty: 3\n", want: []string{"spillway.yaml:1:1", "priorty", "^"}},
		"policy of another step":     {template: shot(2), policy: "steps: {Rendr: {outputs: [x]}}\n", want: []string{"Rendr"}},
		"outputs outside storage":    {template: shot(2), policy: "steps: {Encode: {outputs: [/tmp/x.mp4]}}\n", want: []string{"/tmp/x.mp4", "outside every storage location"}},
		"one name for all tasks":     {template: shot(2), policy: "steps: {Render: {outputs: [/mnt/nas/x.png]}}\n", want: []string{"all 2 tasks would write"}},
		"unknown parameter":          {template: shot(2), policy: "assets: ['{{Param.Nope}}']\n", want: []string{"Nope"}},
		"missing scene":              {template: scene, params: map[string]string{"Scene": "/mnt/nas/shots/a.blend"}, want: []string{"/mnt/nas/shots/a.blend is not there"}},
		"missing parameter":          {template: scene, want: []string{"Scene"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := w.Submit(context.Background(), restv1.Submission{Template: c.template, Policy: c.policy, Parameters: c.params}, "")
			if fault.KindOf(err) != fault.Invalid {
				t.Fatalf("got %v", err)
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q is not in:\n%v", part, err)
				}
			}
		})
	}
}

func TestImpossibleRequirementsAreSaidAtSubmit(t *testing.T) {
	w := newWorld(t, nil)
	w.newAgent("ws-01", "plain", "").connect()
	template := strings.Replace(shot(1), "    parameterSpace:", "    hostRequirements: {amounts: [{name: amount.worker.memory, min: 524288}]}\n    parameterSpace:", 1)
	_, _, err := w.Submit(context.Background(), restv1.Submission{Template: template}, "")
	if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "512 GiB") || !strings.Contains(err.Error(), "4 GiB") {
		t.Errorf("got %v", err)
	}
}

func TestFailedTaskIsTriedAgain(t *testing.T) {
	w := newWorld(t, nil)
	a := w.newAgent("ws-01", "plain", "")
	failures := 0
	a.work = func(task *agentv1.RunTask) *agentv1.AttemptEnd {
		if failures++; failures == 1 {
			return &agentv1.AttemptEnd{Cause: agentv1.EndCause_END_CAUSE_TASK_ERROR, ExitCode: 3, Message: "no license"}
		}
		return succeed(task)
	}
	a.connect()
	job := w.waitState(w.submit(shot(1), shotPolicy, "").ID, "succeeded")
	attempts, err := w.Attempts(context.Background(), job.ID, rest.AttemptFilter{Limit: 10})
	w.must(err)
	if len(attempts) != 3 || attempts[2].State != "failed" || attempts[2].Reason != "no license" || attempts[2].ExitCode != 3 {
		t.Errorf("attempts: %+v", attempts)
	}
}
