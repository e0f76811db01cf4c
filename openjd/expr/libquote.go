package expr

import (
	"fmt"
	"strings"
	"unicode"
)

// quoting are the functions that embed values in scripts (§2.2.6).
func (b builder) quoting() {
	for _, t := range []string{"string", "path"} {
		b.add("repr_sh("+t+") string", func(c *frame, a []Value) (Value, *Error) { return c.text(quoteSh(a[0].text)) })
		b.add("repr_sh(list["+t+"]) string", func(c *frame, a []Value) (Value, *Error) { return c.joined(a[0], quoteSh) })
		b.add("repr_cmd("+t+") string", func(c *frame, a []Value) (Value, *Error) { return c.text(quoteCmd(a[0].text)) })
		b.add("repr_cmd(list["+t+"]) string", func(c *frame, a []Value) (Value, *Error) { return c.joined(a[0], quoteCmd) })
	}
	b.anything("repr_pwsh", quotePwsh)
	b.anything("repr_py", quotePy)
	b.anything("repr_json", Value.json)
}

func (b builder) anything(name string, quote func(Value) string) {
	b[name] = append(b[name], signature{params: []param{{any: true}}, result: param{typ: StringType}, do: func(c *frame, a []Value) (Value, *Error) {
		if err := c.count(a[0]); err != nil {
			return Value{}, err
		}
		if err := c.room(c.at, a[0].bytes()); err != nil {
			return Value{}, err
		}
		return c.text(quote(a[0]))
	}})
}

// joined quotes the items of a list and puts spaces between them.
func (c *frame) joined(list Value, quote func(string) string) (Value, *Error) {
	if err := c.count(list); err != nil {
		return Value{}, err
	}
	if err := c.room(c.at, list.bytes()); err != nil {
		return Value{}, err
	}
	out := make([]string, len(list.list))
	for i, v := range list.list {
		out[i] = quote(v.text)
	}
	return c.text(strings.Join(out, " "))
}

// quoteSh is Python's shlex.quote.
func quoteSh(s string) string {
	unsafe := func(r rune) bool {
		return r > unicode.MaxASCII || !isNameByte(byte(r)) && !strings.ContainsRune("@%+=:,./-", r)
	}
	if s != "" && !strings.ContainsFunc(s, unsafe) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'"'"'`) + "'"
}

// quoteCmd quotes for batch files.
func quoteCmd(s string) string {
	special := func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(`&|<>^"()%!`, r) }
	if s != "" && !strings.ContainsFunc(s, special) {
		return s
	}
	return `"` + strings.NewReplacer("^", "^^", `"`, `^"`, "%", "%%").Replace(s) + `"`
}

// quotePwsh writes a literal of PowerShell.
func quotePwsh(v Value) string {
	switch {
	case v.IsNull():
		return "$null"
	case v.typ.IsList():
		items := make([]string, len(v.list))
		for i, item := range v.list {
			items[i] = quotePwsh(item)
		}
		return "@(" + strings.Join(items, ", ") + ")"
	case v.typ == BoolType:
		return "$" + v.Text()
	case v.typ == IntType, v.typ == FloatType:
		return v.Text()
	}
	return "'" + strings.ReplaceAll(v.Text(), "'", "''") + "'"
}

// quotePy is Python's repr.
func quotePy(v Value) string {
	switch {
	case v.IsNull():
		return "None"
	case v.typ.IsList():
		items := make([]string, len(v.list))
		for i, item := range v.list {
			items[i] = quotePy(item)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case v.typ == BoolType:
		if v.isTrue() {
			return "True"
		}
		return "False"
	case v.typ == IntType, v.typ == FloatType:
		return v.Text()
	}
	return quotePyString(v.Text())
}

func quotePyString(s string) string {
	quote := '\''
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = '"'
	}
	var out strings.Builder
	out.WriteRune(quote)
	for _, r := range s {
		switch {
		case r == quote || r == '\\':
			out.WriteString(`\` + string(r))
		case r == '\n':
			out.WriteString(`\n`)
		case r == '\r':
			out.WriteString(`\r`)
		case r == '\t':
			out.WriteString(`\t`)
		case r == ' ' || unicode.IsPrint(r):
			out.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&out, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			fmt.Fprintf(&out, `\U%08x`, r)
		}
	}
	out.WriteRune(quote)
	return out.String()
}
