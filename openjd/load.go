package openjd

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// load reads a document into nodes. It returns nil if it reported an error that leaves nothing to look at.
func (s *source) load() *node {
	switch {
	case len(s.text) > maxSource:
		s.report(0, 0, "", "", "the document has %d bytes, at most %d are allowed", len(s.text), maxSource)
		s.text = ""
		return nil
	case !utf8.ValidString(s.text):
		line, column := s.position(invalidAt(s.text))
		s.report(line, column, "", "", "the document is not UTF-8")
		return nil
	}
	s.text = strings.TrimPrefix(s.text, "\ufeff")
	if strings.TrimSpace(s.text) == "" {
		s.report(1, 1, "", "", "the document is empty")
		return nil
	}
	if strings.HasPrefix(strings.TrimLeft(s.text, " \t\r\n"), "{") {
		if strings.HasSuffix(s.name, ".json") || json.Valid([]byte(s.text)) {
			return s.loadJSON()
		}
	}
	return s.loadYAML()
}

func invalidAt(s string) int {
	for i, r := range s {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(s[i:]); size == 1 {
				return i
			}
		}
	}
	return len(s)
}
