package autoscale_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/spillway/spillway/autoscale"
)

// tree is an expression over doubles with what it is worth.
type tree struct {
	text  string
	binds int // how strongly its outermost operator binds
	value float64
}

// in writes the tree as an operand: in parentheses only if it must be.
func (t tree) in(least int) string {
	if t.binds < least {
		return "(" + t.text + ")"
	}
	return t.text
}

func drawTree(t *rapid.T, depth int) tree {
	const operand, prefix, ternary = 9, 8, 0
	choice := rapid.IntRange(0, 14).Draw(t, "choice")
	if depth == 0 || choice > 12 {
		n := rapid.IntRange(0, 9).Draw(t, "n")
		return tree{fmt.Sprint(n), operand, float64(n)}
	}
	truth := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	a := drawTree(t, depth-1)
	switch choice {
	case 0:
		return tree{"-" + a.in(prefix), prefix, -a.value}
	case 1:
		return tree{"!" + a.in(prefix), prefix, truth(a.value == 0)}
	case 2:
		yes, no := drawTree(t, depth-1), drawTree(t, depth-1)
		value := no.value
		if a.value != 0 {
			value = yes.value
		}
		return tree{a.in(ternary+1) + " ? " + yes.in(ternary) + " : " + no.in(ternary), ternary, value}
	}
	b := drawTree(t, depth-1)
	operators := []struct {
		text  string
		binds int
		value float64
	}{
		{"+", 5, a.value + b.value}, {"-", 5, a.value - b.value}, {"*", 6, a.value * b.value},
		{"<", 4, truth(a.value < b.value)}, {"<=", 4, truth(a.value <= b.value)}, {">", 4, truth(a.value > b.value)},
		{">=", 4, truth(a.value >= b.value)}, {"==", 3, truth(a.value == b.value)}, {"!=", 3, truth(a.value != b.value)},
		{"&&", 2, truth(a.value != 0 && b.value != 0)}, {"||", 1, truth(a.value != 0 || b.value != 0)},
	}
	op := operators[rapid.IntRange(0, len(operators)-1).Draw(t, "operator")]
	return tree{a.in(op.binds) + " " + op.text + " " + b.in(op.binds+1), op.binds, op.value}
}

// Precedence and grouping are C's: a tree written with no more parentheses than C needs is worth what it is worth.
func TestPrecedence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tr := drawTree(t, 5)
		text := "$TargetDedicatedNodes = " + tr.text + " == " + fmt.Sprintf("%v", tr.value)
		if tr.binds <= 3 {
			text = "$TargetDedicatedNodes = (" + tr.text + ") == " + fmt.Sprintf("%v", tr.value)
		}
		f, err := autoscale.Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		r, err := f.Evaluate(autoscale.Input{Now: now})
		if err != nil || r.TargetDedicatedNodes != 1 {
			t.Fatalf("%s does not hold (%v)", text, err)
		}
	})
}
