package openjd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// jsonLoader reads JSON token by token, counting lines as it goes.
type jsonLoader struct {
	s      *source
	d      *json.Decoder
	at     int // offset up to which line and column count
	line   int
	column int
}

var errTooDeep = fmt.Errorf("lists and mappings are nested more than %d deep", maxNesting)

func (s *source) loadJSON() *node {
	l := &jsonLoader{s: s, d: json.NewDecoder(strings.NewReader(s.text)), line: 1, column: 1}
	l.d.UseNumber()
	n, err := l.value(0)
	if err == nil {
		if _, err = l.token(); errors.Is(err, io.EOF) {
			return n
		}
		err = errors.New("there is more after the end of the document")
	}
	line, column := l.line, l.column
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		at := syntax.Offset // of the byte itself if a token is out of place, of the next one if a token is malformed
		if at != l.d.InputOffset() {
			at--
		}
		line, column = s.position(int(at))
	} else if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		line, column = s.position(len(s.text))
		err = errors.New("the document ends too early")
	}
	s.report(line, column, "", "", "JSON: %v", err)
	return nil
}

// token reads the next token and moves the position to its start.
func (l *jsonLoader) token() (json.Token, error) {
	start := int(l.d.InputOffset())
	for start < len(l.s.text) && strings.IndexByte(" \t\r\n,:", l.s.text[start]) >= 0 {
		start++
	}
	passed := l.s.text[l.at:start]
	if i := strings.LastIndexByte(passed, '\n'); i >= 0 {
		l.line += strings.Count(passed, "\n")
		l.column, passed = 1, passed[i+1:]
	}
	l.column += utf8.RuneCountInString(passed)
	l.at = start
	return l.d.Token()
}

func (l *jsonLoader) value(depth int) (*node, error) {
	t, err := l.token()
	if err != nil {
		return nil, err
	}
	return l.rest(t, depth)
}

// rest reads what follows a value's first token.
func (l *jsonLoader) rest(t json.Token, depth int) (*node, error) {
	if depth > maxNesting {
		return nil, errTooDeep
	}
	n := &node{line: l.line, column: l.column}
	switch t := t.(type) {
	case nil:
		n.kind = nullNode
	case bool:
		n.kind, n.text = boolNode, boolText(t)
	case string:
		n.kind, n.text = stringNode, t
	case json.Number:
		n.kind, n.text = intNode, t.String()
		if strings.ContainsAny(n.text, ".eE") {
			n.kind = floatNode
		}
	case json.Delim:
		var err error
		if t == '[' {
			n.kind = listNode
			err = l.list(n, depth)
		} else {
			n.kind = mapNode
			err = l.mapping(n, depth)
		}
		if err != nil {
			return nil, err
		}
	}
	return n.weigh(), nil
}

func (l *jsonLoader) list(n *node, depth int) error {
	for {
		t, err := l.token()
		if err != nil || t == json.Delim(']') {
			return err
		}
		item, err := l.rest(t, depth+1)
		if err != nil {
			return err
		}
		n.items = append(n.items, item)
	}
}

func (l *jsonLoader) mapping(n *node, depth int) error {
	for {
		t, err := l.token()
		if err != nil || t == json.Delim('}') {
			return err
		}
		key, ok := t.(string)
		if !ok {
			return errors.New("a key is not a string")
		}
		k := (&node{kind: stringNode, line: l.line, column: l.column, text: key}).weigh()
		value, err := l.value(depth + 1)
		if err != nil {
			return err
		}
		n.pairs = append(n.pairs, pair{k, value})
	}
}
