package server_test

import (
	"context"
	"strings"
	"testing"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/fault"
)

// frames returns a template of one step over a range of frames.
func frames(step, span string) string {
	return `specificationVersion: jobtemplate-2023-09
name: ` + step + `
steps:
  - name: ` + step + `
    parameterSpace:
      taskParameterDefinitions:
        - {name: Frame, type: INT, range: "` + span + `"}
    script:
      actions: {onRun: {command: run, args: ["{{Task.Param.Frame}}"]}}
`
}

// TestFrameByFrameAcrossJobs: each frame of one job starts when its own of another has landed, and the node is told to forget
// what it knew of that file alone.
func TestFrameByFrameAcrossJobs(t *testing.T) {
	w := newWorld(t, nil)
	sim := w.submit(frames("Sim", "1-6"), "steps:\n  Sim:\n    outputs: [\"/mnt/nas/sim/{{Task.Param.Frame:04}}.abc\"]\n", "")
	policy := "steps:\n  Render:\n    after: [{job: " + sim.ID + ", step: Sim, frameByFrame: true, offset: -1}]\n"
	render := w.submit(frames("Render", "3-5"), policy, "")
	agent := w.newAgent("ws-01", "plain", "")
	agent.connect()
	w.waitState(sim.ID, "succeeded")
	w.waitState(render.ID, "succeeded")
	seen := map[string]int{}
	for i, task := range agent.tasks() {
		frame := task.GetTaskParameters()["Frame"]
		seen[task.GetStep()+frame] = i + 1
		if task.GetStep() != "Render" {
			continue
		}
		need := map[string]string{"3": "2", "4": "3", "5": "4"}[frame]
		if seen["Sim"+need] == 0 {
			t.Errorf("Render %s was ordered before Sim %s", frame, need)
		}
		var paths []string
		for _, p := range task.GetRefresh() {
			paths = append(paths, p.GetPath())
		}
		if got := strings.Join(paths, " "); got != "sim sim/000"+need+".abc" {
			t.Errorf("Render %s: looked up anew: %s", frame, got)
		}
	}
}

func TestAfterWholeJob(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, nil)
	first := w.submit(shot(2), shotPolicy, "")
	second, _, err := w.Submit(ctx, restv1.Submission{Template: frames("Render", "1-2"), After: []string{first.ID}}, "")
	w.must(err)
	why, err := w.Why(ctx, second.ID)
	w.must(err)
	if len(why.Reasons) != 1 || why.Reasons[0].Text != "waits for job "+first.ID+" (shot), which is active" {
		t.Errorf("why: %+v", why)
	}
	w.newAgent("ws-01", "plain", "").connect()
	w.waitState(second.ID, "succeeded")
	w.waitState(first.ID, "succeeded")
}

func TestAfterRefuses(t *testing.T) {
	w := newWorld(t, nil)
	first := w.submit(frames("Sim", "1-9:2"), "", "")
	for says, after := range map[string]string{
		"no job j404":       "{job: j404}",
		`no step "Sin"`:     "{job: " + first.ID + ", step: Sin}",
		"they must count":   "{job: " + first.ID + ", step: Sim, frameByFrame: true}",
		"waits for itself":  "{step: Render}",
		"name the step":     "{job: " + first.ID + ", frameByFrame: true}",
		"an offset needs":   "{step: Render, offset: 1}",
		"a dependency name": "{}",
	} {
		policy := "steps:\n  Render:\n    after: [" + after + "]\n"
		_, _, err := w.Submit(context.Background(), restv1.Submission{Template: frames("Render", "1-9"), Policy: policy}, "")
		if err == nil || fault.KindOf(err) == fault.Internal || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", after, err, says)
		}
	}
	_, _, err := w.Submit(context.Background(), restv1.Submission{Template: frames("Render", "2-8:2"), Policy: "steps:\n  Render:\n    after: [{job: " +
		first.ID + ", step: Sim, frameByFrame: true}]\n"}, "")
	if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "no frame of Sim") {
		t.Errorf("frames that never meet: %v", err)
	}
}
