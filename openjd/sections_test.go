package openjd_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/spillway/spillway/openjd"
)

// The builders make a whole template around the part under test, in flow style.

const run = `script: {actions: {onRun: {command: run}}}`

func top(more string) string {
	return "specificationVersion: jobtemplate-2023-09\nname: J\n" + more + "\nsteps: [{name: S, " + run + "}]\n"
}

func named(name string) string {
	return "specificationVersion: jobtemplate-2023-09\nname: " + name + "\nsteps: [{name: S, " + run + "}]\n"
}

func param(definition string) string { return top("parameterDefinitions: [" + definition + "]") }

func steps(list string) string {
	return "specificationVersion: jobtemplate-2023-09\nname: J\n" +
		"parameterDefinitions: [{name: P, type: STRING, default: x}, {name: Dir, type: PATH, default: d}]\n" +
		"steps: [" + list + "]\n"
}

func step(more string) string { return steps("{name: S, " + more + ", " + run + "}") }

func require(more string) string { return step("hostRequirements: " + more) }

func space(more string) string { return step("parameterSpace: " + more) }

func values(definition string) string {
	return space("{taskParameterDefinitions: [" + definition + "]}")
}

func combine(expression string) string {
	return space(`{taskParameterDefinitions: [{name: A, type: INT, range: 1-3}, {name: B, type: INT, range: 4-6}, {name: C, type: INT, range: [7, 8]}], combination: "` + expression + `"}`)
}

func script(more string) string {
	return steps("{name: S, parameterSpace: {taskParameterDefinitions: [{name: F, type: INT, range: 1-2}]}, script: {" + more + "}}")
}

func action(more string) string { return script("actions: {onRun: {" + more + "}}") }

func environment(more string) string {
	return "specificationVersion: environment-2023-09\nenvironment: {name: E, " + more + "}\n"
}

func long(n int) string { return strings.Repeat("x", n) }

func many(n int, item string) string {
	items := make([]string, n)
	for i := range items {
		items[i] = strings.ReplaceAll(item, "#", fmt.Sprint(i))
	}
	return strings.Join(items, ", ")
}

// check parses a template of either kind.
func check(src string) error {
	if openjd.SpecificationVersion([]byte(src)) == openjd.EnvironmentTemplateVersion {
		_, err := openjd.ParseEnvironmentTemplate([]byte(src), "t.yaml")
		return err
	}
	_, err := openjd.ParseJobTemplate([]byte(src), "t.yaml")
	return err
}

func TestSectionsAccept(t *testing.T) {
	for _, c := range []struct{ section, src string }{
		{"1.1 schema and description", top("$schema: https://example.org/x.json\ndescription: a shot")},
		{"1.1 extension that needs nothing", top("extensions: [REDACTED_ENV_VARS]")},
		{"1.1 fifty parameters", top("parameterDefinitions: [" + many(50, "{name: P#, type: INT}") + "]")},
		{"1.1 job environments", top("jobEnvironments: [{name: A, variables: {X: y}}, {name: B, variables: {X: z}}]")},
		{"1.1.1 longest name", named(long(128))},
		{"1.1.1 name counts after resolution", named("'"+strings.Repeat("{{Param.P}}", 20)+"'") + "parameterDefinitions: [{name: P, type: INT}]"},
		{"1.2 environment template", environment("variables: {A: b}")},
		{"1.2 with parameters", "specificationVersion: environment-2023-09\nparameterDefinitions: [{name: P, type: INT}]\nenvironment: {name: E, variables: {A: '{{Param.P}}'}}"},
		{"2.1 all of it", param(`{name: P, type: STRING, description: d, default: b, allowedValues: [a, b], minLength: 1, maxLength: 3, userInterface: {control: DROPDOWN_LIST, label: L, groupLabel: G}}`)},
		{"2.1 check box", param(`{name: P, type: STRING, allowedValues: ["ON", "off"], userInterface: {control: CHECK_BOX}}`)},
		{"2.1 empty default", param(`{name: P, type: STRING, default: ""}`)},
		{"2.2 all of it", param(`{name: P, type: PATH, default: a/b, objectType: FILE, dataFlow: INOUT, userInterface: {control: CHOOSE_INPUT_FILE, fileFilters: [{label: Pictures, patterns: ["*.png", "*.*", "*"]}], fileFilterDefault: {label: All, patterns: ["*"]}}}`)},
		{"2.2 filters of the default control", param(`{name: P, type: PATH, objectType: FILE, dataFlow: OUT, userInterface: {fileFilters: []}}`)},
		{"2.3 all of it", param(`{name: P, type: INT, default: "5", allowedValues: [5, "6"], minValue: -1, maxValue: "9", userInterface: {control: DROPDOWN_LIST}}`)},
		{"2.3 step", param(`{name: P, type: INT, userInterface: {control: SPIN_BOX, singleStepDelta: 2}}`)},
		{"2.3 limits of 64 bits", param(`{name: P, type: INT, minValue: -9223372036854775808, maxValue: 9223372036854775807}`)},
		{"2.4 all of it", param(`{name: P, type: FLOAT, default: 1e1, minValue: .5, maxValue: "20.0", userInterface: {decimals: 2, singleStepDelta: 0.1}}`)},
		{"2.4 equal as numbers", param(`{name: P, type: FLOAT, default: 1.50, allowedValues: ["1.5"]}`)},
		{"2.5 longest", param(`{name: P, type: STRING, default: ` + long(1024) + `}`)},
		{"2.6 longest", param(`{name: P, type: STRING, userInterface: {label: ` + long(64) + `}}`)},
		{"2.8 longest", param(`{name: P, type: PATH, objectType: FILE, userInterface: {fileFilters: [{label: L, patterns: ["*.` + long(18) + `"]}]}}`)},
		{"3 description", step("description: d")},
		{"3 the same step environment in two steps", steps("{name: A, stepEnvironments: [{name: E, variables: {X: y}}], " + run + "}, {name: B, stepEnvironments: [{name: E, variables: {X: y}}], " + run + "}")},
		{"3.1 longest", steps("{name: " + long(64) + ", " + run + "}")},
		{"3.2 against the order", steps("{name: B, dependencies: [{dependsOn: A}], " + run + "}, {name: A, " + run + "}")},
		{"3.3.1 amounts", require("{amounts: [{name: amount.worker.vcpu, min: 1.5, max: 8}, {name: 'acme:amount.seats', max: 1}, {name: '{{Param.P}}', min: 0}]}")},
		{"3.3.2 attributes", require("{attributes: [{name: attr.worker.os.family, anyOf: [Linux, macos]}, {name: attr.farm, allOf: [a_b-c, '{{Param.P}}']}]}")},
		{"3.4 sixteen parameters", space("{taskParameterDefinitions: [" + many(16, "{name: P#, type: INT, range: 1-2}") + "]}")},
		{"3.4.1.1 list", values(`{name: A, type: INT, range: [1, "2", "{{Param.P}}"]}`)},
		{"3.4.1.1.1 expression", values(`{name: A, type: INT, range: " 10 - 15:2, 1-5 , -3--1, 100-90:-5"}`)},
		{"3.4.1.1.1 format string", values(`{name: A, type: INT, range: "1-{{Param.P}}"}`)},
		{"3.4.1.2 list", values(`{name: A, type: FLOAT, range: [1, 2.5, "3e2"]}`)},
		{"3.4.1.3 list", values(`{name: A, type: STRING, range: [a, "{{RawParam.Dir}}", ""]}`)},
		{"3.4.1.4 list", values(`{name: A, type: PATH, range: [/a, b]}`)},
		{"3.4.1 longest list", values(`{name: A, type: INT, range: [` + many(1024, "#") + `]}`)},
		{"3.4.3 product", combine("A * B*C")},
		{"3.4.3 association", combine("(A, B) * C")},
		{"3.4.3 nested", combine("((A,B))*(C)")},
		{"3.5 task scope", script(`actions: {onRun: {command: "{{Task.File.Go}}", args: ["{{Task.Param.F}}", "{{ Task.RawParam.F }}", "{{Param.Dir}}", "{{Session.WorkingDirectory}}"]}}, embeddedFiles: [{name: Go, type: TEXT, data: "{{Task.File.Go}} {{Task.Param.F}}"}]`)},
		{"4 variables only", environment("variables: {A: '{{Session.WorkingDirectory}}'}")},
		{"4.1 longest", top("jobEnvironments: [{name: " + long(64) + ", variables: {X: y}}]")},
		{"4.2 files", environment(`script: {actions: {onEnter: {command: "{{Env.File.Go}}"}}, embeddedFiles: [{name: Go, type: TEXT, data: x}]}`)},
		{"4.3 exit only", environment("script: {actions: {onExit: {command: x}}}")},
		{"4.4 names and an empty value", environment("variables: {_a1: '', " + long(256) + ": b}")},
		{"5 all of it", action("command: a b, args: ['', \"x\\ny\\tz\"], timeout: 1")},
		{"5.3.1", action("command: x, cancelation: {mode: TERMINATE}")},
		{"5.3.2", action("command: x, cancelation: {mode: NOTIFY_THEN_TERMINATE, notifyPeriodInSeconds: 600}")},
		{"6.1 all of it", script("actions: {onRun: {command: x}}, embeddedFiles: [{name: a, type: TEXT, filename: a b.sh, runnable: true, data: ' '}]")},
		{"7.1 longest", param("{name: _" + long(63) + ", type: INT}")},
		{"7.2 line ends", top(`description: "a\n\tb\r"`)},
		{"7.3 braces alone", action(`command: "}} { } a{b}"`)},
	} {
		t.Run(c.section, func(t *testing.T) {
			if err := check(c.src); err != nil {
				t.Errorf("%v\nin\n%s", err, c.src)
			}
		})
	}
}

func TestSectionsRefuse(t *testing.T) {
	for _, c := range []struct{ section, src, want string }{
		{"1.1 no version", "name: J\nsteps: [{name: S, " + run + "}]", `"specificationVersion" is missing`},
		{"1.1 other version", "specificationVersion: jobtemplate-2024-01\nname: J", `"jobtemplate-2024-01" is not`},
		{"1.1 other kind", "specificationVersion: 7", "is an integer, must be a string"},
		{"1.1 no steps", "specificationVersion: jobtemplate-2023-09\nname: J", `"steps" is missing`},
		{"1.1 empty steps", steps(""), "at least 1 element"},
		{"1.1 empty extensions", top("extensions: []"), "at least 1 element"},
		{"1.1 too many parameters", top("parameterDefinitions: [" + many(51, "{name: P#, type: INT}") + "]"), "at most 50"},
		{"1.1 same environment twice", top("jobEnvironments: [{name: A, variables: {X: y}}, {name: A, variables: {X: z}}]"), "there already"},
		{"1.1 environment of job and step", "specificationVersion: jobtemplate-2023-09\nname: J\njobEnvironments: [{name: A, variables: {X: y}}]\nsteps: [{name: S, stepEnvironments: [{name: A, variables: {X: y}}], " + run + "}]", "the job has an environment"},
		{"1.1.1 empty", named(`""`), "must not be empty"},
		{"1.1.1 long", named(long(129)), "at most 128"},
		{"1.1.1 control character", named(`"a\x07"`), "U+0007"},
		{"1.1.2 unknown", top("extensions: [EXPT]"), `did you mean "EXPR"?`},
		{"1.1.2 not a name", top("extensions: [ab]"), "not an extension name"},
		{"1.2 a job's key", environment("variables: {A: b}") + "steps: []", `unknown key "steps"`},
		{"1.2 no environment", "specificationVersion: environment-2023-09", `"environment" is missing`},
		{"2 no name", param("{type: INT}"), `"name" is missing`},
		{"2 no type", param("{name: P}"), `"type" is missing`},
		{"2 type of an extension", param("{name: P, type: BOOL}"), "EXPR"},
		{"2 twice", param("{name: P, type: INT}, {name: P, type: INT}"), "defined twice"},
		{"2.1 number", param("{name: P, type: STRING, default: 5}"), `write it in quotes: "5"`},
		{"2.1 lengths", param("{name: P, type: STRING, minLength: 3, maxLength: 2}"), "greater than maxLength"},
		{"2.1 default short", param("{name: P, type: STRING, minLength: 3, default: ab}"), "at least 3"},
		{"2.1 allowed long", param("{name: P, type: STRING, maxLength: 1, allowedValues: [ab]}"), "at most 1"},
		{"2.1 other type's key", param("{name: P, type: STRING, minValue: 1}"), `unknown key "minValue"`},
		{"2.1 control", param("{name: P, type: STRING, userInterface: {control: SPIN_BOX}}"), "not one of"},
		{"2.1 drop-down without values", param("{name: P, type: STRING, userInterface: {control: DROPDOWN_LIST}}"), "needs allowedValues"},
		{"2.1 check box", param("{name: P, type: STRING, allowedValues: [on, false], userInterface: {control: CHECK_BOX}}"), "true and false"},
		{"2.2 object", param("{name: P, type: PATH, objectType: DIR}"), "not one of FILE, DIRECTORY"},
		{"2.2 flow", param("{name: P, type: PATH, dataFlow: in}"), `did you mean "IN"?`},
		{"2.2 filters of a folder", param("{name: P, type: PATH, userInterface: {fileFilters: []}}"), "does not apply"},
		{"2.2 too many filters", param("{name: P, type: PATH, objectType: FILE, userInterface: {fileFilters: [" + many(21, "{label: a, patterns: ['*']}") + "]}}"), "at most 20"},
		{"2.3 float", param("{name: P, type: INT, default: 1.5}"), "must be an integer"},
		{"2.3 text", param("{name: P, type: INT, default: one}"), "not an integer"},
		{"2.3 large", param("{name: P, type: INT, default: 9223372036854775808}"), "64 bits"},
		{"2.3 default low", param("{name: P, type: INT, minValue: 3, default: 2}"), "less than minValue"},
		{"2.3 step", param("{name: P, type: INT, userInterface: {singleStepDelta: 1.5}}"), "must be an integer"},
		{"2.4 infinity", param("{name: P, type: FLOAT, default: .inf}"), "not a finite number"},
		{"2.4 hexadecimal", param("{name: P, type: FLOAT, default: '0x1p2'}"), "not a finite number"},
		{"2.4 bounds", param("{name: P, type: FLOAT, minValue: 2.5, maxValue: 2.4}"), "greater than maxValue"},
		{"2.5 long", param("{name: P, type: STRING, default: " + long(1025) + "}"), "at most 1024"},
		{"2.6 long", param("{name: P, type: INT, userInterface: {label: " + long(65) + "}}"), "at most 64"},
		{"2.7 no patterns", param("{name: P, type: PATH, objectType: FILE, userInterface: {fileFilterDefault: {label: a}}}"), `"patterns" is missing`},
		{"2.8 no star", param("{name: P, type: PATH, objectType: FILE, userInterface: {fileFilters: [{label: a, patterns: [png]}]}}"), "file extension"},
		{"2.8 long", param("{name: P, type: PATH, objectType: FILE, userInterface: {fileFilters: [{label: a, patterns: ['*." + long(19) + "']}]}}"), "at most 20"},
		{"3 name", steps("{" + run + "}"), `"name" is missing`},
		{"3 script", steps("{name: S}"), `"script" is missing`},
		{"3 key of an extension", step("let: [x = 1]"), "needs the extension EXPR"},
		{"3.1 long", steps("{name: " + long(65) + ", " + run + "}"), "at most 64"},
		{"3.1 control character", steps(`{name: "a\nb", ` + run + "}"), "U+000A"},
		{"3.2 unknown", steps("{name: Render, " + run + "}, {name: S, dependencies: [{dependsOn: Rendr}], " + run + "}"), `did you mean "Render"?`},
		{"3.2 empty", step("dependencies: []"), "at least 1"},
		{"3.2 circle", steps("{name: A, dependencies: [{dependsOn: C}], " + run + "}, {name: B, dependencies: [{dependsOn: A}], " + run + "}, {name: C, dependencies: [{dependsOn: B}], " + run + "}"), "in a circle: A → C → B → A"},
		{"3.3 too many", require("{amounts: [" + many(51, "{name: amount.a#, min: 1}") + "]}"), "at most 50"},
		{"3.3.1 neither", require("{amounts: [{name: amount.a}]}"), `needs "min" or "max"`},
		{"3.3.1 text", require("{amounts: [{name: amount.a, min: '1'}]}"), "must be a number"},
		{"3.3.1.1 form", require("{amounts: [{name: vcpu, min: 1}]}"), "not of the form amount.name"},
		{"3.3.1.1 reserved", require("{amounts: [{name: amount.job.x, min: 1}]}"), "is reserved"},
		{"3.3.1.1 long", require("{amounts: [{name: amount." + long(94) + ", min: 1}]}"), "at most 100"},
		{"3.3.2 empty", require("{attributes: [{name: attr.a, anyOf: []}]}"), "at least 1"},
		{"3.3.2 too many", require("{attributes: [{name: attr.a, anyOf: [" + many(51, "a#") + "]}]}"), "at most 50"},
		{"3.3.2.1 twice", require("{attributes: [{name: attr.a, anyOf: [x]}, {name: Attr.A, anyOf: [x]}]}"), "required twice"},
		{"3.3.2.2 value", require("{attributes: [{name: attr.a, anyOf: [-x]}]}"), "not a capability value"},
		{"3.3.2.2 defined values", require("{attributes: [{name: attr.worker.os.family, anyOf: [bsd]}]}"), "not one of linux"},
		{"3.3 path is mapped later", require("{attributes: [{name: attr.a, anyOf: ['{{Param.Dir}}']}]}"), "RawParam.Dir is available here"},
		{"3.4 too many", space("{taskParameterDefinitions: [" + many(17, "{name: P#, type: INT, range: 1-2}") + "]}"), "at most 16"},
		{"3.4 none", space("{taskParameterDefinitions: []}"), "at least 1"},
		{"3.4.1 twice", values("{name: A, type: INT, range: '1'}, {name: A, type: INT, range: '1'}"), "defined twice"},
		{"3.4.1.1 long list", values(`{name: A, type: INT, range: [` + many(1025, "#") + `]}`), "at most 1024"},
		{"3.4.1.1 float", values("{name: A, type: INT, range: [1.5]}"), "must be an integer"},
		{"3.4.1.1.1 words", values("{name: A, type: INT, range: all}"), "not an integer or a range"},
		{"3.4.1.1.1 overlap", values("{name: A, type: INT, range: '1-10:4,10-15'}"), "overlap"},
		{"3.4.1.1.1 step", values("{name: A, type: INT, range: '1-10:0'}"), "must not be 0"},
		{"3.4.1.1.1 open end", values("{name: A, type: INT, range: '1-'}"), "not an integer or a range"},
		{"3.4.1.1.1 comma", values("{name: A, type: INT, range: '1,,2'}"), "not an integer or a range"},
		{"3.4.1.2 expression", values("{name: A, type: FLOAT, range: '1-2'}"), "must be a list"},
		{"3.4.1.2 text", values("{name: A, type: FLOAT, range: [a]}"), "not a finite number"},
		{"3.4.1.3 number", values("{name: A, type: STRING, range: [1]}"), "must be a string"},
		{"3.4.1.4 empty", values("{name: A, type: PATH, range: ['']}"), "must not be empty"},
		{"3.4.1.5 extension", values("{name: A, type: 'CHUNK[INT]', range: '1'}"), "TASK_CHUNKING"},
		{"3.4.2 long", values("{name: A, type: STRING, range: [" + long(1025) + "]}"), "at most 1024"},
		{"3.4.3 missing", combine("A * B"), `"C" is missing`},
		{"3.4.3 unknown", combine("A * B * C * D"), `no task parameter "D"`},
		{"3.4.3 twice", combine("(A, B, A) * C"), `"A" stands twice`},
		{"3.4.3 lengths", combine("(A, C) * B"), "A has 3, C has 2"},
		{"3.4.3 empty", combine(""), "must not be empty"},
		{"3.4.3 open", combine("(A, B * C"), "ends where"},
		{"3.4.3 long", combine("A * B * C" + strings.Repeat(" ", 1280)), "at most 1280"},
		{"3.4.3 too many tasks", space("{taskParameterDefinitions: [" + many(3, "{name: P#, type: INT, range: 1-4000000000}") + "]}"), "more than 2^63-1"},
		{"3.5 simple action", script("python: {script: x}, actions: {onRun: {command: x}}"), "FEATURE_BUNDLE_1"},
		{"3.5.1 none", script("actions: {}"), `"onRun" is missing`},
		{"4 nothing", environment("description: d"), `needs "script" or "variables"`},
		{"4 task values", environment("variables: {A: '{{Task.Param.F}}'}"), "only in a step's script"},
		{"4.1 long", top("jobEnvironments: [{name: " + long(65) + ", variables: {X: y}}]"), "at most 64"},
		{"4.3 none", environment("script: {actions: {}}"), `needs "onEnter" or "onExit"`},
		{"4.3 wrap", environment("script: {actions: {onEnter: {command: x}, onWrapTaskRun: {command: x}}}"), "WRAP_ACTIONS"},
		{"4.4.1 digit", environment("variables: {1A: b}"), "not a variable name"},
		{"4.4.2 long", environment("variables: {A: " + long(2049) + "}"), "at most 2048"},
		{"4.4.2 number", environment("variables: {A: 1}"), "must be a string"},
		{"5 no command", action("args: [a]"), `"command" is missing`},
		{"5 empty args", action("command: x, args: []"), "at least 1"},
		{"5 timeout", action("command: x, timeout: 0"), "at least 1"},
		{"5 timeout as text", action("command: x, timeout: '5'"), "must be an integer"},
		{"5.1 line end", action(`command: "x\n"`), "U+000A"},
		{"5.2 number", action("command: x, args: [1]"), "must be a string"},
		{"5.3 mode", action("command: x, cancelation: {mode: KILL}"), "not one of"},
		{"5.3.1 period", action("command: x, cancelation: {mode: TERMINATE, notifyPeriodInSeconds: 5}"), "unknown key"},
		{"5.3.2 period", action("command: x, cancelation: {mode: NOTIFY_THEN_TERMINATE, notifyPeriodInSeconds: 601}"), "at most 600"},
		{"6.1 type", script("actions: {onRun: {command: x}}, embeddedFiles: [{name: a, type: BINARY, data: x}]"), "not one of TEXT"},
		{"6.1 runnable", script("actions: {onRun: {command: x}}, embeddedFiles: [{name: a, type: TEXT, runnable: yes, data: x}]"), "true or false"},
		{"6.1 twice", script("actions: {onRun: {command: x}}, embeddedFiles: [{name: a, type: TEXT, data: x}, {name: a, type: TEXT, data: x}]"), "there already"},
		{"6.1 end of line", script("actions: {onRun: {command: x}}, embeddedFiles: [{name: a, type: TEXT, data: x, endOfLine: LF}]"), "FEATURE_BUNDLE_1"},
		{"6.1.1 folder", script(`actions: {onRun: {command: x}}, embeddedFiles: [{name: a, type: TEXT, filename: ..\a, data: x}]`), "plain file name"},
		{"6.1.2 empty", script("actions: {onRun: {command: x}}, embeddedFiles: [{name: a, type: TEXT, data: ''}]"), "must not be empty"},
		{"7.1 hyphen", param("{name: a-b, type: INT}"), "not an identifier"},
		{"7.1 long", param("{name: " + long(65) + ", type: INT}"), "at most 64"},
		{"7.2 control character", top(`description: "a\x00"`), "U+0000"},
		{"7.3 open", action("command: 'a {{Param.P'"), "not closed"},
		{"7.3 empty", action("command: '{{ }}'"), "holds no name"},
		{"7.3 expression", action("command: '{{Param.P + 1}}'"), "dotted name"},
		{"7.3 no padding in templates", action("command: '{{Task.Param.F:04}}'"), "dotted name"},
		{"7.3.1 unknown", action("command: '{{Param.Q}}'"), `did you mean "Param.P"?`},
		{"7.3.1 path at creation", values("{name: A, type: PATH, range: ['{{Param.Dir}}']}"), "RawParam.Dir"},
		{"7.3.1 another script's file", script("actions: {onRun: {command: '{{Env.File.x}}'}}"), "same environment"},
	} {
		t.Run(c.section, func(t *testing.T) {
			err := check(c.src)
			if err == nil {
				t.Fatalf("accepted, want %q\nin\n%s", c.want, c.src)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant %q", err, c.want)
			}
		})
	}
}
