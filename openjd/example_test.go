package openjd_test

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spillway/spillway/openjd"
)

const exampleTemplate = `
specificationVersion: jobtemplate-2023-09
name: Render {{Param.Shot}}
parameterDefinitions:
- {name: Shot, type: STRING}
- {name: Scene, type: PATH, default: scene.blend}
- {name: Frames, type: STRING, default: 1-10}
steps:
- name: Render
  parameterSpace:
    taskParameterDefinitions:
    - {name: Frame, type: INT, range: "{{Param.Frames}}"}
  script:
    actions:
      onRun:
        command: blender
        args: [-b, "{{Param.Scene}}", -f, "{{Task.Param.Frame}}"]
`

// From a document to a command line.
func Example() {
	t, err := openjd.ParseJobTemplate([]byte(exampleTemplate), "shot.yaml")
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := t.BindParameters(map[string]string{"Shot": "s010", "Frames": "1-1000000"}, openjd.BaseDirs{Template: "/nas/s010"})
	if err != nil {
		fmt.Println(err)
		return
	}
	job, err := t.CreateJob(p)
	if err != nil {
		fmt.Println(err)
		return
	}
	tasks := job.Steps[0].Tasks
	fmt.Println(job.Name, tasks.Len())

	mapper, err := openjd.NewPathMapper([]openjd.PathRule{
		{SourceFormat: openjd.Posix, Source: "/nas", Destination: "/mnt/nas"},
	}, openjd.Posix)
	if err != nil {
		fmt.Println(err)
		return
	}
	task, err := tasks.At(41)
	if err != nil {
		fmt.Println(err)
		return
	}
	symbols := p.Symbols(mapper)
	symbols.SetSession("/tmp/session", "/tmp/session/rules.json", mapper)
	task.AddTo(symbols, mapper)
	run, err := job.Steps[0].Script.Actions.OnRun.Resolve(openjd.OnRun, symbols)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(run.Command, run.Args)
	// Output:
	// Render s010 1000000
	// blender [-b /mnt/nas/s010/scene.blend -f 42]
}

// Everything that is wrong is reported at once, where it is.
func ExampleErrors() {
	_, err := openjd.ParseJobTemplate([]byte(`specificationVersion: jobtemplate-2023-09
name: Shot
steps:
- name: Render
  script: {actions: {onRun: {comand: blender}}}
`), "shot.yaml")
	var wrong openjd.Errors
	if errors.As(err, &wrong) {
		fmt.Print(wrong.Report())
	}
	// Output:
	// shot.yaml:5:30: steps[0].script.actions.onRun.comand: unknown key "comand" (did you mean "command"?)
	//    5 |   script: {actions: {onRun: {comand: blender}}}
	//      |                              ^
	// shot.yaml:5:30: steps[0].script.actions.onRun: "command" is missing
	//    5 |   script: {actions: {onRun: {comand: blender}}}
	//      |                              ^
}

func ExampleTaskSpace_Index() {
	t, err := openjd.ParseJobTemplate([]byte(exampleTemplate), "shot.yaml")
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := t.BindParameters(map[string]string{"Shot": "s010"}, openjd.BaseDirs{})
	if err != nil {
		fmt.Println(err)
		return
	}
	tasks, err := t.TaskSpace(0, p)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(tasks.Index(map[string]string{"Frame": "7"}))
	fmt.Println(tasks.Index(map[string]string{"Frame": "11"}))
	// Output:
	// 6 true
	// 0 false
}

func ExampleParseIntRange() {
	r, err := openjd.ParseIntRange("10-15:2, 1-3")
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range r.Len() {
		v, _ := r.At(i)
		fmt.Print(v, " ")
	}
	// Output: 1 2 3 10 12 14
}

func ExampleParsePattern() {
	f, err := openjd.ParsePattern("{{Param.Out}}/frame_{{Task.Param.Frame:04}}.png")
	if err != nil {
		fmt.Println(err)
		return
	}
	var s openjd.Symbols
	s.Set("Param.Out", "/nas/out")
	s.Set("Task.Param.Frame", "17")
	fmt.Println(f.Resolve(&s))
	// Output: /nas/out/frame_0017.png <nil>
}

func ExampleParseDirective() {
	for _, line := range []string{"openjd_progress: 42.5", "openjd_env: SHOT=s010", "Fra:1 Mem:20M", "openjd_progress: half"} {
		d, ok, err := openjd.ParseDirective(line)
		fmt.Println(d.Kind, d.Percent, d.Name, d.Value, ok, err)
	}
	// Output:
	// openjd_progress 42.5   true <nil>
	// openjd_env 0 SHOT s010 true <nil>
	// openjd_progress 0   false <nil>
	// openjd_progress 0   true openjd_progress: "half" is not a number from 0 to 100
}

func ExamplePathMapper() {
	m, err := openjd.NewPathMapper([]openjd.PathRule{
		{SourceFormat: openjd.Windows, Source: `Z:\show`, Destination: "/mnt/show"},
	}, openjd.Posix)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Map(`z:\Show\seq\a.exr`))
	document, err := json.Marshal(m)
	fmt.Println(string(document), err)
	// Output:
	// /mnt/show/seq/a.exr
	// {"version":"pathmapping-1.0","path_mapping_rules":[{"source_path_format":"WINDOWS","source_path":"Z:\\show","destination_path":"/mnt/show"}]} <nil>
}
