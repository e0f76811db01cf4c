package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// scalarText returns a scalar's text as written (quotes and escapes resolved).
func scalarText(node ast.Node) (string, bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return node.GetToken().Value, true
	}
	return "", false
}

func keyText(key ast.MapKeyNode) (string, bool) {
	if node, ok := key.(ast.Node); ok {
		if isNull(node) { // a key spelt null
			return node.GetToken().Value, true
		}
		return scalarText(node)
	}
	return "", false
}

func isNull(node ast.Node) bool {
	_, null := node.(*ast.NullNode)
	return null || node == nil
}

// start returns the token at which a node's text begins.
func start(node ast.Node) *token.Token {
	switch n := node.(type) {
	case nil:
		return nil
	case *ast.MappingNode:
		if len(n.Values) > 0 && n.Start != nil && n.Start.Type != token.MappingStartType {
			return start(n.Values[0])
		}
	case *ast.MappingValueNode:
		return start(n.Key)
	}
	return node.GetToken()
}

// describe says in a word or two what a node is.
func describe(node ast.Node) string {
	switch n := node.(type) {
	case *ast.StringNode, *ast.LiteralNode:
		text, _ := scalarText(n)
		return fmt.Sprintf("text %s", quoted(text))
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "number " + node.GetToken().Value
	case *ast.BoolNode:
		return node.GetToken().Value
	case *ast.SequenceNode:
		return "a list"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "keys and values"
	}
	return "nothing"
}

func quoted(text string) string {
	if r := []rune(text); len(r) > 40 {
		text = string(r[:40]) + "…"
	}
	return strconv.Quote(text)
}

// text decodes a scalar into a type that reads itself.
func (d *decoder) text(node ast.Node, into encoding.TextUnmarshaler) {
	s, ok := scalarText(node)
	if !ok {
		d.mistake(start(node), "want one value, got %s", describe(node))
		return
	}
	err := into.UnmarshalText([]byte(s))
	if _, isTime := into.(*time.Time); isTime && err != nil {
		d.mistake(start(node), "want a time with its zone, like 2026-01-02T09:00:00+01:00, got %s", describe(node))
	} else if err != nil {
		d.mistake(start(node), "%v", err)
	}
}

// scalar decodes into Go's basic kinds. A text takes any scalar as it is spelt; numbers and booleans take only plain
// (unquoted) ones.
func (d *decoder) scalar(node ast.Node, target reflect.Value) {
	s, ok := scalarText(node)
	if !ok {
		d.mistake(start(node), "want %s, got %s", wanted(target), describe(node))
		return
	}
	if target.Kind() == reflect.String {
		target.SetString(s)
		return
	}
	if span, ok := target.Addr().Interface().(*time.Duration); ok {
		d.text(node, (*Duration)(span))
		return
	}
	_, isText := node.(*ast.StringNode)
	number := strings.ReplaceAll(s, "_", "")
	var err error
	switch {
	case isText:
		err = strconv.ErrSyntax
	case target.Kind() == reflect.Bool:
		var b bool
		if b, err = strconv.ParseBool(s); err == nil {
			target.SetBool(b)
		}
	case target.CanInt():
		var v int64
		if v, err = strconv.ParseInt(number, base(number), target.Type().Bits()); err == nil {
			target.SetInt(v)
		}
	case target.CanUint():
		var v uint64
		if v, err = strconv.ParseUint(number, base(number), target.Type().Bits()); err == nil {
			target.SetUint(v)
		}
	case target.CanFloat():
		var v float64
		if v, err = strconv.ParseFloat(strings.TrimPrefix(number, "+"), target.Type().Bits()); err == nil && v-v == 0 {
			target.SetFloat(v)
			return
		}
		err = strconv.ErrRange
	default:
		d.mistake(start(node), "this key cannot be set in a file")
		return
	}
	if err != nil {
		d.mistake(start(node), "want %s, got %s", wanted(target), describe(node))
	}
}

// base lets 0x and 0o be what they say; a leading zero alone is decimal, as in YAML 1.2.
func base(number string) int {
	digits := strings.TrimLeft(number, "+-")
	if len(digits) > 1 && digits[0] == '0' && strings.ContainsRune("xo", rune(digits[1])) {
		return 0
	}
	return 10
}

func wanted(target reflect.Value) string {
	switch {
	case target.Kind() == reflect.Bool:
		return "true or false"
	case target.CanInt() && target.Type().Bits() == 64:
		return "a whole number"
	case target.CanInt():
		bits := target.Type().Bits() - 1
		return fmt.Sprintf("a whole number from %d to %d", -(1 << bits), 1<<bits-1)
	case target.CanUint() && target.Type().Bits() == 64:
		return "a whole number, 0 or more"
	case target.CanUint():
		return fmt.Sprintf("a whole number from 0 to %d", uint64(1)<<target.Type().Bits()-1)
	case target.CanFloat():
		return "a number"
	}
	return "text"
}

// generic decodes without a type: map[string]any, []any, string, bool, int64, float64 or nil.
func (d *decoder) generic(node ast.Node) any {
	switch n := node.(type) {
	case *ast.SequenceNode:
		out := []any{}
		d.value(n, reflect.ValueOf(&out).Elem())
		return out
	case *ast.MappingNode, *ast.MappingValueNode:
		out := map[string]any{}
		d.value(n, reflect.ValueOf(&out).Elem())
		return out
	case *ast.BoolNode:
		return n.Value
	case *ast.IntegerNode:
		var v int64
		d.scalar(n, reflect.ValueOf(&v).Elem())
		return v
	case *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		var v float64
		d.scalar(n, reflect.ValueOf(&v).Elem())
		return v
	case *ast.NullNode:
		return nil
	}
	s, ok := scalarText(node)
	if !ok {
		d.mistake(start(node), "not part of this dialect")
	}
	return s
}
