package openjd_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spillway/spillway/openjd"
)

func TestDirectives(t *testing.T) {
	for line, want := range map[string]openjd.Directive{
		"openjd_progress: 0":              {Kind: openjd.Progress},
		"openjd_progress: 99.5\r\n":       {Kind: openjd.Progress, Percent: 99.5},
		"openjd_progress:100":             {Kind: openjd.Progress, Percent: 100},
		"openjd_status: a: b ":            {Kind: openjd.Status, Message: "a: b "},
		"openjd_status:":                  {Kind: openjd.Status},
		"openjd_fail: no space left":      {Kind: openjd.Fail, Message: "no space left"},
		"openjd_env: A=b=c ":              {Kind: openjd.SetEnv, Name: "A", Value: "b=c "},
		"openjd_env: _A1=":                {Kind: openjd.SetEnv, Name: "_A1"},
		`openjd_env: "A=b\nc"`:            {Kind: openjd.SetEnv, Name: "A", Value: "b\nc"},
		"openjd_redacted_env: KEY=secret": {Kind: openjd.SetRedactedEnv, Name: "KEY", Value: "secret"},
		"openjd_unset_env: A ":            {Kind: openjd.UnsetEnv, Name: "A"},
	} {
		d, ok, err := openjd.ParseDirective(line)
		if !ok || err != nil {
			t.Errorf("%q: %v, %v", line, ok, err)
		}
		if diff := cmp.Diff(want, d); diff != "" {
			t.Errorf("%q: %s", line, diff)
		}
	}
}

func TestOrdinaryLines(t *testing.T) {
	for _, line := range []string{
		"", "hello", " openjd_progress: 1", "openjd_progress 1", "OPENJD_PROGRESS: 1", "x openjd_fail: y", "openjd_", "openjd_a b: c",
	} {
		if d, ok, err := openjd.ParseDirective(line); ok || err != nil {
			t.Errorf("%q is %v, %v", line, d, err)
		}
	}
}

func TestMalformedDirectives(t *testing.T) {
	for line, want := range map[string]string{
		"openjd_progress: 101":            "0 to 100",
		"openjd_progress: -1":             "0 to 100",
		"openjd_progress: NaN":            "0 to 100",
		"openjd_progress: half":           "0 to 100",
		"openjd_progress:":                "0 to 100",
		"openjd_env: A":                   "NAME=value",
		"openjd_env: 1A=b":                "not the name of an environment variable",
		"openjd_env: A b=c":               "not the name of an environment variable",
		"openjd_env: =c":                  "not the name of an environment variable",
		`openjd_env: "A=b`:                "not a JSON string",
		"openjd_env: A=b\x00":             "NUL",
		"openjd_unset_env: A=b":           "not the name of an environment variable",
		"openjd_progres: 5":               `did you mean "progress"?`,
		"openjd_env: " + long(257) + "=b": "at most 256",
		"openjd_redacted_env: secret":     "NAME=value",
	} {
		_, ok, err := openjd.ParseDirective(line)
		if !ok || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v, want %q", line, ok, err, want)
		}
		if strings.Contains(line, "secret") && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error tells the secret: %v", err)
		}
	}
}

func TestRedactor(t *testing.T) {
	var r openjd.Redactor
	if got := r.Line("openjd_redacted_env: KEY=abc\n"); got != "openjd_redacted_env: KEY=********\n" {
		t.Errorf("got %q", got)
	}
	if got := r.Line(`openjd_redacted_env: abc`); strings.Contains(got, "abc") {
		t.Errorf("got %q", got)
	}
	r.Add("abc")
	r.Add("abcdef\nsecond line\n")
	r.Add("")
	for line, want := range map[string]string{
		"an abcdef and an abc": "an ******** and an ********",
		"the second line":      "the ********",
		"nothing":              "nothing",
	} {
		if got := r.Line(line); got != want {
			t.Errorf("%q is %q, want %q", line, got, want)
		}
	}
}
