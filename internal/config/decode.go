package config

import (
	"errors"
	"reflect"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/spillway/spillway/internal/fault"
)

const maxDepth = 64 // of nesting

// Limits bound what a file may hold.
type Limits struct {
	Size  int // bytes
	Items int // keys and list items
}

// usual are the limits of configurations.
func usual() Limits { return Limits{Size: 1 << 20, Items: 10_000} }

// Validator is what a struct implements to check what its types cannot say. Decode calls it, on a pointer, after the
// struct has been filled without a mistake. The error is shown at the struct's place in the file, or at one of its keys
// if it was made by At.
type Validator interface {
	Validate() error
}

// Decode parses a YAML document (JSON is a subset) into the struct or map that into points to. What the document leaves
// out keeps the value it has, so that defaults stand in into before. path is the file's name for messages. Mistakes are
// fault.Invalid and of type Mistakes; into is then not to be used.
func Decode(path string, data []byte, into any) error {
	return DecodeWithin(path, data, into, usual())
}

// DecodeWithin is Decode with other limits, for files that a program has written.
func DecodeWithin(path string, data []byte, into any, limits Limits) (err error) {
	target := reflect.ValueOf(into)
	if target.Kind() != reflect.Pointer || target.IsNil() {
		return fault.New(fault.Internal, "config.Decode needs a pointer, got %T", into)
	}
	if len(data) > limits.Size {
		return fault.New(fault.Invalid, "%s: %d bytes are more than the %d allowed", path, len(data), limits.Size)
	}
	d := &decoder{source: newSource(path, data), limits: limits}
	defer func() {
		// The parser is not ours; what it trips over is a mistake in the file.
		if r := recover(); r != nil {
			err = fault.New(fault.Invalid, "%s: not YAML: %v", path, r)
		}
	}()
	if root := d.parse(data); root != nil {
		d.value(root, target.Elem())
	} else if len(d.mistakes) == 0 {
		d.empty(target.Elem())
	}
	return d.source.report(d.mistakes)
}

// parse returns the document's root, nil if it is empty or malformed.
func (d *decoder) parse(data []byte) ast.Node {
	tokens := lexer.Tokenize(string(data))
	if at, what := excess(tokens, d.limits.Items); at != nil {
		d.mistake(at, "%s", what)
		return nil
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		var located yaml.Error
		if errors.As(err, &located) && located.GetToken() != nil {
			d.mistake(located.GetToken(), "%s", located.GetMessage())
		} else {
			d.mistake(nil, "not YAML: %v", err)
		}
		return nil
	}
	var root ast.Node
	for _, doc := range file.Docs {
		switch body := doc.Body; {
		case body == nil:
		case root != nil:
			d.mistake(body.GetToken(), "a second document in one file")
			return nil
		default:
			root = body
		}
	}
	return root
}

// excess finds the token at which a document becomes too deep or too long for the parser, which is recursive and
// quadratic in the depth. Depth by indentation is bounded by the file's size.
func excess(tokens token.Tokens, maxItems int) (*token.Token, string) {
	var flow, entries, items, line int
	for _, t := range tokens {
		if t.Position != nil && t.Position.Line != line {
			line, entries = t.Position.Line, 0
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			flow++
		case token.SequenceEndType, token.MappingEndType:
			flow--
		case token.SequenceEntryType, token.MappingKeyType:
			entries++
			items++
		case token.MappingValueType, token.CollectEntryType:
			items++
		default:
		}
		switch {
		case flow > maxDepth || entries > maxDepth:
			return t, "nested too deeply"
		case items > maxItems:
			return t, "too many keys and list items in one file"
		}
	}
	return nil, ""
}
