package openjd

import (
	"slices"

	"github.com/spillway/spillway/openjd/expr"
)

// space reads a <StepParameterSpaceDefinition> (§3.4).
func (d *decoder) space(c cursor, creation scope) *ParameterSpace {
	s := new(ParameterSpace)
	o, ok := c.object("taskParameterDefinitions", "combination")
	if !ok {
		return s
	}
	before := len(d.errs) + d.extra
	allLiteral, chunked := true, false
	if c, ok := o.require("taskParameterDefinitions"); ok {
		seen := make(map[string]bool)
		for _, item := range c.itemsWithin(1, d.profile.taskParameters) {
			p, literal := d.taskParameter(item, creation)
			if p.Name != "" && seen[p.Name] {
				item.fail("the task parameter %q is defined twice", clip(p.Name))
			}
			seen[p.Name] = true
			if p.Type == ChunkInt {
				if chunked {
					item.fail("another parameter is CHUNK[INT] already, only one may be")
				}
				chunked = true
			}
			allLiteral = allLiteral && literal
			s.Parameters = append(s.Parameters, p)
		}
	}
	at, ok := o.get("combination")
	if ok {
		d.combination(at, s)
	} else {
		at = o.cursor
	}
	if allLiteral && len(d.errs)+d.extra == before {
		if _, errs := s.build(nil, d.profile.limits, ""); len(errs) > 0 {
			at.fail("%s", errs[0].Message)
		}
	}
	return s
}

// taskParameter reads a <TaskParameterDefinition> (§3.4.1). literal is false if its values are known at job creation
// only.
func (d *decoder) taskParameter(c cursor, s scope) (p TaskParameter, literal bool) {
	keys := []string{"name", "type", "range"}
	if d.typeOf(c) == ChunkInt {
		keys = d.with(TaskChunking, keys, "chunks")
	}
	o, ok := c.object(keys...)
	if !ok {
		return p, false
	}
	if c, ok := o.require("name"); ok {
		p.Name = c.identifier()
	}
	if c, ok := o.require("type"); ok && d.parameterType(c, d.taskTypes()) {
		p.Type = d.typeNamed(c.n.text)
	}
	chunksKnown := true
	if p.Type == ChunkInt {
		if c, ok := o.require("chunks"); ok {
			p.Chunks = d.chunks(c, s)
			chunksKnown = p.Chunks.DefaultTaskCount.Format == nil && p.Chunks.DefaultTaskCount.Value > 0 && p.Chunks.TargetRuntimeSeconds.isKnown()
		}
	}
	r, ok := o.require("range")
	if !ok || p.Type == "" {
		return p, false
	}
	if r.n.kind == stringNode && (p.Type == Int || p.Type == ChunkInt || d.profile.extensions[Expr]) {
		f := r.formatOf(s, rangeTarget(p.Type))
		p.Range.Expr = &f
		if p.Type != Int && p.Type != ChunkInt {
			if f.IsLiteral() {
				r.fail("is a string, must be a list or one expression that makes a list")
			}
			return p, false
		}
		return p, d.rangeExpr(r, f) && chunksKnown
	}
	literal = chunksKnown
	for _, item := range r.itemsWithin(1, d.profile.rangeList) {
		f, known := d.taskValue(item, p.Type, s)
		p.Range.List = append(p.Range.List, f)
		literal = literal && known
	}
	return p, literal
}

// rangeTarget is what an expression for a range makes (Expression Language §1.3.12).
func rangeTarget(t ParameterType) expr.Target {
	switch t {
	case Int, ChunkInt:
		return expr.Target{Types: []expr.Type{expr.StringType, expr.RangeType, expr.ListOf(expr.IntType)}}
	case Float:
		return expr.Target{Types: []expr.Type{expr.ListOf(expr.FloatType)}}
	}
	return expr.Target{Types: []expr.Type{expr.ListOf(expr.StringType)}} // paths are not mapped before the host
}

// itemTarget is what a whole expression as an item of a range makes.
func itemTarget(t ParameterType) expr.Target {
	switch t {
	case Int, ChunkInt:
		return listed(intTarget)
	case Float:
		return listed(floatTarget)
	}
	return listed(stringTarget)
}

// rangeExpr checks a range expression that holds no format string.
func (d *decoder) rangeExpr(c cursor, f FormatString) bool {
	if !f.IsLiteral() {
		return false
	}
	if _, err := ParseIntRange(f.raw); err != nil {
		c.fail("%v", err)
		return false
	}
	return true
}

// taskValue reads one item of a range. Numbers may be numbers or strings.
func (d *decoder) taskValue(c cursor, t ParameterType, s scope) (f FormatString, literal bool) {
	if t == ChunkInt {
		t = Int
	}
	number := t == Int && c.n.kind == intNode || t == Float && (c.n.kind == intNode || c.n.kind == floatNode)
	if number {
		f = plainText(c.n.text)
	} else {
		if t == Int && c.n.kind == floatNode {
			c.wrongKind("an integer")
			return f, false
		}
		f = c.formatOf(s, itemTarget(t))
		if c.n.kind != stringNode || !f.IsLiteral() {
			return f, false
		}
	}
	text, problem := checkTaskValue(t, f.raw, d.profile.limits)
	if problem != "" {
		c.fail("%s", problem)
		return f, false
	}
	return plainText(text), true
}

// combination reads the combination and compares its names with the parameters (§3.4.3).
func (d *decoder) combination(c cursor, s *ParameterSpace) {
	text, ok := c.str()
	if !ok {
		return
	}
	s.Combination = text
	if problem := checkLength(text, 1, d.profile.combination); problem != "" {
		c.fail("%s", problem)
		return
	}
	parsed, err := parseCombination(text)
	if err != nil {
		c.fail("%v", err)
		return
	}
	var defined []string
	for _, p := range s.Parameters {
		defined = append(defined, p.Name)
	}
	used := make(map[string]bool)
	parsed.walk(func(name string) {
		switch {
		case !slices.Contains(defined, name):
			c.failHint(didYouMean(name, defined), "there is no task parameter %q", clip(name))
		case used[name]:
			c.fail("the task parameter %q stands twice", name)
		}
		used[name] = true
	})
	for _, name := range parsed.associated(nil) {
		if slices.ContainsFunc(s.Parameters, func(p TaskParameter) bool { return p.Name == name && p.Type == ChunkInt }) {
			c.fail("the task parameter %q is CHUNK[INT] and cannot be part of an association", clip(name))
		}
	}
	for _, name := range defined {
		if !used[name] && name != "" {
			c.fail("the task parameter %q is missing", name)
		}
	}
}
