package expr

import (
	"strings"
)

// Eval returns the expression's value, converted to the target. If the value depends on unresolved ones, it is
// unresolved. The error is an *Error.
func (e *Expr) Eval(s Scope, target Target) (Value, error) {
	if s.Budget == nil {
		s.Budget = NewBudget()
	}
	ev := &evaluator{scope: s}
	v, err := ev.eval(e.root, target)
	if err == nil {
		v, err = ev.convert(e.root.pos(), v, target)
	}
	if err != nil {
		return Value{}, err
	}
	return v, nil
}

// evaluator evaluates one expression.
type evaluator struct {
	scope  Scope
	locals []local
	memory int64 // that live values take
}

// local is a loop variable.
type local struct {
	name  string
	value Value
}

// spend counts operations (§1.3.10).
func (ev *evaluator) spend(at int, n int64) *Error {
	if ev.scope.Budget.Operations -= n; ev.scope.Budget.Operations < 0 {
		ev.scope.Budget.Operations = 0
		return failAt(at, "the expression takes too many operations")
	}
	return nil
}

// hold counts the memory of a new value (§1.3.9), release that of one that is no longer needed.
func (ev *evaluator) hold(at int, bytes int64) *Error {
	if ev.memory += bytes; ev.memory > ev.scope.Budget.Memory || ev.memory < 0 {
		return failAt(at, "the expression takes more than %d bytes of memory", ev.scope.Budget.Memory)
	}
	return nil
}

func (ev *evaluator) release(values ...Value) {
	for _, v := range values {
		ev.memory -= v.bytes()
	}
}

// keep returns a new value after counting it.
func (ev *evaluator) keep(at int, v Value) (Value, *Error) {
	return v, ev.hold(at, v.bytes())
}

// eval returns the value of a node. The target guides list literals; it is not enforced.
func (ev *evaluator) eval(n node, target Target) (Value, *Error) {
	switch n := n.(type) {
	case *literal:
		if n.large {
			return Value{}, failAt(n.pos(), "9223372036854775808 is not an integer of 64 bits")
		}
		return ev.keep(n.pos(), n.value)
	case *name:
		return ev.name(n)
	case *property:
		of, err := ev.eval(n.of, Target{})
		if err != nil {
			return Value{}, err
		}
		return ev.property(n.pos(), of, n.key)
	case *call:
		return ev.call(n)
	case *unary:
		return ev.apply(n.pos(), "unary "+n.op, false, n.of)
	case *binary:
		return ev.apply(n.pos(), n.op, false, n.left, n.right)
	case *compare:
		return ev.compare(n)
	case *logical:
		return ev.logical(n, target)
	case *conditional:
		return ev.conditional(n, target)
	case *listNode:
		return ev.list(n, target)
	case *comprehension:
		return ev.comprehension(n, target)
	case *index:
		return ev.apply(n.pos(), "[]", true, n.of, n.index)
	case *slice:
		return ev.slice(n)
	}
	return Value{}, failAt(n.pos(), "unknown part of an expression")
}

// apply evaluates operands and calls a function.
func (ev *evaluator) apply(at int, function string, method bool, operands ...node) (Value, *Error) {
	args := make([]Value, len(operands))
	for i, n := range operands {
		var err *Error
		if args[i], err = ev.eval(n, Target{}); err != nil {
			return Value{}, err
		}
	}
	return ev.invoke(at, function, method, args)
}

func (ev *evaluator) call(n *call) (Value, *Error) {
	if !known(n.function) {
		e := failAt(n.pos(), "there is no function %s", clip(n.function))
		e.Hint, e.always = nearest(n.function, functionNames()), true
		return Value{}, e
	}
	if n.function == "fail" && len(n.args) == 1 {
		return ev.fail(n)
	}
	return ev.apply(n.pos(), n.function, n.method, n.args...)
}

// fail is fail(message).
func (ev *evaluator) fail(n *call) (Value, *Error) {
	v, err := ev.eval(n.args[0], Target{})
	if err == nil {
		v, err = ev.convert(n.pos(), v, Target{Types: []Type{StringType}})
	}
	if err != nil {
		return Value{}, err
	}
	if v.IsUnresolved() {
		return Value{}, failAt(n.pos(), "the expression fails")
	}
	return Value{}, failAt(n.pos(), "%s", v.text)
}

// name finds the longest known beginning of a dotted name; what follows are properties.
func (ev *evaluator) name(n *name) (Value, *Error) {
	for i := len(ev.locals) - 1; i >= 0; i-- {
		if ev.locals[i].name == n.parts[0] {
			return ev.properties(n, ev.locals[i].value, n.parts[1:])
		}
	}
	for k := len(n.parts); k > 0; k-- {
		if v, ok := ev.scope.Lookup(strings.Join(n.parts[:k], ".")); ok {
			return ev.properties(n, v, n.parts[k:])
		}
	}
	full := strings.Join(n.parts, ".")
	e := failAt(n.pos(), "%s has no value here", clip(full))
	e.always = true
	if ev.scope.Explain != nil {
		e.Hint = ev.scope.Explain(full)
	}
	return Value{}, e
}

func (ev *evaluator) properties(n *name, v Value, keys []string) (Value, *Error) {
	v, err := ev.keep(n.pos(), v)
	for _, key := range keys {
		if err != nil {
			return v, err
		}
		v, err = ev.property(n.pos(), v, key)
	}
	return v, err
}

func (ev *evaluator) property(at int, of Value, key string) (Value, *Error) {
	if !known("." + key) {
		e := failAt(at, "%s has no property %s", typesText(of.Types()), clip(key))
		e.Hint, e.always = nearest(key, propertyNames()), true
		if known(key) {
			e.Hint = "call it: " + key + "()"
		}
		return Value{}, e
	}
	return ev.invoke(at, "."+key, true, []Value{of})
}

// compare evaluates a chain: each operand once, and no further than needed (§1.3.6).
func (ev *evaluator) compare(n *compare) (Value, *Error) {
	left, err := ev.eval(n.operands[0], Target{})
	unresolved := false
	for i, op := range n.ops {
		if err != nil {
			return Value{}, err
		}
		right, err := ev.eval(n.operands[i+1], Target{})
		if err != nil {
			return Value{}, err
		}
		if i < len(n.ops)-1 { // the next comparison needs it as well
			if err := ev.hold(n.pos(), right.bytes()); err != nil {
				return Value{}, err
			}
		}
		v, err := ev.invoke(n.pos(), op, false, []Value{left, right})
		if err != nil {
			return Value{}, err
		}
		unresolved = unresolved || v.IsUnresolved()
		if !v.IsUnresolved() && !v.isTrue() {
			return v, nil
		}
		left = right
	}
	if unresolved {
		return Unresolved(BoolType), nil
	}
	return Bool(true), nil
}

// logical is and, or: they return an operand (§2.1.6).
func (ev *evaluator) logical(n *logical, target Target) (Value, *Error) {
	left, err := ev.eval(n.left, target)
	if err != nil {
		return left, err
	}
	if !left.IsUnresolved() {
		if left.falsy() != n.or {
			return left, nil
		}
		ev.release(left)
		return ev.eval(n.right, target)
	}
	right, err := ev.eval(n.right, target)
	if err != nil {
		if err.always {
			return Value{}, err
		}
		return left, nil // it fails whenever it is needed
	}
	types := left.open
	if n.or {
		types = withoutNull(types)
	}
	return Unresolved(union(types, right.Types()...)...), nil
}

func withoutNull(types []Type) []Type {
	out := []Type{}
	for _, t := range types {
		if t != NullType {
			out = append(out, t)
		}
	}
	return out
}

func (ev *evaluator) conditional(n *conditional, target Target) (Value, *Error) {
	condition, err := ev.eval(n.condition, Target{})
	if err != nil {
		return Value{}, err
	}
	if err := wantBool(n.condition.pos(), condition); err != nil {
		return Value{}, err
	}
	ev.release(condition)
	if !condition.IsUnresolved() {
		if condition.isTrue() {
			return ev.eval(n.yes, target)
		}
		return ev.eval(n.no, target)
	}
	yes, yesErr := ev.eval(n.yes, target)
	no, noErr := ev.eval(n.no, target)
	switch {
	case yesErr != nil && (noErr != nil || yesErr.always):
		return Value{}, yesErr
	case noErr != nil && noErr.always:
		return Value{}, noErr
	case yesErr != nil:
		return Unresolved(no.Types()...), nil //nolint:nilerr // a branch that may not be taken may fail
	case noErr != nil:
		return Unresolved(yes.Types()...), nil //nolint:nilerr // as above
	}
	return Unresolved(union(yes.Types(), no.Types()...)...), nil
}

// wantBool refuses what is no bool: there is nothing truthy (§1.3.5).
func wantBool(at int, v Value) *Error {
	for _, t := range v.Types() {
		if t == BoolType {
			return nil
		}
	}
	e := failAt(at, "a condition must be a bool, this is %s", typesText(v.Types()))
	e.Hint = "compare it, for example with != null or > 0"
	return e
}

// list is a list literal (§1.2.6).
func (ev *evaluator) list(n *listNode, target Target) (Value, *Error) {
	var items []Value
	for _, item := range n.items {
		v, err := ev.eval(item, target.item())
		if err != nil {
			return Value{}, err
		}
		items = append(items, v)
	}
	positions := func(i int) int { return n.items[i].pos() }
	return ev.listOf(n.pos(), positions, items, target)
}

// listOf makes a list of the type that its items share, or that the target asks for.
func (ev *evaluator) listOf(at int, positions func(int) int, items []Value, target Target) (Value, *Error) {
	itemTarget := target.item()
	elem, open := NullType, false
	for i, v := range items {
		types := withoutNull(v.Types())
		if len(types) == 0 {
			return Value{}, failAt(positions(i), "a list cannot hold null")
		}
		if !itemTarget.Any() {
			if converted, err := ev.convert(positions(i), v, itemTarget); err == nil {
				v, items[i], types = converted, converted, converted.Types()
			}
		}
		open = open || v.IsUnresolved()
		for _, t := range types {
			if i == 0 && elem == NullType {
				elem = t
				continue
			}
			shared, ok := common(elem, t)
			if !ok {
				return Value{}, failAt(positions(i), "a list cannot hold both %v and %v", elem, t)
			}
			elem = shared
		}
	}
	if elem.Depth >= maxDepth {
		return Value{}, failAt(at, "lists cannot be nested more than %d deep", maxDepth)
	}
	if open {
		return Unresolved(ListOf(elem)), nil
	}
	for i, v := range items {
		converted, ok := coerce(v, elem)
		if !ok {
			return Value{}, failAt(positions(i), "a list of %v cannot hold %v", elem, v.typ)
		}
		items[i] = converted
	}
	// The items have been counted one by one; the list itself is a header.
	const header = 160
	return List(ListOf(elem), items), ev.hold(at, header)
}

func (ev *evaluator) comprehension(n *comprehension, target Target) (Value, *Error) {
	in, err := ev.eval(n.in, Target{})
	if err != nil {
		return Value{}, err
	}
	if _, taken := ev.scope.Lookup(n.variable); taken || ev.isLocal(n.variable) {
		e := failAt(n.pos(), "the loop variable %s hides another value of that name", clip(n.variable))
		e.always = true
		return Value{}, e
	}
	if in.IsUnresolved() {
		return ev.openComprehension(n, in, target)
	}
	items, count, ok := elements(in)
	if !ok {
		return Value{}, failAt(n.in.pos(), "cannot loop over %v", in.typ)
	}
	if err := ev.spend(n.pos(), count); err != nil {
		return Value{}, err
	}
	var out []Value
	open := []Type(nil)
	for i := range count {
		v, keep, err := ev.round(n, items(i), target)
		if err != nil {
			return Value{}, err
		}
		if keep.IsUnresolved() || v.IsUnresolved() {
			open = union(open, v.Types()...)
		}
		if keep.IsUnresolved() || keep.isTrue() {
			out = append(out, v)
		}
	}
	ev.release(in)
	v, err := ev.listOf(n.pos(), func(int) int { return n.item.pos() }, out, target)
	if err == nil && open != nil && !v.IsUnresolved() {
		return Unresolved(v.typ), nil
	}
	return v, err
}

func (ev *evaluator) isLocal(name string) bool {
	for _, l := range ev.locals {
		if l.name == name {
			return true
		}
	}
	return false
}

// round evaluates the condition and the item of a list comprehension for one value.
func (ev *evaluator) round(n *comprehension, value Value, target Target) (item, keep Value, err *Error) {
	ev.locals = append(ev.locals, local{n.variable, value})
	defer func() { ev.locals = ev.locals[:len(ev.locals)-1] }()
	keep = Bool(true)
	if n.condition != nil {
		if keep, err = ev.eval(n.condition, Target{}); err != nil {
			return item, keep, err
		}
		if err := wantBool(n.condition.pos(), keep); err != nil {
			return item, keep, err
		}
		ev.release(keep)
		if !keep.IsUnresolved() && !keep.isTrue() {
			return item, keep, nil
		}
	}
	item, err = ev.eval(n.item, target.item())
	return item, keep, err
}

// openComprehension finds the type of a comprehension over what is not known yet.
func (ev *evaluator) openComprehension(n *comprehension, in Value, target Target) (Value, *Error) {
	var variable []Type
	for _, t := range in.open {
		switch {
		case t.IsList():
			variable = union(variable, t.Item())
		case t == RangeType:
			variable = union(variable, IntType)
		}
	}
	if len(variable) == 0 {
		return Value{}, failAt(n.in.pos(), "cannot loop over %s", typesText(in.open))
	}
	v, _, err := ev.round(n, Unresolved(variable...), target)
	if err != nil {
		return Value{}, err
	}
	types := withoutNull(v.Types())
	if len(types) == 0 {
		return Value{}, failAt(n.item.pos(), "a list cannot hold null")
	}
	elem := types[0]
	for _, t := range types[1:] {
		shared, ok := common(elem, t)
		if !ok {
			return Value{}, failAt(n.item.pos(), "a list cannot hold both %v and %v", elem, t)
		}
		elem = shared
	}
	return Unresolved(ListOf(elem)), nil
}

// elements returns the values of a list or a range.
func elements(v Value) (at func(int64) Value, count int64, ok bool) {
	switch {
	case v.typ.IsList():
		return func(i int64) Value { return v.list[i] }, int64(len(v.list)), true
	case v.typ == RangeType:
		return func(i int64) Value { n, _ := v.rng.At(i); return Int(n) }, v.rng.Len(), true
	}
	return nil, 0, false
}

// slice is of[start:stop:step]; what is left out is null.
func (ev *evaluator) slice(n *slice) (Value, *Error) {
	args := make([]Value, 0, 4)
	for _, part := range []node{n.of, n.start, n.stop, n.step} {
		v := Null()
		if part != nil {
			var err *Error
			if v, err = ev.eval(part, Target{}); err != nil {
				return Value{}, err
			}
		} else if err := ev.hold(n.pos(), v.bytes()); err != nil {
			return Value{}, err
		}
		args = append(args, v)
	}
	return ev.invoke(n.pos(), "[::]", true, args)
}
