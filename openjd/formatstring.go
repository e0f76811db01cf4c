package openjd

import (
	"fmt"
	"strings"

	"github.com/spillway/spillway/openjd/expr"
)

// FormatString is a string with {{ Name.Of.Value }} interpolations (§7.3). The zero value is the empty string.
type FormatString struct {
	raw   string
	parts []part
}

// part is literal text or, if ref is set, a reference.
type part struct {
	text  string
	ref   bool
	width int        // zero-padded to this many characters; 0: as it is
	at    int        // byte offset in raw
	x     *expr.Expr // with the extension EXPR
	inner int        // offset of x behind at
}

// formatMode is what may stand between the braces.
type formatMode uint8

const (
	namesOnly   formatMode = iota
	padding                // names with a width
	expressions            // of the extension EXPR
)

// maxPad bounds the width of a padded reference.
const maxPad = 32

// ParseFormatString parses the grammar of §7.3. It does not know which names exist.
func ParseFormatString(s string) (FormatString, error) {
	f, _, err := parseFormat(s, namesOnly)
	return f, err
}

// ParsePattern parses a format string in which a reference may also be {{Name:04}}: an integer value, zero-padded to
// a width of 4. That is not part of Open Job Description and never accepted in templates.
func ParsePattern(s string) (FormatString, error) {
	f, _, err := parseFormat(s, padding)
	return f, err
}

// Literal returns a format string that is exactly s if s holds no "{{"; otherwise it panics. It is for constants.
func Literal(s string) FormatString {
	if strings.Contains(s, "{{") {
		panic("openjd: Literal of a string with an interpolation")
	}
	return plainText(s)
}

func plainText(s string) FormatString {
	if s == "" {
		return FormatString{}
	}
	return FormatString{raw: s, parts: []part{{text: s}}}
}

// reference returns the format string that is one name alone.
func (d *decoder) reference(name string) FormatString {
	mode := namesOnly
	if d.profile.extensions[Expr] {
		mode = expressions
	}
	f, _, err := parseFormat("{{"+name+"}}", mode)
	if err != nil { // the name is a constant of this package
		return plainText(name)
	}
	return f
}

// parseFormat returns the format string, or where it is wrong.
func parseFormat(s string, mode formatMode) (f FormatString, wrong int, err error) {
	f = FormatString{raw: s}
	for at := 0; at < len(s); {
		open := strings.Index(s[at:], "{{")
		if open < 0 {
			f.parts = append(f.parts, part{text: s[at:], at: at})
			break
		}
		if open > 0 {
			f.parts = append(f.parts, part{text: s[at : at+open], at: at})
		}
		at += open
		length := closing(s[at:], mode)
		if length < 0 {
			return FormatString{}, at, fmt.Errorf("%q is not closed by \"}}\"", clip(s[at:]))
		}
		ref, err := parseReference(s[at+2:at+length], mode)
		if err != nil {
			return FormatString{}, at + ref.inner, err
		}
		ref.at = at
		f.parts = append(f.parts, ref)
		at += length + 2
	}
	return f, 0, nil
}

// closing returns where the braces close. In expressions, they may stand within quotes.
func closing(s string, mode formatMode) int {
	first := strings.Index(s, "}}")
	if mode != expressions || first < 0 {
		return first
	}
	quote := byte(0)
	for i := 2; i < len(s); i++ {
		switch ch := s[i]; {
		case quote == 0 && strings.HasPrefix(s[i:], "}}"):
			return i
		case quote == 0 && (ch == '\'' || ch == '"'):
			quote = ch
		case quote != 0 && ch == '\\':
			i++
		case ch == quote:
			quote = 0
		}
	}
	return first
}

func parseReference(s string, mode formatMode) (part, error) {
	name := strings.TrimSpace(s)
	p := part{ref: true}
	if mode == expressions {
		p.inner = 2 + len(s) - len(strings.TrimLeft(s, " \t\r\n"))
		x, err := expr.Parse(name)
		if err != nil {
			return p, err
		}
		p.text, p.x = name, x
		return p, nil
	}
	if base, width, ok := strings.Cut(name, ":"); ok && mode == padding {
		name = strings.TrimSpace(base)
		var n uint64
		if n, ok = parseDigits(width); !ok || len(width) < 2 || width[0] != '0' || n == 0 || n > maxPad {
			return part{}, fmt.Errorf("%q is not a width such as 04 (at most %d)", clip(width), maxPad)
		}
		p.width = int(n)
	}
	if name == "" {
		return part{}, fmt.Errorf("%q holds no name", "{{"+clip(s)+"}}")
	}
	for id := range strings.SplitSeq(name, ".") {
		if !isIdentifier(id) {
			return part{}, fmt.Errorf("%q is not the dotted name of a value", clip(name))
		}
	}
	p.text = name
	return p, nil
}

// String returns the format string as written.
func (f FormatString) String() string { return f.raw }

// IsLiteral reports whether the format string refers to nothing.
func (f FormatString) IsLiteral() bool {
	for _, p := range f.parts {
		if p.ref {
			return false
		}
	}
	return true
}

// References returns the names that the format string refers to, in order, with repetitions.
func (f FormatString) References() []string {
	var out []string
	for _, p := range f.parts {
		switch {
		case p.x != nil:
			out = append(out, p.x.Names()...)
		case p.ref:
			out = append(out, p.text)
		}
	}
	return out
}

// whole reports whether the format string is one expression and nothing else: it is what the field holds then, not text.
func (f FormatString) whole() bool { return len(f.parts) == 1 && f.parts[0].x != nil }

// Resolve returns the string with every reference replaced by its value. A name that s lacks is an error.
func (f FormatString) Resolve(s *Symbols) (string, error) {
	v, err := f.value(s, stringTarget)
	return v.Text(), err
}

// ResolveList returns what an item of a list makes: one string, or with the extension EXPR none or several.
func (f FormatString) ResolveList(s *Symbols) ([]string, error) {
	v, err := f.value(s, listed(stringTarget))
	switch {
	case err != nil || v.IsNull():
		return nil, err
	case !v.Type().IsList():
		return []string{v.Text()}, nil
	}
	var out []string
	for _, item := range v.Items() {
		out = append(out, item.Text())
	}
	return out, nil
}

// resolveOptional is Resolve for a field that may be left out: ok is false if it is.
func (f FormatString) resolveOptional(s *Symbols, target expr.Target) (text string, ok bool, err error) {
	v, err := f.value(s, optional(target))
	return v.Text(), err == nil && !v.IsNull(), err
}

// value returns what the format string makes. The target counts for a whole expression; all else makes a string.
func (f FormatString) value(s *Symbols, target expr.Target) (expr.Value, error) {
	if f.whole() {
		v, err := f.parts[0].x.Eval(s.scope(), target)
		if err == nil && v.IsUnresolved() {
			err = fmt.Errorf("%s is not known before the worker host", f.raw)
		}
		return v, err
	}
	var b strings.Builder
	for _, p := range f.parts {
		text := p.text
		if p.ref {
			var err error
			if text, err = p.resolve(s); err != nil {
				return expr.Value{}, err
			}
		}
		b.WriteString(text)
	}
	return expr.String(b.String()), nil
}

// resolve returns a reference's text.
func (p part) resolve(s *Symbols) (string, error) {
	if p.x != nil {
		v, err := p.x.Eval(s.scope(), expr.Target{})
		if err == nil && v.IsUnresolved() {
			err = fmt.Errorf("%s is not known before the worker host", p.text)
		}
		return v.Text(), err
	}
	text, ok := s.Get(p.text)
	if !ok {
		return "", undefined(p.text, s.names())
	}
	if p.width > 0 {
		return pad(p.text, text, p.width)
	}
	return text, nil
}

func undefined(name string, known []string) error {
	if hint := didYouMean(name, known); hint != "" {
		return fmt.Errorf("%s has no value here: %s", name, hint)
	}
	return fmt.Errorf("%s has no value here", name)
}

// pad fills an integer with zeros after its sign.
func pad(name, value string, width int) (string, error) {
	n, ok := parseInt(value)
	if !ok {
		return "", fmt.Errorf("%s is %q, and only an integer can be padded", name, clip(value))
	}
	return fmt.Sprintf("%0*d", width, n), nil
}

// MarshalText returns the format string as written.
func (f FormatString) MarshalText() ([]byte, error) { return []byte(f.raw), nil }

// UnmarshalText parses a format string of §7.3.
func (f *FormatString) UnmarshalText(text []byte) error {
	parsed, err := ParseFormatString(string(text))
	if err == nil {
		*f = parsed
	}
	return err
}
