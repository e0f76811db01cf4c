package openjd_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/spillway/spillway/openjd"
)

func TestParseParameterValues(t *testing.T) {
	for _, c := range []struct {
		name, src string
		want      map[string]string
	}{
		{"mapping", "A: x\nB: 3.500\nC: [1, \"2\", .5]\nD: true\n", map[string]string{"A": "x", "B": "3.500", "C": `[1,"2",0.5]`, "D": "true"}},
		{"bundle", "parameterValues:\n- {name: A, value: 007}\n- {name: B, value: '1-3'}\n", map[string]string{"A": "007", "B": "1-3"}},
		{"JSON", `{"A": [["a"], []]}`, map[string]string{"A": `[["a"],[]]`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := openjd.ParseParameterValues([]byte(c.src), "v")
			if err != nil || !maps.Equal(got, c.want) {
				t.Errorf("%v, %v, want %v", got, err, c.want)
			}
		})
	}
	for _, c := range []struct{ src, want string }{
		{"- A", "must be a mapping from names to values"},
		{"A: {B: c}", "A: is a mapping, must be a value"},
		{"A: null", "A: is null"},
		{"A: 1\nA: 2", "stands twice"},
		{"parameterValues:\n- {name: A, valu: 7}", `did you mean "value"?`},
		{"parameterValues:\n- {name: A}", `"value" is missing`},
	} {
		if _, err := openjd.ParseParameterValues([]byte(c.src), "v"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.src, err, c.want)
		}
	}
}

func TestParseTaskList(t *testing.T) {
	got, err := openjd.ParseTaskList([]byte(`[{"Frame": 1, "Layer": "a"}, {"Frame": 2}]`), "v")
	if err != nil || len(got) != 2 || got[0]["Layer"] != "a" || got[1]["Frame"] != "2" {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := openjd.ParseTaskList([]byte(`{"Frame": 1}`), "v"); err == nil {
		t.Error("a mapping is no list")
	}
}

func TestDocumentAsJSON(t *testing.T) {
	got, err := openjd.JSON([]byte("a: {b: [1.50, yes, null, true]}\nc: \"\\u00e9\\n\""), "v")
	if want := `{"a":{"b":[1.50,"yes",null,true]},"c":"é\n"}`; err != nil || string(got) != want {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
}
