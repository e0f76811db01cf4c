package openjd

import (
	"strings"

	"github.com/spillway/spillway/openjd/expr"
)

// item returns the type of a list's items.
func (t ParameterType) item() (ParameterType, bool) {
	inner, ok := strings.CutPrefix(string(t), "LIST[")
	return ParameterType(strings.TrimSuffix(inner, "]")), ok
}

// exprType is the type of values in expressions; of the raw ones, paths are strings.
func (t ParameterType) exprType(raw bool) expr.Type {
	if item, ok := t.item(); ok {
		return expr.ListOf(item.exprType(raw))
	}
	switch t {
	case Int:
		return expr.IntType
	case Float:
		return expr.FloatType
	case BoolParam:
		return expr.BoolType
	case RangeExpr, ChunkInt:
		return expr.RangeType
	case Path:
		if !raw {
			return expr.PathType
		}
	}
	return expr.StringType
}

// typed returns the value as expressions see it; m maps paths that are not raw. A text that is no value of its type,
// which binding has not let through, stays a string.
func (v Value) typed(raw bool, m *PathMapper) expr.Value {
	if item, ok := v.Type.item(); ok {
		list, problem := listNodeOf(v.Text)
		if problem != "" {
			return expr.String(v.Text)
		}
		var items []expr.Value
		for _, n := range list.items {
			items = append(items, Value{item, n.valueText()}.typed(raw, m))
		}
		return expr.List(v.Type.exprType(raw), items)
	}
	switch v.Type {
	case Int:
		if n, ok := parseInt(v.Text); ok {
			return expr.Int(n)
		}
	case Float:
		if f, ok := parseFloat(v.Text); ok {
			return expr.Float(f, v.Text)
		}
	case BoolParam:
		if b, ok := expr.ParseBool(v.Text); ok {
			return expr.Bool(b)
		}
	case RangeExpr, ChunkInt:
		if r, err := ParseIntRange(v.Text); err == nil {
			if v.Type == ChunkInt {
				return expr.Range(r).Written(v.Text) // a chunk "5-5" must not become "5"
			}
			return expr.Range(r)
		}
	case Path:
		if !raw {
			return expr.Path(m.Map(v.Text))
		}
	}
	return expr.String(v.Text)
}

// listNodeOf reads the JSON of a list.
func listNodeOf(text string) (*node, string) {
	s := &source{text: text}
	n := s.loadJSON()
	if n == nil || n.kind != listNode {
		return nil, "is not a JSON list such as [1, 2]"
	}
	return n, ""
}
