package openjd

import (
	"fmt"
	"slices"
	"strings"
)

// requirements reads <HostRequirements> (§3.3).
func (d *decoder) requirements(c cursor, s scope) *HostRequirementsTemplate {
	r := new(HostRequirementsTemplate)
	o, ok := c.object("amounts", "attributes")
	if !ok {
		return r
	}
	amounts, hasAmounts := o.get("amounts")
	attributes, hasAttributes := o.get("attributes")
	if !hasAmounts && !hasAttributes {
		o.fail(`needs "amounts" or "attributes"`)
	}
	if hasAmounts {
		seen := make(map[string]bool)
		for _, item := range amounts.itemsWithin(1, 0) {
			a := d.amount(item, s)
			d.unique(item, a.Name, seen)
			r.Amounts = append(r.Amounts, a)
		}
	}
	if hasAttributes {
		seen := make(map[string]bool)
		for _, item := range attributes.itemsWithin(1, 0) {
			a := d.attribute(item, s)
			d.unique(item, a.Name, seen)
			r.Attributes = append(r.Attributes, a)
		}
	}
	if n := len(r.Amounts) + len(r.Attributes); n > d.profile.requirements {
		o.fail("has %d requirements, at most %d are allowed", n, d.profile.requirements)
	}
	return r
}

// unique reports a literal name that stands twice; others are compared at job creation.
func (d *decoder) unique(c cursor, name FormatString, seen map[string]bool) {
	key := strings.ToLower(name.raw)
	if key == "" || !name.IsLiteral() {
		return
	}
	if seen[key] {
		c.fail("the capability %q is required twice", clip(key))
	}
	seen[key] = true
}

func (d *decoder) amount(c cursor, s scope) AmountTemplate {
	var a AmountTemplate
	o, ok := c.object("name", "min", "max")
	if !ok {
		return a
	}
	if c, ok := o.require("name"); ok {
		a.Name = d.capability(c, s, "amount")
	}
	number := func(key string) *FloatField {
		c, ok := o.get(key)
		if !ok {
			return nil
		}
		f := c.floatField(s)
		if f != nil && f.Format == nil {
			if problem := checkAmount(key, f.Value); problem != "" {
				c.fail("%s", problem)
				return nil
			}
		}
		return f
	}
	a.Min, a.Max = number("min"), number("max")
	_, hasMin := o.get("min")
	_, hasMax := o.get("max")
	switch {
	case !hasMin && !hasMax:
		o.fail(`needs "min" or "max"`)
	case a.Min != nil && a.Max != nil && a.Min.Format == nil && a.Max.Format == nil && a.Min.Value > a.Max.Value:
		o.fields["min"].fail("%v is greater than max, %v", a.Min.Value, a.Max.Value)
	}
	return a
}

// checkAmount returns what is wrong with min or max of an amount (§3.3.1), or "".
func checkAmount(key string, value float64) string {
	switch {
	case key == "min" && value < 0:
		return "must not be negative"
	case key == "max" && value <= 0:
		return "must be greater than 0"
	}
	return ""
}

func (d *decoder) attribute(c cursor, s scope) AttributeTemplate {
	var a AttributeTemplate
	o, ok := c.object("name", "anyOf", "allOf")
	if !ok {
		return a
	}
	if c, ok := o.require("name"); ok {
		a.Name = d.capability(c, s, "attr")
	}
	values := func(key string) []FormatString {
		c, ok := o.get(key)
		if !ok {
			return nil
		}
		return c.formats(s, 1, d.profile.attributeValues, func(c cursor, f FormatString) {
			if f.IsLiteral() && c.n.kind == stringNode {
				if problem := checkAttributeValue(a.Name.raw, f.raw, d.profile.limits); problem != "" {
					c.fail("%s", problem)
				}
			}
		})
	}
	a.AnyOf, a.AllOf = values("anyOf"), values("allOf")
	_, hasAny := o.get("anyOf")
	_, hasAll := o.get("allOf")
	if !hasAny && !hasAll {
		o.fail(`needs "anyOf" or "allOf"`)
	}
	return a
}

func (d *decoder) capability(c cursor, s scope, kind string) FormatString {
	f := c.format(s)
	if f.IsLiteral() && c.n.kind == stringNode {
		if problem := checkCapability(f.raw, kind, d.profile.limits); problem != "" {
			c.fail("%s", problem)
		}
	}
	return f
}

// checkCapability returns what is wrong with a resolved capability name of a kind, amount or attr (§3.3.1.1,
// §3.3.2.1), or "".
func checkCapability(name, kind string, l limits) string {
	if problem := checkLength(name, 1, l.capabilityName); problem != "" {
		return problem
	}
	lower := strings.ToLower(name)
	rest := lower
	if vendor, after, ok := strings.Cut(lower, ":"); ok {
		if !isIdentifier(vendor) {
			return fmt.Sprintf("the vendor prefix %q is not an identifier", clip(vendor))
		}
		rest = after
	}
	parts := strings.Split(rest, ".")
	if parts[0] != kind || len(parts) < 2 || slices.ContainsFunc(parts, func(s string) bool { return !isIdentifier(s) }) {
		return fmt.Sprintf("%q is not of the form %s.name", clip(name), kind)
	}
	reserved := []string{"worker", "job", "step", "task"}
	defined := []string{VCPU, Memory, GPU, GPUMemory, DiskScratch, OSFamily, CPUArch}
	if slices.Contains(reserved, parts[1]) && !slices.Contains(defined, lower) {
		return fmt.Sprintf("%q is reserved: names after %s.%s are the specification's own", clip(name), kind, parts[1])
	}
	return ""
}

// attributeValues are the values of the attributes that the specification defines (§3.3.2.1).
func attributeValues(name string) []string {
	switch strings.ToLower(name) {
	case OSFamily:
		return []string{"linux", "windows", "macos"}
	case CPUArch:
		return []string{"x86_64", "arm64"}
	}
	return nil
}

// checkAttributeValue returns what is wrong with a resolved <AttributeCapabilityValue> (§3.3.2.2), or "".
func checkAttributeValue(name, value string, l limits) string {
	if problem := checkLength(value, 1, l.attributeValue); problem != "" {
		return problem
	}
	if !isIdentifier(strings.ReplaceAll(value, "-", "_")) || value[0] == '-' {
		return fmt.Sprintf("%q is not a capability value: letters, digits, _ and -, starting with a letter or _", clip(value))
	}
	if values := attributeValues(name); values != nil && !slices.Contains(values, strings.ToLower(value)) {
		return fmt.Sprintf("%q is not one of %s", clip(value), strings.Join(values, ", "))
	}
	return ""
}
