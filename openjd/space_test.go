package openjd_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/spillway/spillway/openjd"
)

// spaceOf returns the task space of the only step of a template.
func spaceOf(t fataler, src string) *openjd.TaskSpace {
	t.Helper()
	tmpl, err := openjd.ParseJobTemplate([]byte(src), "t.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p, err := tmpl.BindParameters(nil, openjd.BaseDirs{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := tmpl.TaskSpace(0, p)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// listed writes all tasks as "A=1,B=4 A=1,B=5 …", with the names of a space made by combine.
func listed(t *testing.T, s *openjd.TaskSpace) string {
	t.Helper()
	var out []string
	for i := range s.Len() {
		v, err := s.At(i)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, v["A"].Text+v["B"].Text+v["C"].Text)
	}
	return strings.Join(out, " ")
}

// A is 1 to 3, B is 4 to 6, C is 7 and 8.
func TestTaskOrder(t *testing.T) {
	for expression, want := range map[string]string{
		"A * B * C":     "147 148 157 158 167 168 247 248 257 258 267 268 347 348 357 358 367 368",
		"C * B * A":     "147 247 347 157 257 357 167 267 367 148 248 348 158 258 358 168 268 368",
		"(A, B) * C":    "147 148 257 258 367 368",
		"C * (B, A)":    "147 257 367 148 258 368",
		"((A, (B))) *C": "147 148 257 258 367 368",
	} {
		if got := listed(t, spaceOf(t, combine(expression))); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", expression, got, want)
		}
	}
	if got, want := listed(t, spaceOf(t, strings.Replace(combine("A"), `, combination: "A"`, "", 1))), "147 148"; !strings.HasPrefix(got, want) {
		t.Errorf("the default is %s, want the product in the order of definition", got)
	}
}

func TestStepWithoutParametersHasOneTask(t *testing.T) {
	s := spaceOf(t, step("description: d"))
	v, err := s.At(0)
	if s.Len() != 1 || err != nil || len(v) != 0 {
		t.Errorf("Len %d, values %v, %v", s.Len(), v, err)
	}
	if i, ok := s.Index(nil); !ok || i != 0 {
		t.Errorf("Index is %d, %v", i, ok)
	}
	for _, i := range []int64{-1, 1} {
		if _, err := s.At(i); err == nil {
			t.Errorf("At(%d) has values", i)
		}
	}
}

func TestHugeSpaceCostsNothing(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	s := spaceOf(t, values("{name: F, type: INT, range: 1-1000000000000}, {name: L, type: STRING, range: [a, b, c, d]}"))
	v, err := s.At(s.Len() - 2)
	runtime.ReadMemStats(&after)
	if s.Len() != 4e12 || err != nil || v["F"].Text != "1000000000000" || v["L"].Text != "c" {
		t.Errorf("Len %d, values %v, %v", s.Len(), v, err)
	}
	if i, ok := s.Index(v.Texts()); !ok || i != s.Len()-2 {
		t.Errorf("Index is %d, %v", i, ok)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 4<<20 {
		t.Errorf("it took %d bytes", grown)
	}
}

func TestIndexRefusesOtherValues(t *testing.T) {
	s := spaceOf(t, values("{name: F, type: INT, range: 1-10:3}, {name: X, type: FLOAT, range: [1.5, 2]}"))
	for _, c := range []struct {
		frame, x string
		want     int64
	}{{"4", "1.50", 2}, {" 07", "2.0", 5}, {"5", "2", -1}, {"x", "2", -1}, {"4", "3", -1}} {
		i, ok := s.Index(map[string]string{"F": c.frame, "X": c.x})
		if ok != (c.want >= 0) || ok && i != c.want {
			t.Errorf("%s, %s: %d, %v, want %d", c.frame, c.x, i, ok, c.want)
		}
	}
	for _, wrong := range []map[string]string{nil, {"F": "4"}, {"F": "4", "Y": "2"}, {"F": "4", "X": "2", "Y": "2"}} {
		if i, ok := s.Index(wrong); ok {
			t.Errorf("%v is task %d", wrong, i)
		}
	}
}

// TestIndexInvertsAt makes spaces of any shape: Index(At(i)) is i, or an earlier task with the same values where
// lists repeat them.
func TestIndexInvertsAt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var definitions []string
		names := 0
		// part returns an expression of the given length.
		var part func(length, depth int) string
		part = func(length, depth int) string {
			forms := 1
			if depth < 3 {
				forms = 3
			}
			switch form := rapid.IntRange(0, forms-1).Draw(t, "form"); {
			case names >= 12 || form == 0:
				names++
				name := fmt.Sprintf("P%d", names)
				definitions = append(definitions, "{name: "+name+", "+axisText(t, length)+"}")
				return name
			case form == 1:
				first := part(length, depth+1)
				return "(" + first + ", " + part(length, depth+1) + ")"
			default:
				factor := rapid.SampledFrom(divisors(length)).Draw(t, "factor")
				return "(" + part(factor, depth+1) + " * " + part(length/factor, depth+1) + ")"
			}
		}
		length := rapid.IntRange(1, 12).Draw(t, "length")
		expression := part(length, 0) + " * " + part(rapid.IntRange(1, 4).Draw(t, "second"), 0)
		if names > 16 {
			t.Skip("too many parameters")
		}
		s := spaceOf(t, space("{taskParameterDefinitions: ["+strings.Join(definitions, ", ")+"], combination: '"+expression+"'}"))
		for i := range s.Len() {
			v, err := s.At(i)
			if err != nil {
				t.Fatal(err)
			}
			k, ok := s.Index(v.Texts())
			if !ok || k > i {
				t.Fatalf("Index(At(%d)) is %d, %v", i, k, ok)
			}
			if w, _ := s.At(k); fmt.Sprint(v) != fmt.Sprint(w) {
				t.Fatalf("task %d has %v, task %d has %v", i, v, k, w)
			}
		}
	})
}

// axisText draws the type and range of a parameter with so many values; lists may repeat some.
func axisText(t *rapid.T, length int) string {
	start := rapid.IntRange(-20, 20).Draw(t, "start")
	switch rapid.IntRange(0, 2).Draw(t, "axis") {
	case 0:
		return fmt.Sprintf("type: INT, range: '%d-%d:2'", start, start+2*(length-1))
	case 1:
		return "type: INT, range: [" + many(length, "#") + "]"
	}
	items := make([]string, length)
	for i := range items {
		items[i] = rapid.SampledFrom([]string{"a", "b", "''"}).Draw(t, "item")
	}
	return "type: STRING, range: [" + strings.Join(items, ", ") + "]"
}

func divisors(n int) (out []int) {
	for d := 1; d <= n; d++ {
		if n%d == 0 {
			out = append(out, d)
		}
	}
	return out
}

// fataler is what spaceOf needs of a testing.T or a rapid.T.
type fataler interface {
	Helper()
	Fatal(args ...any)
}
