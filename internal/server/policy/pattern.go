package policy

import (
	"strconv"
	"strings"

	"github.com/spillway/spillway/internal/fault"
)

// Pattern is a path with `{{Param.Name}}` and `{{Task.Param.Name}}` in it, as OpenJD writes format strings, and one
// addition: `{{Task.Param.Frame:04}}` pads an integer with zeros to a width of 4.
type Pattern struct {
	text  string
	parts []part
}

type part struct {
	literal string
	name    string // parameter; empty: literal
	task    bool
	width   int // 0: as it is
}

// maxWidth bounds a pad width; file systems end names at 255 bytes.
const maxWidth = 32

// ParsePattern reads a pattern. Whether its names exist shows when it is expanded.
func ParsePattern(text string) (Pattern, error) {
	p := Pattern{text: text}
	for rest := text; rest != ""; {
		open := strings.Index(rest, "{{")
		if open < 0 {
			p.parts = append(p.parts, part{literal: rest})
			break
		}
		if open > 0 {
			p.parts = append(p.parts, part{literal: rest[:open]})
		}
		end := strings.Index(rest[open:], "}}")
		if end < 0 {
			return Pattern{}, fault.New(fault.Invalid, "%q: {{ without }}", text)
		}
		expr, err := parseExpr(strings.TrimSpace(rest[open+2 : open+end]))
		if err != nil {
			return Pattern{}, fault.New(fault.Invalid, "%q: %w", text, err)
		}
		p.parts = append(p.parts, expr)
		rest = rest[open+end+2:]
	}
	if len(p.parts) == 0 {
		return Pattern{}, fault.New(fault.Invalid, "an empty path")
	}
	return p, nil
}

func parseExpr(text string) (part, error) {
	ref, width, padded := strings.Cut(text, ":")
	var x part
	ref = strings.TrimSpace(ref)
	for _, prefix := range []string{"Task.Param.", "Task.RawParam."} {
		if name, ok := strings.CutPrefix(ref, prefix); ok {
			x.name, x.task = name, true
		}
	}
	for _, prefix := range []string{"Param.", "RawParam."} {
		if name, ok := strings.CutPrefix(ref, prefix); ok {
			x.name = name
		}
	}
	if x.name == "" {
		err := fault.New(fault.Invalid, "{{%s}} is neither Param.NAME nor Task.Param.NAME", text)
		return part{}, err
	}
	if padded {
		n, err := strconv.Atoi(width)
		if err != nil || !strings.HasPrefix(width, "0") || n < 1 || n > maxWidth {
			return part{}, fault.New(fault.Invalid, "{{%s}}: the padding is written like :04, at most :0%d", text, maxWidth)
		}
		x.width = n
	}
	return x, nil
}

// String returns the pattern as it was written.
func (p Pattern) String() string { return p.text }

// MarshalText writes the pattern as it was written.
func (p Pattern) MarshalText() ([]byte, error) { return []byte(p.text), nil }

// UnmarshalText is ParsePattern, for policies.
func (p *Pattern) UnmarshalText(text []byte) (err error) {
	*p, err = ParsePattern(string(text))
	return err
}

// Expand puts the values in. A nil task means that task parameters may not be used.
func (p Pattern) Expand(job, task map[string]string) (string, error) {
	var b strings.Builder
	for _, x := range p.parts {
		if x.name == "" {
			b.WriteString(x.literal)
			continue
		}
		values := job
		if x.task {
			if task == nil {
				return "", fault.New(fault.Invalid, "%q uses the task parameter %s, but belongs to the whole job", p.text, x.name)
			}
			values = task
		}
		value, ok := values[x.name]
		if !ok {
			return "", fault.New(fault.Invalid, "%q names the parameter %s, which does not exist", p.text, x.name)
		}
		value, err := pad(value, x.width)
		if err != nil {
			return "", fault.New(fault.Invalid, "%q: parameter %s: %w", p.text, x.name, err)
		}
		b.WriteString(value)
	}
	return b.String(), nil
}

// pad writes zeros between the sign and the digits.
func pad(value string, width int) (string, error) {
	if width == 0 {
		return value, nil
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return "", fault.New(fault.Invalid, "%q is no integer and can't be padded", value)
	}
	sign, digits := "", strconv.FormatInt(n, 10)
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	return sign + strings.Repeat("0", max(0, width-len(sign)-len(digits))) + digits, nil
}
