package autoscale

// parser builds the syntax tree of a formula: statements here, expressions in expression.go.
type parser struct {
	lexer  lexer
	token  token // the next one
	depth  int   // of nested expressions
	errors Errors
}

// parse returns the statements of a formula, and what is wrong with its syntax.
func parse(src source) ([]statement, Errors) {
	p := &parser{}
	p.lexer = lexer{src: src, at: position{1, 1}, report: p.report}
	p.step()
	var out []statement
	for p.token.kind != endOfFormula && len(p.errors) < maxReports {
		if p.token.is(";") {
			p.step()
			continue
		}
		if len(out) == MaxStatements {
			p.fail(p.token.at, "", "a formula has at most %d statements", MaxStatements)
			break
		}
		s, ok := p.statement()
		if ok && !p.token.is(";") && p.token.kind != endOfFormula {
			ok = p.unexpected("statements end with a semicolon")
		}
		if !ok {
			p.recover()
		}
		out = append(out, s)
	}
	return out, p.errors
}

// report notes an error; what follows from a broken token is not reported again.
func (p *parser) report(e *Error) { p.errors = append(p.errors, e) }

// step goes to the next token.
func (p *parser) step() { p.token = p.lexer.next() }

// fail notes an error and answers false.
func (p *parser) fail(at position, hint, format string, args ...any) bool {
	p.report(p.lexer.src.errorAt(at, hint, format, args...))
	return false
}

// unexpected complains about the next token.
func (p *parser) unexpected(hint string) bool {
	if p.token.kind == broken { // reported already
		return false
	}
	return p.fail(p.token.at, hint, "Unexpected %s", p.token)
}

// recover goes to the end of a statement that cannot be understood.
func (p *parser) recover() {
	for p.token.kind != endOfFormula && !p.token.is(";") && len(p.errors) < maxReports {
		p.step()
	}
}

// accept passes a symbol if it is the next token.
func (p *parser) accept(text string) bool {
	if p.token.is(text) {
		p.step()
		return true
	}
	return false
}

// statement reads an assignment or an expression.
func (p *parser) statement() (statement, bool) {
	at := p.token.at
	e, ok := p.expression()
	if !ok {
		return statement{at: at}, false
	}
	if !p.token.is("=") {
		return statement{at: at, value: e}, true
	}
	v, isVariable := e.(*variable)
	if !isVariable {
		return statement{at: at}, p.fail(p.token.at, "equality is written ==", "only a variable can be assigned")
	}
	p.step()
	e, ok = p.expression()
	if ok && p.token.is("=") {
		ok = p.fail(p.token.at, "equality is written ==", "a statement assigns one variable")
	}
	return statement{at: at, name: v.name, value: e}, ok
}
