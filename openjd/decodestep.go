package openjd

import (
	"maps"
	"slices"
	"strings"

	"github.com/spillway/spillway/openjd/expr"
)

// steps reads the steps and checks what concerns several of them (§3).
func (d *decoder) steps(c cursor, creation scope, jobEnvironments map[string]bool) []StepTemplate {
	var out []StepTemplate
	var cursors []cursor
	seen := make(map[string]bool)
	for _, item := range c.itemsWithin(1, 0) {
		s := d.step(item, creation, jobEnvironments)
		if s.Name != "" && seen[s.Name] {
			item.fail("a step named %q is there already", clip(s.Name))
		}
		seen[s.Name] = true
		out = append(out, s)
		cursors = append(cursors, item)
	}
	d.dependencies(out, cursors)
	return out
}

func (d *decoder) step(c cursor, creation scope, jobEnvironments map[string]bool) StepTemplate {
	var s StepTemplate
	simple := slices.Sorted(maps.Keys(interpreters()))
	keys := []string{"name", "description", "dependencies", "stepEnvironments", "hostRequirements", "parameterSpace", "script"}
	keys = d.with(Expr, keys, "let")
	o, ok := c.object(d.with(FeatureBundle1, keys, simple...)...)
	if !ok {
		return s
	}
	if c, ok := o.require("name"); ok {
		s.Name = c.text(d.profile.stepName)
	}
	if c, ok := o.get("description"); ok {
		s.Description = c.description()
	}
	whole := creation
	if d.profile.extensions[Expr] {
		creation, whole = d.stepScope(o, &s, creation)
		outside := d.fields
		defer func() { d.fields = outside }()
		d.fields = creation
	}
	if c, ok := o.get("dependencies"); ok {
		for _, item := range c.itemsWithin(1, 0) {
			s.Dependencies = append(s.Dependencies, d.dependency(item))
		}
	}
	if c, ok := o.get("stepEnvironments"); ok {
		s.Environments = d.environments(c, whole.host(), jobEnvironments)
	}
	if c, ok := o.get("hostRequirements"); ok {
		s.Requirements = d.requirements(c, creation)
	}
	if c, ok := o.get("parameterSpace"); ok {
		s.Space = d.space(c, creation)
	}
	d.script(o, &s, whole, simple)
	return s
}

// stepScope reads the step's let bindings. creation is what job creation knows of them, whole what a host does.
func (d *decoder) stepScope(o object, s *StepTemplate, outer scope) (creation, whole scope) {
	whole = outer.with("Step.Name")
	s.Let, whole = d.let(o, whole.withPaths())
	return whole.creation(), whole
}

// script reads the one script of a step: script, or a simple action.
func (d *decoder) script(o object, s *StepTemplate, creation scope, simple []string) {
	found := ""
	for _, key := range append([]string{"script"}, simple...) {
		c, ok := o.get(key)
		switch {
		case !ok:
			continue
		case found != "":
			c.fail("the step has %q already", found)
			continue
		}
		found = key
		if key == "script" {
			s.Script = d.stepScript(c, creation.host(), s.Space)
		} else {
			s.Script = d.simpleAction(c, key, creation.host(), s.Space)
		}
	}
	if found == "" {
		o.fail(`"script" is missing`)
	}
}

func (d *decoder) dependency(c cursor) StepDependency {
	var dep StepDependency
	if o, ok := c.object("dependsOn"); ok {
		if c, ok := o.require("dependsOn"); ok {
			dep.DependsOn = c.text(d.profile.stepName)
		}
	}
	return dep
}

// dependencies reports unknown steps and the first circle of dependencies (§3.2).
func (d *decoder) dependencies(steps []StepTemplate, cursors []cursor) {
	index := make(map[string]int)
	names := make([]string, len(steps))
	for i, s := range steps {
		index[s.Name], names[i] = i, s.Name
	}
	edges := make([][]int, len(steps))
	for i, s := range steps {
		for k, dep := range s.Dependencies {
			at := cursors[i].at("dependencies", k, "dependsOn")
			j, ok := index[dep.DependsOn]
			switch {
			case dep.DependsOn == "":
			case !ok:
				at.failHint(didYouMean(dep.DependsOn, names), "there is no step named %q", clip(dep.DependsOn))
			case i == j:
				at.fail("the step %q depends on itself", clip(s.Name))
			case slices.Contains(edges[i], j):
				at.fail("the dependency on %q stands twice", clip(dep.DependsOn))
			default:
				edges[i] = append(edges[i], j)
			}
		}
	}
	if _, circle := order(edges); circle != nil {
		var path []string
		for _, i := range circle {
			path = append(path, names[i])
		}
		path = append(path, names[circle[0]])
		cursors[circle[0]].fail("steps depend on each other in a circle: %s", clipMiddle(strings.Join(path, " → ")))
	}
}

// at returns the cursor of a value deeper in the document that was read before, by keys and list positions.
func (c cursor) at(key string, index int, inner string) cursor {
	out := c
	for _, p := range c.n.pairs {
		if p.key.text != key || index >= len(p.value.items) {
			continue
		}
		list := cursor{c.decoder, p.value, joinPath(c.path, key)}
		out = list.items()[index]
		for _, q := range out.n.pairs {
			if q.key.text == inner {
				return cursor{c.decoder, q.value, joinPath(out.path, inner)}
			}
		}
	}
	return out
}

// clipMiddle shortens a long circle.
func clipMiddle(s string) string {
	const most = 400
	if r := []rune(s); len(r) > most {
		return string(r[:most/2]) + " … " + string(r[len(r)-most/2:])
	}
	return s
}

// taskScope adds the values of a step's task parameters.
func taskScope(host scope, space *ParameterSpace) scope {
	out := host.clone()
	if space != nil {
		for _, p := range space.Parameters {
			out.names["Task.Param."+p.Name] = expr.Unresolved(p.Type.exprType(false))
			out.names["Task.RawParam."+p.Name] = expr.Unresolved(p.Type.exprType(true))
		}
	}
	return out
}

// stepScript reads a <StepScript> (§3.5).
func (d *decoder) stepScript(c cursor, host scope, space *ParameterSpace) StepScript {
	var script StepScript
	o, ok := c.object(d.with(Expr, []string{"actions", "embeddedFiles"}, "let")...)
	if !ok {
		return script
	}
	inner := taskScope(host, space)
	script.Let, script.Files, inner = d.letAndFiles(o, inner, "Task.File.")
	if c, ok := o.require("actions"); ok {
		if o, ok := c.object("onRun"); ok {
			if c, ok := o.require("onRun"); ok {
				script.Actions.OnRun = d.action(c, inner)
			}
		}
	}
	return script
}
