package openjd

import (
	"encoding/json"
	"fmt"
	"strings"

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
		text, err := p.Range.Expr.Resolve(symbols)
		if err == nil {
			var r IntRange
			if r, err = ParseIntRange(text); err == nil {
				return p.cut(r, symbols, path)
			}
		}
		return nil, Errors{{Path: path, Message: err.Error()}}
	}
	var errs Errors
	out := listAxis{kind: p.Type}
	if p.Type == ChunkInt {
		out.kind = Int
	}
	for i, f := range p.Range.List {
		text, err := f.Resolve(symbols)
		problem := ""
		if err != nil {
			problem = err.Error()
		} else {
			text, problem = checkTaskValue(out.kind, text, l)
		}
		if problem != "" {
			errs = append(errs, Error{Path: fmt.Sprintf("%s[%d]", path, i), Message: problem})
		}
		out.values = append(out.values, text)
	}
	if p.Type == ChunkInt && len(errs) == 0 {
		values := make([]int64, len(out.values))
		for i, text := range out.values {
			values[i], _ = parseInt(text)
		}
		return p.cut(intrange.Of(values), symbols, path)
	}
	return out, errs
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
