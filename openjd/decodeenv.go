package openjd

import (
	"cmp"
	"slices"
	"strings"

	"github.com/spillway/spillway/openjd/expr"
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
	o, ok := c.object(d.with(Expr, []string{"actions", "embeddedFiles"}, "let")...)
	if !ok {
		return script
	}
	script.Let, script.Files, inner = d.letAndFiles(o, inner, "Env.File.")
	c, ok = o.require("actions")
	if !ok {
		return script
	}
	o, ok = c.object(d.with(WrapActions, []string{"onEnter", "onExit"}, "onWrapEnvEnter", "onWrapTaskRun", "onWrapEnvExit")...)
	if !ok {
		return script
	}
	wraps := d.wrapActions(o, &script.Actions, inner)
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
	if !hasEnter && !hasExit && !wraps {
		o.fail(`needs "onEnter" or "onExit"`)
	}
	return script
}

// wrapActions reads the hooks of WRAP_ACTIONS, which come together (§4.3).
func (d *decoder) wrapActions(o object, a *EnvironmentActions, inner scope) (any bool) {
	missing := ""
	for _, hook := range []struct {
		key  string
		into **Action
		more string
	}{
		{"onWrapEnvEnter", &a.OnWrapEnvEnter, "WrappedEnv.Name"}, {"onWrapTaskRun", &a.OnWrapTaskRun, "WrappedStep.Name"},
		{"onWrapEnvExit", &a.OnWrapEnvExit, "WrappedEnv.Name"},
	} {
		c, ok := o.get(hook.key)
		if !ok {
			missing = cmp.Or(missing, hook.key)
			continue
		}
		any = true
		outside := d.fields
		d.fields = wrappedScope(outside).with(hook.more)
		action := d.action(c, wrappedScope(inner).with(hook.more))
		d.fields = outside
		*hook.into = &action
	}
	if any && missing != "" {
		o.fail("%q is missing: an environment that wraps actions has onWrapEnvEnter, onWrapTaskRun and onWrapEnvExit", missing)
	}
	return any
}

// wrappedScope adds the values that a hook has (§4.3.1).
func wrappedScope(s scope) scope {
	out := s.with("WrappedAction.Command")
	out.names["WrappedAction.Args"] = expr.Unresolved(expr.ListOf(expr.StringType))
	out.names["WrappedAction.Environment"] = expr.Unresolved(expr.ListOf(expr.StringType))
	out.names["WrappedAction.Timeout"] = expr.Unresolved(expr.IntType, expr.NullType)
	out.names["WrappedAction.Cancelation.Mode"] = expr.Unresolved(expr.StringType, expr.NullType)
	out.names["WrappedAction.Cancelation.NotifyPeriodInSeconds"] = expr.Unresolved(expr.IntType, expr.NullType)
	return out
}

// letAndFiles reads let and embeddedFiles of a script: bindings may name the files, the files' data the bindings.
func (d *decoder) letAndFiles(o object, s scope, prefix string) ([]LetBinding, []EmbeddedFile, scope) {
	c, ok := o.get("embeddedFiles")
	if !ok {
		let, inner := d.let(o, s)
		return let, nil, inner
	}
	let, inner := d.let(o, fileScope(c, s, prefix))
	return let, d.files(c, inner), inner
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
			out.Mode = c.formatOf(fields, optional(stringTarget))
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

// fileScope adds the locations of embedded files.
func fileScope(c cursor, s scope, prefix string) scope {
	out := s.clone()
	for _, item := range c.n.items {
		for _, p := range item.pairs {
			if p.key.text == "name" {
				out.names[prefix+p.value.text] = expr.Unresolved(expr.PathType)
			}
		}
	}
	return out
}

// files reads embeddedFiles (§6).
func (d *decoder) files(c cursor, inner scope) []EmbeddedFile {
	var out []EmbeddedFile
	seen := make(map[string]bool)
	for _, item := range c.itemsWithin(1, 0) {
		f := d.file(item, inner)
		if f.Name != "" && seen[f.Name] {
			item.fail("a file named %q is there already", clip(f.Name))
		}
		seen[f.Name] = true
		out = append(out, f)
	}
	return out
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
