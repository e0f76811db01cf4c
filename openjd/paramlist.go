package openjd

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// ItemConstraints bound the items of a list (§2.11 to §2.16).
type ItemConstraints struct {
	AllowedValues []string         `json:"allowedValues,omitempty"`
	MinLength     *int64           `json:"minLength,omitempty"`
	MaxLength     *int64           `json:"maxLength,omitempty"`
	MinValue      *string          `json:"minValue,omitempty"`
	MaxValue      *string          `json:"maxValue,omitempty"`
	Item          *ItemConstraints `json:"item,omitempty"`
}

// of returns the constraints as those of a parameter of the items' type.
func (i *ItemConstraints) of(t ParameterType) JobParameter {
	if i == nil {
		return JobParameter{Type: t}
	}
	return JobParameter{Type: t, AllowedValues: i.AllowedValues, MinLength: i.MinLength, MaxLength: i.MaxLength,
		MinValue: i.MinValue, MaxValue: i.MaxValue, Item: i.Item}
}

// itemsOf is the reverse of of.
func itemsOf(p JobParameter) *ItemConstraints {
	return &ItemConstraints{p.AllowedValues, p.MinLength, p.MaxLength, p.MinValue, p.MaxValue, p.Item}
}

// item reads the constraints of a list's items.
func (d *decoder) item(c cursor, list ParameterType) *ItemConstraints {
	t, _ := list.item()
	p := JobParameter{Type: t}
	keys := parameterKeys(t)
	if t == Path {
		keys = parameterKeys(String)
	}
	o, ok := c.object(keys...)
	if !ok {
		return nil
	}
	d.bounds(o, &p)
	d.allowed(o, &p)
	if c, ok := o.get("item"); ok {
		p.Item = d.item(c, t)
	}
	return itemsOf(p)
}

// listValue reads a list as its canonical JSON.
func (d *decoder) listValue(c cursor, t ParameterType) (string, bool) {
	item, _ := t.item()
	if c.n.kind != listNode {
		c.wrongKind("a list")
		return "", false
	}
	parts, fine := make([]string, len(c.n.items)), true
	for i, one := range c.items() {
		text, ok := d.value(one, item)
		fine = fine && ok
		parts[i] = itemJSON(item, text)
	}
	return "[" + strings.Join(parts, ",") + "]", fine
}

// nodeValue returns the canonical text of a value of a type, or what is wrong with it.
func nodeValue(t ParameterType, n *node) (text, problem string) {
	if item, ok := t.item(); ok {
		if n.kind != listNode {
			return "", fmt.Sprintf("is %v, must be a list", n.kind)
		}
		parts := make([]string, len(n.items))
		for i, one := range n.items {
			value, problem := nodeValue(item, one)
			if problem != "" {
				return "", fmt.Sprintf("item %d %s", i, problem)
			}
			parts[i] = itemJSON(item, value)
		}
		return "[" + strings.Join(parts, ",") + "]", ""
	}
	number := n.kind == intNode || n.kind == floatNode
	switch {
	case n.kind == stringNode:
	case t == BoolParam && (number || n.kind == boolNode):
	case (t == Int && n.kind == intNode) || (t == Float && number):
	default:
		return "", fmt.Sprintf("is %v, which is no %s", n.kind, t)
	}
	if text, problem = canonical(t, n.text); problem != "" {
		return "", problem
	}
	return text, ""
}

// itemJSON is a canonical value within a list.
func itemJSON(t ParameterType, text string) string {
	switch t {
	case String, Path:
		quoted, err := json.Marshal(text)
		if err != nil {
			return strconv.Quote(text)
		}
		return string(quoted)
	case Float:
		if n := jsonNumber(text); n != "" {
			return string(n)
		}
	}
	return text
}

// canonicalList returns the canonical JSON of a list that is given as JSON.
func canonicalList(t ParameterType, text string) (string, string) {
	n, problem := listNodeOf(text)
	if problem != "" {
		return "", problem
	}
	return nodeValue(t, n)
}

// checkList returns what is wrong with a canonical list, or "".
func (p *JobParameter) checkList(text string) string {
	n, problem := listNodeOf(text)
	if problem != "" {
		return problem
	}
	count := int64(len(n.items))
	switch {
	case p.MinLength != nil && count < *p.MinLength:
		return fmt.Sprintf("has %d items, at least %d are needed", count, *p.MinLength)
	case p.MaxLength != nil && count > *p.MaxLength:
		return fmt.Sprintf("has %d items, at most %d are allowed", count, *p.MaxLength)
	}
	t, _ := p.Type.item()
	bounds := p.Item.of(t)
	for i, one := range n.items {
		if problem := bounds.check(one.valueText()); problem != "" {
			return fmt.Sprintf("item %d: %s", i, problem)
		}
	}
	return ""
}

// bindPaths joins the relative paths of a list with their directory.
func bindPaths(text string, isDefault bool, base string, dirs BaseDirs) (string, string) {
	n, problem := listNodeOf(text)
	if problem != "" {
		return "", problem
	}
	parts := make([]string, len(n.items))
	for i, one := range n.items {
		path, problem := bindPath(one.text, isDefault, base, dirs)
		if problem != "" {
			return "", fmt.Sprintf("item %d: %s", i, problem)
		}
		parts[i] = itemJSON(Path, path)
	}
	return "[" + strings.Join(parts, ",") + "]", ""
}
