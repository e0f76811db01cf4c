package openjd

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// yamlLoader turns a YAML syntax tree into nodes, under the core schema of YAML 1.2: yes, no, on and off are strings.
type yamlLoader struct {
	anchors map[string]*node
	size    int // nodes that aliases repeated
}

// yamlError is an error at a token.
type yamlError struct {
	token   *token.Token
	message string
}

func (e *yamlError) Error() string { return e.message }

func (s *source) loadYAML() *node {
	if !shallow(s.text) {
		s.report(0, 0, "", "", "%v", errTooDeep)
		return nil
	}
	file, err := parseYAML([]byte(s.text))
	if err != nil {
		s.reportYAML(err)
		return nil
	}
	var body ast.Node
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil:
		case doc.Body.Type() == ast.DirectiveType:
		case body == nil:
			body = doc.Body
		default:
			s.reportYAML(&yamlError{doc.Body.GetToken(), "there is a second document; one file holds one template"})
			return nil
		}
	}
	if body == nil {
		s.report(1, 1, "", "", "the document is empty")
		return nil
	}
	l := &yamlLoader{anchors: make(map[string]*node)}
	n, err := l.node(body, 0)
	if err != nil {
		s.reportYAML(err)
		return nil
	}
	return n
}

// parseYAML guards against panics of the YAML parser: they mean a malformed document, which is not our defect.
func parseYAML(src []byte) (file *ast.File, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("malformed document (%v)", v)
		}
	}()
	return parser.ParseBytes(src, 0, parser.AllowDuplicateMapKey())
}

func (s *source) reportYAML(err error) {
	message, tk := err.Error(), (*token.Token)(nil)
	var syntax yaml.Error
	var own *yamlError
	switch {
	case errors.As(err, &own):
		tk = own.token
	case errors.As(err, &syntax):
		message, tk = syntax.GetMessage(), syntax.GetToken()
	}
	line, column := 0, 0
	if tk != nil && tk.Position != nil {
		line, column = tk.Position.Line, tk.Position.Column
	}
	s.report(line, column, "", "", "YAML: %s", message)
}

// shallow refuses, before the recursive parser sees it, text that could nest without bound. Indentation nests at most
// by the square root of a document's size, so brackets and runs of "- " and "? " are what counts. Brackets within
// text count as well, hence the high bound.
func shallow(text string) bool {
	const most = 2000
	brackets, run := 0, 0
	for i := range len(text) {
		switch text[i] {
		case '[', '{':
			brackets++
		case ']', '}':
			brackets = max(0, brackets-1)
		case '-', '?', ':', '&', '!':
			run++
		case ' ', '\t':
		default:
			run = 0
		}
		if brackets > most || run > most && text[i] != '-' {
			return false
		}
	}
	return true
}

func (l *yamlLoader) node(n ast.Node, depth int) (*node, error) {
	if n == nil {
		return nil, &yamlError{nil, "a value is missing"}
	}
	if depth > maxNesting {
		return nil, &yamlError{n.GetToken(), errTooDeep.Error()}
	}
	switch n := n.(type) {
	case *ast.AnchorNode:
		return l.anchor(n, depth)
	case *ast.AliasNode:
		return l.alias(n)
	case *ast.TagNode:
		return l.tagged(n, depth)
	case *ast.SequenceNode:
		out := at(n.Start, listNode)
		for _, value := range n.Values {
			item, err := l.node(value, depth+1)
			if err != nil {
				return nil, err
			}
			out.items = append(out.items, item)
		}
		return out.weigh(), nil
	case *ast.MappingNode:
		return l.mapping(n.Start, n.Values, depth)
	case *ast.MappingValueNode:
		return l.mapping(n.GetToken(), []*ast.MappingValueNode{n}, depth)
	}
	return scalar(n)
}

func (l *yamlLoader) mapping(start *token.Token, values []*ast.MappingValueNode, depth int) (*node, error) {
	if len(values) > 0 && !values[0].IsFlowStyle && values[0].Key != nil {
		start = values[0].Key.GetToken() // a block mapping starts at its first key
	}
	out := at(start, mapNode)
	for _, v := range values {
		key, err := mapKey(v)
		if err != nil {
			return nil, err
		}
		value, err := l.node(v.Value, depth+1)
		if err != nil {
			return nil, err
		}
		out.pairs = append(out.pairs, pair{key, value})
	}
	return out.weigh(), nil
}

func mapKey(v *ast.MappingValueNode) (*node, error) {
	if v.Key == nil || v.Key.IsMergeKey() {
		return nil, &yamlError{v.GetToken(), `the merge key "<<" is not part of YAML 1.2`}
	}
	key, err := scalar(v.Key)
	if err != nil {
		return nil, err
	}
	if key.kind != stringNode {
		return nil, &yamlError{v.Key.GetToken(), fmt.Sprintf("a key is %v, it must be a string", key.kind)}
	}
	return key, nil
}

// anchor defines its name after its value is complete, so that nothing contains itself.
func (l *yamlLoader) anchor(n *ast.AnchorNode, depth int) (*node, error) {
	out, err := l.node(n.Value, depth+1)
	if err == nil && n.Name != nil {
		l.anchors[n.Name.GetToken().Value] = out
	}
	return out, err
}

func (l *yamlLoader) alias(n *ast.AliasNode) (*node, error) {
	if n.Value == nil {
		return nil, &yamlError{n.Start, "an alias without a name"}
	}
	name := n.Value.GetToken().Value
	out, ok := l.anchors[name]
	if !ok {
		return nil, &yamlError{n.Start, fmt.Sprintf("no anchor %q stands before this alias", clip(name))}
	}
	if l.size += out.size; l.size > maxSize {
		return nil, &yamlError{n.Start, "aliases make the document too large"}
	}
	return out, nil
}

func (l *yamlLoader) tagged(n *ast.TagNode, depth int) (*node, error) {
	tag := n.Start.Value
	var inner *node
	var err error
	if tag == "!!str" {
		if s, ok := n.Value.(ast.ScalarNode); ok && s.GetToken() != nil {
			inner, err = scalar(n.Value)
			if err == nil && inner.kind != stringNode {
				inner.kind = stringNode
				inner.text = strings.TrimSpace(s.GetToken().Value)
			}
			return inner, err
		}
	}
	if inner, err = l.node(n.Value, depth+1); err != nil {
		return nil, err
	}
	kinds := map[string]nodeKind{"!!str": stringNode, "!!int": intNode, "!!float": floatNode, "!!bool": boolNode, "!!null": nullNode, "!!seq": listNode, "!!map": mapNode}
	want, ok := kinds[tag]
	if !ok {
		return nil, &yamlError{n.Start, fmt.Sprintf("the tag %q is not of the core schema", clip(tag))}
	}
	if inner.kind != want && (want != floatNode || inner.kind != intNode) {
		return nil, &yamlError{n.Start, fmt.Sprintf("%s does not fit %v", tag, inner.kind)}
	}
	return inner, nil
}

func at(t *token.Token, kind nodeKind) *node {
	n := &node{kind: kind}
	if t != nil && t.Position != nil {
		n.line, n.column = t.Position.Line, t.Position.Column
	}
	return n
}
