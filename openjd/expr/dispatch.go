package expr

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// impl is what a function does with arguments of its parameters' types.
type impl func(c *frame, args []Value) (Value, *Error)

// frame is what a function may use.
type frame struct {
	*evaluator
	at int
}

func (c *frame) fail(format string, args ...any) (Value, *Error) {
	return Value{}, failAt(c.at, format, args...)
}

// signature is one form of a function (§2).
type signature struct {
	params []param
	result param
	// typed returns the result's type where the signature cannot say it; nil: result.
	typed func(args []Type) (Type, bool)
	null  bool // the result may be null
	do    impl
}

// param is a type, or a type variable in so many lists.
type param struct {
	typ      Type
	variable bool
	optional bool
	any      bool // any value, null as well
}

// table maps functions to their forms: operators under their sign, properties with a dot before.
var table = sync.OnceValue(func() map[string][]signature {
	b := make(builder)
	b.operators()
	b.comparisons()
	b.subscripts()
	b.conversions()
	b.numbers()
	b.lists()
	b.strings()
	b.patterns()
	b.quoting()
	b.paths()
	return b
})

type builder map[string][]signature

// add adds a form, written name(type, type) type. A type is a base type, list[…] or T; ? allows null.
func (b builder) add(text string, do impl) { b.addTyped(text, nil, do) }

func (b builder) addTyped(text string, typed func([]Type) (Type, bool), do impl) {
	open := strings.LastIndexByte(text, '(')
	name, rest := text[:open], text[open+1:]
	inside, result, _ := strings.Cut(rest, ") ")
	s := signature{typed: typed, do: do}
	if inside != "" {
		for p := range strings.SplitSeq(inside, ", ") {
			s.params = append(s.params, parseParam(p))
		}
	}
	s.result = parseParam(result)
	s.null = s.result.optional
	b[name] = append(b[name], s)
}

func parseParam(text string) param {
	var p param
	text, p.optional = strings.CutSuffix(text, "?")
	for strings.HasPrefix(text, "list[") {
		p.typ.Depth++
		text = strings.TrimSuffix(strings.TrimPrefix(text, "list["), "]")
	}
	if p.variable = text == "T"; !p.variable {
		p.typ.Base = Base(slices.Index(baseNames[:], text))
	}
	return p
}

func known(function string) bool { return len(table()[function]) > 0 }

func functionNames() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(table())), func(s string) bool { return !IsUserIdentifier(s) })
}

func propertyNames() []string {
	var out []string
	for s := range table() {
		if p, ok := strings.CutPrefix(s, "."); ok {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return out
}

// match returns how well argument types fit a form: 0 exactly, more with conversions, -1 not at all; and the result.
func (s *signature) match(args []Type, method bool) (cost int, result Type) {
	if len(args) != len(s.params) {
		return -1, result
	}
	var bound Type
	isBound := false
	for i, t := range args {
		p := s.params[i]
		switch {
		case p.any:
		case p.optional && t == NullType:
		case p.variable:
			if t == RangeType && p.typ.Depth == 1 && (!method || i > 0) {
				t = ListOf(IntType)
				cost++
			}
			if t.Depth < p.typ.Depth || t == NullType {
				return -1, result
			}
			item := Type{t.Base, t.Depth - p.typ.Depth}
			if isBound && bound != NullType && item != NullType { // the empty list fits every other
				shared, ok := common(bound, item)
				if !ok {
					return -1, result
				}
				item = shared
			}
			if !isBound || item != NullType {
				bound, isBound = item, true
			}
		case t == p.typ:
		case !coercible(t, p.typ) || method && i == 0 && (!t.IsList() || t.Base != NullBase):
			return -1, result
		default:
			cost++
		}
	}
	if s.typed != nil {
		result, ok := s.typed(args)
		if !ok {
			return -1, result
		}
		return cost, result
	}
	result = s.result.typ
	if s.result.variable {
		result = Type{bound.Base, bound.Depth + result.Depth}
	}
	if result.Depth > maxDepth {
		return -1, result
	}
	return cost, result
}

// choose finds the form that fits best.
func choose(forms []signature, args []Type, method bool) (*signature, Type) {
	var best *signature
	var result Type
	least := -1
	for i := range forms {
		cost, t := forms[i].match(args, method)
		if cost >= 0 && (best == nil || cost < least) {
			best, result, least = &forms[i], t, cost
		}
	}
	return best, result
}

// invoke calls a function with arguments, or finds the types of its result if some are not known yet.
func (ev *evaluator) invoke(at int, function string, method bool, args []Value) (Value, *Error) {
	if err := ev.spend(at, 1); err != nil {
		return Value{}, err
	}
	if slices.ContainsFunc(args, Value.IsUnresolved) {
		return ev.invokeOpen(at, function, method, args)
	}
	types := make([]Type, len(args))
	for i, a := range args {
		types[i] = a.typ
	}
	form, _ := choose(table()[function], types, method)
	if form == nil {
		return Value{}, mismatch(at, function, method, args)
	}
	given := make([]Value, len(args))
	for i, a := range args {
		given[i] = a
		if p := form.params[i]; !p.variable && !p.any && !a.IsNull() && a.typ != p.typ {
			if a.typ == RangeType && p.typ.IsList() {
				if err := ev.expand(at, a); err != nil {
					return Value{}, err
				}
			}
			given[i], _ = coerce(a, p.typ)
		} else if p := form.params[i]; p.variable && a.typ == RangeType && p.typ.Depth == 1 {
			if err := ev.expand(at, a); err != nil {
				return Value{}, err
			}
			given[i], _ = coerce(a, ListOf(IntType))
		}
	}
	v, err := form.do(&frame{ev, at}, given)
	if err != nil {
		return Value{}, err
	}
	ev.release(args...)
	return ev.keep(at, v)
}

// expand counts what a range costs as a list.
func (ev *evaluator) expand(at int, r Value) *Error {
	if err := ev.spend(at, r.rng.Len()); err != nil {
		return err
	}
	return ev.room(at, r.rng.Len()*Int(0).bytes())
}

// room refuses a value of so many bytes before it is made.
func (ev *evaluator) room(at int, bytes int64) *Error {
	if bytes < 0 || ev.memory+bytes > ev.scope.Budget.Memory {
		return failAt(at, "the expression takes more than %d bytes of memory", ev.scope.Budget.Memory)
	}
	return nil
}

// invokeOpen tries every combination of the types that the arguments can have.
func (ev *evaluator) invokeOpen(at int, function string, method bool, args []Value) (Value, *Error) {
	const most = 256
	combinations := [][]Type{{}}
	for _, a := range args {
		var next [][]Type
		for _, c := range combinations {
			for _, t := range a.Types() {
				next = append(next, append(slices.Clone(c), t))
			}
		}
		if combinations = next; len(next) > most {
			combinations = next[:most]
		}
	}
	var results []Type
	for _, types := range combinations {
		form, result := choose(table()[function], types, method)
		if form == nil {
			continue
		}
		results = union(results, result)
		if form.null {
			results = union(results, NullType)
		}
	}
	if results == nil {
		return Value{}, mismatch(at, function, method, args)
	}
	return Unresolved(results...), nil
}

// mismatch says that no form of a function takes these arguments.
func mismatch(at int, function string, method bool, args []Value) *Error {
	var types []string
	for _, a := range args {
		types = append(types, typesText(a.Types()))
	}
	for i, t := range types {
		if t == "?" {
			types[i] = "null"
		}
	}
	switch {
	case strings.HasPrefix(function, "."):
		return failAt(at, "%s has no property %s", types[0], function[1:])
	case strings.HasPrefix(function, "unary "):
		return failAt(at, "%s cannot be applied to %s", strings.TrimPrefix(function, "unary "), types[0])
	case function == "[]" || function == "[::]":
		return failAt(at, "%s cannot be indexed with %s", types[0], strings.Join(types[1:], ", "))
	case !IsUserIdentifier(function):
		return failAt(at, "%s %s %s is not defined", types[0], function, types[1])
	}
	e := failAt(at, "%s does not take (%s)", function, strings.Join(types, ", "))
	if method {
		e = failAt(at, "%s has no method %s(%s)", types[0], function, strings.Join(types[1:], ", "))
	}
	e.Hint = "it takes " + forms(function)
	return e
}

// forms lists a function's forms.
func forms(function string) string {
	var out []string
	for _, s := range table()[function] {
		var params []string
		for _, p := range s.params {
			params = append(params, p.String())
		}
		out = append(out, fmt.Sprintf("(%s)", strings.Join(params, ", ")))
	}
	return strings.Join(out, " or ")
}

// String returns the parameter's type.
func (p param) String() string {
	text := p.typ.String()
	if p.variable {
		text = strings.Repeat("list[", int(p.typ.Depth)) + "T" + strings.Repeat("]", int(p.typ.Depth))
	}
	if p.any {
		return "any"
	}
	if p.optional {
		text += "?"
	}
	return text
}
