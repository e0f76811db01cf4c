package openjd

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spillway/spillway/openjd/expr"
)

// LetBinding binds a name to the value of an expression (§3.6.1, extension EXPR).
type LetBinding struct {
	Name string
	Expr string // as written
	x    *expr.Expr
}

const maxLet = 50 // §3.6

// MarshalText returns the binding as templates write it.
func (b LetBinding) MarshalText() ([]byte, error) { return []byte(b.Name + " = " + b.Expr), nil }

// bind evaluates bindings in their order and adds them to the symbols.
func (s *Symbols) bind(let []LetBinding) error {
	for _, b := range let {
		v, err := b.x.Eval(s.scope(), expr.Target{})
		if err != nil {
			return fmt.Errorf("let %s: %w", b.Name, err)
		}
		s.SetValue(b.Name, v)
	}
	return nil
}

// HostSymbols returns the symbols that every script of a job made from the template sees on a host.
func (t *JobTemplate) HostSymbols(p Parameters, m *PathMapper) (*Symbols, error) {
	s := p.Symbols(m)
	name, err := t.Name.Resolve(p.creationSymbols())
	s.Set("Job.Name", name)
	return s, err
}

// HostSymbols adds what the step's environments and script see: the step's name and its let bindings.
func (t *StepTemplate) HostSymbols(job *Symbols) (*Symbols, error) {
	s := job.Clone()
	s.Set("Step.Name", t.Name)
	return s, s.bind(t.Let)
}

// Bind adds the script's let bindings. The symbols have the script's files and the task's values.
func (t *StepScript) Bind(s *Symbols) error { return s.bind(t.Let) }

// Bind adds the script's let bindings. The symbols have the script's files.
func (t *EnvironmentScript) Bind(s *Symbols) error { return s.bind(t.Let) }

// let reads the let bindings of an object and returns the scope that has them.
func (d *decoder) let(o object, s scope) ([]LetBinding, scope) {
	c, ok := o.get("let")
	if !ok {
		return nil, s
	}
	var out []LetBinding
	inner := s.with()
	for _, item := range c.itemsWithin(1, maxLet) {
		if b, ok := d.binding(item, inner); ok {
			out = append(out, b)
		}
	}
	return out, inner
}

// binding reads one binding and adds it to the scope, which is the caller's own.
func (d *decoder) binding(c cursor, s scope) (LetBinding, bool) {
	text, ok := c.str()
	if !ok {
		return LetBinding{}, false
	}
	name, source, ok := strings.Cut(text, "=")
	name = strings.Trim(name, " \t")
	b := LetBinding{Name: name, Expr: strings.TrimSpace(source)}
	_, taken := s.names[name]
	switch {
	case !ok:
		c.fail("%q is not of the form name = expression", clip(text))
		return b, false
	case !expr.IsUserIdentifier(name):
		c.fail("%q is not a name for let: it starts with a small letter or _", clip(name))
		return b, false
	case len(name) > d.profile.userIdentifier:
		c.fail("the name has %d characters, at most %d are allowed", len(name), d.profile.userIdentifier)
		return b, false
	case taken:
		c.fail("%q hides another value of that name", clip(name))
		return b, false
	}
	start := strings.Index(text, "=") + 1
	start += len(text[start:]) - len(strings.TrimLeft(text[start:], " \t\r\n"))
	x, err := expr.Parse(b.Expr)
	if err != nil {
		c.failExpr(text, start, err)
		return b, false
	}
	b.x = x
	v, err := x.Eval(d.exprScope(s), expr.Target{})
	if err != nil {
		c.failExpr(text, start, err)
		v = expr.Unresolved(expr.StringType)
	}
	s.names[name] = v
	if slices.ContainsFunc(x.Names(), s.isHostOnly) {
		s.hostOnly[name] = true
	}
	return b, err == nil
}
