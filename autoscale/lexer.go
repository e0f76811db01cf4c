package autoscale

import (
	"strings"
	"unicode/utf8"
)

// lexer cuts a formula into tokens.
type lexer struct {
	src    source
	offset int
	at     position
	report func(*Error)
}

// next returns the next token. What is none is reported once and comes as broken.
func (l *lexer) next() token {
	l.skip()
	rest := string(l.src[l.offset:])
	if rest == "" {
		return token{kind: endOfFormula, at: l.at}
	}
	switch c := rest[0]; {
	case isLetter(c) || c == '$':
		return l.take(word, wordLength(rest))
	case isDigit(c) || c == '.' && len(rest) > 1 && isDigit(rest[1]):
		return l.take(numeral, numeralLength(rest))
	case c == '"':
		return l.text(rest)
	}
	if n := symbolLength(rest); n > 0 {
		return l.take(symbol, n)
	}
	return l.foreign(rest)
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

// skip passes white space and comments.
func (l *lexer) skip() {
	for {
		rest := string(l.src[l.offset:])
		switch {
		case rest == "":
			return
		case strings.HasPrefix(rest, "//"):
			end := strings.IndexByte(rest, '\n')
			if end < 0 {
				end = len(rest)
			}
			l.advance(end)
		case rest[0] == '\n':
			l.offset++
			l.at = position{l.at.line + 1, 1}
		case rest[0] == ' ' || rest[0] == '\t' || rest[0] == '\r':
			l.advance(1)
		default:
			return
		}
	}
}

// take makes a token of the next n bytes, in which there is no line end.
func (l *lexer) take(k kind, n int) token {
	t := token{kind: k, text: string(l.src[l.offset : l.offset+n]), at: l.at}
	l.advance(n)
	return t
}

// advance passes n bytes of the line.
func (l *lexer) advance(n int) {
	l.at.column += utf8.RuneCountInString(string(l.src[l.offset : l.offset+n]))
	l.offset += n
}

// text takes a string. It has no escapes and ends on its line.
func (l *lexer) text(rest string) token {
	end := strings.IndexAny(rest[1:], "\"\n")
	if end < 0 || rest[1+end] == '\n' {
		l.report(l.src.errorAt(l.at, "", "the string has no closing quotation mark"))
		if end < 0 {
			end = len(rest) - 1
		}
		return l.take(broken, 1+end)
	}
	t := l.take(quoted, end+2)
	t.text = t.text[1 : len(t.text)-1]
	return t
}

// wordLength returns how many bytes a name takes: letters, digits and _, after a $ perhaps.
func wordLength(s string) int {
	n := 1
	for n < len(s) && (isLetter(s[n]) || isDigit(s[n])) {
		n++
	}
	return n
}

// symbolLength returns how many bytes an operator or punctuation takes; 0 if there is none.
func symbolLength(s string) int {
	if len(s) > 1 {
		switch s[:2] {
		case "<=", ">=", "==", "!=", "&&", "||":
			return 2
		case "/*":
			return 0
		}
	}
	if strings.IndexByte("<>=!+-*/?:(),;.", s[0]) >= 0 {
		return 1
	}
	return 0
}

// numeralLength returns how many bytes a number takes: digits, a fraction, an exponent.
func numeralLength(s string) int {
	digits := func(i int) int {
		for i < len(s) && isDigit(s[i]) {
			i++
		}
		return i
	}
	n := digits(0)
	if n+1 < len(s) && s[n] == '.' && isDigit(s[n+1]) {
		n = digits(n + 1)
	}
	if n < len(s) && (s[n] == 'e' || s[n] == 'E') {
		exponent := n + 1
		if exponent < len(s) && (s[exponent] == '+' || s[exponent] == '-') {
			exponent++
		}
		if end := digits(exponent); end > exponent {
			n = end
		}
	}
	return n
}

// foreign takes a character that the language does not have.
func (l *lexer) foreign(rest string) token {
	hint := ""
	switch rest[0] {
	case '&':
		hint = "and is written &&"
	case '|':
		hint = "or is written ||"
	case '\'', '`':
		hint = `strings stand in double quotation marks`
	case '#', '/':
		hint = "comments start with // and end with the line"
	case '[', '{':
		hint = "vectors are made by vec(1, 2, 3), blocks there are none"
	case '%', '^':
		hint = "there are + - * / only"
	}
	r, n := utf8.DecodeRuneInString(rest)
	l.report(l.src.errorAt(l.at, hint, "Unexpected character %q", r))
	return l.take(broken, n)
}
