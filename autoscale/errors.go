package autoscale

import (
	"fmt"
	"strings"
)

// Error is one thing that is wrong with a formula, and where.
type Error struct {
	Line    int    // from 1
	Column  int    // from 1, in characters
	Message string // what is wrong, such as "Undefined symbol: $x"
	Hint    string // what to do about it; may be empty
	Source  string // the formula's line
}

// Error returns the place and the message as the service writes them, and the hint.
func (e *Error) Error() string {
	s := e.azure()
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

// azure returns the text that the service puts into an error's values.
func (e *Error) azure() string {
	return fmt.Sprintf("Line %d, Col %d: %s", e.Line, e.Column, e.Message)
}

// Excerpt returns the formula's line with a caret under the column. A long line is cut around it. There is no final
// newline.
func (e *Error) Excerpt() string {
	const before, width = 60, 100
	runes := []rune(e.Source)
	caret := min(max(e.Column-1, 0), len(runes))
	if caret > before && len(runes) > width {
		runes, caret = runes[caret-before:], before
	}
	runes = runes[:min(len(runes), width)]
	for i, r := range runes {
		if r < ' ' {
			runes[i] = ' '
		}
	}
	number := fmt.Sprintf("%4d | ", e.Line)
	return number + string(runes) + "\n" + strings.Repeat(" ", len(number)-2) + "| " + strings.Repeat(" ", caret) + "^"
}

// Errors are what is wrong with a formula, in its order, ten at most. It is never empty where it is returned as an error.
type Errors []*Error

// Error returns every error on a line of its own.
func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap makes each error reachable for errors.As.
func (es Errors) Unwrap() []error {
	out := make([]error, len(es))
	for i, e := range es {
		out[i] = e
	}
	return out
}

// Report returns every error with its excerpt, as a terminal should show them, ending in a newline.
func (es Errors) Report() string {
	var b strings.Builder
	for _, e := range es {
		b.WriteString(e.Error() + "\n" + e.Excerpt() + "\n")
	}
	return b.String()
}

// position is a place in a formula: line and column from 1, the column in characters.
type position struct{ line, column int }

// source is a formula's text.
type source string

// errorAt makes an error at a place.
func (s source) errorAt(at position, hint, format string, args ...any) *Error {
	return &Error{Line: at.line, Column: at.column, Message: fmt.Sprintf(format, args...), Hint: hint, Source: s.line(at.line)}
}

// line returns a line without its end.
func (s source) line(n int) string {
	rest := string(s)
	for ; n > 1; n-- {
		_, rest, _ = strings.Cut(rest, "\n")
	}
	text, _, _ := strings.Cut(rest, "\n")
	return strings.ToValidUTF8(strings.TrimSuffix(text, "\r"), "�")
}
