package openjd

import (
	"errors"
	"fmt"
	"strings"
)

// combination is a parsed <CombinationExpr> (§3.4.3): a parameter's name, or a product or association of others.
type combination struct {
	name        string
	associative bool
	parts       []combination
}

// parseCombination parses the expression. It does not know which parameters exist.
func parseCombination(s string) (combination, error) {
	p := combinationParser{text: s}
	c, err := p.product(0)
	if err == nil && p.peek() != 0 {
		err = p.unexpected()
	}
	return c, err
}

type combinationParser struct {
	text string
	at   int
}

// peek returns the next byte that is no space, 0 at the end.
func (p *combinationParser) peek() byte {
	for p.at < len(p.text) && strings.IndexByte(" \t", p.text[p.at]) >= 0 {
		p.at++
	}
	if p.at == len(p.text) {
		return 0
	}
	return p.text[p.at]
}

func (p *combinationParser) unexpected() error {
	if p.peek() == 0 {
		return errors.New("the combination ends where a parameter or \")\" is expected")
	}
	return fmt.Errorf("unexpected %q at character %d of the combination", clip(p.text[p.at:]), p.at+1)
}

func (p *combinationParser) product(depth int) (combination, error) {
	var parts []combination
	for {
		part, err := p.element(depth)
		if err != nil {
			return combination{}, err
		}
		parts = append(parts, part)
		if p.peek() != '*' {
			break
		}
		p.at++
	}
	if len(parts) == 1 {
		return parts[0], nil
	}
	return combination{parts: parts}, nil
}

func (p *combinationParser) element(depth int) (combination, error) {
	if depth > maxNesting {
		return combination{}, errors.New("the combination is nested too deeply")
	}
	if p.peek() == '(' {
		return p.association(depth)
	}
	start := p.at
	for p.at < len(p.text) && isIdentifier("_"+p.text[p.at:p.at+1]) {
		p.at++
	}
	name := p.text[start:p.at]
	if !isIdentifier(name) {
		p.at = start
		return combination{}, p.unexpected()
	}
	return combination{name: name}, nil
}

func (p *combinationParser) association(depth int) (combination, error) {
	out := combination{associative: true}
	for {
		p.at++ // "(" or ","
		part, err := p.product(depth + 1)
		if err != nil {
			return combination{}, err
		}
		out.parts = append(out.parts, part)
		switch p.peek() {
		case ',':
		case ')':
			p.at++
			return out, nil
		default:
			return combination{}, p.unexpected()
		}
	}
}

// walk calls f for every parameter name, in order.
func (c combination) walk(f func(string)) {
	if c.name != "" {
		f(c.name)
	}
	for _, part := range c.parts {
		part.walk(f)
	}
}

// associated appends the names that stand within an association of several parts.
func (c combination) associated(names []string) []string {
	if c.associative && len(c.parts) > 1 {
		c.walk(func(name string) { names = append(names, name) })
		return names
	}
	for _, part := range c.parts {
		names = part.associated(names)
	}
	return names
}

// parse returns the space's combination, which defaults to the product of all parameters in order.
func (s *ParameterSpace) parse() (combination, error) {
	if s.Combination != "" {
		return parseCombination(s.Combination)
	}
	var c combination
	for _, p := range s.Parameters {
		c.parts = append(c.parts, combination{name: p.Name})
	}
	return c, nil
}
