package autoscale

import "strconv"

// precedence of the infix operators, as in C; all of them group to the left. The ternary binds least and groups to the
// right, unary operators and what stands behind an operand (a call, a member, a method) bind most.
func precedence(op string) int {
	switch op {
	case "||":
		return 1
	case "&&":
		return 2
	case "==", "!=":
		return 3
	case "<", "<=", ">", ">=":
		return 4
	case "+", "-":
		return 5
	case "*", "/":
		return 6
	}
	return 0
}

// expression reads a ternary or less.
func (p *parser) expression() (expr, bool) {
	if !p.enter() {
		return nil, false
	}
	defer p.leave()
	test, ok := p.infix(1)
	if !ok || !p.token.is("?") {
		return test, ok
	}
	at := p.token.at
	p.step()
	yes, ok := p.expression()
	if !ok {
		return nil, false
	}
	if !p.accept(":") {
		return nil, p.unexpected("a ternary is written condition ? value : other")
	}
	no, ok := p.expression()
	return &conditional{position: at, test: test, yes: yes, no: no}, ok
}

// infix reads operators of at least a precedence.
func (p *parser) infix(least int) (expr, bool) {
	left, ok := p.prefix()
	for ok && p.token.kind == symbol {
		op := p.token
		binds := precedence(op.text)
		if binds < least || binds == 0 {
			break
		}
		p.step()
		var right expr
		right, ok = p.infix(binds + 1)
		left = &binary{position: op.at, op: op.text, left: left, right: right}
	}
	return left, ok
}

// prefix reads unary operators.
func (p *parser) prefix() (expr, bool) {
	if !p.token.is("-") && !p.token.is("!") {
		return p.postfix()
	}
	if !p.enter() {
		return nil, false
	}
	defer p.leave()
	op := p.token
	p.step()
	of, ok := p.prefix()
	return &unary{position: op.at, op: op.text, of: of}, ok
}

// postfix reads an operand and the members and methods behind it.
func (p *parser) postfix() (expr, bool) {
	e, ok := p.operand()
	for ok && p.token.is(".") {
		p.step()
		name := p.token
		if name.kind != word {
			return nil, p.unexpected("after a dot stands a member such as weekday or a method such as GetSample")
		}
		p.step()
		if !p.token.is("(") {
			e = &member{position: name.at, of: e, name: name.text}
			continue
		}
		var args []expr
		args, ok = p.arguments()
		e = &method{position: name.at, of: e, name: name.text, args: args}
	}
	return e, ok
}

// operand reads a literal, a name, a call or an expression in parentheses.
func (p *parser) operand() (expr, bool) {
	t := p.token
	switch {
	case t.kind == numeral:
		p.step()
		number, err := strconv.ParseFloat(t.text, 64)
		if err != nil {
			return nil, p.fail(t.at, "", "%s is out of range", t.text)
		}
		return &constant{position: t.at, value: doubleOf(number)}, true
	case t.kind == quoted:
		p.step()
		return &constant{position: t.at, value: value{kind: String, text: t.text}}, true
	case t.kind == word:
		p.step()
		if !p.token.is("(") {
			return &variable{position: t.at, name: t.text}, true
		}
		args, ok := p.arguments()
		return &call{position: t.at, name: t.text, args: args}, ok
	case t.is("("):
		p.step()
		e, ok := p.expression()
		if !ok {
			return nil, false
		}
		if p.token.is("=") {
			return nil, p.unexpected("equality is written ==")
		}
		if !p.accept(")") {
			return nil, p.unexpected("a parenthesis is not closed")
		}
		return e, true
	case t.is("="):
		return nil, p.unexpected("equality is written ==")
	}
	return nil, p.unexpected("")
}

// arguments reads what stands between a call's parentheses.
func (p *parser) arguments() ([]expr, bool) {
	p.step()
	if p.accept(")") {
		return nil, true
	}
	var args []expr
	for {
		e, ok := p.expression()
		if !ok {
			return nil, false
		}
		args = append(args, e)
		switch {
		case p.accept(","):
		case p.accept(")"):
			return args, true
		default:
			return nil, p.unexpected("arguments are separated by commas and end with a parenthesis")
		}
	}
}

// enter goes one expression deeper.
func (p *parser) enter() bool {
	p.depth++
	if p.depth > maxDepth {
		return p.fail(p.token.at, "give a part of it a name in a statement of its own", "the expression is nested too deep")
	}
	return true
}

func (p *parser) leave() { p.depth-- }
