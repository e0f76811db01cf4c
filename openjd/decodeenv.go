package openjd

import (
	"slices"
	"strings"
)

// environments reads a list of environments whose names differ from each other and from taken ones (§1.1, §3). The
// job's environments are put into taken; a step's are not.
func (d *decoder) environments(c cursor, host scope, taken map[string]bool) []Environment {
	var out []Environment
	isJob := len(taken) == 0 && c.path == "jobEnvironments"
	seen := make(map[string]bool)
	for _, item := range c.items() {
		e := d.environment(item, host)
		switch {
		case e.Name == "":
		case seen[e.Name]:
			item.fail("an environment named %q is there already", clip(e.Name))
		case taken[e.Name] && !isJob:
			item.fail("the job has an environment named %q already", clip(e.Name))
		}
		seen[e.Name] = true
		if isJob {
			taken[e.Name] = true
		}
		out = append(out, e)
	}
	return out
}

// environment reads an <Environment> (§4).
func (d *decoder) environment(c cursor, host scope) Environment {
	var e Environment
	o, ok := c.object("name", "description", "script", "variables")
	if !ok {
		return e
	}
	if c, ok := o.require("name"); ok {
		e.Name = c.text(d.profile.environmentName)
	}
	if c, ok := o.get("description"); ok {
		e.Description = c.description()
	}
	script, hasScript := o.get("script")
	if hasScript {
		e.Script = d.environmentScript(script, host)
	}
	variables, hasVariables := o.get("variables")
	if hasVariables {
		e.Variables = d.variables(variables, host)
	}
	if !hasScript && (!hasVariables || variables.n.kind == mapNode && len(variables.n.pairs) == 0) {
		o.fail(`needs "script" or "variables"`)
	}
	return e
}

// environmentScript reads an <EnvironmentScript> (§4.2).
func (d *decoder) environmentScript(c cursor, inner scope) *EnvironmentScript {
	script := new(EnvironmentScript)
	o, ok := c.object("actions", "embeddedFiles")
	if !ok {
		return script
	}
	if c, ok := o.get("embeddedFiles"); ok {
		script.Files, inner = d.files(c, inner, "Env.File.")
	}
	c, ok = o.require("actions")
	if !ok {
		return script
	}
	o, ok = c.object("onEnter", "onExit")
	if !ok {
		return script
	}
	enter, hasEnter := o.get("onEnter")
	if hasEnter {
		a := d.action(enter, inner)
		script.Actions.OnEnter = &a
	}
	exit, hasExit := o.get("onExit")
	if hasExit {
		a := d.action(exit, inner)
		script.Actions.OnExit = &a
	}
	if !hasEnter && !hasExit {
		o.fail(`needs "onEnter" or "onExit"`)
	}
	return script
}

// variables reads <EnvironmentVariables> (§4.4).
func (d *decoder) variables(c cursor, host scope) map[string]FormatString {
	if c.n.kind != mapNode {
		c.wrongKind("a mapping")
		return nil
	}
	out := make(map[string]FormatString)
	for _, p := range c.n.pairs {
		name := p.key.text
		path := joinPath(c.path, name)
		key := cursor{c.decoder, p.key, path}
		if _, twice := out[name]; twice {
			key.fail("the variable %q stands twice", clip(name))
			continue
		}
		if !isIdentifier(name) || len(name) > d.profile.variableName {
			key.fail("%q is not a variable name: at most %d letters, digits and _, not starting with a digit", clip(name), d.profile.variableName)
		}
		value := cursor{c.decoder, p.value, path}
		f := value.format(host)
		value.length(f.raw, 0, d.profile.variableValue)
		out[name] = f
	}
	return out
}

// action reads an <Action> (§5).
func (d *decoder) action(c cursor, s scope) Action {
	var a Action
	o, ok := c.object("command", "args", "timeout", "cancelation")
	if !ok {
		return a
	}
	if c, ok := o.require("command"); ok {
		a.Command = c.format(s)
		if c.n.kind == stringNode {
			c.length(a.Command.raw, 1, 0)
			c.noControl(a.Command.raw, "")
		}
	}
	if c, ok := o.get("args"); ok {
		a.Args = d.arguments(c, s)
	}
	d.timing(o, &a, d.fields)
	return a
}

// arguments reads <ArgString>s (§5.2). The section excludes control characters, yet inline scripts are what args are
// used for: line ends and tabs pass.
func (d *decoder) arguments(c cursor, s scope) []FormatString {
	return c.formats(s, 1, 0, func(c cursor, f FormatString) { c.noControl(f.raw, "\n\r\t") })
}

// timing reads when and how an action is ended. fields is the scope of its format strings.
func (d *decoder) timing(o object, a *Action, fields scope) {
	if c, ok := o.get("timeout"); ok {
		a.Timeout = c.intField(fields, 1, maxTimeout, false)
	}
	if c, ok := o.get("cancelation"); ok {
		a.Cancelation = d.cancelation(c, fields)
	}
}

// maxTimeout keeps a timeout within a time.Duration: a hundred years in seconds.
const maxTimeout = 100 * 366 * 24 * 60 * 60

// cancelation reads a <CancelationMethod> (§5.3).
func (d *decoder) cancelation(c cursor, fields scope) *Cancelation {
	out := new(Cancelation)
	keys := []string{"mode"}
	notify := slices.ContainsFunc(c.n.pairs, func(p pair) bool {
		return p.key.text == "mode" && (p.value.text == string(NotifyThenTerminate) || d.isFormat(p.value))
	})
	if notify {
		keys = append(keys, "notifyPeriodInSeconds")
	}
	o, ok := c.object(keys...)
	if !ok {
		return out
	}
	if c, ok := o.require("mode"); ok {
		if d.isFormat(c.n) {
			out.Mode = c.format(fields)
		} else {
			out.Mode = plainText(string(choice(c, Terminate, NotifyThenTerminate)))
		}
	}
	if c, ok := o.get("notifyPeriodInSeconds"); ok && notify {
		out.NotifyPeriod = c.intField(fields, 1, int64(d.profile.notifyPeriod), false)
	}
	return out
}

// isFormat reports whether a field that may hold a format string with FEATURE_BUNDLE_1 does.
func (d *decoder) isFormat(n *node) bool {
	return d.profile.extensions[FeatureBundle1] && n.kind == stringNode && strings.Contains(n.text, "{{")
}

// files reads embeddedFiles (§6). The scope it returns has their locations, which they may also name themselves.
func (d *decoder) files(c cursor, s scope, prefix string) ([]EmbeddedFile, scope) {
	items := c.itemsWithin(1, 0)
	var names []string
	for _, item := range items {
		for _, p := range item.n.pairs {
			if p.key.text == "name" {
				names = append(names, prefix+p.value.text)
			}
		}
	}
	inner := s.with(names...)
	var out []EmbeddedFile
	seen := make(map[string]bool)
	for _, item := range items {
		f := d.file(item, inner)
		if f.Name != "" && seen[f.Name] {
			item.fail("a file named %q is there already", clip(f.Name))
		}
		seen[f.Name] = true
		out = append(out, f)
	}
	return out, inner
}

func (d *decoder) file(c cursor, s scope) EmbeddedFile {
	var f EmbeddedFile
	o, ok := c.object(d.with(FeatureBundle1, []string{"name", "type", "filename", "runnable", "data"}, "endOfLine")...)
	if !ok {
		return f
	}
	if c, ok := o.require("name"); ok {
		f.Name = c.identifier()
	}
	if c, ok := o.require("type"); ok {
		f.Type = choice(c, "TEXT")
	}
	if c, ok := o.get("filename"); ok {
		f.Filename = c.text(d.profile.filename)
		if !isBaseName(f.Filename) {
			c.fail("%q is not a plain file name without directories", clip(f.Filename))
		}
	}
	if c, ok := o.get("runnable"); ok {
		f.Runnable = c.boolean()
	}
	if c, ok := o.get("endOfLine"); ok {
		f.EndOfLine = choice(c, "AUTO", "LF", "CRLF")
	}
	if c, ok := o.require("data"); ok {
		f.Data = c.format(s)
		if c.n.kind == stringNode {
			c.length(f.Data.raw, 1, 0)
		}
	}
	return f
}

// with adds keys that an extension brings, if the document asks for it.
func (d *decoder) with(extension string, keys []string, more ...string) []string {
	if d.profile.extensions[extension] {
		return append(keys, more...)
	}
	return keys
}

func isBaseName(s string) bool {
	return s != "." && s != ".." && !slices.ContainsFunc([]byte(s), func(b byte) bool { return b == '/' || b == '\\' })
}
