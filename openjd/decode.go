package openjd

import (
	"slices"
	"strings"

	"github.com/spillway/spillway/openjd/expr"
)

// decoder reads one document. It goes on after an error, so that all are found.
type decoder struct {
	*source
	profile profile
	fields  scope        // what format strings that job creation resolves may refer to
	budget  *expr.Budget // of checking the document's expressions
	only    []string     // extensions; nil: all that are supported
}

// parseDocument loads and decodes, and returns a value only if nothing is wrong.
func parseDocument[T any](src []byte, name string, options []ParseOption, read func(*decoder, cursor) *T) (out T, err error) {
	d := &decoder{source: &source{name: name, text: string(src)}, profile: base2023()}
	for _, option := range options {
		option(d)
	}
	root := d.load()
	if root == nil {
		return out, d.errs.err()
	}
	if read := read(d, cursor{d, root, ""}); len(d.errs) == 0 {
		return *read, nil
	}
	slices.SortStableFunc(d.errs, func(a, b Error) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	if d.extra > 0 {
		d.errs = append(d.errs, Error{File: d.name, Message: "and more errors follow; only the first are shown"})
	}
	return out, d.errs
}

// ParseOption changes how a template is parsed.
type ParseOption func(*decoder)

// WithExtensions accepts these extensions only; without it all that this package supports are accepted.
func WithExtensions(names ...string) ParseOption {
	return func(d *decoder) { d.only = append([]string{}, names...) }
}

func (d *decoder) jobTemplate(root cursor) *JobTemplate {
	o, ok := root.object("specificationVersion", "$schema", "extensions", "name", "description",
		"parameterDefinitions", "jobEnvironments", "steps")
	if !ok || !d.version(o, JobTemplateVersion, EnvironmentTemplateVersion, "environment template") {
		return nil
	}
	if c, ok := o.get("$schema"); ok {
		c.str()
	}
	t := &JobTemplate{Extensions: d.extensions(o)}
	if c, ok := o.get("description"); ok {
		t.Description = c.description()
	}
	if c, ok := o.get("parameterDefinitions"); ok {
		t.Parameters = d.parameters(c)
	}
	creation := creationScope(t.Parameters)
	if c, ok := o.require("name"); ok {
		t.Name = d.jobName(c, creation)
	}
	creation = d.jobScope(creation)
	d.fields = creation
	environments := make(map[string]bool)
	if c, ok := o.get("jobEnvironments"); ok {
		t.Environments = d.environments(c, creation.host(), environments)
	}
	if c, ok := o.require("steps"); ok {
		t.Steps = d.steps(c, creation, environments)
	}
	d.singleWrap(root, t)
	return t
}

// singleWrap refuses sessions in which two environments wrap actions (§4.3).
func (d *decoder) singleWrap(root cursor, t *JobTemplate) {
	inJob := wrapping(t.Environments)
	if inJob > 1 {
		root.fail("%d job environments wrap actions, at most one may", inJob)
	}
	for i := range t.Steps {
		if n := wrapping(t.Steps[i].Environments); n > 0 && inJob+n > 1 {
			root.fail("%d environments of step %q and its job wrap actions, at most one may", inJob+n, clip(t.Steps[i].Name))
		}
	}
}

func wrapping(list []Environment) int {
	n := 0
	for i := range list {
		if list[i].Wraps() {
			n++
		}
	}
	return n
}

func (d *decoder) environmentTemplate(root cursor) *EnvironmentTemplate {
	o, ok := root.object("specificationVersion", "$schema", "extensions", "parameterDefinitions", "environment")
	if !ok || !d.version(o, EnvironmentTemplateVersion, JobTemplateVersion, "job template") {
		return nil
	}
	t := &EnvironmentTemplate{Extensions: d.extensions(o)}
	d.profile.jobParameters = base2023().jobParameters // §1.2 has no more with any extension
	if c, ok := o.get("parameterDefinitions"); ok {
		t.Parameters = d.parameters(c)
	}
	if c, ok := o.require("environment"); ok {
		d.fields = d.jobScope(creationScope(t.Parameters))
		t.Environment = d.environment(c, d.fields.host())
	}
	return t
}

// jobScope adds what expressions know of the job.
func (d *decoder) jobScope(s scope) scope {
	if !d.profile.extensions[Expr] {
		return s
	}
	return s.with("Job.Name")
}

// version checks specificationVersion. If it is wrong, the rest of the document is not looked at.
func (d *decoder) version(o object, want, other, otherName string) bool {
	c, ok := o.get("specificationVersion")
	if !ok {
		o.failHint("add specificationVersion: "+want, `"specificationVersion" is missing`)
		return true
	}
	s, ok := c.str()
	switch {
	case !ok:
		return false
	case s == want:
		return true
	case s == other:
		c.fail("this is an %s", otherName)
	default:
		c.failHint(didYouMean(s, []string{want}), "%q is not %q", clip(s), want)
	}
	return false
}

// extensions reads the list of extensions and applies them to the profile (§1.1).
func (d *decoder) extensions(o object) []string {
	c, ok := o.get("extensions")
	if !ok {
		return nil
	}
	var out []string
	for _, item := range c.itemsWithin(1, 0) {
		name, ok := item.str()
		if !ok {
			continue
		}
		out = append(out, name)
		apply, exists := known()[name]
		switch {
		case !isExtensionName(name, d.profile):
			item.fail("%q is not an extension name: %d to %d capital letters, digits and _", clip(name), d.profile.extensionNameLeast, d.profile.extensionName)
		case d.profile.extensions[name]:
			item.fail("the extension %s stands twice", name)
		case !exists:
			item.failHint(didYouMean(name, knownNames()), "unknown extension %s", clip(name))
		case d.only != nil && !slices.Contains(d.only, name):
			item.fail("the extension %s is not among those that are allowed here (%s)", name, orDefault(strings.Join(d.only, ", "), "none"))
		case apply == nil:
			item.fail("the extension %s is not supported (supported: %s)", name, supported())
		default:
			apply(&d.profile)
		}
		d.profile.extensions[name] = true
	}
	if d.profile.extensions[WrapActions] && !d.profile.extensions[Expr] {
		c.fail("%s needs %s as well", WrapActions, Expr)
	}
	return out
}

func isExtensionName(s string, p profile) bool {
	odd := func(r rune) bool { return r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') }
	return len(s) >= p.extensionNameLeast && len(s) <= p.extensionName && !strings.ContainsFunc(s, odd)
}

// jobName reads a <JobName> (§1.1.1). Its length counts after resolution.
func (d *decoder) jobName(c cursor, s scope) FormatString {
	f := c.format(s)
	if c.n.kind != stringNode {
		return f
	}
	c.noControl(f.raw, "")
	if f.IsLiteral() {
		c.length(f.raw, 1, d.profile.jobName)
	}
	return f
}
