package expr

import (
	"fmt"
	"regexp"
	"strings"
)

// patterns are the functions of regular expressions (§2.2.5).
func (b builder) patterns() {
	b.matching("re_match", true)
	b.matching("re_search", false)
	b.addTyped("re_findall(string, string) list[string]", nil, findAll)
	b.add("re_sub(string, string, string) string", func(c *frame, a []Value) (Value, *Error) {
		re, err := c.compile(a[0].text, a[1].text)
		if err != nil {
			return Value{}, err
		}
		if groupReference.MatchString(a[2].text) {
			return c.fail("the replacement %q refers to a group; it is literal text", clip(a[2].text))
		}
		n := int64(len(re.FindAllStringIndex(a[0].text, -1)))
		if err := c.room(c.at, times(n, int64(len(a[2].text)))); err != nil {
			return Value{}, err
		}
		return c.text(re.ReplaceAllLiteralString(a[0].text, a[2].text))
	})
	b.add("re_escape(string) string", func(c *frame, a []Value) (Value, *Error) { return c.text(regexp.QuoteMeta(a[0].text)) })
	b.add("re_split(string, string) list[string]", func(c *frame, a []Value) (Value, *Error) {
		return c.splitPattern(a[0].text, a[1].text, 0)
	})
	b.add("re_split(string, string, int) list[string]", func(c *frame, a []Value) (Value, *Error) {
		return c.splitPattern(a[0].text, a[1].text, a[2].num)
	})
}

// groupReference is what would name a group in a replacement elsewhere.
var groupReference = regexp.MustCompile(`\\[0-9]|\\g<|\$[0-9]|\$\{`)

func (b builder) matching(name string, atStart bool) {
	b.add(name+"(string, string) list[string]?", func(c *frame, a []Value) (Value, *Error) {
		pattern := a[1].text
		if atStart && pattern != "" {
			pattern = "^(?:" + pattern + ")"
		}
		re, err := c.compile(a[0].text, pattern)
		if err != nil {
			return Value{}, err
		}
		m := re.FindStringSubmatch(a[0].text)
		if m == nil {
			return Null(), nil
		}
		return c.texts(m, len(a[0].text))
	})
}

// findAll returns whole matches, or the group, or lists of groups.
func findAll(c *frame, a []Value) (Value, *Error) {
	re, err := c.compile(a[0].text, a[1].text)
	if err != nil {
		return Value{}, err
	}
	matches := re.FindAllStringSubmatch(a[0].text, -1)
	if re.NumSubexp() <= 1 {
		list := make([]string, len(matches))
		for i, m := range matches {
			list[i] = m[len(m)-1]
		}
		return c.texts(list, len(a[0].text))
	}
	var out []Value
	for _, m := range matches {
		groups, err := c.texts(m[1:], 0)
		if err != nil {
			return Value{}, err
		}
		out = append(out, groups)
	}
	return List(ListOf(ListOf(StringType)), out), c.spend(c.at, int64(len(out)))
}

func (c *frame) splitPattern(s, pattern string, most int64) (Value, *Error) {
	re, err := c.compile(s, pattern)
	if err != nil {
		return Value{}, err
	}
	n := -1
	if most > 0 && most < int64(len(s)) {
		n = int(most)
	}
	if most < 0 {
		return c.texts([]string{s}, len(s))
	}
	var out []string
	last := 0
	for _, m := range re.FindAllStringSubmatchIndex(s, n) {
		out = append(out, s[last:m[0]])
		for g := 2; g < len(m); g += 2 { // as Python does, groups stand between the parts
			group := ""
			if m[g] >= 0 {
				group = s[m[g]:m[g+1]]
			}
			out = append(out, group)
		}
		last = m[1]
	}
	return c.texts(append(out, s[last:]), len(s))
}

// compile checks and compiles a pattern, and counts what matching it against a text costs.
func (c *frame) compile(s, pattern string) (*regexp.Regexp, *Error) {
	if pattern == "" {
		return nil, failAt(c.at, "the regular expression is empty")
	}
	if err := c.spend(c.at, int64(len(s)+255)/256*(1+int64(len(pattern))/64)+int64(len(pattern))); err != nil {
		return nil, err
	}
	translated, problem := translate(pattern)
	if problem != "" {
		return nil, failAt(c.at, "the regular expression %q %s", clip(pattern), problem)
	}
	re, err := regexp.Compile(translated)
	if err != nil {
		return nil, failAt(c.at, "%q is not a regular expression: %s", clip(pattern), strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	return re, nil
}

// classes are the classes by letter, inside of brackets. They are Unicode's.
var classes = map[byte]string{'d': `\p{Nd}`, 'w': `\p{L}\p{M}\p{N}_`, 's': `\s\v\x{1c}-\x{1f}\x{85}\p{Z}`}

// translate spells a pattern of the common syntax for Go's package. What only one of Python and Rust has is refused.
func translate(pattern string) (string, string) {
	var out strings.Builder
	inClass := false
	for i := 0; i < len(pattern); i++ {
		ch := pattern[i]
		switch {
		case ch == '[' && !inClass:
			inClass = true
			out.WriteByte(ch)
			if i+1 < len(pattern) && pattern[i+1] == '^' {
				i++
				out.WriteByte('^')
			}
			if i+1 < len(pattern) && pattern[i+1] == ']' {
				i++
				out.WriteString(`\]`)
			}
		case ch == '[':
			out.WriteString(`\[`)
		case ch == ']' && inClass:
			inClass = false
			out.WriteByte(ch)
		case ch == '\\' && i+1 < len(pattern):
			n, problem := translateEscape(&out, pattern[i:], inClass)
			if problem != "" {
				return "", problem
			}
			i += n - 1
		case strings.HasPrefix(pattern[i:], "(?") && !inClass && lookaround(pattern[i+2:]):
			return "", "looks around or refers to a group, which is not supported"
		default:
			out.WriteByte(ch)
		}
	}
	return out.String(), ""
}

func lookaround(rest string) bool {
	for _, start := range []string{"=", "!", "<=", "<!", "(", "P=", ">"} {
		if strings.HasPrefix(rest, start) {
			return true
		}
	}
	return false
}

// translateEscape writes what an escape at the start of rest means and returns its length.
func translateEscape(out *strings.Builder, rest string, inClass bool) (int, string) {
	ch := rest[1]
	lower := ch | 0x20
	if class, ok := classes[lower]; ok {
		switch {
		case ch == lower && inClass:
			out.WriteString(class)
		case ch == lower:
			out.WriteString("[" + class + "]")
		case inClass && ch == 'D':
			out.WriteString(`\P{Nd}`)
		case inClass:
			return 0, fmt.Sprintf(`holds \%c within brackets, which is not supported`, ch)
		default:
			out.WriteString("[^" + class + "]")
		}
		return 2, ""
	}
	switch {
	case ch >= '1' && ch <= '9':
		return 0, "refers back to a group, which is not supported"
	case ch == 'x' || ch == 'u' || ch == 'U':
		width := map[byte]int{'x': 2, 'u': 4, 'U': 8}[ch]
		if len(rest) < 2+width || strings.Trim(rest[2:2+width], "0123456789abcdefABCDEF") != "" {
			return 0, fmt.Sprintf(`needs %d hexadecimal digits after \%c`, width, ch)
		}
		out.WriteString(`\x{` + rest[2:2+width] + `}`)
		return 2 + width, ""
	case strings.IndexByte("bBnrtfvaA", ch) >= 0:
		out.WriteString(rest[:2])
		return 2, ""
	case isNameByte(ch):
		return 0, fmt.Sprintf(`holds \%c, which is not supported`, ch)
	}
	out.WriteString(rest[:2])
	return 2, ""
}
