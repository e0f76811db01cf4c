package openjd

import (
	"fmt"
	"strings"
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
	width int // zero-padded to this many characters; 0: as it is
	at    int // byte offset in raw
}

// maxPad bounds the width of a padded reference.
const maxPad = 32

// ParseFormatString parses the grammar of §7.3. It does not know which names exist.
func ParseFormatString(s string) (FormatString, error) { return parseFormat(s, false) }

// ParsePattern parses a format string in which a reference may also be {{Name:04}}: an integer value, zero-padded to
// a width of 4. That is not part of Open Job Description and never accepted in templates.
func ParsePattern(s string) (FormatString, error) { return parseFormat(s, true) }

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
func reference(name string) FormatString {
	return FormatString{raw: "{{" + name + "}}", parts: []part{{text: name, ref: true}}}
}

func parseFormat(s string, padding bool) (FormatString, error) {
	f := FormatString{raw: s}
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
		length := strings.Index(s[at:], "}}")
		if length < 0 {
			return FormatString{}, fmt.Errorf("%q is not closed by \"}}\"", clip(s[at:]))
		}
		ref, err := parseReference(s[at+2:at+length], padding)
		if err != nil {
			return FormatString{}, err
		}
		ref.at = at
		f.parts = append(f.parts, ref)
		at += length + 2
	}
	return f, nil
}

func parseReference(s string, padding bool) (part, error) {
	name := strings.TrimSpace(s)
	p := part{ref: true}
	if base, width, ok := strings.Cut(name, ":"); ok && padding {
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
		if p.ref {
			out = append(out, p.text)
		}
	}
	return out
}

// Resolve returns the string with every reference replaced by its value. A name that s lacks is an error.
func (f FormatString) Resolve(s *Symbols) (string, error) {
	var b strings.Builder
	for _, p := range f.parts {
		if !p.ref {
			b.WriteString(p.text)
			continue
		}
		value, ok := s.Get(p.text)
		if !ok {
			return "", undefined(p.text, s.names())
		}
		if p.width > 0 {
			var err error
			if value, err = pad(p.text, value, p.width); err != nil {
				return "", err
			}
		}
		b.WriteString(value)
	}
	return b.String(), nil
}

// resolveOptional is Resolve for a field that may be left out: ok is false if it is.
func (f FormatString) resolveOptional(s *Symbols) (text string, ok bool, err error) {
	text, err = f.Resolve(s)
	return text, err == nil, err
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
