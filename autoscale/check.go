package autoscale

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// checker gives every name its meaning and every expression its type. A formula has no loops, so that the type of a variable
// is known at each statement even if it is assigned anew with another one.
type checker struct {
	src      source
	words    *words
	slots    map[string]int // of the user's variables, by name without $
	names    []string       // the same, by slot
	types    []Type         // by slot; invalid: its statement was wrong
	errors   Errors
	warnings Errors
}

// check resolves a formula's statements in place.
func (c *checker) check(statements []statement) {
	for i := range statements {
		if len(c.errors) >= maxReports {
			return
		}
		c.statement(&statements[i])
	}
}

// fail notes an error and answers as an expression without a type does.
func (c *checker) fail(at position, hint, format string, args ...any) (Type, bool) {
	c.errors = append(c.errors, c.src.errorAt(at, hint, format, args...))
	return invalid, false
}

func (c *checker) warn(at position, hint, format string, args ...any) {
	if len(c.warnings) < maxReports {
		c.warnings = append(c.warnings, c.src.errorAt(at, hint, format, args...))
	}
}

func (c *checker) statement(s *statement) {
	t, ok := c.typeOf(s.value)
	switch {
	case s.name == "":
	case c.words.services[s.name] != nil:
		s.target = c.words.services[s.name]
		c.target(s, t, ok)
	default:
		c.own(s, t, ok)
	}
}

// target checks the assignment of a service variable.
func (c *checker) target(s *statement, t Type, known bool) {
	if !s.target.Writable {
		c.fail(s.at, "a formula assigns $TargetDedicatedNodes, $TargetLowPriorityNodes and $NodeDeallocationOption", "%s is read-only", s.name)
		return
	}
	want, hint := Double, "make one number of a vector with avg(v), max(v) or val(v, 0)"
	if s.name == deallocation {
		want, hint = Deallocation, "it is one of the words requeue, terminate, taskcompletion and retaineddata, without quotation marks"
	} else if t != DoubleVec {
		hint = ""
	}
	if known && t != want {
		c.fail(s.value.place(), hint, "%s is a %s, not a %s", s.name, want, t)
	}
}

// own checks the assignment of a user's variable.
func (c *checker) own(s *statement, t Type, known bool) {
	key := strings.TrimPrefix(s.name, "$")
	_, isConstant := c.words.constants[key]
	switch {
	case key == "":
		known = false
		c.fail(s.at, "", "a name is missing after $")
	case isConstant:
		known = false
		c.fail(s.at, "", "%s is a constant", key)
	case c.words.services["$"+key] != nil:
		known = false
		c.fail(s.at, "did you mean $"+key+"? service variables start with $", "%s is the name of a service variable", key)
	case known && t == nothing:
		known = false
		c.fail(s.value.place(), "", "stop() has no value")
	}
	slot, ok := c.slots[key]
	if !ok {
		slot = len(c.names)
		c.slots[key] = slot
		c.names = append(c.names, key)
		c.types = append(c.types, invalid)
		if strings.HasPrefix(s.name, "$") {
			if hint := didYouMean(s.name, slices.Collect(maps.Keys(c.words.services))); hint != "" {
				c.warn(s.at, hint, "%s is no service variable, but one of this formula", s.name)
			}
		}
	}
	if !known {
		t = invalid
	}
	c.types[slot], s.slot = t, slot
}

// typeOf resolves an expression and returns its type; false if something is wrong in it, which has been reported.
func (c *checker) typeOf(e expr) (Type, bool) {
	switch e := e.(type) {
	case *constant:
		return e.value.kind, true
	case *variable:
		return c.variable(e)
	case *unary:
		return c.unary(e)
	case *binary:
		return c.binary(e)
	case *conditional:
		return c.conditional(e)
	case *call:
		return c.call(e)
	case *member:
		return c.member(e)
	case *method:
		return c.method(e)
	}
	panic(fmt.Sprintf("autoscale: unknown expression %T", e))
}

func (c *checker) variable(v *variable) (Type, bool) {
	if s := c.words.services[v.name]; s != nil {
		v.read = s
		if s.Origin == AzureOlder {
			c.warn(v.position, "", "%s is of an older version of the service; it has no samples unless they are recorded here", v.name)
		}
		if s.Name == deallocation {
			return Deallocation, true
		}
		return Double, true // a target, or the newest sample
	}
	key := strings.TrimPrefix(v.name, "$")
	if slot, ok := c.slots[key]; ok {
		v.slot = slot
		return c.types[slot], c.types[slot] != invalid
	}
	if value, ok := c.words.constants[v.name]; ok {
		v.value = &value
		return value.kind, true
	}
	return c.undefined(v)
}

// undefined complains about a name that nobody has defined.
func (c *checker) undefined(v *variable) (Type, bool) {
	hint := ""
	switch {
	case c.words.functions[v.name] != nil:
		hint = "a function is called: " + c.words.functions[v.name].signature()
	case strings.EqualFold(v.name, "true"):
		hint = "true is written 1"
	case strings.EqualFold(v.name, "false"):
		hint = "false is written 0"
	case strings.EqualFold(v.name, "null"):
		hint = "there is no null"
	default:
		known := slices.Collect(maps.Keys(c.words.services))
		known = slices.AppendSeq(known, maps.Keys(c.words.constants))
		hint = didYouMean(v.name, append(known, c.names...))
	}
	return c.fail(v.position, hint, "Undefined symbol: %s", v.name)
}

func (c *checker) unary(e *unary) (Type, bool) {
	of, ok := c.typeOf(e.of)
	if !ok {
		return invalid, false
	}
	e.do = prefixOperation(e.op, of)
	if e.do.do == nil {
		hint := ""
		if of == DoubleVec && e.op == "-" {
			hint = "write v * -1"
		}
		return c.fail(e.position, hint, "%s cannot be applied to a %s", e.op, of)
	}
	return e.do.result, true
}

func (c *checker) binary(e *binary) (Type, bool) {
	left, leftOK := c.typeOf(e.left)
	right, rightOK := c.typeOf(e.right)
	if !leftOK || !rightOK {
		return invalid, false
	}
	if (e.op == "&&" || e.op == "||") && left == Double && right == Double {
		return Double, true // without an operation: the right side may not be needed
	}
	e.do = infixOperation(e.op, left, right)
	if e.do.do == nil {
		return c.fail(e.position, operatorHint(e.op, left, right), "%s cannot be applied to a %s and a %s", e.op, left, right)
	}
	return e.do.result, true
}

func (c *checker) conditional(e *conditional) (Type, bool) {
	test, testOK := c.typeOf(e.test)
	yes, yesOK := c.typeOf(e.yes)
	no, noOK := c.typeOf(e.no)
	switch {
	case !testOK || !yesOK || !noOK:
		return invalid, false
	case test != Double:
		return c.fail(e.test.place(), "", "a condition is a double, not a %s; nonzero is true", test)
	case yes == no || no == nothing:
		return yes, true
	case yes == nothing:
		return no, true
	}
	hint := ""
	if yes == DoubleVec || no == DoubleVec {
		hint = "make one number of a vector with avg(v), max(v) or val(v, 0)"
	}
	return c.fail(e.position, hint, "both sides of a ternary have one type, these are a %s and a %s", yes, no)
}

func (c *checker) call(e *call) (Type, bool) {
	types, ok := c.typesOf(e.args)
	e.do = c.words.functions[e.name]
	if e.do == nil {
		hint := didYouMean(e.name, slices.Collect(maps.Keys(c.words.functions)))
		if c.words.methods[e.name] != nil {
			hint = "it is a method of a variable, as in $ActiveTasks." + e.name + "(…)"
		}
		return c.fail(e.position, hint, "Undefined function: %s", e.name)
	}
	if !ok {
		return invalid, false
	}
	result, fits := e.do.accepts(types)
	if !fits {
		return c.fail(e.position, "it is written "+e.do.signature(), "%s does not take %s", e.name, listed(types))
	}
	return result, true
}

func (c *checker) typesOf(args []expr) ([]Type, bool) {
	out, all := make([]Type, len(args)), true
	for i, a := range args {
		t, ok := c.typeOf(a)
		out[i], all = t, all && ok
	}
	return out, all
}

func (c *checker) member(e *member) (Type, bool) {
	of, ok := c.typeOf(e.of)
	if !ok {
		return invalid, false
	}
	e.part = c.words.parts[e.name]
	switch {
	case c.words.methods[e.name] != nil:
		return c.fail(e.position, "it is written "+c.words.methods[e.name].usage, "%s is a method", e.name)
	case of != Timestamp:
		return c.fail(e.position, "", "a %s has no members", of)
	case e.part == nil:
		return c.fail(e.position, didYouMean(e.name, slices.Collect(maps.Keys(c.words.parts))), "a timestamp has no member %s", e.name)
	}
	return Double, true
}

func (c *checker) method(e *method) (Type, bool) {
	types, argsOK := c.typesOf(e.args)
	of, ok := c.typeOf(e.of)
	if !ok {
		return invalid, false
	}
	e.do = c.words.methods[e.name]
	if e.do == nil {
		if c.words.parts[e.name] != nil && of == Timestamp {
			return c.fail(e.position, "without ()", "%s is a member of a timestamp, not a method", e.name)
		}
		return c.fail(e.position, didYouMean(e.name, slices.Collect(maps.Keys(c.words.methods))), "Undefined method: %s", e.name)
	}
	v, isName := e.of.(*variable)
	if !isName || v.read == nil || v.read.Writable {
		return c.fail(e.of.place(), "ask a variable such as $ActiveTasks", "only read-only service variables have samples")
	}
	e.ask = v.read.canonical()
	switch {
	case !argsOK:
		return invalid, false
	case !e.do.takes(types):
		return c.fail(e.position, "it is written "+e.do.usage+", with start and end a timeinterval back from now or a timestamp",
			"%s does not take %s", e.name, listed(types))
	}
	return e.do.result, true
}

// accepts returns what a function makes of arguments; false if it does not take them.
func (f *function) accepts(args []Type) (Type, bool) {
	list := !slices.ContainsFunc(args, func(t Type) bool { return t != Double && t != DoubleVec })
	switch f.takes {
	case listToDouble:
		return Double, list
	case listToVector:
		return DoubleVec, list
	case componentwise:
		if len(args) == 1 && args[0] == Double {
			return Double, true
		}
		return DoubleVec, list && len(args) > 0
	case vectorAndValue:
		return Double, slices.Equal(args, []Type{DoubleVec, Double})
	case optionalString:
		return Timestamp, len(args) == 0 || slices.Equal(args, []Type{String})
	case noneToDouble:
		return Double, len(args) == 0
	default:
		return nothing, len(args) == 0
	}
}

// listed writes types for a message.
func listed(types []Type) string {
	if len(types) == 0 {
		return "no arguments"
	}
	const most = 6
	names := make([]string, 0, most+1)
	for i, t := range types {
		if i == most {
			names = append(names, "…")
			break
		}
		names = append(names, t.String())
	}
	return "(" + strings.Join(names, ", ") + ")"
}
