package openjd

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// parameters reads parameterDefinitions (§2).
func (d *decoder) parameters(c cursor) []JobParameter {
	var out []JobParameter
	seen := make(map[string]bool)
	for _, item := range c.itemsWithin(1, d.profile.jobParameters) {
		p := d.parameter(item)
		if p.Name == "" {
			continue
		}
		if seen[p.Name] {
			item.fail("the parameter %q is defined twice", clip(p.Name))
			continue
		}
		seen[p.Name] = true
		out = append(out, p)
	}
	return out
}

// parameterKeys are the keys of a definition by type, besides name, type, description, default and userInterface.
func parameterKeys(t ParameterType) []string {
	switch t {
	case String:
		return []string{"allowedValues", "minLength", "maxLength"}
	case Path:
		return []string{"allowedValues", "minLength", "maxLength", "objectType", "dataFlow"}
	case Int, Float:
		return []string{"allowedValues", "minValue", "maxValue"}
	case BoolParam:
		return nil
	case RangeExpr, ListBool:
		return []string{"minLength", "maxLength"}
	case ListPath:
		return []string{"minLength", "maxLength", "item", "objectType", "dataFlow"}
	case ListString, ListInt, ListFloat, ListListInt:
		return []string{"minLength", "maxLength", "item"}
	}
	return []string{"allowedValues", "minLength", "maxLength", "objectType", "dataFlow", "minValue", "maxValue", "item"} // any: the type is wrong
}

func (d *decoder) parameter(c cursor) JobParameter {
	p := JobParameter{Type: d.typeOf(c)}
	keys := append([]string{"name", "type", "description", "default", "userInterface"}, parameterKeys(p.Type)...)
	o, ok := c.object(keys...)
	if !ok {
		return p
	}
	if c, ok := o.require("name"); ok {
		p.Name = c.identifier()
	}
	if c, ok := o.require("type"); !ok || !d.parameterType(c, d.jobTypes()) {
		return p
	}
	if c, ok := o.get("description"); ok {
		p.Description = c.description()
	}
	if c, ok := o.get("objectType"); ok {
		p.ObjectType = choice(c, File, Directory)
	}
	if c, ok := o.get("dataFlow"); ok {
		p.DataFlow = choice(c, FlowNone, FlowIn, FlowOut, FlowInOut)
	}
	d.bounds(o, &p)
	d.allowed(o, &p)
	if c, ok := o.get("item"); ok {
		p.Item = d.item(c, p.Type)
	}
	d.defaultValue(o, &p)
	if c, ok := o.get("userInterface"); ok {
		p.UserInterface = d.userInterface(c, &p)
	}
	return p
}

// typeOf looks ahead at the type, on which the keys depend.
func (d *decoder) typeOf(c cursor) ParameterType {
	for _, p := range c.n.pairs {
		if p.key.text == "type" {
			return d.typeNamed(p.value.text)
		}
	}
	return ""
}

// typeNamed is a type by its name, whose case does not count with EXPR (§2).
func (d *decoder) typeNamed(name string) ParameterType {
	if d.profile.extensions[Expr] {
		name = strings.ToUpper(name)
	}
	return ParameterType(name)
}

// parameterType reports a wrong type of a job or task parameter.
func (d *decoder) parameterType(c cursor, types []string) bool {
	s, ok := c.str()
	if !ok {
		return false
	}
	if slices.Contains(types, s) || d.profile.extensions[Expr] && slices.Contains(types, strings.ToUpper(s)) {
		return true
	}
	hint := didYouMean(s, types)
	if ext := typeExtension(s); ext != "" && !d.profile.extensions[ext] {
		hint = d.needs(ext)
	}
	c.failHint(hint, "%q is not one of %s", clip(s), strings.Join(types, ", "))
	return false
}

// jobTypes are the types of job parameters.
func (d *decoder) jobTypes() []string {
	return d.with(Expr, []string{string(String), string(Path), string(Int), string(Float)}, string(BoolParam), string(RangeExpr),
		string(ListString), string(ListPath), string(ListInt), string(ListFloat), string(ListBool), string(ListListInt))
}

// taskTypes are the types of task parameters.
func (d *decoder) taskTypes() []string {
	return d.with(TaskChunking, []string{string(String), string(Path), string(Int), string(Float)}, string(ChunkInt))
}

// bounds reads minLength, maxLength, minValue and maxValue.
func (d *decoder) bounds(o object, p *JobParameter) {
	length := func(key string, into **int64) {
		if c, ok := o.get(key); ok {
			n := c.atLeast(0)
			*into = &n
		}
	}
	length("minLength", &p.MinLength)
	length("maxLength", &p.MaxLength)
	if p.MinLength != nil && p.MaxLength != nil && *p.MinLength > *p.MaxLength {
		o.fields["minLength"].fail("%d is greater than maxLength, %d", *p.MinLength, *p.MaxLength)
	}
	value := func(key string, into **string) {
		if c, ok := o.get(key); ok {
			if s, ok := d.value(c, p.Type); ok {
				*into = &s
			}
		}
	}
	value("minValue", &p.MinValue)
	value("maxValue", &p.MaxValue)
	if p.MinValue != nil && p.MaxValue != nil && compareNumbers(p.Type, *p.MinValue, *p.MaxValue) > 0 {
		o.fields["minValue"].fail("%s is greater than maxValue, %s", *p.MinValue, *p.MaxValue)
	}
}

// allowed reads allowedValues; each must keep the bounds.
func (d *decoder) allowed(o object, p *JobParameter) {
	c, ok := o.get("allowedValues")
	if !ok {
		return
	}
	for _, item := range c.itemsWithin(1, 0) {
		if s, ok := d.value(item, p.Type); ok {
			if problem := p.checkBounds(s); problem != "" {
				item.fail("%s", problem)
			}
			p.AllowedValues = append(p.AllowedValues, s)
		}
	}
}

func (d *decoder) defaultValue(o object, p *JobParameter) {
	c, ok := o.get("default")
	if !ok {
		return
	}
	if s, ok := d.value(c, p.Type); ok {
		p.Default = &s
		if problem := p.check(s); problem != "" {
			c.fail("%s", problem)
		}
	}
}

// value reads a value of a parameter's type as its canonical text: numbers may be written as strings (§2.3, §2.4).
func (d *decoder) value(c cursor, t ParameterType) (string, bool) {
	if _, isList := t.item(); isList {
		return d.listValue(c, t)
	}
	switch t {
	case BoolParam:
		text, problem := nodeValue(t, c.n)
		if problem != "" {
			c.fail("%s", problem)
		}
		return text, problem == ""
	case Int:
		if c.n.kind != intNode && c.n.kind != stringNode {
			c.wrongKind("an integer")
			return "", false
		}
	case Float:
		if c.n.kind != intNode && c.n.kind != floatNode && c.n.kind != stringNode {
			c.wrongKind("a number")
			return "", false
		}
	default:
		s, ok := c.str()
		if ok && utf8.RuneCountInString(s) > d.profile.parameterValue {
			c.length(s, 0, d.profile.parameterValue)
			return s, false
		}
		if ok && t == RangeExpr {
			if _, problem := canonical(t, s); problem != "" {
				c.fail("%s", problem)
				return s, false
			}
		}
		return s, ok
	}
	s, problem := canonical(t, c.n.text)
	if problem != "" {
		c.fail("%s", problem)
	}
	return s, problem == ""
}
