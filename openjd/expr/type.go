package expr

import (
	"slices"
	"strings"
)

// Base is a type that is no list.
type Base uint8

// The base types (§1.2.1).
const (
	NullBase Base = iota
	BoolBase
	IntBase
	FloatBase
	StringBase
	PathBase
	RangeBase
)

var baseNames = [...]string{"nulltype", "bool", "int", "float", "string", "path", "range_expr"}

// Type is the type of a value: a base type in so many lists. The empty list is a list of nulltype.
type Type struct {
	Base  Base
	Depth uint8 // 0: no list; 2 at most
}

// The types that templates name.
var (
	NullType   = Type{NullBase, 0}
	BoolType   = Type{BoolBase, 0}
	IntType    = Type{IntBase, 0}
	FloatType  = Type{FloatBase, 0}
	StringType = Type{StringBase, 0}
	PathType   = Type{PathBase, 0}
	RangeType  = Type{RangeBase, 0}
)

const maxDepth = 2

// ListOf returns the type of lists of t.
func ListOf(t Type) Type { return Type{t.Base, t.Depth + 1} }

// IsList reports whether values of the type are lists.
func (t Type) IsList() bool { return t.Depth > 0 }

// Item returns the type of a list's items.
func (t Type) Item() Type { return Type{t.Base, t.Depth - 1} }

// String returns the type as the specification writes it.
func (t Type) String() string {
	return strings.Repeat("list[", int(t.Depth)) + baseNames[t.Base] + strings.Repeat("]", int(t.Depth))
}

// typesText writes a union of types.
func typesText(types []Type) string {
	var out []string
	for _, t := range types {
		if t != NullType {
			out = append(out, t.String())
		}
	}
	text := strings.Join(out, " | ")
	if len(out) < len(types) {
		text += "?"
	}
	return text
}

// union adds types to a set.
func union(types []Type, more ...Type) []Type {
	out := slices.Clone(types)
	for _, t := range more {
		if !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out
}

// common returns the type that two items of one list share (§1.2.6): int and float are float, path and string are
// string, and the empty list is any list.
func common(a, b Type) (Type, bool) {
	switch {
	case a == b:
		return a, true
	case a.Base == NullBase && a.Depth > 0 && b.Depth >= a.Depth:
		return b, true
	case b.Base == NullBase && b.Depth > 0 && a.Depth >= b.Depth:
		return a, true
	case a.Depth != b.Depth:
		return a, false
	}
	has := func(x, y Base) bool { return a.Base == x && b.Base == y || a.Base == y && b.Base == x }
	switch {
	case has(IntBase, FloatBase):
		return Type{FloatBase, a.Depth}, true
	case has(PathBase, StringBase):
		return Type{StringBase, a.Depth}, true
	}
	return a, false
}

// Target is the type that a place asks for (§1.3.1): one of Types, or null where Optional is set. The zero Target takes
// anything.
type Target struct {
	Types    []Type
	Optional bool
}

// Any reports whether the target takes anything.
func (t Target) Any() bool { return len(t.Types) == 0 }

// String returns the target as the specification writes it.
func (t Target) String() string {
	if t.Optional {
		return typesText(append(slices.Clone(t.Types), NullType))
	}
	return typesText(t.Types)
}

// item returns the target of a list's items.
func (t Target) item() Target {
	var lists []Type
	for _, one := range t.Types {
		if one.IsList() {
			lists = append(lists, one.Item())
		}
	}
	if len(lists) != 1 {
		return Target{}
	}
	return Target{Types: lists}
}
