package openjd

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spillway/spillway/openjd/expr"
	"github.com/spillway/spillway/openjd/intrange"
)

// MarshalJSON returns the list or the expression.
func (r TaskRange) MarshalJSON() ([]byte, error) {
	if r.Expr != nil {
		return json.Marshal(r.Expr)
	}
	return json.Marshal(r.List)
}

// build makes the task space of a definition, nil being one task. The error is Errors.
func (s *ParameterSpace) build(symbols *Symbols, l limits, path string) (*TaskSpace, Errors) {
	if s == nil {
		return &TaskSpace{root: product{total: 1}}, nil
	}
	var errs Errors
	leaves := make(map[string]leaf)
	out := new(TaskSpace)
	for i, p := range s.Parameters {
		at := fmt.Sprintf("%s.taskParameterDefinitions[%d].range", path, i)
		place, problems := p.axis(symbols, l, at)
		errs = append(errs, problems...)
		one := taskParameter{p.Name, p.Type, place}
		out.parameters = append(out.parameters, one)
		leaves[p.Name] = leaf{one}
	}
	if len(errs) > 0 {
		return nil, errs
	}
	c, err := s.parse()
	if err == nil {
		out.root, err = c.build(leaves)
	}
	if err != nil {
		return nil, Errors{{Path: path + ".combination", Message: err.Error()}}
	}
	return out, nil
}

// axis resolves a parameter's values.
func (p *TaskParameter) axis(symbols *Symbols, l limits, path string) (axis, Errors) {
	if p.Range.Expr != nil {
		return p.exprAxis(symbols, l, path)
	}
	var errs Errors
	out := listAxis{kind: p.Type}
	if p.Type == ChunkInt {
		out.kind = Int
	}
	for i, f := range p.Range.List {
		texts, problem := itemTexts(f, out.kind, symbols)
		for k, text := range texts {
			if problem == "" {
				texts[k], problem = checkTaskValue(out.kind, text, l)
			}
		}
		if problem != "" {
			errs = append(errs, Error{Path: fmt.Sprintf("%s[%d]", path, i), Message: problem})
		}
		out.values = append(out.values, texts...)
	}
	if len(out.values) == 0 && len(errs) == 0 {
		errs = append(errs, Error{Path: path, Message: "the parameter has no values"})
	}
	if p.Type == ChunkInt && len(errs) == 0 {
		return p.cut(intrange.Of(ints(out.values)), symbols, path)
	}
	return out, errs
}

// itemTexts resolves an item of a range, which with the extension EXPR may be none or several.
func itemTexts(f FormatString, t ParameterType, symbols *Symbols) ([]string, string) {
	v, err := f.value(symbols, itemTarget(t))
	switch {
	case err != nil:
		return nil, err.Error()
	case v.IsNull():
		return nil, ""
	case !v.Type().IsList():
		return []string{v.Text()}, ""
	}
	return valueTexts(v), ""
}

func valueTexts(v expr.Value) []string {
	var out []string
	for _, item := range v.Items() {
		out = append(out, item.Text())
	}
	return out
}

// exprAxis resolves a range that is one string: a range expression, or an expression that makes values.
func (p *TaskParameter) exprAxis(symbols *Symbols, l limits, path string) (axis, Errors) {
	fail := func(format string, args ...any) (axis, Errors) {
		return nil, Errors{{Path: path, Message: fmt.Sprintf(format, args...)}}
	}
	v, err := p.Range.Expr.value(symbols, rangeTarget(p.Type))
	if err != nil {
		return fail("%v", err)
	}
	if !v.Type().IsList() {
		r := v.Range()
		if v.Type() != expr.RangeType {
			if r, err = ParseIntRange(v.Text()); err != nil {
				return fail("%v", err)
			}
		}
		return p.cut(r, symbols, path)
	}
	values := valueTexts(v)
	if n := len(values); n == 0 || n > l.rangeList {
		return fail("makes %d values, must make 1 to %d", n, l.rangeList)
	}
	kind := p.Type
	if kind == ChunkInt {
		kind = Int
	}
	for i, text := range values {
		problem := ""
		if values[i], problem = checkTaskValue(kind, text, l); problem != "" {
			return fail("value %d: %s", i, problem)
		}
	}
	if p.Type == ChunkInt {
		return p.cut(intrange.Of(ints(values)), symbols, path)
	}
	return listAxis{kind, values}, nil
}

func ints(texts []string) []int64 {
	out := make([]int64, len(texts))
	for i, text := range texts {
		out[i], _ = parseInt(text)
	}
	return out
}

// cut makes the axis of an integer range, in chunks if the parameter asks for them.
func (p *TaskParameter) cut(r IntRange, symbols *Symbols, path string) (axis, Errors) {
	if p.Type != ChunkInt {
		return rangeAxis{r}, nil
	}
	c, err := p.Chunks.resolve(p.Name, symbols)
	if err != nil {
		return nil, Errors{{Path: strings.TrimSuffix(path, "range") + "chunks", Message: err.Error()}}
	}
	return newChunkAxis(r, c), nil
}

// checkTaskValue returns a resolved item of a range in its canonical form, or what is wrong with it (§3.4.1, §3.4.2).
// An empty STRING is accepted, as implementations do, though §3.4.2 asks for one character.
func checkTaskValue(t ParameterType, text string, l limits) (string, string) {
	least := 0
	if t != String {
		least = 1
	}
	if problem := checkLength(text, least, l.taskParameter); problem != "" {
		return "", problem
	}
	return canonical(t, text)
}

// build makes the dimension of a combination, whose names exist.
func (c combination) build(leaves map[string]leaf) (dimension, error) {
	if c.name != "" {
		return leaves[c.name], nil
	}
	var parts []dimension
	for _, part := range c.parts {
		d, err := part.build(leaves)
		if err != nil {
			return nil, err
		}
		parts = append(parts, d)
	}
	if !c.associative {
		return newProduct(parts)
	}
	for i, part := range parts {
		if part.len() != parts[0].len() {
			return nil, fmt.Errorf("parts of an association must have equally many values: %v has %d, %v has %d", c.parts[0], parts[0].len(), c.parts[i], part.len())
		}
	}
	return association{parts}, nil
}

// String returns the expression.
func (c combination) String() string {
	if c.name != "" {
		return c.name
	}
	out, separator := "", " * "
	if c.associative {
		separator = ", "
	}
	for i, part := range c.parts {
		if i > 0 {
			out += separator
		}
		out += part.String()
	}
	if c.associative {
		return "(" + out + ")"
	}
	return out
}
