package openjd

import (
	"encoding/json"
	"strings"
)

// ParseParameterValues reads job or task parameter values from YAML or JSON: a mapping from names to values, or what
// job bundles hold, the list parameterValues of mappings with name and value. Numbers keep their digits; lists become
// their JSON. The error is Errors.
func ParseParameterValues(src []byte, name string) (map[string]string, error) {
	return parseDocument(src, name, nil, func(d *decoder, root cursor) *map[string]string {
		out := make(map[string]string)
		if len(root.n.pairs) == 1 && root.n.pairs[0].key.text == "parameterValues" && root.n.pairs[0].value.kind == listNode {
			d.bundleValues(root, out)
		} else {
			d.plainValues(root, out)
		}
		return &out
	})
}

// ParseTaskList reads a list of such mappings, one per task.
func ParseTaskList(src []byte, name string) ([]map[string]string, error) {
	return parseDocument(src, name, nil, func(d *decoder, root cursor) *[]map[string]string {
		var out []map[string]string
		for _, item := range root.items() {
			values := make(map[string]string)
			d.plainValues(item, values)
			out = append(out, values)
		}
		return &out
	})
}

func (d *decoder) plainValues(c cursor, out map[string]string) {
	if c.n.kind != mapNode {
		c.wrongKind("a mapping from names to values")
		return
	}
	for _, p := range c.n.pairs {
		d.putValue(cursor{d, p.key, joinPath(c.path, p.key.text)}, p.key.text, p.value, out)
	}
}

func (d *decoder) bundleValues(root cursor, out map[string]string) {
	o, _ := root.object("parameterValues")
	list, _ := o.get("parameterValues")
	for _, item := range list.items() {
		o, ok := item.object("name", "value")
		if !ok {
			continue
		}
		name, hasName := o.require("name")
		value, hasValue := o.require("value")
		if !hasName || !hasValue {
			continue
		}
		if text, ok := name.str(); ok {
			d.putValue(name, text, value.n, out)
		}
	}
}

func (d *decoder) putValue(at cursor, name string, value *node, out map[string]string) {
	if _, twice := out[name]; twice {
		at.fail("the parameter %q stands twice", clip(name))
		return
	}
	if value.kind == mapNode || value.kind == nullNode {
		cursor{d, value, at.path}.wrongKind("a value")
		return
	}
	out[name] = value.valueText()
}

// valueText is the text of a parameter's value: a scalar as it was written, a list as JSON.
func (n *node) valueText() string {
	if n.kind == listNode {
		return n.jsonText()
	}
	return n.text
}

// JSON reads a YAML or JSON document of any content and returns it as JSON: under the core schema of YAML 1.2, numbers
// with the digits they were written with. The error is Errors.
func JSON(src []byte, name string) ([]byte, error) {
	return parseDocument(src, name, nil, func(_ *decoder, root cursor) *[]byte {
		out := []byte(root.n.jsonText())
		return &out
	})
}

// jsonText is a value as JSON, without spaces.
func (n *node) jsonText() string {
	switch n.kind {
	case listNode:
		items := make([]string, len(n.items))
		for i, item := range n.items {
			items[i] = item.jsonText()
		}
		return "[" + strings.Join(items, ",") + "]"
	case mapNode:
		fields := make([]string, len(n.pairs))
		for i, p := range n.pairs {
			fields[i] = p.key.jsonText() + ":" + p.value.jsonText()
		}
		return "{" + strings.Join(fields, ",") + "}"
	case intNode, floatNode:
		if number := jsonNumber(n.text); number != "" {
			return string(number)
		}
	case boolNode:
		return n.text
	case nullNode:
		return "null"
	}
	text, err := json.Marshal(n.text)
	if err != nil {
		return `""`
	}
	return string(text)
}
