package expr

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// strings are the string functions (§2.2.4).
func (b builder) strings() {
	b.mapping("upper", strings.ToUpper)
	b.mapping("lower", strings.ToLower)
	b.mapping("capitalize", capitalize)
	b.mapping("title", title)
	b.trimming("strip", strings.Trim, strings.TrimSpace)
	b.trimming("lstrip", strings.TrimLeft, func(s string) string { return strings.TrimLeftFunc(s, unicode.IsSpace) })
	b.trimming("rstrip", strings.TrimRight, func(s string) string { return strings.TrimRightFunc(s, unicode.IsSpace) })
	b.pair("removeprefix", "string", func(s, t string) Value { return String(strings.TrimPrefix(s, t)) })
	b.pair("removesuffix", "string", func(s, t string) Value { return String(strings.TrimSuffix(s, t)) })
	b.pair("startswith", "bool", func(s, t string) Value { return Bool(strings.HasPrefix(s, t)) })
	b.pair("endswith", "bool", func(s, t string) Value { return Bool(strings.HasSuffix(s, t)) })

	b.testing("isdigit", unicode.IsDigit)
	b.testing("isalpha", unicode.IsLetter)
	b.testing("isalnum", func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) })
	b.testing("isspace", unicode.IsSpace)
	b.cased("isupper", unicode.IsUpper, unicode.IsLower)
	b.cased("islower", unicode.IsLower, unicode.IsUpper)
	b.add("isascii(string) bool", func(c *frame, a []Value) (Value, *Error) {
		foreign := func(r rune) bool { return r > unicode.MaxASCII }
		return Bool(!strings.ContainsFunc(a[0].text, foreign)), c.chars(len(a[0].text))
	})

	b.searching("count", func(s, sub string) (int, bool) { return strings.Count(s, sub), true })
	b.searching("find", func(s, sub string) (int, bool) { return runeIndex(s, strings.Index(s, sub)), true })
	b.searching("rfind", func(s, sub string) (int, bool) { return runeIndex(s, strings.LastIndex(s, sub)), true })
	b.searching("index", func(s, sub string) (int, bool) { return runeIndex(s, strings.Index(s, sub)), strings.Contains(s, sub) })
	b.searching("rindex", func(s, sub string) (int, bool) {
		return runeIndex(s, strings.LastIndex(s, sub)), strings.Contains(s, sub)
	})
	b.add("replace(string, string, string) string", replace)

	whole := func(c *frame, a []Value) (Value, *Error) { return c.texts(strings.Fields(a[0].text), len(a[0].text)) }
	b.add("split(string) list[string]", whole)
	b.add("rsplit(string) list[string]", whole)
	b.splitting("split", strings.SplitN)
	b.splitting("rsplit", splitRight)
	join := func(c *frame, a []Value) (Value, *Error) { return c.join(a[0].list, a[1].text) }
	b.add("join(list[string], string) string", join)
	b.add("join(list[path], string) string", join)

	b.padding("ljust", func(_, missing int64) (left, right int64) { return 0, missing })
	b.padding("rjust", func(_, missing int64) (left, right int64) { return missing, 0 })
	b.padding("center", func(width, missing int64) (left, right int64) { // as Python does it
		left = missing/2 + (missing & width & 1)
		return left, missing - left
	})
	for _, t := range []string{"string", "int", "float"} {
		b.add("zfill("+t+", int) string", func(c *frame, a []Value) (Value, *Error) { return c.zfill(a[0].Text(), a[1].num) })
	}
}

func (b builder) mapping(name string, f func(string) string) {
	b.add(name+"(string) string", func(c *frame, a []Value) (Value, *Error) { return c.text(f(a[0].text)) })
}

func (b builder) pair(name, result string, f func(s, t string) Value) {
	b.add(name+"(string, string) "+result, func(c *frame, a []Value) (Value, *Error) {
		return f(a[0].text, a[1].text), c.chars(len(a[0].text))
	})
}

func (b builder) trimming(name string, chars func(s, chars string) string, space func(string) string) {
	b.mapping(name, space)
	b.pair(name, "string", func(s, t string) Value { return String(chars(s, t)) })
}

// testing adds a function that is true if all characters are so and there is one.
func (b builder) testing(name string, is func(rune) bool) {
	b.add(name+"(string) bool", func(c *frame, a []Value) (Value, *Error) {
		not := func(r rune) bool { return !is(r) }
		return Bool(a[0].text != "" && !strings.ContainsFunc(a[0].text, not)), c.chars(len(a[0].text))
	})
}

// cased adds a function that is true if a character is so and none is the opposite.
func (b builder) cased(name string, is, opposite func(rune) bool) {
	b.add(name+"(string) bool", func(c *frame, a []Value) (Value, *Error) {
		return Bool(strings.ContainsFunc(a[0].text, is) && !strings.ContainsFunc(a[0].text, opposite)), c.chars(len(a[0].text))
	})
}

func (b builder) searching(name string, f func(s, sub string) (int, bool)) {
	b.add(name+"(string, string) int", func(c *frame, a []Value) (Value, *Error) {
		if a[1].text == "" {
			return c.fail("%s() needs something to look for", name)
		}
		n, ok := f(a[0].text, a[1].text)
		if !ok {
			return c.fail("%q does not hold %q", clip(a[0].text), clip(a[1].text))
		}
		return Int(int64(n)), c.chars(len(a[0].text))
	})
}

// runeIndex turns a byte offset into a number of characters; -1 stays.
func runeIndex(s string, at int) int {
	if at < 0 {
		return at
	}
	return utf8.RuneCountInString(s[:at])
}

func capitalize(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return s
	}
	return string(unicode.ToTitle(r)) + strings.ToLower(s[n:])
}

func title(s string) string {
	inWord := false
	return strings.Map(func(r rune) rune {
		first := !inWord
		inWord = unicode.IsLetter(r)
		if first {
			return unicode.ToTitle(r)
		}
		return unicode.ToLower(r)
	}, s)
}

func replace(c *frame, a []Value) (Value, *Error) {
	s, old, with := a[0].text, a[1].text, a[2].text
	if old == "" {
		return c.fail("replace() needs something to look for")
	}
	n := int64(strings.Count(s, old))
	grown := times(n, int64(len(with)))
	if err := c.room(c.at, grown); err != nil {
		return Value{}, err
	}
	if err := c.chars(len(s)); err != nil {
		return Value{}, err
	}
	return c.text(strings.ReplaceAll(s, old, with))
}

// texts returns a list of strings that were cut from so many bytes.
func (c *frame) texts(list []string, from int) (Value, *Error) {
	items := make([]Value, len(list))
	for i, s := range list {
		items[i] = String(s)
	}
	if err := c.room(c.at, int64(len(list))*String("").bytes()); err != nil {
		return Value{}, err
	}
	return List(ListOf(StringType), items), c.spend(c.at, int64(len(list)+(from+255)/256))
}

// splitting adds split or rsplit by a separator. cut takes the number of parts, -1 for all.
func (b builder) splitting(name string, cut func(s, sep string, parts int) []string) {
	split := func(c *frame, s, sep string, most int64) (Value, *Error) {
		if sep == "" {
			return c.fail("%s() needs a separator", name)
		}
		parts := -1
		if most >= 0 && most < int64(len(s)) {
			parts = int(most) + 1
		}
		return c.texts(cut(s, sep, parts), len(s))
	}
	b.add(name+"(string, string) list[string]", func(c *frame, a []Value) (Value, *Error) {
		return split(c, a[0].text, a[1].text, -1)
	})
	b.add(name+"(string, string, int) list[string]", func(c *frame, a []Value) (Value, *Error) {
		return split(c, a[0].text, a[1].text, a[2].num)
	})
}

func splitRight(s, sep string, parts int) []string {
	var out []string
	for parts < 0 || len(out) < parts-1 {
		at := strings.LastIndex(s, sep)
		if at < 0 {
			break
		}
		out = append(out, s[at+len(sep):])
		s = s[:at]
	}
	out = append(out, s)
	slices.Reverse(out)
	return out
}

func (c *frame) join(list []Value, sep string) (Value, *Error) {
	size := times(int64(len(list)), int64(len(sep)))
	parts := make([]string, len(list))
	for i, v := range list {
		parts[i] = v.text
		size += int64(len(v.text))
	}
	if err := c.room(c.at, size); err != nil {
		return Value{}, err
	}
	if err := c.spend(c.at, int64(len(list))); err != nil {
		return Value{}, err
	}
	return c.text(strings.Join(parts, sep))
}

// padding adds a function that fills up with spaces to a width in characters.
func (b builder) padding(name string, sides func(width, missing int64) (left, right int64)) {
	b.add(name+"(string, int) string", func(c *frame, a []Value) (Value, *Error) {
		s, width := a[0].text, a[1].num
		missing := width - int64(utf8.RuneCountInString(s))
		if missing <= 0 {
			return a[0], nil
		}
		if err := c.room(c.at, missing); err != nil {
			return Value{}, err
		}
		left, right := sides(width, missing)
		return c.text(strings.Repeat(" ", int(left)) + s + strings.Repeat(" ", int(right)))
	})
}

// zfill fills up with zeros behind the sign.
func (c *frame) zfill(s string, width int64) (Value, *Error) {
	missing := width - int64(utf8.RuneCountInString(s))
	if missing <= 0 {
		return String(s), nil
	}
	if err := c.room(c.at, missing); err != nil {
		return Value{}, err
	}
	sign := ""
	if s != "" && (s[0] == '-' || s[0] == '+') {
		sign, s = s[:1], s[1:]
	}
	return c.text(sign + strings.Repeat("0", int(missing)) + s)
}
