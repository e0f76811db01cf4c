package openjd

// interpreter is what a <SimpleAction> key stands for (§8).
type interpreter struct {
	command   string
	before    []string // arguments before the script's file
	extension string
}

// interpreters are the keys of simple actions.
func interpreters() map[string]interpreter {
	return map[string]interpreter{
		"bash":       {"bash", nil, ".sh"},
		"cmd":        {"cmd", []string{"/C"}, ".bat"},
		"node":       {"node", nil, ".js"},
		"powershell": {"powershell", []string{"-File"}, ".ps1"},
		"python":     {"python", nil, ".py"},
	}
}

// scriptFile is the name of a simple action's embedded file.
const scriptFile = "Script"

// simpleAction reads a <SimpleAction> as the <StepScript> that it stands for (§8).
func (d *decoder) simpleAction(c cursor, key string, host scope, space *ParameterSpace) StepScript {
	var script StepScript
	o, ok := c.object(d.with(Expr, []string{"script", "args", "timeout", "cancelation"}, "let")...)
	if !ok {
		return script
	}
	inner := taskScope(host, space)
	script.Let, inner = d.let(o, inner)
	with := interpreters()[key]
	run := &script.Actions.OnRun
	run.Command = plainText(with.command)
	for _, arg := range with.before {
		run.Args = append(run.Args, plainText(arg))
	}
	run.Args = append(run.Args, d.reference("Task.File."+scriptFile))
	if c, ok := o.get("args"); ok {
		run.Args = append(run.Args, d.arguments(c, inner)...)
	}
	d.timing(o, run, d.fields)
	embedded := EmbeddedFile{Name: scriptFile, Type: "TEXT", Filename: "script" + with.extension}
	if c, ok := o.require("script"); ok {
		embedded.Data = c.format(inner)
		if c.n.kind == stringNode {
			c.length(embedded.Data.raw, 1, 0)
		}
	}
	script.Files = []EmbeddedFile{embedded}
	return script
}
