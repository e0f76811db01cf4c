package openjd

import (
	"fmt"
	"strings"

	"github.com/spillway/spillway/openjd/expr"
)

// CreateJob resolves what is resolved at job creation (§7.4). Parameters are those of BindParameters. The error is
// Errors, with paths but without positions.
func (t *JobTemplate) CreateJob(p Parameters) (*Job, error) {
	c := creator{symbols: p.creationSymbols(), limits: limitsOf(t.Extensions)}
	job := &Job{Description: t.Description, Parameters: p, Environments: t.Environments}
	job.Name = c.resolve(t.Name, "name")
	if problem := checkLength(job.Name, 1, c.limits.jobName); problem != "" {
		c.fail("name", problem)
	} else if problem := checkControl(job.Name, ""); problem != "" {
		c.fail("name", problem)
	}
	depends := t.dependsOn()
	c.symbols.Set("Job.Name", job.Name)
	jobSymbols := c.symbols
	for i := range t.Steps {
		s := &t.Steps[i]
		path := fmt.Sprintf("steps[%d]", i)
		var err error
		if c.symbols, err = s.creationSymbols(jobSymbols, p); err != nil {
			c.fail(path+".let", err.Error())
			continue
		}
		tasks, errs := s.Space.build(c.symbols, c.limits, path+".parameterSpace")
		c.errs = append(c.errs, errs...)
		job.Steps = append(job.Steps, Step{
			Name: s.Name, Description: s.Description, DependsOn: depends[i], Environments: s.Environments,
			Requirements: c.requirements(s.Requirements, path+".hostRequirements"), Tasks: tasks, Script: s.Script,
		})
	}
	if len(c.errs) > 0 {
		return nil, c.errs
	}
	return job, nil
}

// TaskSpace returns the tasks of one step, an index into Steps. The error is Errors.
func (t *JobTemplate) TaskSpace(step int, p Parameters) (*TaskSpace, error) {
	if step < 0 || step >= len(t.Steps) {
		return nil, Errors{{Message: fmt.Sprintf("there is no step %d, the job has %d", step, len(t.Steps))}}
	}
	symbols := p.creationSymbols()
	name, err := t.Name.Resolve(symbols)
	if err != nil {
		return nil, Errors{{Path: "name", Message: err.Error()}}
	}
	symbols.Set("Job.Name", name)
	if symbols, err = t.Steps[step].creationSymbols(symbols, p); err != nil {
		return nil, Errors{{Path: fmt.Sprintf("steps[%d].let", step), Message: err.Error()}}
	}
	space, errs := t.Steps[step].Space.build(symbols, limitsOf(t.Extensions), fmt.Sprintf("steps[%d].parameterSpace", step))
	return space, errs.err()
}

// creationSymbols are what job creation knows: Param.* of PATH parameters is not (§7.3.1).
func (p Parameters) creationSymbols() *Symbols {
	s := p.Symbols(nil)
	for name, v := range p {
		if v.Type == Path || v.Type == ListPath {
			delete(s.values, "Param."+name)
		}
	}
	return s
}

// creationSymbols adds what job creation knows of a step: its name and its let bindings, of which those that hang on
// mapped paths are not known yet.
func (t *StepTemplate) creationSymbols(job *Symbols, p Parameters) (*Symbols, error) {
	s := job.Clone()
	s.Set("Step.Name", t.Name)
	if len(t.Let) == 0 {
		return s, nil
	}
	open := s.Clone()
	for name, v := range p {
		if v.Type == Path || v.Type == ListPath {
			open.SetValue("Param."+name, expr.Unresolved(v.Type.exprType(false)))
		}
	}
	if err := open.bind(t.Let); err != nil {
		return nil, err
	}
	for _, b := range t.Let {
		v, _ := open.lookup(b.Name)
		s.SetValue(b.Name, v)
	}
	return s, nil
}

// creator collects what goes wrong at job creation.
type creator struct {
	symbols *Symbols
	limits  limits
	errs    Errors
}

func (c *creator) fail(path, message string) {
	c.errs = append(c.errs, Error{Path: path, Message: message})
}

func (c *creator) resolve(f FormatString, path string) string {
	text, err := f.Resolve(c.symbols)
	if err != nil {
		c.fail(path, err.Error())
	}
	return text
}

// requirements resolves host requirements and applies the capabilities' own minimums (§3.3).
func (c *creator) requirements(t *HostRequirementsTemplate, path string) HostRequirements {
	var out HostRequirements
	if t == nil {
		return out
	}
	seen := make(map[string]bool)
	name := func(f FormatString, kind, path string) string {
		text := c.resolve(f, path)
		if problem := checkCapability(text, kind, c.limits); problem != "" {
			c.fail(path, problem)
		}
		text = strings.ToLower(text)
		if seen[text] {
			c.fail(path, fmt.Sprintf("the capability %q is required twice", clip(text)))
		}
		seen[text] = true
		return text
	}
	for i, a := range t.Amounts {
		amount := Amount{Name: name(a.Name, "amount", fmt.Sprintf("%s.amounts[%d].name", path, i))}
		amount.Min = leastAmount(amount.Name)
		c.bound(&amount.Min, a.Min, "min", fmt.Sprintf("%s.amounts[%d].min", path, i))
		c.bound(&amount.Max, a.Max, "max", fmt.Sprintf("%s.amounts[%d].max", path, i))
		if a.Min != nil && a.Max != nil && amount.Max > 0 && amount.Min > amount.Max {
			c.fail(fmt.Sprintf("%s.amounts[%d]", path, i), fmt.Sprintf("min, %v, is greater than max, %v", amount.Min, amount.Max))
		}
		out.Amounts = append(out.Amounts, amount)
	}
	for i, a := range t.Attributes {
		at := fmt.Sprintf("%s.attributes[%d]", path, i)
		attribute := Attribute{Name: name(a.Name, "attr", at+".name")}
		attribute.AnyOf = c.values(attribute.Name, a.AnyOf, at+".anyOf")
		attribute.AllOf = c.values(attribute.Name, a.AllOf, at+".allOf")
		out.Attributes = append(out.Attributes, attribute)
	}
	return out
}

// bound resolves min or max of an amount, if it is there.
func (c *creator) bound(into *float64, f *FloatField, key, path string) {
	value, ok, err := f.resolve(c.symbols)
	if err != nil {
		c.fail(path, err.Error())
		return
	}
	if !ok {
		return
	}
	if problem := checkAmount(key, value); problem != "" {
		c.fail(path, problem)
	}
	*into = value
}

func (c *creator) values(name string, list []FormatString, path string) []string {
	var out []string
	for i, f := range list {
		texts, err := f.ResolveList(c.symbols)
		if err != nil {
			c.fail(fmt.Sprintf("%s[%d]", path, i), err.Error())
		}
		for _, text := range texts {
			if problem := checkAttributeValue(name, text, c.limits); problem != "" {
				c.fail(fmt.Sprintf("%s[%d]", path, i), problem)
			}
		}
		out = append(out, texts...)
	}
	return out
}

// leastAmount is the minimum that a capability itself defines (§3.3.1.1).
func leastAmount(name string) float64 {
	if name == VCPU {
		return 1
	}
	return 0
}
