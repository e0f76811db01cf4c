package openjd_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/spillway/spillway/openjd"
)

// extended is a template under extensions, with a step that has further keys in flow style.
func extended(extensions, stepKeys string) string {
	return "specificationVersion: jobtemplate-2023-09\nextensions: [" + extensions + "]\nname: J\n" +
		"parameterDefinitions: [{name: P, type: STRING, default: x}, {name: N, type: INT, default: 3}, {name: Dir, type: PATH, default: d}]\n" +
		"steps: [{name: S, " + stepKeys + "}]\n"
}

func bundle1(stepKeys string) string { return extended("FEATURE_BUNDLE_1", stepKeys) }

func bundleAction(more string) string {
	return bundle1("script: {actions: {onRun: {command: run, " + more + "}}}")
}

func chunked(definitions, more string) string {
	return extended("TASK_CHUNKING", "parameterSpace: {taskParameterDefinitions: ["+definitions+"]"+more+"}, "+run)
}

const chunkedFrames = "{name: F, type: 'CHUNK[INT]', range: 1-10, chunks: {defaultTaskCount: 3, rangeConstraint: CONTIGUOUS}}"

func TestExtensionsAccept(t *testing.T) {
	for _, c := range []struct{ section, src string }{
		{"FB1 1.1 two hundred parameters", "specificationVersion: jobtemplate-2023-09\nextensions: [FEATURE_BUNDLE_1]\nname: J\nparameterDefinitions: [" + many(200, "{name: P#, type: INT}") + "]\nsteps: [{name: S, " + run + "}]"},
		{"FB1 3.1 longest", "specificationVersion: jobtemplate-2023-09\nextensions: [FEATURE_BUNDLE_1]\nname: " + long(512) + "\nsteps: [{name: " + long(512) + ", " + run + "}]"},
		{"FB1 3.3.1 amounts", bundle1("hostRequirements: {amounts: [{name: amount.a, min: '1.5', max: '{{Param.N}}'}]}, " + run)},
		{"FB1 5 time-out", bundleAction("timeout: '{{Param.N}}'")},
		{"FB1 5 time-out as text", bundleAction("timeout: '60'")},
		{"FB1 5.3 mode and period", bundleAction("cancelation: {mode: '{{Param.P}}', notifyPeriodInSeconds: '{{Param.N}}'}")},
		{"FB1 6.1 line ends", bundle1("script: {actions: {onRun: {command: run}}, embeddedFiles: [{name: F, type: TEXT, data: x, endOfLine: CRLF, filename: " + long(256) + "}]}")},
		{"FB1 8 every interpreter", "specificationVersion: jobtemplate-2023-09\nextensions: [FEATURE_BUNDLE_1]\nname: J\nsteps: [{name: A, bash: {script: x}}, {name: B, cmd: {script: x}}, {name: C, node: {script: x}}, {name: D, powershell: {script: x}}, {name: E, python: {script: x, args: [a], timeout: 5, cancelation: {mode: TERMINATE}}}]"},
		{"CHUNK 3.4.1.5 contiguous", chunked(chunkedFrames, "")},
		{"CHUNK 3.4.1.5 with texts", chunked("{name: F, type: 'CHUNK[INT]', range: [1, 5, '{{Param.N}}'], chunks: {defaultTaskCount: '{{Param.N}}', targetRuntimeSeconds: '0', rangeConstraint: NONCONTIGUOUS}}", "")},
		{"CHUNK 3.4.3 product", chunked(chunkedFrames+", {name: L, type: INT, range: 1-2}", ", combination: L * F")},
		{"CHUNK 3.4.3 alone in brackets", chunked(chunkedFrames, ", combination: (F)")},
	} {
		t.Run(c.section, func(t *testing.T) {
			if err := check(c.src); err != nil {
				t.Errorf("%v\nin\n%s", err, c.src)
			}
		})
	}
}

func TestExtensionsRefuse(t *testing.T) {
	for _, c := range []struct{ section, src, want string }{
		{"FB1 1.1 too many", "specificationVersion: jobtemplate-2023-09\nextensions: [FEATURE_BUNDLE_1]\nname: J\nparameterDefinitions: [" + many(201, "{name: P#, type: INT}") + "]\nsteps: [{name: S, " + run + "}]", "at most 200"},
		{"FB1 1.2 environments have no more", "specificationVersion: environment-2023-09\nextensions: [FEATURE_BUNDLE_1]\nparameterDefinitions: [" + many(51, "{name: P#, type: INT}") + "]\nenvironment: {name: E, variables: {A: b}}", "at most 50"},
		{"FB1 3.3.1 text", bundle1("hostRequirements: {amounts: [{name: amount.a, min: lots}]}, " + run), "not a finite number"},
		{"FB1 3.3.1 bounds as texts", bundle1("hostRequirements: {amounts: [{name: amount.a, min: '010', max: '9'}]}, " + run), "greater than max"},
		{"FB1 3.3.1 negative", bundle1("hostRequirements: {amounts: [{name: amount.a, min: '-1'}]}, " + run), "must not be negative"},
		{"FB1 5 time-out of the host", bundleAction("timeout: '{{Session.WorkingDirectory}}'"), "session values exist only"},
		{"FB1 5 no time-out", bundleAction("timeout: '0'"), "at least 1"},
		{"FB1 5.3 mode", bundleAction("cancelation: {mode: KILL}"), "not one of"},
		{"FB1 5.3.2 period", bundleAction("cancelation: {mode: NOTIFY_THEN_TERMINATE, notifyPeriodInSeconds: '601'}"), "at most 600"},
		{"FB1 6.1 line ends", bundle1("script: {actions: {onRun: {command: run}}, embeddedFiles: [{name: F, type: TEXT, data: x, endOfLine: CR}]}"), "not one of AUTO, LF, CRLF"},
		{"FB1 8 two scripts", bundle1("bash: {script: x}, " + run), `has "script" already`},
		{"FB1 8 no script", bundle1("bash: {args: [x]}"), `"script" is missing`},
		{"FB1 8 foreign keys", bundle1("bash: {script: x, embeddedFiles: []}"), `unknown key "embeddedFiles"`},
		{"FB1 without it", step("hostRequirements: {amounts: [{name: amount.a, min: '1'}]}"), "needs the extension FEATURE_BUNDLE_1"},
		{"CHUNK 3.4 two", chunked(chunkedFrames+", "+strings.Replace(chunkedFrames, "F,", "G,", 1), ""), "only one may be"},
		{"CHUNK 3.4.1.5 no chunks", chunked("{name: F, type: 'CHUNK[INT]', range: 1-2}", ""), `"chunks" is missing`},
		{"CHUNK 3.4.1.5 chunks of another type", chunked("{name: F, type: INT, range: 1-2, chunks: {}}", ""), `unknown key "chunks"`},
		{"CHUNK 3.4.1.5 count", chunked(strings.Replace(chunkedFrames, "3", "0", 1), ""), "at least 1"},
		{"CHUNK 3.4.1.5 target", chunked(strings.Replace(chunkedFrames, "rangeC", "targetRuntimeSeconds: -1, rangeC", 1), ""), "at least 0"},
		{"CHUNK 3.4.1.5 constraint", chunked(strings.Replace(chunkedFrames, "CONT", "DISCONT", 1), ""), "not one of CONTIGUOUS"},
		{"CHUNK 3.4.3 association", chunked(chunkedFrames+", {name: L, type: INT, range: 1-4}", ", combination: '(F, L)'"), "cannot be part of an association"},
	} {
		t.Run(c.section, func(t *testing.T) {
			err := check(c.src)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant %q", err, c.want)
			}
		})
	}
}

// makeJob makes the job of a template with given parameters.
func makeJob(t interface{ Fatalf(string, ...any) }, src string, values map[string]string) *openjd.Job {
	tmpl, err := openjd.ParseJobTemplate([]byte(src), "t.yaml")
	if err != nil {
		t.Fatalf("%v\nin\n%s", err, src)
	}
	p, err := tmpl.BindParameters(values, openjd.BaseDirs{})
	if err != nil {
		t.Fatalf("%v", err)
	}
	job, err := tmpl.CreateJob(p)
	if err != nil {
		t.Fatalf("%v\nin\n%s", err, src)
	}
	return job
}

func TestTimeoutsAndCancelationFromParameters(t *testing.T) {
	src := bundleAction("timeout: '{{Param.N}}', cancelation: {mode: '{{Param.P}}', notifyPeriodInSeconds: '{{Param.N}}'}")
	resolve := func(values map[string]string) (openjd.Run, error) {
		job := makeJob(t, src, values)
		return job.Steps[0].Script.Actions.OnRun.Resolve(openjd.OnRun, job.Parameters.Symbols(nil))
	}
	got, err := resolve(map[string]string{"P": "NOTIFY_THEN_TERMINATE", "N": "7"})
	if err != nil || got.Timeout != 7*time.Second || got.Cancel != openjd.NotifyThenTerminate || got.NotifyPeriod != 7*time.Second {
		t.Errorf("%+v, %v", got, err)
	}
	for _, c := range []struct{ mode, period, want string }{
		{"KILL", "7", `mode "KILL" is not one of`},
		{"NOTIFY_THEN_TERMINATE", "0", "timeout: is 0, must be at least 1"},
		{"NOTIFY_THEN_TERMINATE", "601", "notifyPeriodInSeconds: is 601, must be at most 600"},
	} {
		if _, err := resolve(map[string]string{"P": c.mode, "N": c.period}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v", c, err)
		}
	}
}

func TestSimpleActionIsAScriptWithOneFile(t *testing.T) {
	job := makeJob(t, bundle1("powershell: {script: 'echo {{Param.P}}', args: [-x]}"), nil)
	symbols := job.Parameters.Symbols(nil)
	symbols.SetTaskFile("Script", "/w/script.ps1")
	got, err := job.Steps[0].Script.Actions.OnRun.Resolve(openjd.OnRun, symbols)
	if err != nil || fmt.Sprint(got.Command, got.Args) != "powershell[-File /w/script.ps1 -x]" {
		t.Errorf("%+v, %v", got, err)
	}
	file := job.Steps[0].Script.Files[0]
	if text, err := file.Content(symbols, openjd.Posix); text != "echo x" || file.Filename != "script.ps1" || err != nil {
		t.Errorf("%q, %+v, %v", text, file, err)
	}
}

func TestEndOfLine(t *testing.T) {
	for _, c := range []struct {
		ending string
		host   openjd.PathFormat
		want   string
	}{
		{"LF", openjd.Windows, "a\nb\n"}, {"CRLF", openjd.Posix, "a\r\nb\r\n"}, {"AUTO", openjd.Posix, "a\nb\n"},
		{"AUTO", openjd.Windows, "a\r\nb\r\n"}, {"", openjd.Windows, "a\r\nb\n"},
	} {
		f := openjd.EmbeddedFile{Data: openjd.Literal("a\r\nb\n"), EndOfLine: c.ending}
		if got, err := f.Content(nil, c.host); got != c.want || err != nil {
			t.Errorf("%v: %q, %v", c, got, err)
		}
	}
}

// TestChunksCoverTheRange: chunks are never empty, hold every value once, keep the size and the constraint, and are found
// again by their values.
func TestChunksCoverTheRange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var elements []string
		at := rapid.Int64Range(-50, 50).Draw(t, "start")
		for range rapid.IntRange(1, 4).Draw(t, "elements") {
			count, stride := rapid.Int64Range(1, 20).Draw(t, "count"), rapid.Int64Range(1, 3).Draw(t, "step")
			last := at + (count-1)*stride
			elements = append(elements, fmt.Sprintf("%d-%d:%d", at, last, stride))
			at = last + rapid.Int64Range(1, 4).Draw(t, "gap")
		}
		size := rapid.Int64Range(1, 9).Draw(t, "size")
		constraint := rapid.SampledFrom([]string{"CONTIGUOUS", "NONCONTIGUOUS"}).Draw(t, "constraint")
		text := strings.Join(elements, ",")
		all, err := openjd.ParseIntRange(text)
		if err != nil {
			t.Fatalf("%v", err)
		}
		job := makeJob(t, chunked(fmt.Sprintf("{name: F, type: 'CHUNK[INT]', range: '%s', chunks: {defaultTaskCount: %d, rangeConstraint: %s}}", text, size, constraint), ""), nil)
		space, next := job.Steps[0].Tasks, int64(0)
		for i := range space.Len() {
			v, err := space.At(i)
			if err != nil {
				t.Fatalf("%v", err)
			}
			chunk, err := openjd.ParseIntRange(v["F"].Text)
			if err != nil || chunk.Len() < 1 || chunk.Len() > size {
				t.Fatalf("%s cut by %d: chunk %q, %v", text, size, v["F"].Text, err)
			}
			if strings.ContainsAny(v["F"].Text, ",:") && constraint == "CONTIGUOUS" {
				t.Fatalf("%q is no interval", v["F"].Text)
			}
			for k := range chunk.Len() {
				got, _ := chunk.At(k)
				if want, _ := all.At(next); got != want {
					t.Fatalf("%s: value %d is %d, want %d", text, next, got, want)
				}
				next++
			}
			if found, ok := space.Index(v.Texts()); !ok || found != i {
				t.Fatalf("chunk %d %q is found as %d, %v", i, v["F"].Text, found, ok)
			}
		}
		if next != all.Len() {
			t.Fatalf("%s: %d values in chunks, want %d", text, next, all.Len())
		}
	})
}

func TestManyChunksCostNothing(t *testing.T) {
	src := chunked("{name: F, type: 'CHUNK[INT]', range: '1-1000000000000:2', chunks: {defaultTaskCount: 10, rangeConstraint: CONTIGUOUS}}", "")
	space := makeJob(t, src, nil).Steps[0].Tasks
	if v, err := space.At(space.Len() - 1); err != nil || space.Len() != 500_000_000_000 || v["F"].Text != "999999999999-999999999999" {
		t.Errorf("%d, %v, %v", space.Len(), v, err)
	}
}
