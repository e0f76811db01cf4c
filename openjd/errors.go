package openjd

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Error is one thing that is wrong with a document, and where.
type Error struct {
	File    string // the name given to the parser; empty where there is no document
	Line    int    // from 1; 0: no position
	Column  int    // from 1, in characters
	Path    string // such as steps[0].script.actions.onRun.command; empty: the whole document
	Message string // what is wrong, without the place
	Hint    string // what to do about it, such as `did you mean "onRun"?`; may be empty
	Source  string // the source line, without its end
}

// Error returns the place, the message and the hint on one line.
func (e Error) Error() string {
	var b strings.Builder
	if e.Line > 0 {
		fmt.Fprintf(&b, "%s:%d:%d: ", orDefault(e.File, "template"), e.Line, e.Column)
	}
	if e.Path != "" {
		b.WriteString(e.Path + ": ")
	}
	b.WriteString(e.Message)
	if e.Hint != "" {
		b.WriteString(" (" + e.Hint + ")")
	}
	return b.String()
}

// Excerpt returns the source line with a caret under the column, or "" if the error has no position. It has no final
// newline. Long lines are cut around the column.
func (e Error) Excerpt() string {
	if e.Line <= 0 || e.Source == "" {
		return ""
	}
	const before, width = 60, 100
	runes := []rune(e.Source)
	caret := min(max(e.Column-1, 0), len(runes))
	if caret > before && len(runes) > width {
		cut := caret - before
		runes, caret = runes[cut:], before
	}
	if len(runes) > width {
		runes = runes[:width]
	}
	for i, r := range runes {
		if r == '\t' || r < ' ' || r == utf8.RuneError {
			runes[i] = ' '
		}
	}
	number := fmt.Sprintf("%4d | ", e.Line)
	return number + string(runes) + "\n" + strings.Repeat(" ", len(number)-2) + "| " + strings.Repeat(" ", caret) + "^"
}

// Errors are all that is wrong with a document, in document order. It is never empty where it is returned as an error.
type Errors []Error

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
		b.WriteString(e.Error() + "\n")
		if x := e.Excerpt(); x != "" {
			b.WriteString(x + "\n")
		}
	}
	return b.String()
}

// err returns the errors as an error, nil if there are none.
func (es Errors) err() error {
	if len(es) == 0 {
		return nil
	}
	return es
}

func orDefault(s, d string) string {
	if s == "" {
		return d
	}
	return s
}
