package openjd_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/spillway/spillway/openjd"
)

// FuzzTemplate: any document either gives errors with sane places or a template whose normal form parses to itself.
func FuzzTemplate(f *testing.F) {
	f.Add(shot)
	f.Add(environment("script: {actions: {onEnter: {command: x}}}"))
	f.Add(combine("(A, B) * C"))
	f.Add(laughs())
	f.Add(`{"specificationVersion": "jobtemplate-2023-09", "name": "\ud800", "steps": [{}]}`)
	f.Add("a: !!str &x [*x]\n? b\n: c\n---\n")
	f.Add("%YAML 1.2\n--- |\n a\n...")
	f.Fuzz(func(t *testing.T, src string) {
		if openjd.SpecificationVersion([]byte(src)) == openjd.EnvironmentTemplateVersion {
			e, err := openjd.ParseEnvironmentTemplate([]byte(src), "f")
			fuzzResult(t, e, err, openjd.ParseEnvironmentTemplate)
			return
		}
		j, err := openjd.ParseJobTemplate([]byte(src), "f")
		fuzzResult(t, j, err, openjd.ParseJobTemplate)
		if err != nil {
			return
		}
		given := make(map[string]string)
		for _, p := range j.Parameters {
			given[p.Name] = "1"
		}
		if p, err := j.BindParameters(given, openjd.BaseDirs{Working: "/w", Template: "/t"}); err == nil {
			if job, err := j.CreateJob(p); err == nil {
				for _, s := range job.Steps {
					if _, err := s.Tasks.At(s.Tasks.Len() - 1); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	})
}

func fuzzResult[T any](t *testing.T, got *T, err error, again func([]byte, string, ...openjd.ParseOption) (*T, error)) {
	if err != nil {
		var es openjd.Errors
		if !errors.As(err, &es) || len(es) == 0 {
			t.Fatalf("%T is not Errors", err)
		}
		_ = es.Report()
		return
	}
	first, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	back, err := again(first, "")
	if err != nil {
		t.Fatalf("%v\nin\n%s", err, first)
	}
	if second, _ := json.Marshal(back); string(second) != string(first) {
		t.Fatalf("the normal form changes\n%s\n%s", first, second)
	}
}

func FuzzIntRange(f *testing.F) {
	for _, seed := range []string{"1-10:2,20", "-5--1", "10-1:-3", "-9223372036854775808-9223372036854775807:2", "1-", " 1 - 2 : 3 "} {
		f.Add(seed, int64(3))
	}
	f.Fuzz(func(t *testing.T, text string, i int64) {
		r, err := openjd.ParseIntRange(text)
		if err != nil {
			return
		}
		if r.Len() < 1 {
			t.Fatalf("Len is %d", r.Len())
		}
		if i = i % r.Len(); i < 0 {
			i = -i
		}
		v, ok := r.At(i)
		if back, found := r.Index(v); !ok || !found || back != i {
			t.Fatalf("At(%d) is %d, %v; Index of that is %d, %v", i, v, ok, back, found)
		}
		if i > 0 {
			if before, _ := r.At(i - 1); before >= v {
				t.Fatalf("At(%d) is %d, not below %d", i-1, before, v)
			}
		}
	})
}

func FuzzCombination(f *testing.F) {
	for _, seed := range []string{"A * B * C", "(A, B) * C", "((A, B), C)", "(A*B, C)", "A B", "(((", "A,"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, expression string) {
		quoted, err := json.Marshal(expression)
		if err != nil {
			t.Skip(err)
		}
		src := `{"specificationVersion": "jobtemplate-2023-09", "name": "J", "steps": [{"name": "S", "script": {"actions": {"onRun": {"command": "x"}}},
			"parameterSpace": {"taskParameterDefinitions": [{"name": "A", "type": "INT", "range": "1-2"}, {"name": "B", "type": "INT", "range": "1-3"},
			{"name": "C", "type": "INT", "range": "1-6"}], "combination": ` + string(quoted) + `}}]}`
		tmpl, err := openjd.ParseJobTemplate([]byte(src), "f")
		if err != nil {
			return
		}
		s, err := tmpl.TaskSpace(0, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range s.Len() {
			v, err := s.At(i)
			if err != nil {
				t.Fatal(err)
			}
			if k, ok := s.Index(v.Texts()); !ok || k != i {
				t.Fatalf("Index(At(%d)) is %d, %v", i, k, ok)
			}
		}
	})
}

func FuzzFormatString(f *testing.F) {
	for _, seed := range []string{"", "a{{ Param.A }}b", "{{", "}}{{A.B:04}}", "{{{A}}}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, parse := range []func(string) (openjd.FormatString, error){openjd.ParseFormatString, openjd.ParsePattern} {
			fs, err := parse(text)
			if err != nil {
				continue
			}
			var s openjd.Symbols
			for _, name := range fs.References() {
				s.Set(name, "1")
			}
			if _, err := fs.Resolve(&s); err != nil || fs.String() != text {
				t.Fatalf("%q: %v", text, err)
			}
		}
	})
}

func FuzzDirective(f *testing.F) {
	for _, seed := range []string{"openjd_progress: 5", `openjd_env: "A=b\n"`, "openjd_redacted_env: A=b", "openjd_unset_env: A", "openjd_x: y", "text"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		d, ok, err := openjd.ParseDirective(line)
		if err != nil && !ok {
			t.Fatal("an ordinary line has an error")
		}
		if d.Percent < 0 || d.Percent > 100 || d.Percent != d.Percent {
			t.Fatalf("progress is %v", d.Percent)
		}
		var r openjd.Redactor
		r.Add(d.Value)
		_ = r.Line(line)
	})
}

// FuzzPathMap: what a mapper maps stays below a destination.
func FuzzPathMap(f *testing.F) {
	f.Add("/nas", "/nas/a/../../b", true)
	f.Add(`\\nas\proj`, `\\NAS\proj\..\..\x`, false)
	f.Add(`C:\`, `c:..\a`, false)
	f.Fuzz(func(t *testing.T, source, path string, posix bool) {
		format := openjd.Windows
		if posix {
			format = openjd.Posix
		}
		m, err := openjd.NewPathMapper([]openjd.PathRule{rule(format, source, "/dest")}, openjd.Posix)
		if err != nil {
			return
		}
		_, rest, ok := m.Match(path)
		if !ok {
			if m.Map(path) != path {
				t.Fatalf("%q was changed without a match", path)
			}
			return
		}
		for _, name := range rest {
			if name == "" || name == "." || name == ".." {
				t.Fatalf("%q holds %q below %q", path, name, source)
			}
		}
	})
}
