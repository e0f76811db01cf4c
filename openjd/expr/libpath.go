package expr

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// paths are the operators, properties and functions of paths (§2.1.5, §2.3).
func (b builder) paths() {
	join := func(c *frame, a []Value) (Value, *Error) { return c.path(c.parse(a[0]).join(c.parse(a[1]))) }
	b.add("/(path, string) path", join)
	b.add("/(path, path) path", join)
	b.add("+(path, string) path", func(c *frame, a []Value) (Value, *Error) {
		p := c.parse(a[0])
		return c.path(parsePath(p.String()+a[1].text, c.scope.Format))
	})

	b.add(".name(path) string", func(c *frame, a []Value) (Value, *Error) { return c.text(c.parse(a[0]).name()) })
	b.add(".stem(path) string", func(c *frame, a []Value) (Value, *Error) {
		stem, _ := splitSuffix(c.parse(a[0]).name())
		return c.text(stem)
	})
	b.add(".suffix(path) string", func(c *frame, a []Value) (Value, *Error) {
		_, suffix := splitSuffix(c.parse(a[0]).name())
		return c.text(suffix)
	})
	b.add(".suffixes(path) list[string]", func(c *frame, a []Value) (Value, *Error) {
		return c.texts(suffixes(c.parse(a[0]).name()), len(a[0].text))
	})
	b.add(".parent(path) path", func(c *frame, a []Value) (Value, *Error) { return c.path(c.parse(a[0]).parent()) })
	b.add(".parts(path) list[string]", func(c *frame, a []Value) (Value, *Error) {
		return c.texts(c.parse(a[0]).all(), len(a[0].text))
	})

	b.add("path(string) path", func(c *frame, a []Value) (Value, *Error) { return c.path(parsePath(a[0].text, c.scope.Format)) })
	b.add("path(path) path", func(c *frame, a []Value) (Value, *Error) { return c.path(c.parse(a[0])) })
	b.add("path(list[string]) path", pathOfParts)
	b.renaming("with_name", func(_, name string) (string, string) { return name, "" })
	b.renaming("with_stem", func(old, stem string) (string, string) {
		_, suffix := splitSuffix(old)
		return stem + suffix, ""
	})
	b.renaming("with_suffix", func(old, suffix string) (string, string) {
		if suffix != "" && (suffix[0] != '.' || suffix == ".") {
			return "", fmt.Sprintf("%q is not a suffix such as .png", clip(suffix))
		}
		stem, _ := splitSuffix(old)
		return stem + suffix, ""
	})
	b.add("with_number(path, int) path", func(c *frame, a []Value) (Value, *Error) {
		p := c.parse(a[0])
		if p.name() == "" {
			return c.fail("the path %q has no file name", clip(a[0].text))
		}
		name, problem := withNumber(p.name(), a[1].num)
		if problem != "" {
			return c.fail("%s", problem)
		}
		return c.path(p.withName(name))
	})
	b.add("with_number(string, int) string", func(c *frame, a []Value) (Value, *Error) {
		dir := a[0].text[:strings.LastIndexAny(a[0].text, `/\`)+1]
		name, problem := withNumber(a[0].text[len(dir):], a[1].num)
		if problem != "" {
			return c.fail("%s", problem)
		}
		return c.text(dir + name)
	})
	b.add("as_posix(path) string", func(c *frame, a []Value) (Value, *Error) {
		p := c.parse(a[0])
		if p.windows {
			return c.text(strings.ReplaceAll(p.String(), `\`, "/"))
		}
		return c.text(p.String())
	})
	b.add("is_absolute(path) bool", func(c *frame, a []Value) (Value, *Error) {
		return Bool(c.parse(a[0]).absolute()), c.chars(len(a[0].text))
	})
	for _, other := range []string{"path", "string"} {
		b.add("is_relative_to(path, "+other+") bool", func(c *frame, a []Value) (Value, *Error) {
			_, ok := c.parse(a[0]).below(c.parse(a[1]))
			return Bool(ok), c.chars(len(a[0].text))
		})
		b.add("relative_to(path, "+other+") path", relativeTo)
	}
	b.add("apply_path_mapping(string) path", func(c *frame, a []Value) (Value, *Error) {
		if c.scope.MapPath == nil {
			return c.fail("apply_path_mapping() works on the worker host only, where the rules are known")
		}
		return Path(c.scope.MapPath(a[0].text)), c.chars(len(a[0].text))
	})
}

func (c *frame) parse(v Value) purePath { return parsePath(v.text, c.scope.Format) }

func (c *frame) path(p purePath) (Value, *Error) {
	s := p.String()
	return Path(s), c.chars(len(s))
}

// renaming adds a function that replaces the file name.
func (b builder) renaming(function string, rename func(old, text string) (name, problem string)) {
	b.add(function+"(path, string) path", func(c *frame, a []Value) (Value, *Error) {
		p := c.parse(a[0])
		if p.name() == "" {
			return c.fail("the path %q has no file name", clip(a[0].text))
		}
		name, problem := rename(p.name(), a[1].text)
		if problem != "" {
			return c.fail("%s", problem)
		}
		if name == "" || name == "." || strings.Contains(name, "/") || p.windows && strings.Contains(name, `\`) {
			return c.fail("%q is not a file name", clip(name))
		}
		return c.path(p.withName(name))
	})
}

func pathOfParts(c *frame, a []Value) (Value, *Error) {
	if len(a[0].list) == 0 {
		return c.path(purePath{windows: c.scope.Format == Windows})
	}
	p := c.parse(a[0].list[0])
	if p.uri { // its parts stay as they are, empty ones as well
		for _, v := range a[0].list[1:] {
			p.root, p.parts = "/", append(p.parts, v.text)
		}
		return c.path(p)
	}
	for _, v := range a[0].list[1:] {
		p = p.join(c.parse(v))
	}
	return c.path(p)
}

func relativeTo(c *frame, a []Value) (Value, *Error) {
	p := c.parse(a[0])
	rest, ok := p.below(c.parse(a[1]))
	if !ok {
		return c.fail("%q does not lie below %q", clip(a[0].text), clip(a[1].text))
	}
	return c.path(purePath{windows: p.windows, parts: rest})
}

// maxPadding bounds the width of a frame number (§2.3.2).
const maxPadding = 32

// framePattern is where a frame number stands in a file's stem.
var framePattern = regexp.MustCompile(`%0?[0-9]*d|#+|[0-9]+`)

// withNumber replaces the last frame number or placeholder of a file name, or appends one.
func withNumber(name string, n int64) (result, problem string) {
	stem, suffix := splitSuffix(name)
	places := framePattern.FindAllStringIndex(stem, -1)
	if places == nil {
		return stem + "_" + padded(n, 4) + suffix, ""
	}
	last := places[len(places)-1]
	place := stem[last[0]:last[1]]
	width, zeros := min(len(place), 1<<16), true
	if place[0] == '%' {
		digits := strings.TrimSuffix(place[1:], "d")
		zeros = strings.HasPrefix(digits, "0")
		width = 0
		if digits != "" {
			var err error
			if width, err = strconv.Atoi(digits); err != nil {
				width = maxPadding + 1
			}
		}
	}
	if width > maxPadding && (place[0] == '%' || place[0] == '#') {
		return "", fmt.Sprintf("a frame number is at most %d characters wide", maxPadding)
	}
	text := padded(n, width)
	if !zeros {
		text = fmt.Sprintf("%*d", width, n)
	}
	return stem[:last[0]] + text + stem[last[1]:] + suffix, ""
}

// padded fills up with zeros; a sign counts.
func padded(n int64, width int) string { return fmt.Sprintf("%0*d", width, n) }
