package expr

import (
	"slices"
	"strconv"
	"strings"
)

// Limits of the parser.
const (
	maxSource  = 64 << 10 // bytes of one expression
	maxNesting = 100
)

// Expr is a parsed expression. It is immutable.
type Expr struct {
	src   string
	root  node
	names []string // dotted names that are used, in order
}

// Parse parses the grammar of §1.1. The error is an *Error.
func Parse(src string) (*Expr, error) {
	if len(src) > maxSource {
		return nil, failAt(0, "the expression has %d bytes, at most %d are allowed", len(src), maxSource)
	}
	p := &parser{lexer: lexer{src: src}}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.now.kind == endToken {
		return nil, failAt(0, "there is no expression between the braces")
	}
	root, err := p.conditional()
	if err != nil {
		return nil, err
	}
	if p.now.kind != endToken {
		return nil, p.unexpected()
	}
	return &Expr{src, root, p.names}, nil
}

// String returns the expression as written.
func (e *Expr) String() string { return e.src }

// Names returns the dotted names that the expression uses, with properties and methods behind them, in order.
func (e *Expr) Names() []string { return slices.Clone(e.names) }

// IsName reports whether the expression is one dotted name alone.
func (e *Expr) IsName() bool {
	_, ok := e.root.(*name)
	return ok
}

type parser struct {
	lexer lexer
	now   token
	depth int
	names []string
}

func (p *parser) advance() *Error {
	var err *Error
	p.now, err = p.lexer.next()
	return err
}

func (p *parser) unexpected() *Error {
	if p.now.kind == endToken {
		return failAt(p.now.at, "the expression ends too early")
	}
	return failAt(p.now.at, "unexpected %q", clip(p.now.text))
}

func (p *parser) is(word string) bool {
	return (p.now.kind == symbolToken || p.now.kind == nameToken) && p.now.text == word
}

// take goes on if the next token is a word.
func (p *parser) take(word string) (bool, *Error) {
	if !p.is(word) {
		return false, nil
	}
	return true, p.advance()
}

func (p *parser) expect(word string) *Error {
	if !p.is(word) {
		e := p.unexpected()
		e.Hint = "expected " + strconv.Quote(word)
		return e
	}
	return p.advance()
}

func (p *parser) nest() *Error {
	if p.depth++; p.depth > maxNesting {
		return failAt(p.now.at, "the expression is nested more than %d deep", maxNesting)
	}
	return nil
}

func (p *parser) conditional() (node, *Error) {
	if err := p.nest(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	yes, err := p.or()
	if err != nil || !p.is("if") {
		return yes, err
	}
	start := p.now.at
	if err := p.advance(); err != nil {
		return nil, err
	}
	condition, err := p.or()
	if err != nil {
		return nil, err
	}
	if err := p.expect("else"); err != nil {
		return nil, err
	}
	no, err := p.conditional()
	if err != nil {
		return nil, err
	}
	return &conditional{at(start), yes, condition, no}, nil
}

func (p *parser) or() (node, *Error) { return p.logic("or", true, p.and) }

func (p *parser) and() (node, *Error) { return p.logic("and", false, p.not) }

func (p *parser) logic(word string, or bool, operand func() (node, *Error)) (node, *Error) {
	left, err := operand()
	for err == nil && p.is(word) {
		start := p.now.at
		if err = p.advance(); err != nil {
			break
		}
		var right node
		if right, err = operand(); err == nil {
			left = &logical{at(start), or, left, right}
		}
	}
	return left, err
}

func (p *parser) not() (node, *Error) {
	if !p.is("not") {
		return p.comparison()
	}
	if err := p.nest(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	start := p.now.at
	if err := p.advance(); err != nil {
		return nil, err
	}
	of, err := p.not()
	return &unary{at(start), "not", of}, err
}

func (p *parser) comparison() (node, *Error) {
	first, err := p.sum()
	if err != nil {
		return nil, err
	}
	c := &compare{at: at(p.now.at), operands: []node{first}}
	for {
		op, err := p.comparisonOperator()
		if err != nil {
			return nil, err
		}
		if op == "" {
			break
		}
		operand, err := p.sum()
		if err != nil {
			return nil, err
		}
		c.ops, c.operands = append(c.ops, op), append(c.operands, operand)
	}
	if len(c.ops) == 0 {
		return first, nil
	}
	return c, nil
}

// comparisonOperator reads an operator of comparison, "" if none is there.
func (p *parser) comparisonOperator() (string, *Error) {
	for _, op := range []string{"<", ">", "<=", ">=", "==", "!=", "in"} {
		if ok, err := p.take(op); ok || err != nil {
			return op, err
		}
	}
	if ok, err := p.take("not"); !ok || err != nil {
		return "", err
	}
	return "not in", p.expect("in")
}

func (p *parser) sum() (node, *Error) { return p.chain([]string{"+", "-"}, p.product) }

func (p *parser) product() (node, *Error) { return p.chain([]string{"*", "/", "//", "%"}, p.unary) }

func (p *parser) chain(ops []string, operand func() (node, *Error)) (node, *Error) {
	left, err := operand()
	for err == nil && p.now.kind == symbolToken && slices.Contains(ops, p.now.text) {
		op, start := p.now.text, p.now.at
		if err = p.advance(); err != nil {
			break
		}
		var right node
		if right, err = operand(); err == nil {
			left = &binary{at(start), op, left, right}
		}
	}
	return left, err
}

func (p *parser) unary() (node, *Error) {
	if !p.is("-") && !p.is("+") {
		return p.power()
	}
	if err := p.nest(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	op, start := p.now.text, p.now.at
	if err := p.advance(); err != nil {
		return nil, err
	}
	of, err := p.unary()
	if l, ok := of.(*literal); ok && op == "-" && l.large {
		return &literal{at(start), Int(-1 << 63), false}, err
	}
	return &unary{at(start), op, of}, err
}

func (p *parser) power() (node, *Error) {
	left, err := p.postfix()
	if err != nil || !p.is("**") {
		return left, err
	}
	start := p.now.at
	if err := p.advance(); err != nil {
		return nil, err
	}
	right, err := p.unary()
	return &binary{at(start), "**", left, right}, err
}

func (p *parser) postfix() (node, *Error) {
	of, err := p.primary()
	for err == nil {
		switch {
		case p.is("["):
			of, err = p.subscript(of)
		case p.is("."):
			of, err = p.attribute(of)
		case p.is("("):
			return nil, failAt(p.now.at, "this is no function")
		default:
			return of, nil
		}
	}
	return nil, err
}

// attribute reads .name or .name(…) behind a value.
func (p *parser) attribute(of node) (node, *Error) {
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.now.kind != nameToken {
		return nil, p.unexpected()
	}
	key, start := p.now.text, p.now.at
	if err := p.advance(); err != nil {
		return nil, err
	}
	if !p.is("(") {
		return &property{at(start), of, key}, nil
	}
	args, err := p.arguments()
	return &call{at: at(start), function: key, args: append([]node{of}, args...), method: true}, err
}

func (p *parser) arguments() ([]node, *Error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	return p.list(")")
}

// list reads items up to a closing bracket; a comma may stand behind the last.
func (p *parser) list(closing string) ([]node, *Error) {
	var out []node
	for {
		if ok, err := p.take(closing); ok || err != nil {
			return out, err
		}
		item, err := p.conditional()
		if err != nil {
			return nil, err
		}
		out = append(out, item)
		if ok, err := p.take(","); err != nil {
			return nil, err
		} else if !ok {
			return out, p.expect(closing)
		}
	}
}

func (p *parser) subscript(of node) (node, *Error) {
	start := p.now.at
	if err := p.advance(); err != nil {
		return nil, err
	}
	var parts [3]node
	colons := 0
	for {
		if !p.is(":") && !p.is("]") {
			part, err := p.conditional()
			if err != nil {
				return nil, err
			}
			parts[colons] = part
		}
		if ok, err := p.take(":"); err != nil {
			return nil, err
		} else if !ok {
			break
		}
		if colons++; colons > 2 {
			return nil, failAt(start, "a slice has at most two colons")
		}
	}
	if err := p.expect("]"); err != nil {
		return nil, err
	}
	if colons > 0 {
		return &slice{at(start), of, parts[0], parts[1], parts[2]}, nil
	}
	if parts[0] == nil {
		return nil, failAt(start, "an index is missing between the brackets")
	}
	return &index{at(start), of, parts[0]}, nil
}

func (p *parser) primary() (node, *Error) {
	t := p.now
	switch t.kind {
	case intToken:
		return p.integer(t)
	case floatToken:
		f, err := strconv.ParseFloat(t.text, 64)
		if err != nil {
			return nil, failAt(t.at, "%s is too large", clip(t.text))
		}
		return &literal{at(t.at), Float(f, t.text), false}, p.advance()
	case stringToken:
		return &literal{at(t.at), String(t.text), false}, p.advance()
	case nameToken:
		return p.name(t)
	}
	switch {
	case p.is("("):
		if err := p.advance(); err != nil {
			return nil, err
		}
		inner, err := p.conditional()
		if err != nil {
			return nil, err
		}
		return inner, p.expect(")")
	case p.is("["):
		return p.brackets()
	}
	return nil, p.unexpected()
}

func (p *parser) integer(t token) (node, *Error) {
	n, err := strconv.ParseUint(t.text, 10, 64)
	if err != nil || n > 1<<63 {
		return nil, failAt(t.at, "%s is not an integer of 64 bits", clip(t.text))
	}
	return &literal{at(t.at), Int(int64(n)), n == 1<<63}, p.advance()
}

// keywords cannot start a name.
var keywords = []string{"if", "else", "and", "or", "not", "for", "in"}

// name reads a constant, a function call, or a dotted name; words behind a dot are never keywords (§1.1.3).
func (p *parser) name(t token) (node, *Error) {
	switch t.text {
	case "True", "true":
		return &literal{at(t.at), Bool(true), false}, p.advance()
	case "False", "false":
		return &literal{at(t.at), Bool(false), false}, p.advance()
	case "None", "null":
		return &literal{at(t.at), Null(), false}, p.advance()
	}
	if slices.Contains(keywords, t.text) {
		return nil, p.unexpected()
	}
	n := &name{at(t.at), []string{t.text}}
	if err := p.advance(); err != nil {
		return nil, err
	}
	for p.is(".") {
		if err := p.advance(); err != nil {
			return nil, err
		}
		if p.now.kind != nameToken {
			return nil, p.unexpected()
		}
		n.parts = append(n.parts, p.now.text)
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
	if !p.is("(") {
		p.names = append(p.names, strings.Join(n.parts, "."))
		return n, nil
	}
	args, err := p.arguments()
	last := len(n.parts) - 1
	c := &call{at: n.at, function: n.parts[last], args: args}
	if last > 0 {
		receiver := &name{n.at, n.parts[:last]}
		p.names = append(p.names, strings.Join(receiver.parts, "."))
		c.args, c.method = append([]node{receiver}, args...), true
	}
	return c, err
}

// brackets reads a list or a list comprehension.
func (p *parser) brackets() (node, *Error) {
	start := p.now.at
	if err := p.advance(); err != nil {
		return nil, err
	}
	if ok, err := p.take("]"); ok || err != nil {
		return &listNode{at: at(start)}, err
	}
	first, err := p.conditional()
	if err != nil {
		return nil, err
	}
	if p.is("for") {
		return p.comprehension(start, first)
	}
	out := &listNode{at(start), []node{first}}
	if ok, err := p.take(","); err != nil {
		return nil, err
	} else if !ok {
		return out, p.expect("]")
	}
	more, err := p.list("]")
	out.items = append(out.items, more...)
	return out, err
}

func (p *parser) comprehension(start int, item node) (node, *Error) {
	if err := p.advance(); err != nil {
		return nil, err
	}
	variable := p.now
	if variable.kind != nameToken || !IsUserIdentifier(variable.text) || slices.Contains(keywords, variable.text) {
		return nil, failAt(variable.at, "%q is not a loop variable: it starts with a small letter or _", clip(variable.text))
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if err := p.expect("in"); err != nil {
		return nil, err
	}
	in, err := p.or()
	if err != nil {
		return nil, err
	}
	out := &comprehension{at: at(start), item: item, variable: variable.text, in: in}
	if ok, err := p.take("if"); err != nil {
		return nil, err
	} else if ok {
		if out.condition, err = p.conditional(); err != nil {
			return nil, err
		}
	}
	if p.is("for") {
		return nil, failAt(p.now.at, "a list comprehension has one for")
	}
	return out, p.expect("]")
}

// IsUserIdentifier reports whether a name may be bound by let or a loop (Template Schemas §3.6.1).
func IsUserIdentifier(s string) bool {
	if s == "" || s[0] != '_' && (s[0] < 'a' || s[0] > 'z') {
		return false
	}
	for i := range len(s) {
		if !isNameByte(s[i]) {
			return false
		}
	}
	return true
}
