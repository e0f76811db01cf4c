package openjd_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spillway/spillway/openjd"
)

// places parses and returns "line:column path" of every error.
func places(t *testing.T, src, name string) []string {
	t.Helper()
	_, err := openjd.ParseJobTemplate([]byte(src), name)
	var es openjd.Errors
	if !errors.As(err, &es) {
		t.Fatalf("got %v, want Errors", err)
	}
	var out []string
	for _, e := range es {
		out = append(out, fmt.Sprintf("%d:%d %s", e.Line, e.Column, e.Path))
	}
	return out
}

func TestEveryErrorHasItsPlace(t *testing.T) {
	src := `specificationVersion: jobtemplate-2023-09
name: "{{Param.Shit}}"
parameterDefinitions:
  - name: Shot
    type: STRNG
steps:
  - name: Render
    dependencies:
      - dependsOn: Simulate
    script:
      actions:
        onRun:
          comand: blender
          args:
            - -b
            - 7
        onRun: {}
`
	want := []string{
		`2:7 name`,
		`5:11 parameterDefinitions[0].type`,
		`9:20 steps[0].dependencies[0].dependsOn`,
		`13:11 steps[0].script.actions.onRun.comand`,
		`13:11 steps[0].script.actions.onRun`,
		`16:15 steps[0].script.actions.onRun.args[1]`,
		`17:9 steps[0].script.actions.onRun`,
	}
	if diff := cmp.Diff(want, places(t, src, "shot.yaml")); diff != "" {
		t.Error(diff)
	}
}

func TestJSONHasTheSamePlaces(t *testing.T) {
	src := "{\"specificationVersion\": \"jobtemplate-2023-09\",\n \"näme\": 1, \"name\": \"J\",\n" +
		" \"steps\": [\n  {\"name\": \"S\", \"script\": {\"actions\": {\"onRun\": {\"command\": \"\"}}}},\n  5\n ],\n \"steps\": []}"
	want := []string{
		`2:2 ["näme"]`,
		`4:61 steps[0].script.actions.onRun.command`,
		`5:3 steps[1]`,
		`7:2 steps`,
	}
	if diff := cmp.Diff(want, places(t, src, "shot.json")); diff != "" {
		t.Error(diff)
	}
}

func TestExcerptPointsAtTheColumn(t *testing.T) {
	e := openjd.Error{File: "a.yaml", Line: 12, Column: 4, Path: "steps", Message: "is wrong", Hint: "do better", Source: "\tä: b"}
	if got, want := e.Error(), "a.yaml:12:4: steps: is wrong (do better)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := e.Excerpt(), "  12 |  ä: b\n     |    ^"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	e.Source, e.Column = strings.Repeat("a", 500)+"!"+strings.Repeat("b", 500), 501
	lines := strings.Split(e.Excerpt(), "\n")
	if len(lines[0]) > 120 || lines[0][strings.Index(lines[1], "^")] != '!' {
		t.Errorf("the caret is not under the place:\n%s", e.Excerpt())
	}
	if got := (openjd.Error{Path: "P", Message: "m"}).Excerpt(); got != "" {
		t.Errorf("excerpt without a position: %q", got)
	}
}

func TestManyErrorsAreCut(t *testing.T) {
	src := "specificationVersion: jobtemplate-2023-09\nname: J\nsteps: [" + many(1000, "{name: S#}") + "]"
	got := places(t, src, "x.yaml")
	if len(got) != 101 {
		t.Errorf("%d errors are shown, want 100 and a word", len(got))
	}
}

func TestBrokenDocuments(t *testing.T) {
	for name, c := range map[string]struct{ file, src, want string }{
		"empty":            {"a.yaml", " \n", "is empty"},
		"comment only":     {"a.yaml", "# nothing\n", "is empty"},
		"list":             {"a.yaml", "- a\n", "a.yaml:1:1: is a list, must be a mapping"},
		"not utf-8":        {"a.yaml", "name: a\nb: \xff\n", "a.yaml:2:4: the document is not UTF-8"},
		"too large":        {"a.yaml", "a: " + strings.Repeat("x", 4<<20), "at most 4194304"},
		"two documents":    {"a.yaml", "a: b\n---\nc: d\n", "second document"},
		"indentation":      {"a.yaml", "a: b\n c: d\n", "YAML:"},
		"open quote":       {"a.yaml", "a: \"b\n", "YAML:"},
		"unknown alias":    {"a.yaml", "a: *b\n", `no anchor "b"`},
		"within itself":    {"a.yaml", "a: &b [*b]\n", `no anchor "b"`},
		"merge key":        {"a.yaml", "a: &a {b: c}\nd:\n  <<: *a\n", "not part of YAML 1.2"},
		"foreign tag":      {"a.yaml", "a: !ruby/object b\n", "core schema"},
		"list as key":      {"a.yaml", "? [a]\n: b\n", "invalid key"},
		"number as key":    {"a.yaml", "5: b\n", "must be a string"},
		"deep yaml":        {"a.yaml", strings.Repeat("[", 3000), "nested"},
		"deep runs":        {"a.yaml", strings.Repeat("- ", 100_000), "nested"},
		"seventy levels":   {"a.yaml", strings.Repeat("[", 70) + strings.Repeat("]", 70), "nested"},
		"deep json":        {"a.json", "{\"a\":" + strings.Repeat("[", 70) + strings.Repeat("]", 70) + "}", "nested"},
		"json cut":         {"a.json", "{\"a\": [1,", "a.json:1:10: JSON: the document ends too early"},
		"json comma":       {"a.json", "{\"a\": 1,\n \"b\" 2}", "a.json:2:6: JSON:"},
		"json twice":       {"a.json", "{} {}", "more after the end"},
		"aliases multiply": {"a.yaml", laughs(), "aliases make the document too large"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := openjd.ParseJobTemplate([]byte(c.src), c.file)
			var es openjd.Errors
			if !errors.As(err, &es) || len(es) == 0 || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// laughs is a document whose aliases multiply to 10^9 values.
func laughs() string {
	var b strings.Builder
	b.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 9; i++ {
		n := string(rune('0' + i))
		p := "*a" + string(rune('0'+i-1))
		b.WriteString("a" + n + ": &a" + n + " [" + strings.TrimSuffix(strings.Repeat(p+", ", 10), ", ") + "]\n")
	}
	return b.String()
}
