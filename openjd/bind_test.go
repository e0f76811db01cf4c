package openjd_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spillway/spillway/openjd"
)

func parse(t fataler, src string) *openjd.JobTemplate {
	t.Helper()
	tmpl, err := openjd.ParseJobTemplate([]byte(src), "t.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return tmpl
}

const bindable = `{name: Shot, type: STRING, minLength: 2},
  {name: Scene, type: PATH},
  {name: Out, type: PATH, default: renders/./x/../v1},
  {name: First, type: INT, default: 1, minValue: 0},
  {name: Scale, type: FLOAT, allowedValues: [0.5, "1.0"], default: 1}`

func TestBind(t *testing.T) {
	dirs := openjd.BaseDirs{Template: "/jobs/t", Working: "/home/ada/"}
	for name, c := range map[string]struct {
		given map[string]string
		dirs  openjd.BaseDirs
		want  map[string]string
	}{
		"defaults and joins": {
			map[string]string{"Shot": "s010", "Scene": "../s/a.blend"}, dirs,
			map[string]string{"Shot": "s010", "Scene": "/home/s/a.blend", "Out": "/jobs/t/renders/v1", "First": "1", "Scale": "1"},
		},
		"all given": {
			map[string]string{"Shot": "{{x}}", "Scene": "/a/../b", "Out": "/o/", "First": " 007", "Scale": "0.50"}, dirs,
			map[string]string{"Shot": "{{x}}", "Scene": "/a/../b", "Out": "/o/", "First": "7", "Scale": "0.50"},
		},
		"no directories": {
			map[string]string{"Shot": "s1", "Scene": "a"}, openjd.BaseDirs{},
			map[string]string{"Shot": "s1", "Scene": "a", "Out": "renders/./x/../v1", "First": "1", "Scale": "1"},
		},
		"windows": {
			map[string]string{"Shot": "s1", "Scene": `s/a.blend`}, openjd.BaseDirs{Template: `C:\jobs\`, Working: `\\nas\proj\ada`, Format: openjd.Windows},
			map[string]string{"Shot": "s1", "Scene": `\\nas\proj\ada\s\a.blend`, "Out": `C:\jobs\renders\v1`, "First": "1", "Scale": "1"},
		},
		"empty path": {
			map[string]string{"Shot": "s1", "Scene": ""}, dirs,
			map[string]string{"Shot": "s1", "Scene": "", "Out": "/jobs/t/renders/v1", "First": "1", "Scale": "1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := parse(t, param(bindable)).BindParameters(c.given, c.dirs)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, p.Texts()); diff != "" {
				t.Error(diff)
			}
			again, err := parse(t, param(bindable)).BindParameters(p.Texts(), openjd.BaseDirs{})
			if err != nil || !cmp.Equal(p, again) {
				t.Errorf("bound values bind to %v, %v", again, err)
			}
		})
	}
}

func TestBindReportsEverything(t *testing.T) {
	_, err := parse(t, param(bindable)).BindParameters(map[string]string{
		"Shot": "s", "First": "-1", "Scale": "2", "Scne": "/a",
	}, openjd.BaseDirs{})
	var es openjd.Errors
	if !errors.As(err, &es) {
		t.Fatalf("got %v", err)
	}
	want := []string{
		`Shot: "s" has 1 characters, at least 2 are needed`,
		`Scene: a value is needed, there is no default`,
		`First: -1 is less than minValue, 0`,
		`Scale: "2" is not one of the allowed values: "0.5", "1.0"`,
		`Scne: there is no such job parameter (did you mean "Scene"?)`,
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Error(diff)
	}
}

func TestBindRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		definition string
		given      map[string]string
		want       string
	}{
		"not an integer":         {"{name: P, type: INT}", map[string]string{"P": "1.5"}, "not an integer"},
		"beyond 64 bits":         {"{name: P, type: INT}", map[string]string{"P": "9223372036854775808"}, "64 bits"},
		"not a number":           {"{name: P, type: FLOAT}", map[string]string{"P": "NaN"}, "not a finite number"},
		"too long":               {"{name: P, type: STRING}", map[string]string{"P": long(1025)}, "at most 1024"},
		"absolute default":       {"{name: P, type: PATH, default: /a}", nil, "absolute"},
		"default leads out":      {"{name: P, type: PATH, default: a/b/c/../../../../d}", nil, "leads out"},
		"allowed after the join": {"{name: P, type: PATH, default: a, allowedValues: [a]}", nil, "not one of the allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse(t, param(c.definition)).BindParameters(c.given, openjd.BaseDirs{Template: "/t", Working: "/w"})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func merged(t *testing.T, job string, environments ...string) (openjd.Parameters, error) {
	t.Helper()
	var es []*openjd.EnvironmentTemplate
	for _, definition := range environments {
		e, err := openjd.ParseEnvironmentTemplate([]byte(environment("variables: {A: b}")+"parameterDefinitions: ["+definition+"]"), "e.yaml")
		if err != nil {
			t.Fatal(err)
		}
		es = append(es, e)
	}
	definitions, err := openjd.MergeParameters(parse(t, param(job)), es...)
	if err != nil {
		return nil, err
	}
	return openjd.Bind(definitions, nil, openjd.BaseDirs{})
}

func TestMergeNarrows(t *testing.T) {
	for name, c := range map[string]struct {
		job, first, second, want string
	}{
		"default of an environment": {"{name: P, type: INT}", "{name: P, type: INT, default: 4}", "{name: P, type: INT}", "4"},
		"last default":              {"{name: P, type: INT, default: 5}", "{name: P, type: INT, default: 4}", "{name: P, type: INT, default: 3}", "5"},
		"common values":             {"{name: P, type: FLOAT, default: 2, allowedValues: [1, 2]}", "{name: P, type: FLOAT, allowedValues: ['2.0', 3]}", "{name: P, type: FLOAT}", "2"},
		"same flow by default":      {"{name: P, type: PATH, dataFlow: NONE, default: a}", "{name: P, type: PATH, objectType: DIRECTORY}", "{name: P, type: PATH}", "a"},
		"own parameters":            {"{name: P, type: INT, default: 1}", "{name: Q, type: INT, default: 1}", "{name: R, type: INT, default: 1}", "1"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := merged(t, c.job, c.first, c.second)
			if err != nil || p["P"].Text != c.want {
				t.Errorf("got %v, %v, want %s", p, err, c.want)
			}
		})
	}
	for name, c := range map[string]struct{ job, first, want string }{
		"type":          {"{name: P, type: INT, default: 1}", "{name: P, type: FLOAT}", "as FLOAT and as INT"},
		"object":        {"{name: P, type: PATH, default: a, objectType: FILE}", "{name: P, type: PATH}", "as DIRECTORY and as FILE"},
		"flow":          {"{name: P, type: PATH, default: a, dataFlow: IN}", "{name: P, type: PATH}", "as NONE and as IN"},
		"bounds":        {"{name: P, type: INT, minValue: 5}", "{name: P, type: INT, maxValue: 4}", "greater than maxValue"},
		"lengths":       {"{name: P, type: STRING, minLength: 5}", "{name: P, type: STRING, maxLength: 4}", "greater than maxLength"},
		"no common":     {"{name: P, type: INT, allowedValues: [1]}", "{name: P, type: INT, allowedValues: [2]}", "in common"},
		"no value left": {"{name: P, type: INT, allowedValues: [1]}", "{name: P, type: INT, minValue: 2}", "keeps the bounds"},
		"default":       {"{name: P, type: INT, default: 1}", "{name: P, type: INT, minValue: 2}", "the default: 1 is less"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := merged(t, c.job, c.first); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
