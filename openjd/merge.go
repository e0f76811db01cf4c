package openjd

import (
	"fmt"
	"slices"
)

// MergeParameters merges the parameter definitions of environment templates, in the order in which they are entered,
// and of the job template, which comes last (§1.2.1): constraints narrow, the last default counts. The result is for
// Bind. The error is Errors, each with the parameter's name as its path.
func MergeParameters(job *JobTemplate, environments ...*EnvironmentTemplate) ([]JobParameter, error) {
	var out []JobParameter
	var errs Errors
	add := func(definitions []JobParameter) {
		for _, p := range definitions {
			i := slices.IndexFunc(out, func(q JobParameter) bool { return q.Name == p.Name })
			if i < 0 {
				out = append(out, p)
				continue
			}
			merged, problem := out[i].merge(p)
			if problem != "" {
				errs = append(errs, Error{Path: p.Name, Message: problem})
				continue
			}
			out[i] = merged
		}
	}
	for _, e := range environments {
		add(e.Parameters)
	}
	add(job.Parameters)
	for i := range out {
		if problem := out[i].consistent(); problem != "" {
			errs = append(errs, Error{Path: out[i].Name, Message: problem})
		}
	}
	return out, errs.err()
}

// merge narrows p by a later definition of the same name.
func (p JobParameter) merge(later JobParameter) (JobParameter, string) {
	switch {
	case p.Type != later.Type:
		return p, fmt.Sprintf("the templates define it as %s and as %s", p.Type, later.Type)
	case p.isPath() && p.objectType() != later.objectType():
		return p, fmt.Sprintf("the templates define its objectType as %s and as %s", p.objectType(), later.objectType())
	case p.isPath() && p.dataFlow() != later.dataFlow():
		return p, fmt.Sprintf("the templates define its dataFlow as %s and as %s", p.dataFlow(), later.dataFlow())
	}
	out := later
	if out.Default == nil {
		out.Default = p.Default
	}
	if out.MinLength == nil || p.MinLength != nil && *p.MinLength > *out.MinLength {
		out.MinLength = p.MinLength
	}
	if out.MaxLength == nil || p.MaxLength != nil && *p.MaxLength < *out.MaxLength {
		out.MaxLength = p.MaxLength
	}
	if out.MinValue == nil || p.MinValue != nil && compareNumbers(p.Type, *p.MinValue, *out.MinValue) > 0 {
		out.MinValue = p.MinValue
	}
	if out.MaxValue == nil || p.MaxValue != nil && compareNumbers(p.Type, *p.MaxValue, *out.MaxValue) < 0 {
		out.MaxValue = p.MaxValue
	}
	if item, isList := p.Type.item(); isList && (p.Item != nil || later.Item != nil) {
		merged, problem := p.Item.of(item).merge(later.Item.of(item))
		if problem != "" {
			return p, "items: " + problem
		}
		out.Item = itemsOf(merged)
	}
	switch {
	case later.AllowedValues == nil:
		out.AllowedValues = p.AllowedValues
	case p.AllowedValues != nil:
		out.AllowedValues = nil
		for _, v := range later.AllowedValues {
			if slices.ContainsFunc(p.AllowedValues, func(a string) bool { return equalValues(p.Type, a, v) }) {
				out.AllowedValues = append(out.AllowedValues, v)
			}
		}
		if out.AllowedValues == nil {
			return p, "the templates have no allowed value in common"
		}
	}
	return out, ""
}

// consistent returns what is wrong with a merged definition, or "".
func (p *JobParameter) consistent() string {
	switch {
	case p.MinLength != nil && p.MaxLength != nil && *p.MinLength > *p.MaxLength:
		return fmt.Sprintf("minLength, %d, is greater than maxLength, %d", *p.MinLength, *p.MaxLength)
	case p.MinValue != nil && p.MaxValue != nil && compareNumbers(p.Type, *p.MinValue, *p.MaxValue) > 0:
		return fmt.Sprintf("minValue, %s, is greater than maxValue, %s", *p.MinValue, *p.MaxValue)
	}
	if p.AllowedValues != nil {
		fits := slices.DeleteFunc(slices.Clone(p.AllowedValues), func(v string) bool { return p.checkBounds(v) != "" })
		if len(fits) == 0 {
			return "no allowed value keeps the bounds"
		}
	}
	if p.Default != nil {
		if problem := p.check(*p.Default); problem != "" {
			return "the default: " + problem
		}
	}
	return ""
}

func (p *JobParameter) isPath() bool { return p.Type == Path || p.Type == ListPath }

func (p *JobParameter) objectType() ObjectType {
	if p.ObjectType == "" {
		return Directory
	}
	return p.ObjectType
}

func (p *JobParameter) dataFlow() DataFlow {
	if p.DataFlow == "" {
		return FlowNone
	}
	return p.DataFlow
}
