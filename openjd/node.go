package openjd

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// node is a value of a document with its position, the same for YAML and JSON.
type node struct {
	kind   nodeKind
	line   int    // from 1
	column int    // from 1, in characters
	text   string // of a scalar: its value; of a number: as it was written
	items  []*node
	pairs  []pair
	size   int // nodes below and here, long texts counting as several
}

// pair is one key of a mapping and its value.
type pair struct {
	key   *node // a string
	value *node
}

type nodeKind uint8

const (
	nullNode nodeKind = iota
	boolNode
	intNode
	floatNode
	stringNode
	listNode
	mapNode
)

// String names the kind with its article, for messages.
func (k nodeKind) String() string {
	return [...]string{"null", "a boolean", "an integer", "a number", "a string", "a list", "a mapping"}[k]
}

// weigh sets the node's size from its parts.
func (n *node) weigh() *node {
	const textUnit = 64
	n.size = 1 + len(n.text)/textUnit
	for _, item := range n.items {
		n.size += item.size
	}
	for _, p := range n.pairs {
		n.size += p.key.size + p.value.size
	}
	return n
}

// source is a document's text, to report places in it.
type source struct {
	name  string
	text  string
	errs  Errors
	extra int // errors that were found beyond maxErrors
}

// report adds an error at a position.
func (s *source) report(line, column int, path, hint, format string, args ...any) {
	if len(s.errs) >= maxErrors {
		s.extra++
		return
	}
	s.errs = append(s.errs, Error{
		File: s.name, Line: line, Column: column, Path: path,
		Message: fmt.Sprintf(format, args...), Hint: hint, Source: s.line(line),
	})
}

// line returns a line without its end.
func (s *source) line(number int) string {
	rest := s.text
	for range number - 1 {
		_, after, ok := strings.Cut(rest, "\n")
		if !ok {
			return ""
		}
		rest = after
	}
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSuffix(line, "\r")
}

// placeOf finds where an offset of a scalar's text stands in the source: the line of the text is looked for from the
// scalar's own place on. ok is false if it is written otherwise there, with escapes or folded.
func (s *source) placeOf(n *node, text string, offset int) (line, column int, ok bool) {
	start := strings.LastIndexByte(text[:offset], '\n') + 1
	end := len(text)
	if at := strings.IndexByte(text[start:], '\n'); at >= 0 {
		end = start + at
	}
	want := text[start:end]
	if strings.TrimSpace(want) == "" || n.line <= 0 {
		return 0, 0, false
	}
	for i := range 1 + strings.Count(text, "\n") + 1 {
		source := s.line(n.line + i)
		from := 0
		if i == 0 {
			from = len(string([]rune(source)[:min(len([]rune(source)), n.column-1)]))
		}
		if at := strings.Index(source[from:], want); at >= 0 {
			return n.line + i, 1 + utf8.RuneCountInString(source[:from+at+offset-start]), true
		}
	}
	return 0, 0, false
}

// position returns the line and column of a byte offset.
func (s *source) position(offset int) (line, column int) {
	before := s.text[:min(max(offset, 0), len(s.text))]
	start := strings.LastIndexByte(before, '\n') + 1
	return 1 + strings.Count(before, "\n"), 1 + utf8.RuneCountInString(before[start:])
}
