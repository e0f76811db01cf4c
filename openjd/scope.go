package openjd

import (
	"maps"
	"slices"
	"strings"

	"github.com/spillway/spillway/openjd/expr"
)

// scope is what format strings at a place may refer to (§7.3.1). Values are unresolved but for literals of let.
type scope struct {
	names map[string]expr.Value
	// elsewhere are names that exist in the template but not here, with the reason.
	elsewhere map[string]string
	// hostOnly are let bindings that hang on mapped paths.
	hostOnly map[string]bool
}

func newScope() scope {
	return scope{make(map[string]expr.Value), make(map[string]string), make(map[string]bool)}
}

func (s scope) clone() scope {
	return scope{maps.Clone(s.names), maps.Clone(s.elsewhere), maps.Clone(s.hostOnly)}
}

// with returns a scope with more text values.
func (s scope) with(names ...string) scope {
	out := s.clone()
	for _, name := range names {
		out.names[name] = expr.Unresolved(expr.StringType)
	}
	return out
}

// creationScope is what is known when a job is created; host adds what is known on the worker host.
func creationScope(parameters []JobParameter) scope {
	s := newScope()
	for _, p := range parameters {
		s.names["RawParam."+p.Name] = expr.Unresolved(p.Type.exprType(true))
		if p.Type != Path && p.Type != ListPath {
			s.names["Param."+p.Name] = expr.Unresolved(p.Type.exprType(false))
			continue
		}
		s.elsewhere["Param."+p.Name] = "it is a PATH, mapped on the worker host only; RawParam." + p.Name + " is available here"
	}
	return s
}

// withPaths adds the mapped paths of parameters.
func (s scope) withPaths() scope {
	out := s.clone()
	for name, raw := range s.names {
		parameter, ok := strings.CutPrefix(name, "RawParam.")
		if _, known := out.names["Param."+parameter]; !ok || known {
			continue
		}
		t := expr.PathType
		if raw.Types()[0].IsList() {
			t = expr.ListOf(t)
		}
		out.names["Param."+parameter] = expr.Unresolved(t)
	}
	return out
}

func (s scope) host() scope {
	out := s.withPaths()
	out.names["Session.WorkingDirectory"] = expr.Unresolved(expr.PathType)
	out.names["Session.PathMappingRulesFile"] = expr.Unresolved(expr.PathType)
	out.names["Session.HasPathMappingRules"] = expr.Unresolved(expr.BoolType)
	out.hostOnly = make(map[string]bool)
	return out
}

// isHostOnly reports whether a name, perhaps with properties, hangs on mapped paths.
func (s scope) isHostOnly(name string) bool {
	first, rest, _ := strings.Cut(name, ".")
	if first == "Param" {
		parameter, _, _ := strings.Cut(rest, ".")
		return s.elsewhere["Param."+parameter] != ""
	}
	return s.hostOnly[first]
}

// creation returns the scope without bindings that only a host can evaluate, and without mapped paths.
func (s scope) creation() scope {
	out := s.clone()
	for name := range s.elsewhere {
		delete(out.names, name)
	}
	for name := range s.hostOnly {
		delete(out.names, name)
		out.elsewhere[name] = "it hangs on a mapped path, which the worker host knows; use RawParam in the binding"
	}
	return out
}

// explain says what to do about a name that is not known here.
func (d *decoder) explain(s scope, name string) string {
	for full := name; full != ""; {
		if hint := s.elsewhere[full]; hint != "" {
			return hint
		}
		at := strings.LastIndexByte(full, '.')
		full = full[:max(at, 0)]
	}
	if ext := nameExtension(name); ext != "" && !d.profile.extensions[ext] {
		return d.needs(ext)
	}
	return s.suggest(name)
}

// exprScope is the scope of expressions that are checked.
func (d *decoder) exprScope(s scope) expr.Scope {
	if d.budget == nil {
		d.budget = &expr.Budget{Operations: checkOperations, Memory: expr.DefaultMemory}
	}
	out := expr.Scope{
		Lookup:  func(name string) (expr.Value, bool) { v, ok := s.names[name]; return v, ok },
		Explain: func(name string) string { return d.explain(s, name) },
		Budget:  d.budget,
	}
	if _, host := s.names["Session.WorkingDirectory"]; host {
		out.MapPath = func(path string) string { return path }
	}
	return out
}

// check reports the references of a format string that this scope lacks, and what is wrong with its expressions.
func (s scope) check(c cursor, f FormatString, target expr.Target) {
	for _, p := range f.parts {
		if !p.ref {
			continue
		}
		if p.x != nil {
			want := expr.Target{}
			if f.whole() {
				want = target
			}
			if _, err := p.x.Eval(c.exprScope(s), want); err != nil {
				c.failExpr(f.raw, p.at+p.inner, err)
			}
			continue
		}
		if _, ok := s.names[p.text]; !ok {
			c.failHint(c.explain(s, p.text), "%s has no value here", clip(p.text))
		}
	}
}

func (s scope) suggest(name string) string {
	switch {
	case strings.HasPrefix(name, "Task."):
		if !s.has("Task.") {
			return "task values exist only in a step's script"
		}
	case strings.HasPrefix(name, "Session."):
		if !s.has("Session.") {
			return "session values exist only in scripts and environments"
		}
	case strings.HasPrefix(name, "Env.File."):
		if !s.has("Env.File.") {
			return "only the files of the same environment can be named, in its actions and files"
		}
	}
	return didYouMean(name, slices.Collect(maps.Keys(s.names)))
}

func (s scope) has(prefix string) bool {
	for name := range s.names {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// The types that fields of format strings ask for.
var (
	stringTarget = expr.Target{Types: []expr.Type{expr.StringType}}
	intTarget    = expr.Target{Types: []expr.Type{expr.IntType}}
	floatTarget  = expr.Target{Types: []expr.Type{expr.FloatType}}
)

// optional is the target of a field that null leaves out.
func optional(t expr.Target) expr.Target { return expr.Target{Types: t.Types, Optional: true} }

// listed is the target of a list's item: it may be left out or be a list itself (Expression Language §1.3.2).
func listed(t expr.Target) expr.Target {
	return expr.Target{Types: append(slices.Clone(t.Types), expr.ListOf(t.Types[0])), Optional: true}
}

// format reads a format string that makes a string and checks it.
func (c cursor) format(s scope) FormatString { return c.formatOf(s, stringTarget) }

// formatOf reads a format string that makes what the target asks for.
func (c cursor) formatOf(s scope, target expr.Target) FormatString {
	text, ok := c.str()
	if !ok {
		return FormatString{}
	}
	mode := namesOnly
	if c.profile.extensions[Expr] {
		mode = expressions
	}
	f, at, err := parseFormat(text, mode)
	if err != nil {
		c.failExpr(text, at, err)
		return FormatString{raw: text}
	}
	s.check(c, f, target)
	return f
}

// formats reads a list of format strings, each checked further by one function.
func (c cursor) formats(s scope, least, most int, check func(cursor, FormatString)) []FormatString {
	var out []FormatString
	for _, item := range c.itemsWithin(least, most) {
		f := item.formatOf(s, listed(stringTarget))
		if check != nil {
			check(item, f)
		}
		out = append(out, f)
	}
	return out
}
