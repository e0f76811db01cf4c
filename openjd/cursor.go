package openjd

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spillway/spillway/openjd/expr"
)

// cursor is a node, where it is in the document, and the decoder that collects errors. Its readers report what is
// wrong and return a zero value then.
type cursor struct {
	*decoder
	n    *node
	path string
}

// fail reports an error here.
func (c cursor) fail(format string, args ...any) { c.failHint("", format, args...) }

// failHint reports an error here, with what to do about it.
func (c cursor) failHint(hint, format string, args ...any) {
	c.report(c.n.line, c.n.column, c.path, hint, format, args...)
}

// failExpr reports what is wrong with an expression that starts at an offset of the text here. The place is that of the
// expression's part where the document's source shows it as it is.
func (c cursor) failExpr(text string, offset int, err error) {
	line, column := c.n.line, c.n.column
	message, hint := err.Error(), ""
	if wrong, ok := errors.AsType[*expr.Error](err); ok {
		message, hint = wrong.Message, wrong.Hint
		offset += wrong.At
	}
	offset = min(max(offset, 0), len(text))
	if l, col, ok := c.placeOf(c.n, text, offset); ok {
		line, column = l, col
	}
	c.report(line, column, c.path, hint, "%s", message)
}

func (c cursor) wrongKind(want string) {
	hint := ""
	if want == "a string" && c.n.kind != listNode && c.n.kind != mapNode && c.n.kind != nullNode {
		hint = fmt.Sprintf("write it in quotes: %q", clip(c.n.text))
	}
	c.failHint(hint, "is %v, must be %s", c.n.kind, want)
}

// items returns the elements of a list.
func (c cursor) items() []cursor {
	if c.n.kind != listNode {
		c.wrongKind("a list")
		return nil
	}
	out := make([]cursor, len(c.n.items))
	for i, item := range c.n.items {
		out[i] = cursor{c.decoder, item, fmt.Sprintf("%s[%d]", c.path, i)}
	}
	return out
}

// itemsWithin returns the elements of a list that has a least and a most length; most 0 is no bound.
func (c cursor) itemsWithin(least, most int) []cursor {
	out := c.items()
	if c.n.kind != listNode {
		return nil
	}
	if len(out) < least {
		c.fail("must have at least %d element", least)
	}
	if most > 0 && len(out) > most {
		c.fail("has %d elements, at most %d are allowed", len(out), most)
	}
	return out
}

// object is a mapping whose keys have been checked; fields holds the known ones.
type object struct {
	cursor
	fields map[string]cursor
}

// object returns the mapping's fields, reporting keys that are unknown or stand twice. ok is false if it is none.
func (c cursor) object(known ...string) (object, bool) {
	o := object{c, make(map[string]cursor)}
	seen := make(map[string]bool)
	if c.n.kind != mapNode {
		c.wrongKind("a mapping")
		return o, false
	}
	for _, p := range c.n.pairs {
		key := p.key.text
		path := joinPath(c.path, key)
		at := cursor{c.decoder, p.key, path}
		if seen[key] {
			at.fail("the key %q stands twice", clip(key))
			continue
		}
		seen[key] = true
		if slices.Contains(known, key) {
			o.fields[key] = cursor{c.decoder, p.value, path}
			continue
		}
		if ext := keyExtension(key); ext != "" && !c.profile.extensions[ext] {
			at.failHint(c.needs(ext), "%q is not part of the base specification", key)
			continue
		}
		at.failHint(didYouMean(key, known), "unknown key %q", clip(key))
	}
	return o, true
}

// needs says that an extension brings what was found.
func (d *decoder) needs(extension string) string {
	if apply, ok := known()[extension]; ok && apply == nil {
		return fmt.Sprintf("needs the extension %s, which is not supported", extension)
	}
	return "needs the extension " + extension
}

// get returns an optional field.
func (o object) get(key string) (cursor, bool) {
	c, ok := o.fields[key]
	return c, ok
}

// require returns a field, reporting that it is missing.
func (o object) require(key string) (cursor, bool) {
	c, ok := o.fields[key]
	if !ok {
		o.fail("%q is missing", key)
	}
	return c, ok
}

func joinPath(path, key string) string {
	if !isIdentifier(strings.TrimPrefix(key, "$")) {
		return path + fmt.Sprintf("[%q]", clip(key))
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// str reads a string.
func (c cursor) str() (string, bool) {
	if c.n.kind != stringNode {
		c.wrongKind("a string")
		return "", false
	}
	return c.n.text, true
}

// text reads a string of 1 to most characters (most 0: no bound) without control characters.
func (c cursor) text(most int) string {
	s, ok := c.str()
	if ok {
		c.length(s, 1, most)
		c.noControl(s, "")
	}
	return s
}

func (c cursor) length(s string, least, most int) {
	if problem := checkLength(s, least, most); problem != "" {
		c.fail("%s", problem)
	}
}

func checkLength(s string, least, most int) string {
	switch n := utf8.RuneCountInString(s); {
	case n < least && n == 0:
		return "must not be empty"
	case n < least:
		return fmt.Sprintf("has %d characters, at least %d are needed", n, least)
	case most > 0 && n > most:
		return fmt.Sprintf("has %d characters, at most %d are allowed", n, most)
	}
	return ""
}

// noControl refuses characters of the category Cc other than the allowed ones.
func (c cursor) noControl(s, allowed string) {
	if problem := checkControl(s, allowed); problem != "" {
		c.fail("%s", problem)
	}
}

func checkControl(s, allowed string) string {
	for _, r := range s {
		if unicode.IsControl(r) && !strings.ContainsRune(allowed, r) {
			return fmt.Sprintf("holds the control character %U", r)
		}
	}
	return ""
}

// identifier reads an <Identifier> (§7.1).
func (c cursor) identifier() string {
	s, ok := c.str()
	switch {
	case !ok:
	case !isIdentifier(s):
		c.fail("%q is not an identifier: letters, digits and _, not starting with a digit", clip(s))
	case len(s) > c.profile.identifier:
		c.length(s, 1, c.profile.identifier)
	}
	return s
}

// description reads a <Description> (§7.2).
func (c cursor) description() string {
	s, ok := c.str()
	if ok {
		c.length(s, 1, c.profile.description)
		c.noControl(s, "\n\r\t")
	}
	return s
}

// choice reads one of a few words.
func choice[T ~string](c cursor, words ...T) T {
	s, ok := c.str()
	if !ok || slices.Contains(words, T(s)) {
		return T(s)
	}
	names := make([]string, len(words))
	for i, w := range words {
		names[i] = string(w)
	}
	c.failHint(didYouMean(s, names), "%q is not one of %s", clip(s), strings.Join(names, ", "))
	return T(s)
}

// boolean reads true or false.
func (c cursor) boolean() bool {
	if c.n.kind != boolNode {
		c.wrongKind("true or false")
	}
	return c.n.text == "true"
}

// integer reads an integer, not a string that holds one.
func (c cursor) integer() (int64, bool) {
	if c.n.kind != intNode {
		c.wrongKind("an integer")
		return 0, false
	}
	i, ok := parseInt(c.n.text)
	if !ok {
		c.fail("%s does not fit into 64 bits", clip(c.n.text))
	}
	return i, ok
}

// atLeast reads an integer that is not less than a bound.
func (c cursor) atLeast(least int64) int64 {
	i, ok := c.integer()
	if ok && i < least {
		c.fail("is %d, must be at least %d", i, least)
	}
	return i
}

// number reads an integer or a floating point number, not a string.
func (c cursor) number() (float64, bool) {
	if c.n.kind != intNode && c.n.kind != floatNode {
		c.wrongKind("a number")
		return 0, false
	}
	f, ok := parseFloat(c.n.text)
	if !ok {
		c.fail("%s is not a finite number", clip(c.n.text))
	}
	return f, ok
}
