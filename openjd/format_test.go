package openjd_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spillway/spillway/openjd"
)

func TestFormatString(t *testing.T) {
	var s openjd.Symbols
	s.Set("Param.A", "one")
	s.Set("Param.B", "{{Param.A}}")
	for text, want := range map[string]string{
		"":                                "",
		"plain }} text {":                 "plain }} text {",
		"{{Param.A}}":                     "one",
		"a{{ Param.A\t}}{{Param.A}}b":     "aoneoneb",
		"{{Param.B}}":                     "{{Param.A}}", // values are not resolved again
		"äö {{Param.A}} \n{{\nParam.A }}": "äö one \none",
		"{ {{Param.A}} }":                 "{ one }",
	} {
		f, err := openjd.ParseFormatString(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		got, err := f.Resolve(&s)
		if err != nil || got != want || f.String() != text {
			t.Errorf("%q is %q, %v, want %q", text, got, err, want)
		}
	}
	f, err := openjd.ParseFormatString("{{Param.B}} {{Parm.A}} {{Param.B}}")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Param.B", "Parm.A", "Param.B"}, f.References()); diff != "" {
		t.Error(diff)
	}
	if _, err := f.Resolve(&s); err == nil || !strings.Contains(err.Error(), `did you mean "Param.A"?`) {
		t.Errorf("got %v", err)
	}
	if _, err := f.Resolve(nil); err == nil {
		t.Error("nil symbols have values")
	}
}

func TestPattern(t *testing.T) {
	var s openjd.Symbols
	s.Set("Task.Param.Frame", "7")
	s.Set("Task.Param.Back", "-7")
	s.Set("Param.Out", "/o")
	for text, want := range map[string]string{
		"{{Param.Out}}/f_{{Task.Param.Frame:04}}.png": "/o/f_0007.png",
		"{{ Task.Param.Back : 04 }}":                  "",
		"{{Task.Param.Back:04}}":                      "-007",
		"{{Task.Param.Frame:01}}":                     "7",
		"{{Task.Param.Frame}}":                        "7",
		"{{Param.Out:04}}":                            "",
		"{{Task.Param.Frame:4}}":                      "",
		"{{Task.Param.Frame:00}}":                     "",
		"{{Task.Param.Frame:033}}":                    "",
		"{{Task.Param.Frame:}}":                       "",
		"{{:04}}":                                     "",
	} {
		f, err := openjd.ParsePattern(text)
		got := ""
		if err == nil {
			got, err = f.Resolve(&s)
		}
		if got != want || (err != nil) != (want == "") {
			t.Errorf("%q is %q, %v, want %q", text, got, err, want)
		}
	}
}

func TestLiteralPanicsOnReferences(t *testing.T) {
	if got := openjd.Literal("a"); got.String() != "a" || !got.IsLiteral() {
		t.Errorf("got %q", got)
	}
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	openjd.Literal("{{Param.A}}")
}

func TestSymbolsAreIndependentAfterClone(t *testing.T) {
	var s openjd.Symbols
	s.Set("A.B", "1")
	c := s.Clone()
	c.Set("A.B", "2")
	c.SetTaskFile("F", "/f")
	if v, _ := s.Get("A.B"); v != "1" {
		t.Errorf("the original has %q", v)
	}
	if _, ok := s.Get("Task.File.F"); ok {
		t.Error("the original got a name of the clone")
	}
}
