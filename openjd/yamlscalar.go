package openjd

import (
	"math/big"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// scalar reads a scalar. Plain ones are resolved here by the core schema (YAML 1.2.2 §10.3.2), for parsers differ.
func scalar(n ast.Node) (*node, error) {
	if n == nil {
		return nil, &yamlError{nil, "a value is missing"}
	}
	tk := n.GetToken()
	if tk == nil {
		return nil, &yamlError{nil, "a value has no text"}
	}
	switch n := n.(type) {
	case *ast.LiteralNode:
		out := at(tk, stringNode)
		if n.Value != nil {
			out.text = n.Value.Value
		}
		return out.weigh(), nil
	case *ast.StringNode:
		if tk.Type == token.SingleQuoteType || tk.Type == token.DoubleQuoteType {
			out := at(tk, stringNode)
			out.text = n.Value
			return out.weigh(), nil
		}
		return plain(tk, n.Value), nil
	case *ast.NullNode:
		return at(tk, nullNode).weigh(), nil
	case *ast.MappingKeyNode:
		return scalar(n.Value)
	case *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode, *ast.MergeKeyNode:
		return plain(tk, tk.Value), nil
	}
	return nil, &yamlError{tk, "this is not a plain value"}
}

// The core schema's tag resolution.
var (
	coreInt   = regexp.MustCompile(`^[-+]?[0-9]+$`)
	coreOctal = regexp.MustCompile(`^0o[0-7]+$`)
	coreHex   = regexp.MustCompile(`^0x[0-9a-fA-F]+$`)
	coreFloat = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)
)

// plain resolves an unquoted scalar.
func plain(tk *token.Token, text string) *node {
	n := at(tk, stringNode)
	n.text = text
	switch trimmed := strings.TrimSpace(text); {
	case trimmed == "" || trimmed == "~" || trimmed == "null" || trimmed == "Null" || trimmed == "NULL":
		n.kind, n.text = nullNode, ""
	case trimmed == "true" || trimmed == "True" || trimmed == "TRUE":
		n.kind, n.text = boolNode, "true"
	case trimmed == "false" || trimmed == "False" || trimmed == "FALSE":
		n.kind, n.text = boolNode, "false"
	case coreInt.MatchString(trimmed):
		n.kind, n.text = intNode, trimmed
	case coreOctal.MatchString(trimmed), coreHex.MatchString(trimmed):
		if i, ok := new(big.Int).SetString(trimmed, 0); ok && i.IsInt64() {
			n.kind, n.text = intNode, i.String()
		}
	case coreFloat.MatchString(trimmed):
		n.kind, n.text = floatNode, trimmed
	case isSpecialFloat(trimmed):
		n.kind, n.text = floatNode, trimmed
	}
	return n.weigh()
}

// isSpecialFloat reports infinities and NaN, which no number of a template may be.
func isSpecialFloat(s string) bool {
	switch strings.ToLower(strings.TrimLeft(s, "+-")) {
	case ".inf":
		return true
	case ".nan":
		return s[0] == '.'
	}
	return false
}
