package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/server/policy"
)

func TestFailures(t *testing.T) {
	p, err := policy.Parse("spillway.yaml", []byte(`
failures:
  retries: {timeout: 0, outOfMemory: 3}
  memoryFactor: 2
  avoidNodeAfter: 5
  pauseAfter: 0
  noProgress: 20m
  licenceWait: 1m
  signs:
    - {cause: licence, exitCodes: [100, 101], text: "license server"}
steps:
  Sim: {noProgress: 2h}
`))
	if err != nil {
		t.Fatal(err)
	}
	stored, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := policy.Decode(stored)
	if err != nil {
		t.Fatal(err)
	}
	want := farm.FailurePolicy{
		Retries: map[farm.Cause]int{farm.CauseTimeout: 0, farm.CauseMemory: 3}, MemoryFactor: 2, AvoidAfter: 5, StopAfter: -1, LicenceWait: time.Minute,
	}
	if diff := cmp.Diff(want, again.Failures.Farm()); diff != "" {
		t.Error(diff)
	}
	if again.NoProgressOf("Sim") != 2*time.Hour || again.NoProgressOf("Render") != 20*time.Minute {
		t.Errorf("no progress: %s, %s", again.NoProgressOf("Sim"), again.NoProgressOf("Render"))
	}
	if s := again.Failures.Signs[0]; s.CauseOf() != farm.CauseLicence || len(s.ExitCodes) != 2 || s.Text != "license server" {
		t.Errorf("sign %+v", s)
	}
	none := &policy.Policy{}
	if diff := cmp.Diff(farm.FailurePolicy{}, none.Failures.Farm()); diff != "" || none.NoProgressOf("Render") != 0 {
		t.Error(diff)
	}
}

func TestFailuresSayWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"retries: {memory: 1}":                                `"memory" is no cause that has retries`,
		"retries: {task: 101}":                                "between 0 and 100",
		"memoryFactor: 0.5":                                   "between 1 and 16",
		"avoidNodeAfter: -1":                                  "negative",
		"pauseAfter: 1001":                                    "0 (never) and 1000",
		"noProgress: 5s":                                      "less than 10s",
		"licenceWait: 1h":                                     "between 0 and 10m",
		"signs: [{cause: timeout, exitCodes: [1]}]":           "licence or outOfMemory",
		"signs: [{cause: licence}]":                           "by exitCodes, by text, or by both",
		"signs: [{cause: licence, exitCodes: [0]}]":           "they are 1 to 255",
		"signs: [{cause: licence, text: '('}]":                "missing closing )",
		"signs: [{cause: licence, text: x, file: y}]":         "file",
		"signs: [{cause: licence, text: " + long(1001) + "}]": "more than 1000",
	} {
		_, err := policy.Parse("spillway.yaml", []byte("failures:\n  "+text+"\n"))
		if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "spillway.yaml:2:") {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
	if _, err := policy.Parse("spillway.yaml", []byte("steps: {A: {noProgress: 1s}}")); err == nil {
		t.Error("a step's noProgress of 1s is taken")
	}
}

func long(n int) string { return strings.Repeat("x", n) }
