package expr

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

type tokenKind uint8

const (
	endToken tokenKind = iota
	nameToken
	intToken
	floatToken
	stringToken
	symbolToken
)

// token is one word of an expression. text is a name, a number without underscores, a string's value or a symbol.
type token struct {
	kind tokenKind
	text string
	at   int
}

// lexer cuts an expression into tokens; every white space separates them (§1.1.7).
type lexer struct {
	src string
	at  int
}

func (l *lexer) next() (token, *Error) {
	for l.at < len(l.src) && strings.IndexByte(" \t\r\n", l.src[l.at]) >= 0 {
		l.at++
	}
	if l.at == len(l.src) {
		return token{kind: endToken, at: l.at}, nil
	}
	start, c := l.at, l.src[l.at]
	switch {
	case isNameByte(c) && !isDigit(c):
		for l.at < len(l.src) && isNameByte(l.src[l.at]) {
			l.at++
		}
		word := l.src[start:l.at]
		if (word == "r" || word == "R") && l.at < len(l.src) && isQuote(l.src[l.at]) {
			return l.quoted(start, true)
		}
		return token{nameToken, word, start}, nil
	case isDigit(c) || c == '.' && l.at+1 < len(l.src) && isDigit(l.src[l.at+1]):
		return l.number()
	case isQuote(c):
		return l.quoted(start, false)
	}
	for _, symbol := range []string{"**", "//", "<=", ">=", "==", "!="} {
		if strings.HasPrefix(l.src[l.at:], symbol) {
			l.at += len(symbol)
			return token{symbolToken, symbol, start}, nil
		}
	}
	if strings.IndexByte("+-*/%<>()[],.:", c) >= 0 {
		l.at++
		return token{symbolToken, string(c), start}, nil
	}
	r, _ := utf8.DecodeRuneInString(l.src[l.at:])
	return token{}, failAt(start, "unexpected %q", r)
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isQuote(c byte) bool { return c == '\'' || c == '"' }
func isNameByte(c byte) bool {
	return c == '_' || isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// number reads a number (§1.1.6).
func (l *lexer) number() (token, *Error) {
	start := l.at
	if l.src[l.at] == '0' && l.at+1 < len(l.src) {
		if base := map[byte]int{'x': 16, 'o': 8, 'b': 2}[l.src[l.at+1]|0x20]; base != 0 {
			return l.based(start, base)
		}
	}
	kind := intToken
	whole := l.digits()
	if l.peek() == '.' {
		kind = floatToken
		l.at++
		if isDigit(l.peek()) {
			l.digits()
		}
	}
	if e := l.peek() | 0x20; e == 'e' {
		back := l.at
		l.at++
		if l.peek() == '+' || l.peek() == '-' {
			l.at++
		}
		if isDigit(l.peek()) {
			kind = floatToken
			l.digits()
		} else {
			l.at = back
		}
	}
	text := l.src[start:l.at]
	if isNameByte(l.peek()) || strings.Contains(text, "__") || strings.Contains(text, "_.") || strings.Contains(text, "_e") || strings.Contains(text, "_E") {
		return token{}, failAt(start, "%q is not a number", clip(l.src[start:min(len(l.src), l.at+1)]))
	}
	text = strings.ReplaceAll(text, "_", "")
	if kind == intToken && len(whole) > 1 && whole[0] == '0' && strings.Trim(whole, "0_") != "" {
		e := failAt(start, "an integer must not start with 0")
		e.Hint = "octal numbers are written 0o17"
		return token{}, e
	}
	return token{kind, text, start}, nil
}

func (l *lexer) peek() byte {
	if l.at < len(l.src) {
		return l.src[l.at]
	}
	return 0
}

// digits reads digits with underscores between them.
func (l *lexer) digits() string {
	start := l.at
	for isDigit(l.peek()) || l.peek() == '_' && l.at > start && l.at+1 < len(l.src) && isDigit(l.src[l.at+1]) {
		l.at++
	}
	return l.src[start:l.at]
}

// based reads what follows 0x, 0o and 0b.
func (l *lexer) based(start, base int) (token, *Error) {
	l.at += 2
	from := l.at
	for isNameByte(l.peek()) {
		l.at++
	}
	text := l.src[from:l.at]
	digits := strings.TrimPrefix(text, "_")
	if strings.Contains(digits, "__") || strings.HasSuffix(digits, "_") {
		return token{}, failAt(start, "%q is not a number", clip(l.src[start:l.at]))
	}
	n, err := strconv.ParseUint(strings.ReplaceAll(digits, "_", ""), base, 64)
	if err != nil {
		return token{}, failAt(start, "%q is not an integer of 64 bits", clip(l.src[start:l.at]))
	}
	return token{intToken, strconv.FormatUint(n, 10), start}, nil
}

// quoted reads a string literal (§1.1.5).
func (l *lexer) quoted(start int, raw bool) (token, *Error) {
	quote := l.src[l.at : l.at+1]
	if strings.HasPrefix(l.src[l.at:], strings.Repeat(quote, 3)) {
		quote = strings.Repeat(quote, 3)
	}
	l.at += len(quote)
	var out strings.Builder
	for {
		switch {
		case l.at >= len(l.src):
			return token{}, failAt(start, "the string is not closed by %s", quote)
		case strings.HasPrefix(l.src[l.at:], quote):
			l.at += len(quote)
			return token{stringToken, out.String(), start}, nil
		case l.src[l.at] == '\n' && len(quote) == 1:
			return token{}, failAt(start, "the string is not closed by %s on its line", quote)
		case l.src[l.at] != '\\':
			out.WriteByte(l.src[l.at])
			l.at++
		case raw:
			out.WriteString(l.src[l.at:min(len(l.src), l.at+2)])
			l.at += 2
		default:
			if err := l.escape(&out); err != nil {
				return token{}, err
			}
		}
	}
}

// escape reads a backslash and what it stands for. As in Python, an unknown escape is itself.
func (l *lexer) escape(out *strings.Builder) *Error {
	start := l.at
	l.at++
	c := l.peek()
	l.at++
	if simple := strings.IndexByte(`\'"nrtabfv`, c); simple >= 0 {
		out.WriteByte("\\'\"\n\r\t\a\b\f\v"[simple])
		return nil
	}
	switch c {
	case '\n':
		return nil
	case 'x', 'u', 'U':
		width := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
		end := min(len(l.src), l.at+width)
		n, err := strconv.ParseUint(l.src[l.at:end], 16, 32)
		if err != nil || end-l.at < width || !utf8.ValidRune(rune(n)) {
			return failAt(start, "%q is not a character", clip(l.src[start:end]))
		}
		l.at = end
		out.WriteRune(rune(n))
		return nil
	case 'N':
		e := failAt(start, `characters cannot be written by their names`)
		e.Hint = `write \uhhhh`
		return e
	}
	if c >= '0' && c <= '7' {
		end := l.at
		for end < len(l.src) && end < l.at+2 && l.src[end] >= '0' && l.src[end] <= '7' {
			end++
		}
		n, err := strconv.ParseUint(l.src[l.at-1:end], 8, 16)
		if err != nil {
			return failAt(start, "%q is not a character", clip(l.src[start:end]))
		}
		l.at = end
		out.WriteRune(rune(n))
		return nil
	}
	out.WriteString(l.src[start:min(len(l.src), l.at)])
	return nil
}
