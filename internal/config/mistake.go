package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spillway/spillway/internal/fault"
)

// Mistake is one thing that is wrong in a file.
type Mistake struct {
	Path    string `json:"path"`
	Line    int    `json:"line"`   // 1, 2, …; 0: of the whole file
	Column  int    `json:"column"` // in characters, 1, 2, …
	Message string `json:"message"`
	Excerpt string `json:"excerpt,omitempty"` // the line and, below it, a caret
}

// String returns "path:line:column: message" and the excerpt.
func (m Mistake) String() string {
	if m.Line == 0 {
		return m.Path + ": " + m.Message
	}
	s := fmt.Sprintf("%s:%d:%d: %s", m.Path, m.Line, m.Column, m.Message)
	if m.Excerpt != "" {
		s += "\n" + m.Excerpt
	}
	return s
}

// Mistakes are all that is wrong in a file, in its order, ten at most.
type Mistakes []Mistake

const maxMistakes = 10

// Error returns the mistakes, one below the other.
func (ms Mistakes) Error() string {
	lines := make([]string, len(ms))
	for i, m := range ms {
		lines[i] = m.String()
	}
	return strings.Join(lines, "\n")
}

// MistakesOf returns the mistakes that Decode found, nil if err is something else.
func MistakesOf(err error) Mistakes {
	var ms Mistakes
	errors.As(err, &ms)
	return ms
}

// At places a Validator's error at one of the struct's keys. A place deeper down is an At in an At; items of a list have
// their number, from 0, as key.
func At(key string, err error) error {
	if err == nil {
		return nil
	}
	return &keyError{key: key, err: err}
}

type keyError struct {
	key string
	err error
}

func (e *keyError) Error() string { return e.key + ": " + e.err.Error() }
func (e *keyError) Unwrap() error { return e.err }

// source is a file's text, for excerpts.
type source struct {
	path  string
	lines []string
}

func newSource(path string, data []byte) source {
	text := strings.ToValidUTF8(string(data), "�")
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	return source{path: path, lines: strings.Split(text, "\n")}
}

// report puts mistakes in order; none is no error.
func (s source) report(ms Mistakes) error {
	if len(ms) == 0 {
		return nil
	}
	slices.SortStableFunc(ms, func(a, b Mistake) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return &fault.Error{Kind: fault.Invalid, Err: ms[:min(len(ms), maxMistakes)]}
}

// width of an excerpt's line, in characters; a longer one is cut around the caret.
const (
	excerptWidth  = 100
	excerptBefore = 60
)

// excerpt shows a line with a caret under the length characters from column on.
func (s source) excerpt(line, column, length int) string {
	if line < 1 || line > len(s.lines) {
		return ""
	}
	text := []rune(s.lines[line-1])
	at := min(max(column-1, 0), len(text))
	length = max(1, min(length, len(text)-at))
	if from := at - excerptBefore; len(text) > excerptWidth && from > 0 {
		text, at = append([]rune("…"), text[from:]...), at-from+1
	}
	if len(text) > excerptWidth {
		text = append(text[:excerptWidth:excerptWidth], '…')
		length = max(1, min(length, excerptWidth-at))
	}
	var pad strings.Builder
	for _, r := range text[:at] {
		if r == '\t' { // keeps the caret under its character whatever a tab is wide
			pad.WriteRune(r)
		} else {
			pad.WriteByte(' ')
		}
	}
	number := fmt.Sprintf("%4d", line)
	return fmt.Sprintf("%s | %s\n%s | %s%s", number, string(text), strings.Repeat(" ", utf8.RuneCountInString(number)), pad.String(), strings.Repeat("^", length))
}
