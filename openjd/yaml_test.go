package openjd_test

import (
	"testing"

	"github.com/spillway/spillway/openjd"
)

// TestCoreSchema: plain scalars have the types of YAML 1.2, so yes, no, on, off, dates and 1_000 are strings.
func TestCoreSchema(t *testing.T) {
	for written, want := range map[string]string{
		"yes": "yes", "No": "No", "on": "on", "off": "off", "2024-01-01": "2024-01-01", "1_000": "1_000",
		"12:30": "12:30", "0b11": "0b11", "=": "=", `"5"`: "5", "'null'": "null", "!!str 5": "5", "!!str true": "true",
		`"\u00e4\t\x41"`: "ä\tA", "''''": "'",
	} {
		got, err := openjd.ParseJobTemplate([]byte(param("{name: P, type: STRING, default: "+written+"}")), "t.yaml")
		if err != nil {
			t.Errorf("%s: %v", written, err)
			continue
		}
		if d := *got.Parameters[0].Default; d != want {
			t.Errorf("%s is %q, want %q", written, d, want)
		}
	}
	for _, written := range []string{"5", "+5", "-0", "0o17", "0xff", "1.5", ".5", "1e3", "true", "False", "null", "~", ".inf", "-.INF", ".NaN", "010"} {
		if check(param("{name: P, type: STRING, default: "+written+"}")) == nil {
			t.Errorf("%s was taken for a string", written)
		}
	}
}

func TestIntegersOfTheCoreSchema(t *testing.T) {
	for written, want := range map[string]string{"0o17": "15", "0xfF": "255", "010": "10", "+7": "7", "-0": "0", "' 8 '": "8"} {
		got, err := openjd.ParseJobTemplate([]byte(param("{name: P, type: INT, default: "+written+"}")), "t.yaml")
		if err != nil {
			t.Errorf("%s: %v", written, err)
			continue
		}
		if d := *got.Parameters[0].Default; d != want {
			t.Errorf("%s is %q, want %q", written, d, want)
		}
	}
}

func TestBlockScalarsAnchorsAndMarks(t *testing.T) {
	src := "\ufeff%YAML 1.2\n---\nspecificationVersion: jobtemplate-2023-09\nname: J\nsteps:\n" +
		"- name: A\n  script: &s\n    actions:\n      onRun:\n        command: sh\n        args:\n        - -c\n        - |\n" +
		"          echo a # not a comment\n            deeper\n\n          b\n        - >-\n          one\n          line\n" +
		"- name: B\n  script: *s\n...\n"
	got, err := openjd.ParseJobTemplate([]byte(src), "t.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range got.Steps {
		args := s.Script.Actions.OnRun.Args
		if want := "echo a # not a comment\n  deeper\n\nb\n"; args[1].String() != want {
			t.Errorf("literal is %q, want %q", args[1], want)
		}
		if want := "one line"; args[2].String() != want {
			t.Errorf("folded is %q, want %q", args[2], want)
		}
	}
}
