package openjd_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spillway/spillway/openjd"
)

const shot = `
specificationVersion: jobtemplate-2023-09
$schema: https://example.org/jobtemplate.json
extensions: [REDACTED_ENV_VARS]
name: "{{Param.Shot}} <v1>"
description: one shot
parameterDefinitions:
- {name: Shot, type: STRING, default: s010, allowedValues: [s010, s020], userInterface: {control: DROPDOWN_LIST, label: Shot}}
- {name: Scene, type: PATH, objectType: FILE, dataFlow: IN, default: scene.blend, userInterface: {fileFilters: [{label: Blender, patterns: ["*.blend"]}]}}
- {name: Last, type: INT, default: 24, minValue: 1, maxValue: 10000, userInterface: {singleStepDelta: 9223372036854775807}}
- {name: Scale, type: FLOAT, default: 0.50, userInterface: {decimals: 2, singleStepDelta: .5}}
- {name: Seats, type: STRING, default: "acme:amount.seats"}
jobEnvironments:
- name: Vars
  variables: {SHOT: "{{Param.Shot}}"}
steps:
- name: Encode
  dependencies: [{dependsOn: Check}, {dependsOn: Render}]
  script: {actions: {onRun: {command: ffmpeg, cancelation: {mode: TERMINATE}}}}
- name: Render
  description: the frames
  stepEnvironments:
  - name: Blender
    script:
      actions: {onEnter: {command: "{{Env.File.Go}}", timeout: 60}, onExit: {command: bye}}
      embeddedFiles: [{name: Go, type: TEXT, filename: go.sh, runnable: true, data: "{{Session.WorkingDirectory}}\n"}]
  hostRequirements:
    amounts: [{name: amount.worker.vcpu, max: 4}, {name: Amount.Worker.Memory, min: 2048}, {name: "{{Param.Seats}}", min: 0.5}]
    attributes: [{name: attr.worker.os.family, anyOf: [linux]}, {name: attr.show, allOf: ["{{Param.Shot}}"]}]
  parameterSpace:
    taskParameterDefinitions:
    - {name: Frame, type: INT, range: "1-{{Param.Last}}"}
    - {name: Layer, type: STRING, range: [beauty, "{{Param.Shot}}"]}
    - {name: Plate, type: PATH, range: ["/nas/plates"]}
    combination: Plate * (Layer * Frame)
  script:
    actions:
      onRun:
        command: blender
        args: ["-b", "{{Param.Scene}}", "-f", "{{Task.Param.Frame}}", "{{Task.Param.Plate}}", "{{Task.RawParam.Plate}}"]
        timeout: 3600
        cancelation: {mode: NOTIFY_THEN_TERMINATE}
    embeddedFiles: [{name: Note, type: TEXT, data: "{{Task.File.Note}}"}]
- name: Check
  script: {actions: {onRun: {command: check}}}
`

func createShot(t *testing.T, given map[string]string) (*openjd.JobTemplate, *openjd.Job, error) {
	t.Helper()
	tmpl := parse(t, shot)
	p, err := tmpl.BindParameters(given, openjd.BaseDirs{Template: "/home/ada/shot"})
	if err != nil {
		t.Fatal(err)
	}
	job, err := tmpl.CreateJob(p)
	return tmpl, job, err
}

func TestCreateJob(t *testing.T) {
	tmpl, job, err := createShot(t, map[string]string{"Last": "3"})
	if err != nil {
		t.Fatal(err)
	}
	if job.Name != "s010 <v1>" || job.Description != "one shot" || len(job.Environments) != 1 {
		t.Errorf("job is %q, %q", job.Name, job.Description)
	}
	if diff := cmp.Diff([]int{1, 2}, job.Steps[0].DependsOn); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int{1, 2, 0}, tmpl.Order()); diff != "" {
		t.Error(diff)
	}
	want := openjd.HostRequirements{
		Amounts: []openjd.Amount{
			{Name: openjd.VCPU, Min: 1, Max: 4}, {Name: openjd.Memory, Min: 2048}, {Name: "acme:amount.seats", Min: 0.5},
		},
		Attributes: []openjd.Attribute{
			{Name: openjd.OSFamily, AnyOf: []string{"linux"}}, {Name: "attr.show", AllOf: []string{"s010"}},
		},
	}
	if diff := cmp.Diff(want, job.Steps[1].Requirements); diff != "" {
		t.Error(diff)
	}
	if a, ok := want.Amount(openjd.Memory); !ok || a.Min != 2048 {
		t.Errorf("Amount is %v, %v", a, ok)
	}
	if n := job.Steps[1].Tasks.Len(); n != 6 {
		t.Errorf("%d tasks, want 6", n)
	}
}

func TestRunOnAHost(t *testing.T) {
	_, job, err := createShot(t, map[string]string{"Last": "3"})
	if err != nil {
		t.Fatal(err)
	}
	mapper, err := openjd.NewPathMapper([]openjd.PathRule{
		{SourceFormat: openjd.Posix, Source: "/nas", Destination: "/mnt/n"},
		{SourceFormat: openjd.Posix, Source: "/home/ada", Destination: "/mnt/ada"},
	}, openjd.Posix)
	if err != nil {
		t.Fatal(err)
	}
	step := job.Steps[1]
	symbols := job.Parameters.Symbols(mapper)
	symbols.SetSession("/tmp/s", "/tmp/s/rules.json", mapper)
	vars, err := job.Environments[0].ResolveVariables(symbols)
	if err != nil || vars["SHOT"] != "s010" {
		t.Errorf("variables are %v, %v", vars, err)
	}

	enter := symbols.Clone()
	enter.SetEnvFile("Go", "/tmp/s/go.sh")
	environment := step.Environments[0].Script
	got, err := environment.Actions.OnEnter.Resolve(openjd.OnEnter, enter)
	if diff := cmp.Diff(openjd.Run{Command: "/tmp/s/go.sh", Timeout: time.Minute, OwnTimeout: true, Cancel: openjd.Terminate}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	got, err = environment.Actions.OnExit.Resolve(openjd.OnExit, enter)
	if err != nil || got.Timeout != 5*time.Minute {
		t.Errorf("onExit is %+v, %v", got, err)
	}
	if _, err := environment.Actions.OnEnter.Resolve(openjd.OnEnter, symbols); err == nil {
		t.Error("Env.File.Go was resolved though it is unknown")
	}

	task, err := step.Tasks.At(4)
	if err != nil {
		t.Fatal(err)
	}
	task.AddTo(symbols, mapper)
	got, err = step.Script.Actions.OnRun.Resolve(openjd.OnRun, symbols)
	want := openjd.Run{
		Command: "blender", Args: []string{"-b", "/mnt/ada/shot/scene.blend", "-f", "2", "/mnt/n/plates", "/nas/plates"},
		Timeout: time.Hour, Cancel: openjd.NotifyThenTerminate, NotifyPeriod: 2 * time.Minute, OwnTimeout: true, OwnCancel: true,
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

func TestCreateJobRefuses(t *testing.T) {
	for name, c := range map[string]struct{ src, want string }{
		"name too long":      {named("'{{Param.P}}'") + "parameterDefinitions: [{name: P, type: STRING, default: " + long(129) + "}]", "name: has 129 characters"},
		"name empty":         {named("'{{Param.P}}'") + "parameterDefinitions: [{name: P, type: STRING, default: ''}]", "name: must not be empty"},
		"name of two lines":  {named("'{{Param.P}}'") + `parameterDefinitions: [{name: P, type: STRING, default: "a\nb"}]`, "U+000A"},
		"range":              {values("{name: A, type: INT, range: '1-{{Param.P}}'}"), `steps[0].parameterSpace.taskParameterDefinitions[0].range: "1-x" is not`},
		"list":               {values("{name: A, type: INT, range: [1, '{{Param.P}}']}"), `range[1]: "x" is not an integer`},
		"lengths":            {space("{taskParameterDefinitions: [{name: A, type: INT, range: [1, 2]}, {name: B, type: STRING, range: ['{{Param.P}}']}], combination: '(A, B)'}"), "A has 2, B has 1"},
		"capability":         {require("{amounts: [{name: '{{Param.P}}', min: 1}]}"), `amounts[0].name: "x" is not of the form`},
		"capability twice":   {require("{attributes: [{name: 'attr.{{Param.P}}', anyOf: [a]}, {name: attr.X, anyOf: [a]}]}"), "required twice"},
		"value of attribute": {require("{attributes: [{name: attr.a, anyOf: ['1{{Param.P}}']}]}"), "anyOf[0]"},
	} {
		t.Run(name, func(t *testing.T) {
			tmpl := parse(t, c.src)
			p, err := tmpl.BindParameters(nil, openjd.BaseDirs{})
			if err != nil {
				t.Fatal(err)
			}
			_, err = tmpl.CreateJob(p)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	tmpl := parse(t, values("{name: A, type: INT, range: '1-{{Param.P}}'}"))
	if _, err := tmpl.TaskSpace(0, nil); err == nil || !strings.Contains(err.Error(), "Param.P has no value here") {
		t.Errorf("got %v", err)
	}
	if _, err := tmpl.TaskSpace(1, nil); err == nil {
		t.Error("a step that is not there has tasks")
	}
}

// TestNormalForm: the JSON of a template parses back to an equal one, whose JSON is the same.
func TestNormalForm(t *testing.T) {
	first := parse(t, shot)
	data, err := json.Marshal(first)
	if err != nil {
		t.Fatal(err)
	}
	var second openjd.JobTemplate
	if err := json.Unmarshal(data, &second); err != nil {
		t.Fatalf("%v\nin\n%s", err, data)
	}
	again, err := json.Marshal(&second)
	if err != nil || string(again) != string(data) {
		t.Errorf("%v\nfirst  %s\nsecond %s", err, data, again)
	}

	src := environment("variables: {A: b}") + "parameterDefinitions: [{name: P, type: FLOAT, default: 1e3}]\n"
	e, err := openjd.ParseEnvironmentTemplate([]byte(src), "e.yaml")
	if err != nil {
		t.Fatal(err)
	}
	data, err = json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	var back openjd.EnvironmentTemplate
	if err := json.Unmarshal(data, &back); err != nil || *back.Parameters[0].Default != "1e3" {
		t.Errorf("%s comes back as %+v, %v", data, back, err)
	}
	if err := json.Unmarshal([]byte(`{"specificationVersion": "environment-2023-09"}`), &back); err == nil {
		t.Error("an environment template without an environment was accepted")
	}
}
