package openjd

import (
	"slices"
	"strings"
	"unicode"
)

// control is what a user interface control takes.
type control struct {
	allowed allowedRule
	keys    []string // userInterface keys besides control, label and groupLabel
}

type allowedRule uint8

const (
	either     allowedRule = iota
	without                // cannot be used with allowedValues
	with                   // needs allowedValues
	truthPairs             // needs allowedValues to be one of true/false, yes/no, on/off, 1/0
)

// controls are the controls of a type (§2.1 to §2.4).
func controls(t ParameterType) map[string]control {
	files := []string{"fileFilters", "fileFilterDefault"}
	if defined := exprControls(t); defined != nil {
		return defined
	}
	out := map[string]control{"HIDDEN": {}, "DROPDOWN_LIST": {allowed: with}}
	switch t {
	case String:
		out["LINE_EDIT"] = control{allowed: without}
		out["MULTILINE_EDIT"] = control{allowed: without}
		out["CHECK_BOX"] = control{allowed: truthPairs}
	case Path:
		out["CHOOSE_INPUT_FILE"] = control{without, files}
		out["CHOOSE_OUTPUT_FILE"] = control{without, files}
		out["CHOOSE_DIRECTORY"] = control{allowed: without}
	case Int:
		out["SPIN_BOX"] = control{without, []string{"singleStepDelta"}}
	case Float:
		out["SPIN_BOX"] = control{without, []string{"singleStepDelta", "decimals"}}
	}
	return out
}

// exprControls are the controls of the types that EXPR brings (§2.9 to §2.16), nil of others.
func exprControls(t ParameterType) map[string]control {
	files := []string{"fileFilters", "fileFilterDefault"}
	out := map[string]control{"HIDDEN": {}}
	switch t {
	case BoolParam:
		out["CHECK_BOX"] = control{}
	case RangeExpr:
		out["LINE_EDIT"] = control{}
	case ListString:
		out["LINE_EDIT_LIST"] = control{}
	case ListPath:
		out["CHOOSE_INPUT_FILE_LIST"], out["CHOOSE_OUTPUT_FILE_LIST"] = control{keys: files}, control{keys: files}
		out["CHOOSE_DIRECTORY_LIST"] = control{}
	case ListInt:
		out["SPIN_BOX_LIST"] = control{keys: []string{"singleStepDelta"}}
	case ListFloat:
		out["SPIN_BOX_LIST"] = control{keys: []string{"singleStepDelta", "decimals"}}
	case ListBool:
		out["CHECK_BOX_LIST"] = control{}
	case ListListInt:
	default:
		return nil
	}
	return out
}

// defaultControl is the control of a parameter that names none.
func defaultControl(p *JobParameter) string {
	switch p.Type {
	case BoolParam:
		return "CHECK_BOX"
	case RangeExpr:
		return "LINE_EDIT"
	case ListString:
		return "LINE_EDIT_LIST"
	case ListInt, ListFloat:
		return "SPIN_BOX_LIST"
	case ListBool:
		return "CHECK_BOX_LIST"
	case ListListInt:
		return "HIDDEN"
	case ListPath:
		one := JobParameter{Type: Path, ObjectType: p.ObjectType, DataFlow: p.DataFlow}
		return defaultControl(&one) + "_LIST"
	}
	switch {
	case len(p.AllowedValues) > 0:
		return "DROPDOWN_LIST"
	case p.Type == String:
		return "LINE_EDIT"
	case p.Type != Path:
		return "SPIN_BOX"
	case p.ObjectType != File:
		return "CHOOSE_DIRECTORY"
	case p.DataFlow == FlowOut:
		return "CHOOSE_OUTPUT_FILE"
	}
	return "CHOOSE_INPUT_FILE"
}

func (d *decoder) userInterface(c cursor, p *JobParameter) *UserInterface {
	all := controls(p.Type)
	keys := []string{"control", "label", "groupLabel"}
	for _, k := range all {
		keys = append(keys, k.keys...)
	}
	o, ok := c.object(keys...)
	if !ok {
		return nil
	}
	ui := new(UserInterface)
	name := defaultControl(p)
	if c, ok := o.get("control"); ok {
		words := make([]string, 0, len(all))
		for word := range all {
			words = append(words, word)
		}
		slices.Sort(words)
		ui.Control = choice(c, words...)
		name = ui.Control
		d.checkControl(c, name, all[name].allowed, p)
	}
	if c, ok := o.get("label"); ok {
		ui.Label = c.text(d.profile.label)
	}
	if c, ok := o.get("groupLabel"); ok {
		ui.GroupLabel = c.text(d.profile.label)
	}
	if used, ok := all[name]; ok {
		for key, c := range o.fields {
			if slices.Contains(keys[3:], key) && !slices.Contains(used.keys, key) {
				c.fail("does not apply to the control %s", name)
			}
		}
	}
	d.controlFields(o, p, ui)
	return ui
}

func (d *decoder) checkControl(c cursor, name string, rule allowedRule, p *JobParameter) {
	has := len(p.AllowedValues) > 0
	switch {
	case rule == without && has:
		c.fail("%s cannot be used with allowedValues", name)
	case rule == with && !has:
		c.fail("%s needs allowedValues", name)
	case rule == truthPairs && !isTruthPair(p.AllowedValues):
		c.fail("%s needs allowedValues to be true and false, yes and no, on and off, or 1 and 0", name)
	}
}

func isTruthPair(values []string) bool {
	if len(values) != 2 {
		return false
	}
	a, b := strings.ToLower(values[0]), strings.ToLower(values[1])
	for _, pair := range [][2]string{{"true", "false"}, {"yes", "no"}, {"on", "off"}, {"1", "0"}} {
		if a == pair[0] && b == pair[1] || a == pair[1] && b == pair[0] {
			return true
		}
	}
	return false
}

// controlFields reads the keys that only some controls take.
func (d *decoder) controlFields(o object, p *JobParameter, ui *UserInterface) {
	if c, ok := o.get("fileFilters"); ok {
		for _, item := range c.itemsWithin(0, d.profile.fileFilters) {
			ui.FileFilters = append(ui.FileFilters, d.fileFilter(item))
		}
	}
	if c, ok := o.get("fileFilterDefault"); ok {
		f := d.fileFilter(c)
		ui.FileFilterDefault = &f
	}
	if c, ok := o.get("decimals"); ok {
		n := c.atLeast(0)
		ui.Decimals = &n
	}
	if c, ok := o.get("singleStepDelta"); ok {
		var delta float64
		var ok bool
		if p.Type == Int || p.Type == ListInt {
			var n int64
			n, ok = c.integer()
			delta = float64(n)
		} else {
			delta, ok = c.number()
		}
		if ok && delta <= 0 {
			c.fail("must be greater than 0")
		}
		if ok {
			ui.SingleStepDelta, _ = canonical(p.Type, c.n.text)
		}
	}
}

// fileFilter reads a <JobPathParameterFileFilter> (§2.7).
func (d *decoder) fileFilter(c cursor) FileFilter {
	var f FileFilter
	o, ok := c.object("label", "patterns")
	if !ok {
		return f
	}
	if c, ok := o.require("label"); ok {
		f.Label = c.text(d.profile.label)
	}
	if c, ok := o.require("patterns"); ok {
		for _, item := range c.itemsWithin(1, 0) {
			s := item.text(d.profile.filterPattern)
			if item.n.kind == stringNode && !isFilterPattern(s) {
				item.fail(`%q is not "*", "*.*" or "*." and a file extension`, clip(s))
			}
			f.Patterns = append(f.Patterns, s)
		}
	}
	return f
}

// isFilterPattern checks a <FileDialogFilterPatternStringValue> (§2.8).
func isFilterPattern(s string) bool {
	if s == "*" || s == "*.*" {
		return true
	}
	extension, ok := strings.CutPrefix(s, "*.")
	return ok && extension != "" && !strings.ContainsFunc(extension, func(r rune) bool {
		return unicode.IsControl(r) || strings.ContainsRune("\\/*?[]#%&{}<>$!'\":@`|=", r)
	})
}
