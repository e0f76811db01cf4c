package autoscale

import "unicode/utf8"

// Formula is a formula that is right as far as this can be known without samples. It never changes and may be evaluated at
// any number of places at once.
type Formula struct {
	src        source
	statements []statement
	names      []string // of the user's variables, by slot, without $
	warnings   Errors
}

// Parse reads and checks a formula. An error is Errors, in the formula's order, ten at most.
func Parse(text string) (*Formula, error) {
	src := source(text)
	if n := utf8.RuneCountInString(text); n > MaxCharacters {
		return nil, Errors{src.errorAt(placeOf(text, MaxCharacters), "", "a formula has at most %d characters, this one has %d", MaxCharacters, n)}
	}
	statements, errs := parse(src)
	if len(errs) > 0 {
		return nil, errs
	}
	c := &checker{src: src, words: vocabulary(), slots: map[string]int{}}
	c.check(statements)
	if len(c.errors) > 0 {
		return nil, c.errors[:min(len(c.errors), maxReports)]
	}
	f := &Formula{src: src, statements: statements, names: c.names, warnings: c.warnings}
	if !f.assignsTarget() {
		f.warnings = append(f.warnings, src.errorAt(position{1, 1}, "assign $TargetDedicatedNodes or $TargetLowPriorityNodes", "the formula assigns no target"))
	}
	return f, nil
}

// Warnings are what is allowed but probably not meant: a misspelt target, a variable without samples, no target at all.
func (f *Formula) Warnings() Errors { return f.warnings }

// String returns the formula's text.
func (f *Formula) String() string { return string(f.src) }

func (f *Formula) assignsTarget() bool {
	for _, s := range f.statements {
		if s.target != nil && s.target.Name != deallocation {
			return true
		}
	}
	return false
}

// placeOf returns the position of a text's nth character, counted from 0.
func placeOf(text string, n int) position {
	at := position{1, 1}
	for _, r := range text {
		if n == 0 {
			return at
		}
		n--
		at.column++
		if r == '\n' {
			at = position{at.line + 1, 1}
		}
	}
	return at
}
