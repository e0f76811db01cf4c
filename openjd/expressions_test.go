package openjd_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spillway/spillway/openjd"
)

// expressive is a template with EXPR, further parameters and a step with further keys.
func expressive(parameters, stepKeys string) string {
	return "specificationVersion: jobtemplate-2023-09\nextensions: [EXPR, FEATURE_BUNDLE_1]\nname: J\n" +
		"parameterDefinitions: [{name: N, type: INT, default: 3}, {name: Dir, type: PATH, default: d}" + parameters + "]\nsteps: [{name: S, " + stepKeys + "}]\n"
}

func exprParam(definition string) string { return expressive(", "+definition, run) }

func exprArgs(args string) string {
	return expressive("", "parameterSpace: {taskParameterDefinitions: [{name: F, type: INT, range: 1-2}]}, script: {actions: {onRun: {command: run, args: ["+args+"]}}}")
}

func wrapping(actions string) string {
	return "specificationVersion: environment-2023-09\nextensions: [EXPR, WRAP_ACTIONS, FEATURE_BUNDLE_1]\nenvironment: {name: E, script: {actions: {" + actions + "}}}\n"
}

const hooks = "onWrapEnvEnter: {command: x, args: ['{{WrappedEnv.Name}}']}, onWrapTaskRun: {command: x, args: ['{{WrappedStep.Name}}', '{{WrappedAction.Args}}', '{{WrappedAction.Timeout}}'], " +
	"timeout: '{{WrappedAction.Timeout}}', cancelation: {mode: '{{WrappedAction.Cancelation.Mode}}', notifyPeriodInSeconds: '{{WrappedAction.Cancelation.NotifyPeriodInSeconds}}'}}, onWrapEnvExit: {command: x}"

func TestExpressionsAccept(t *testing.T) {
	for _, c := range []struct{ section, src string }{
		{"2 names of types in any case", exprParam("{name: A, type: bool}, {name: B, type: 'List[String]'}, {name: C, type: Range_Expr}")},
		{"2.9", exprParam("{name: B, type: BOOL, default: 'Yes', userInterface: {control: CHECK_BOX}}")},
		{"2.10", exprParam("{name: R, type: RANGE_EXPR, default: 1-5, minLength: 1, userInterface: {control: LINE_EDIT}}")},
		{"2.11", exprParam("{name: L, type: 'LIST[STRING]', default: [ab], minLength: 1, item: {allowedValues: [ab, c], maxLength: 2}, userInterface: {control: LINE_EDIT_LIST}}")},
		{"2.12", exprParam("{name: L, type: 'LIST[PATH]', objectType: FILE, dataFlow: IN, default: [a], userInterface: {fileFilters: [{label: a, patterns: ['*']}]}}")},
		{"2.13", exprParam("{name: L, type: 'LIST[INT]', default: [1, '2'], item: {minValue: 1}, userInterface: {singleStepDelta: 2}}")},
		{"2.14", exprParam("{name: L, type: 'LIST[FLOAT]', default: [1, 2.50], item: {maxValue: 2.5}, userInterface: {decimals: 1}}")},
		{"2.15", exprParam("{name: L, type: 'LIST[BOOL]', default: [true, 'off', 1]}")},
		{"2.16", exprParam("{name: L, type: 'LIST[LIST[INT]]', default: [[1], []], item: {maxLength: 2, item: {allowedValues: [1, 2]}}}")},
		{"3.4.1 expressions for ranges", expressive("", "parameterSpace: {taskParameterDefinitions: [{name: A, type: INT, range: '{{range(Param.N)}}'}, {name: B, type: FLOAT, range: '{{[1, 2.5]}}'}, {name: C, type: STRING, range: ['{{[\"a\", \"b\"]}}', c]}]}, "+run)},
		{"3.6 let in every place", expressive("", "let: [n = Param.N * 2, out = Param.Dir / 'x'], stepEnvironments: [{name: E, script: {let: ['m = n + 1'], actions: {onEnter: {command: '{{out}}', args: ['{{m}}']}}}}], script: {let: ['f = Task.File.Go'], actions: {onRun: {command: '{{f}}'}}, embeddedFiles: [{name: Go, type: TEXT, data: '{{f.name}} {{n}}'}]}")},
		{"3.6 let in hosts and space", expressive("", "let: [n = Param.N * 2], hostRequirements: {amounts: [{name: amount.a, min: '{{n}}'}]}, parameterSpace: {taskParameterDefinitions: [{name: A, type: INT, range: '1-{{n}}'}]}, "+run)},
		{"5.2 null and lists", exprArgs("'{{null}}', '{{[\"-f\", Task.Param.F]}}', '{{Task.Param.F if Param.N > 1 else null}}'")},
		{"7.3 braces within strings", exprArgs(`"{{ 'a}}b' }}"`)},
		{"7.3.1 names", exprArgs("'{{Job.Name + Step.Name}}', '{{not Session.HasPathMappingRules}}', '{{apply_path_mapping(RawParam.Dir)}}'")},
		{"8 let", expressive("", "bash: {let: [a = Param.N], script: '{{a}}'}")},
		{"4.3 hooks", wrapping(hooks)},
		{"4.3 hooks and own actions", wrapping(hooks + ", onEnter: {command: x}")},
	} {
		t.Run(c.section, func(t *testing.T) {
			if err := check(c.src); err != nil {
				t.Errorf("%v\nin\n%s", err, c.src)
			}
		})
	}
}

func TestExpressionsRefuse(t *testing.T) {
	for _, c := range []struct{ section, src, want string }{
		{"2.9 value", exprParam("{name: B, type: BOOL, default: maybe}"), "neither true"},
		{"2.9 allowed values", exprParam("{name: B, type: BOOL, allowedValues: [true]}"), `unknown key "allowedValues"`},
		{"2.10 value", exprParam("{name: R, type: RANGE_EXPR, default: 1-}"), "not an integer or a range"},
		{"2.11 number", exprParam("{name: L, type: 'LIST[STRING]', default: [1]}"), "must be a string"},
		{"2.11 item", exprParam("{name: L, type: 'LIST[STRING]', default: [abc], item: {maxLength: 2}}"), "item 0: \"abc\" has 3 characters"},
		{"2.11 no list", exprParam("{name: L, type: 'LIST[STRING]', default: a}"), "must be a list"},
		{"2.12 control", exprParam("{name: L, type: 'LIST[PATH]', userInterface: {control: CHOOSE_DIRECTORY}}"), "not one of CHOOSE_DIRECTORY_LIST"},
		{"2.13 short", exprParam("{name: L, type: 'LIST[INT]', default: [], minLength: 1}"), "at least 1"},
		{"2.13 item", exprParam("{name: L, type: 'LIST[INT]', default: [1, 5], item: {maxValue: 4}}"), "item 1: 5 is greater"},
		{"2.14 text", exprParam("{name: L, type: 'LIST[FLOAT]', default: [a]}"), "not a finite number"},
		{"2.15 value", exprParam("{name: L, type: 'LIST[BOOL]', default: [7]}"), "neither true"},
		{"2.16 depth", exprParam("{name: L, type: 'LIST[LIST[INT]]', default: [1]}"), "must be a list"},
		{"2.16 item", exprParam("{name: L, type: 'LIST[LIST[INT]]', default: [[1, 9]], item: {item: {maxValue: 4}}}"), "item 0: item 1: 9 is greater"},
		{"3.4.1 type of a range", expressive("", "parameterSpace: {taskParameterDefinitions: [{name: B, type: FLOAT, range: '{{Param.N}}'}]}, "+run), "is int, must be list[float]"},
		{"3.6 none", expressive("", "let: [], "+run), "at least 1"},
		{"3.6 many", expressive("", "let: ["+many(51, "a# = 1")+"], "+run), "at most 50"},
		{"3.6 hidden", expressive("", "let: [a = 1], script: {let: [a = 2], actions: {onRun: {command: x}}}"), "hides another value"},
		{"3.6 later one", expressive("", "let: [a = b, b = 1], "+run), "b has no value here"},
		{"3.6.1 form", expressive("", "let: [a], "+run), "name = expression"},
		{"3.6.1 name", expressive("", "let: [Aa = 1], "+run), "small letter"},
		{"3.6.1 syntax", expressive("", "let: [a = 1 +], "+run), "ends too early"},
		{"3.6.2 mapped path at creation", expressive("", "let: [out = Param.Dir], parameterSpace: {taskParameterDefinitions: [{name: A, type: STRING, range: ['{{out}}']}]}, "+run), "hangs on a mapped path"},
		{"3.6.2 session", expressive("", "let: [a = Session.WorkingDirectory], "+run), "session values exist only"},
		{"5.2 type", exprArgs("'{{ 1 if 2 else 3}}'"), "must be a bool"},
		{"5.2 sure error", exprArgs("'{{ Task.Param.F / 0 }} {{ 1 / 0 }}'"), "division by zero"},
		{"7.3.1 step in the job's name", "specificationVersion: jobtemplate-2023-09\nextensions: [EXPR]\nname: '{{Job.Name}}'\nsteps: [{name: S, " + run + "}]", "Job.Name has no value here"},
		{"7.3.1 mapping before the host", expressive("", "let: [a = apply_path_mapping('/x')], "+run), "on the worker host only"},
		{"7.3.1 misspelt", exprArgs("'{{Param.M + 1}}'"), `did you mean "Param.N"?`},
		{"4.3 not all", wrapping("onWrapTaskRun: {command: x}"), `"onWrapEnvEnter" is missing`},
		{"4.3 without EXPR", strings.Replace(wrapping(hooks), "EXPR, ", "", 1), "WRAP_ACTIONS needs EXPR"},
		{"4.3.1 elsewhere", wrapping(hooks + ", onEnter: {command: '{{WrappedAction.Command}}'}"), "WrappedAction.Command has no value here"},
		{"4.3.1 other hook", wrapping(strings.Replace(hooks, "WrappedEnv.Name", "WrappedStep.Name", 1)), "WrappedStep.Name has no value here"},
		{"4.3 two in one job", "specificationVersion: jobtemplate-2023-09\nextensions: [EXPR, WRAP_ACTIONS, FEATURE_BUNDLE_1]\nname: J\njobEnvironments: [{name: A, script: {actions: {" + hooks + "}}}]\nsteps: [{name: S, stepEnvironments: [{name: B, script: {actions: {" + hooks + "}}}], " + run + "}]", "wrap actions, at most one may"},
	} {
		t.Run(c.section, func(t *testing.T) {
			err := check(c.src)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant %q", err, c.want)
			}
		})
	}
}

func TestErrorInAnExpressionHasItsPlace(t *testing.T) {
	src := "specificationVersion: jobtemplate-2023-09\nextensions: [EXPR]\nname: J\nsteps:\n- name: S\n  script:\n    actions:\n      onRun:\n        command: run\n        args:\n        - |\n          first\n          ä {{ 1 + Param.X }}\n        - \"{{ uper('a') }}\"\n"
	var wrong openjd.Errors
	_, err := openjd.ParseJobTemplate([]byte(src), "t.yaml")
	if !errors.As(err, &wrong) || len(wrong) != 2 || wrong[0].Line != 13 || wrong[0].Column != 20 || wrong[1].Line != 14 || wrong[1].Column != 15 || wrong[1].Hint != `did you mean "upper"?` {
		t.Errorf("%+v", wrong)
	}
}

// TestExpressionsRun makes a job with every kind of expression and resolves what its task runs.
func TestExpressionsRun(t *testing.T) {
	src := expressive(", {name: Files, type: 'LIST[PATH]', default: [a.exr]}, {name: Rate, type: FLOAT, default: 3.500}, {name: Fast, type: BOOL, default: false}",
		`let: [last = Param.N * 2, out = Param.Dir / Step.Name], parameterSpace: {taskParameterDefinitions: [{name: F, type: INT, range: "{{ [1, last] }}"}]},
  script: {let: ["target = out / Param.Files[0].with_number(Task.Param.F).name"], actions: {onRun: {timeout: "{{ 60 if Param.Fast else null }}", command: "{{ 'run' }}",
    args: ["{{target}}", "{{ ['-r', Param.Rate] }}", "{{ '--fast' if Param.Fast else null }}", "{{Job.Name}}/{{len(Param.Files)}}{{null}}"]}}}`)
	tmpl, err := openjd.ParseJobTemplate([]byte(src), "t.yaml")
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(tmpl) // as a server stores and sends it
	if err != nil {
		t.Fatal(err)
	}
	if tmpl, err = openjd.ParseJobTemplate(encoded, "normal form"); err != nil {
		t.Fatalf("%v\nin %s", err, encoded)
	}
	p, err := tmpl.BindParameters(nil, openjd.BaseDirs{Template: "/studio"})
	if err != nil {
		t.Fatal(err)
	}
	job, err := tmpl.CreateJob(p)
	if err != nil {
		t.Fatal(err)
	}
	mapper, err := openjd.NewPathMapper([]openjd.PathRule{{SourceFormat: openjd.Posix, Source: "/studio", Destination: "/mnt"}}, openjd.Posix)
	if err != nil {
		t.Fatal(err)
	}
	symbols, err := tmpl.HostSymbols(p, mapper)
	if err != nil {
		t.Fatal(err)
	}
	symbols.SetSession("/w", "/w/rules.json", mapper)
	if symbols, err = tmpl.Steps[0].HostSymbols(symbols); err != nil {
		t.Fatal(err)
	}
	task, err := job.Steps[0].Tasks.At(1)
	if err != nil {
		t.Fatal(err)
	}
	task.AddTo(symbols, mapper)
	if err := job.Steps[0].Script.Bind(symbols); err != nil {
		t.Fatal(err)
	}
	got, err := job.Steps[0].Script.Actions.OnRun.Resolve(openjd.OnRun, symbols)
	if want := []string{"/mnt/d/S/a_0006.exr", "-r", "3.500", "J/1"}; err != nil || got.Command != "run" || got.OwnTimeout || !slices.Equal(got.Args, want) {
		t.Errorf("%+v, %v, want %v", got, err, want)
	}
}

func TestListsAreBound(t *testing.T) {
	tmpl, err := openjd.ParseJobTemplate([]byte(exprParam("{name: L, type: 'LIST[INT]', item: {maxValue: 9}}, {name: P, type: 'LIST[PATH]', default: [x, y/z]}, {name: B, type: BOOL}")), "t.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dirs := openjd.BaseDirs{Template: "/t", Working: "/w"}
	p, err := tmpl.BindParameters(map[string]string{"L": "[1, \"2\"]", "B": "ON"}, dirs)
	if err != nil || p["L"].Text != "[1,2]" || p["P"].Text != `["/t/x","/t/y/z"]` || p["B"].Text != "true" {
		t.Errorf("%v, %v", p, err)
	}
	if again, err := tmpl.BindParameters(p.Texts(), openjd.BaseDirs{}); err != nil || again["P"].Text != p["P"].Text {
		t.Errorf("bound again: %v, %v", again, err)
	}
	for value, want := range map[string]string{"[1, 10]": "item 1: 10 is greater", "1": "is not a JSON list", "[true]": "item 0 is a boolean", "[1.5]": "item 0 is a number", "[": "is not a JSON list"} {
		if _, err := tmpl.BindParameters(map[string]string{"L": value, "B": "1"}, dirs); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", value, err, want)
		}
	}
	paths, err := tmpl.BindParameters(map[string]string{"L": "[]", "B": "0", "P": `["s3://b/k", "a"]`}, dirs)
	if err != nil || paths["P"].Text != `["s3://b/k","/w/a"]` {
		t.Errorf("%v, %v", paths["P"], err)
	}
}

// TestOutsideBundles parses, validates and expands the job bundles and templates below $OPENJD_SAMPLES. Parameters
// without a default get a value that their definition allows.
func TestOutsideBundles(t *testing.T) {
	root := os.Getenv("OPENJD_SAMPLES")
	if root == "" {
		t.Skip("set OPENJD_SAMPLES to a folder with job bundles")
	}
	found := 0
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if ext := filepath.Ext(path); err != nil || d.IsDir() || !slices.Contains([]string{".yaml", ".yml", ".json"}, ext) {
			return err
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if openjd.SpecificationVersion(src) == openjd.EnvironmentTemplateVersion {
			found++
			if _, err := openjd.ParseEnvironmentTemplate(src, path); err != nil {
				t.Error(err)
			}
		}
		if openjd.SpecificationVersion(src) == openjd.JobTemplateVersion {
			found++
			expand(t, path, src)
		}
		return nil
	})
	if err != nil || found == 0 {
		t.Errorf("%d templates below %s, %v", found, root, err)
	}
	t.Logf("%d templates", found)
}

func expand(t *testing.T, path string, src []byte) {
	tmpl, err := openjd.ParseJobTemplate(src, path)
	if err != nil {
		t.Error(err)
		return
	}
	values := make(map[string]string)
	if given, err := os.ReadFile(filepath.Join(filepath.Dir(path), "parameter_values.yaml")); err == nil {
		if values, err = openjd.ParseParameterValues(given, path); err != nil {
			t.Error(err)
		}
	}
	for _, p := range tmpl.Parameters {
		if _, ok := values[p.Name]; ok || p.Default != nil {
			continue
		}
		values[p.Name] = "1"
		if len(p.AllowedValues) > 0 {
			values[p.Name] = p.AllowedValues[0]
		}
	}
	for name := range values { // such as deadline:priority, which are the service's own
		if strings.Contains(name, ":") {
			delete(values, name)
		}
	}
	bound, err := tmpl.BindParameters(values, openjd.BaseDirs{Template: "/t", Working: "/w"})
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return
	}
	job, err := tmpl.CreateJob(bound)
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return
	}
	for _, s := range job.Steps {
		if _, err := s.Tasks.At(s.Tasks.Len() - 1); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}
