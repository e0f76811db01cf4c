package openjd

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/spillway/spillway/openjd/expr"
)

// canonical returns the text of a value of a type, or what is wrong with it. Integers lose leading zeros and a plus;
// floating point numbers keep their digits.
func canonical(t ParameterType, s string) (text, problem string) {
	if _, ok := t.item(); ok {
		return canonicalList(t, s)
	}
	switch t {
	case BoolParam:
		if b, ok := expr.ParseBool(strings.TrimSuffix(s, ".0")); ok {
			return boolText(b), ""
		}
		return "", fmt.Sprintf("%q is neither true, yes, on, 1 nor false, no, off, 0", clip(s))
	case RangeExpr:
		if _, err := ParseIntRange(s); err != nil {
			return "", err.Error()
		}
		return s, ""
	case Int:
		i, ok := parseInt(s)
		if !ok {
			return "", fmt.Sprintf("%q is not an integer of 64 bits", clip(s))
		}
		return strconv.FormatInt(i, 10), ""
	case Float:
		if _, ok := parseFloat(s); !ok {
			return "", fmt.Sprintf("%q is not a finite number", clip(s))
		}
		return strings.TrimSpace(s), ""
	}
	return s, ""
}

// compareNumbers orders two canonical numbers of type INT or FLOAT.
func compareNumbers(t ParameterType, a, b string) int {
	if t == Int {
		x, _ := parseInt(a)
		y, _ := parseInt(b)
		return cmp.Compare(x, y)
	}
	x, _ := parseFloat(a)
	y, _ := parseFloat(b)
	return cmp.Compare(x, y)
}

// equalValues compares two canonical values of a type.
func equalValues(t ParameterType, a, b string) bool {
	return a == b || t == Float && compareNumbers(t, a, b) == 0
}

// check returns what is wrong with a canonical value, or "".
func (p *JobParameter) check(s string) string {
	if problem := p.checkBounds(s); problem != "" {
		return problem
	}
	if len(p.AllowedValues) == 0 {
		return ""
	}
	if slices.ContainsFunc(p.AllowedValues, func(a string) bool { return equalValues(p.Type, a, s) }) {
		return ""
	}
	return fmt.Sprintf("%q is not one of the allowed values: %s", clip(s), clipList(p.AllowedValues))
}

func (p *JobParameter) checkBounds(s string) string {
	if _, ok := p.Type.item(); ok {
		return p.checkList(s)
	}
	n := int64(utf8.RuneCountInString(s))
	switch {
	case p.MinLength != nil && n < *p.MinLength:
		return fmt.Sprintf("%q has %d characters, at least %d are needed", clip(s), n, *p.MinLength)
	case p.MaxLength != nil && n > *p.MaxLength:
		return fmt.Sprintf("%q has %d characters, at most %d are allowed", clip(s), n, *p.MaxLength)
	case p.MinValue != nil && compareNumbers(p.Type, s, *p.MinValue) < 0:
		return fmt.Sprintf("%s is less than minValue, %s", s, *p.MinValue)
	case p.MaxValue != nil && compareNumbers(p.Type, s, *p.MaxValue) > 0:
		return fmt.Sprintf("%s is greater than maxValue, %s", s, *p.MaxValue)
	}
	return ""
}

// clipList joins values for a message.
func clipList(values []string) string {
	const most = 10
	var quoted []string
	for i, v := range values {
		if i == most {
			quoted = append(quoted, "…")
			break
		}
		quoted = append(quoted, strconv.Quote(clip(v)))
	}
	return strings.Join(quoted, ", ")
}
