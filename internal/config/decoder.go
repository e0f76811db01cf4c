package config

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// decoder fills Go values from a syntax tree and collects what is wrong.
type decoder struct {
	source   source
	limits   Limits
	mistakes Mistakes
}

func (d *decoder) mistake(at *token.Token, format string, args ...any) {
	if len(d.mistakes) > 10*maxMistakes { // enough to know the first ones in the file's order
		return
	}
	m := Mistake{Path: d.source.path, Message: fmt.Sprintf(format, args...)}
	if at != nil && at.Position != nil {
		m.Line, m.Column = at.Position.Line, max(at.Position.Column, 1)
		length := utf8.RuneCountInString(at.Value)
		if at.Type == token.DoubleQuoteType || at.Type == token.SingleQuoteType {
			length += 2
		}
		m.Excerpt = d.source.excerpt(m.Line, m.Column, length)
	}
	d.mistakes = append(d.mistakes, m)
}

// value decodes any node into any kind of target.
func (d *decoder) value(node ast.Node, target reflect.Value) {
	switch n := node.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode, *ast.TagNode:
		d.mistake(start(node), "anchors, aliases and tags are not part of this dialect: write the value out")
		return
	case *ast.MappingKeyNode:
		d.mistake(start(n), "complex keys are not part of this dialect")
		return
	}
	if target.Kind() == reflect.Pointer {
		if isNull(node) {
			return
		}
		if target.IsNil() {
			target.Set(reflect.New(target.Type().Elem()))
		}
		d.value(node, target.Elem())
		return
	}
	if text, ok := target.Addr().Interface().(encoding.TextUnmarshaler); ok {
		d.text(node, text)
		return
	}
	switch target.Kind() {
	case reflect.Struct:
		d.structure(node, target)
	case reflect.Map:
		d.mapping(node, target)
	case reflect.Slice:
		d.list(node, target)
	case reflect.Interface:
		if target.NumMethod() == 0 {
			if v := d.generic(node); v != nil {
				target.Set(reflect.ValueOf(v))
			}
			return
		}
		d.mistake(start(node), "this key cannot be set in a file")
	default:
		d.scalar(node, target)
	}
}

// pair is one key of a mapping and its value.
type pair struct {
	name  string
	key   *token.Token
	value ast.Node
}

// pairs lists a mapping's keys in order and reports repeated ones and those that are no text. False if it is none.
func (d *decoder) pairs(node ast.Node) ([]pair, bool) {
	var nodes []*ast.MappingValueNode
	switch n := node.(type) {
	case *ast.MappingNode:
		nodes = n.Values
	case *ast.MappingValueNode:
		nodes = []*ast.MappingValueNode{n}
	default:
		return nil, false
	}
	seen := make(map[string]*token.Token, len(nodes))
	var out []pair
	for _, n := range nodes {
		name, ok := keyText(n.Key)
		at := start(n.Key)
		if !ok {
			d.mistake(at, "complex keys, anchors and merges are not part of this dialect")
			continue
		}
		if first := seen[name]; first != nil {
			d.mistake(at, "key %q is there already, in line %d", name, first.Position.Line)
			continue
		}
		seen[name] = at
		out = append(out, pair{name: name, key: at, value: n.Value})
	}
	return out, true
}

func (d *decoder) structure(node ast.Node, target reflect.Value) {
	keys := fieldsOf(target.Type())
	pairs, ok := d.pairs(node)
	if !ok && !isNull(node) {
		d.mistake(start(node), "want keys and values%s, got %s", keys.listed(), describe(node))
		return
	}
	before := len(d.mistakes)
	at := start(node)
	where := make(map[string]*token.Token, len(pairs))
	if len(pairs) > 0 {
		at = pairs[0].key
	}
	for _, p := range pairs {
		where[p.name] = p.key
		f, known := keys.find(p.name)
		if !known {
			d.mistake(p.key, "unknown key %q%s", p.name, suggest(p.name, keys.names()))
			continue
		}
		d.value(p.value, target.FieldByIndex(f.index))
	}
	for _, f := range keys {
		if f.required && where[f.name] == nil {
			d.mistake(at, "key %q is missing", f.name)
		}
	}
	if len(d.mistakes) == before {
		d.validate(target, at, node)
	}
}

func (d *decoder) validate(target reflect.Value, at *token.Token, node ast.Node) {
	v, ok := target.Addr().Interface().(Validator)
	if !ok {
		return
	}
	err := v.Validate()
	if err == nil {
		return
	}
	// Errors of At lead from key to key, and by number into lists; the last place that is there is shown.
	inner := err
	for {
		var placed *keyError
		if !errors.As(inner, &placed) {
			break
		}
		key, value := d.child(node, placed.key)
		if key == nil {
			break
		}
		if _, isList := node.(*ast.SequenceNode); isList {
			err = placed.err
		} else {
			err = placed
		}
		at, node, inner = key, value, placed.err
	}
	d.mistake(at, "%v", err)
}

// child finds a key of a mapping, or an item of a list by its number; nil if there is none.
func (d *decoder) child(node ast.Node, key string) (*token.Token, ast.Node) {
	if list, ok := node.(*ast.SequenceNode); ok {
		if i, err := strconv.Atoi(key); err == nil && i >= 0 && i < len(list.Values) {
			return start(list.Values[i]), list.Values[i]
		}
		return nil, nil
	}
	pairs, _ := d.pairs(node)
	for _, p := range pairs {
		if p.name == key {
			return p.key, p.value
		}
	}
	return nil, nil
}

// empty decodes a document without content.
func (d *decoder) empty(target reflect.Value) {
	for target.Kind() == reflect.Pointer && !target.IsNil() {
		target = target.Elem()
	}
	if target.Kind() == reflect.Struct {
		d.structure(ast.Null(token.New("", "", &token.Position{Line: 1, Column: 1})), target)
	}
}

func (d *decoder) mapping(node ast.Node, target reflect.Value) {
	if isNull(node) {
		return
	}
	pairs, ok := d.pairs(node)
	if !ok {
		d.mistake(start(node), "want keys and values, got %s", describe(node))
		return
	}
	t := target.Type()
	if t.Key().Kind() != reflect.String {
		d.mistake(start(node), "this key cannot be set in a file")
		return
	}
	out := reflect.MakeMapWithSize(t, len(pairs))
	for _, p := range pairs {
		v := reflect.New(t.Elem()).Elem()
		d.value(p.value, v)
		out.SetMapIndex(reflect.ValueOf(p.name).Convert(t.Key()), v)
	}
	target.Set(out)
}

func (d *decoder) list(node ast.Node, target reflect.Value) {
	if isNull(node) {
		return
	}
	seq, ok := node.(*ast.SequenceNode)
	if !ok {
		d.mistake(start(node), "want a list, got %s", describe(node))
		return
	}
	out := reflect.MakeSlice(target.Type(), len(seq.Values), len(seq.Values))
	for i, v := range seq.Values {
		d.value(v, out.Index(i))
	}
	target.Set(out)
}
