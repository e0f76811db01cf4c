package openjd

import (
	"encoding/json"
	"fmt"
)

// IntField is a field that holds a positive integer, or a format string that makes one (extension FEATURE_BUNDLE_1).
type IntField struct {
	Value  int64 // if Format is nil
	Format *FormatString
}

// FloatField is a field that holds a number, or a format string that makes one (extension FEATURE_BUNDLE_1).
type FloatField struct {
	Value  float64 // if Format is nil
	Format *FormatString
}

// MarshalJSON writes the number or the format string.
func (f IntField) MarshalJSON() ([]byte, error) {
	if f.Format != nil {
		return json.Marshal(f.Format)
	}
	return json.Marshal(f.Value)
}

// MarshalJSON writes the number or the format string.
func (f FloatField) MarshalJSON() ([]byte, error) {
	if f.Format != nil {
		return json.Marshal(f.Format)
	}
	return json.Marshal(f.Value)
}

// resolve returns the field's value. ok is false if there is none: the field is nil.
func (f *IntField) resolve(s *Symbols, least, most int64) (value int64, ok bool, err error) {
	switch {
	case f == nil:
		return 0, false, nil
	case f.Format == nil:
		return f.Value, true, nil
	}
	text, ok, err := f.Format.resolveOptional(s, intTarget)
	if err != nil || !ok {
		return 0, false, err
	}
	value, ok = parseInt(text)
	if !ok {
		return 0, false, fmt.Errorf("%q is not an integer", clip(text))
	}
	if problem := checkWithin(value, least, most); problem != "" {
		return 0, false, fmt.Errorf("%s", problem)
	}
	return value, true, nil
}

// resolve returns the field's value. ok is false if there is none: the field is nil.
func (f *FloatField) resolve(s *Symbols) (value float64, ok bool, err error) {
	switch {
	case f == nil:
		return 0, false, nil
	case f.Format == nil:
		return f.Value, true, nil
	}
	text, ok, err := f.Format.resolveOptional(s, floatTarget)
	if err != nil || !ok {
		return 0, false, err
	}
	value, ok = parseFloat(text)
	if !ok {
		return 0, false, fmt.Errorf("%q is not a finite number", clip(text))
	}
	return value, true, nil
}

// isKnown reports whether the field's value does not depend on parameters.
func (f *IntField) isKnown() bool { return f == nil || f.Format == nil }

func checkWithin(value, least, most int64) string {
	switch {
	case value < least:
		return fmt.Sprintf("is %d, must be at least %d", value, least)
	case most > 0 && value > most:
		return fmt.Sprintf("is %d, must be at most %d", value, most)
	}
	return ""
}

// intField reads an integer from least to most (0: no bound). Where the extension is asked for, or the schema allows
// strings in any case, it may be a string that holds one or a format string.
func (c cursor) intField(s scope, least, most int64, strings bool) *IntField {
	if c.n.kind == stringNode && (strings || c.profile.extensions[FeatureBundle1]) {
		f := c.formatOf(s, optional(intTarget))
		if !f.IsLiteral() {
			return &IntField{Format: &f}
		}
		n, ok := parseInt(f.raw)
		if !ok {
			c.fail("%q is not an integer", clip(f.raw))
		} else if problem := checkWithin(n, least, most); problem != "" {
			c.fail("%s", problem)
		}
		return &IntField{Value: n}
	}
	if c.n.kind == stringNode {
		c.failHint(c.needs(FeatureBundle1), "is a string, must be an integer")
		return nil
	}
	n, ok := c.integer()
	if problem := checkWithin(n, least, most); ok && problem != "" {
		c.fail("%s", problem)
	}
	return &IntField{Value: n}
}

// floatField reads a number.
func (c cursor) floatField(s scope) *FloatField {
	if c.n.kind == stringNode {
		if !c.profile.extensions[FeatureBundle1] {
			c.failHint(c.needs(FeatureBundle1), "is a string, must be a number")
			return nil
		}
		f := c.formatOf(s, optional(floatTarget))
		if !f.IsLiteral() {
			return &FloatField{Format: &f}
		}
		n, ok := parseFloat(f.raw)
		if !ok {
			c.fail("%q is not a finite number", clip(f.raw))
			return nil
		}
		return &FloatField{Value: n}
	}
	n, ok := c.number()
	if !ok {
		return nil
	}
	return &FloatField{Value: n}
}
