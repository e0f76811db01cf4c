package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spillway/spillway/openjd"
)

// OpenjdSummaryCmd shows a job without running it.
type OpenjdSummaryCmd struct {
	jobFlags
}

// jobSummary is what summary prints, and its JSON.
type jobSummary struct {
	Name         string             `json:"name"`
	Parameters   []parameterSummary `json:"parameters,omitempty"`
	Environments []string           `json:"environments,omitempty"`
	TotalSteps   int                `json:"total_steps"`
	TotalTasks   int64              `json:"total_tasks"`
	Steps        []stepSummary      `json:"steps"`
}

type parameterSummary struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Value string `json:"value"`
}

type stepSummary struct {
	Name         string   `json:"name"`
	Tasks        int64    `json:"tasks"`
	Parameters   []string `json:"parameters,omitempty"`
	Environments []string `json:"environments,omitempty"`
	DependsOn    []string `json:"dependencies,omitempty"`
	Amounts      []string `json:"amounts,omitempty"`
	Attributes   []string `json:"attributes,omitempty"`
}

// Run prints the summary.
func (c *OpenjdSummaryCmd) Run(_ context.Context, g *Globals) error {
	job, err := c.load(g)
	if err != nil {
		return err
	}
	s := summarize(job)
	if format := c.format(g); format != "" {
		return printAs(g.Out, format, s)
	}
	s.print(g)
	return nil
}

func summarize(j *localJob) jobSummary {
	out := jobSummary{Name: j.job.Name, TotalSteps: len(j.steps)}
	for _, name := range slices.Sorted(maps.Keys(j.job.Parameters)) {
		v := j.job.Parameters[name]
		out.Parameters = append(out.Parameters, parameterSummary{name, string(v.Type), v.Text})
	}
	for _, e := range j.environments {
		out.Environments = append(out.Environments, e.Environment.Name)
	}
	out.Environments = append(out.Environments, environmentNames(j.job.Environments)...)
	for _, i := range j.steps {
		s := j.job.Steps[i]
		one := stepSummary{Name: s.Name, Tasks: s.Tasks.Len(), Environments: environmentNames(s.Environments)}
		if space := j.template.Steps[i].Space; space != nil {
			for _, p := range space.Parameters {
				one.Parameters = append(one.Parameters, fmt.Sprintf("%s (%s)", p.Name, p.Type))
			}
		}
		for _, d := range s.DependsOn {
			one.DependsOn = append(one.DependsOn, j.job.Steps[d].Name)
		}
		one.Amounts, one.Attributes = requirementTexts(s.Requirements)
		out.TotalTasks += one.Tasks
		out.Steps = append(out.Steps, one)
	}
	return out
}

func environmentNames(list []openjd.Environment) []string {
	var out []string
	for _, e := range list {
		out = append(out, e.Name)
	}
	return out
}

func requirementTexts(r openjd.HostRequirements) (amounts, attributes []string) {
	for _, a := range r.Amounts {
		text := fmt.Sprintf("%s >= %v", a.Name, a.Min)
		if a.Max > 0 {
			text += fmt.Sprintf(", <= %v", a.Max)
		}
		amounts = append(amounts, text)
	}
	for _, a := range r.Attributes {
		text := a.Name
		if len(a.AnyOf) > 0 {
			text += " any of " + strings.Join(a.AnyOf, ", ")
		}
		if len(a.AllOf) > 0 {
			text += " all of " + strings.Join(a.AllOf, ", ")
		}
		attributes = append(attributes, text)
	}
	return amounts, attributes
}

func (s jobSummary) print(g *Globals) {
	fmt.Fprintf(g.Out, "Job: %s\n", s.Name)
	for _, p := range s.Parameters {
		fmt.Fprintf(g.Out, "  %s (%s): %s\n", p.Name, p.Type, p.Value)
	}
	if len(s.Environments) > 0 {
		fmt.Fprintf(g.Out, "Environments: %s\n", strings.Join(s.Environments, ", "))
	}
	fmt.Fprintf(g.Out, "%s, %s\n", plural(int64(s.TotalSteps), "step"), plural(s.TotalTasks, "task"))
	for _, step := range s.Steps {
		fmt.Fprintf(g.Out, "\nStep: %s: %s\n", step.Name, plural(step.Tasks, "task"))
		for _, line := range []struct {
			what   string
			values []string
		}{
			{"parameters", step.Parameters}, {"depends on", step.DependsOn}, {"environments", step.Environments},
			{"amounts", step.Amounts}, {"attributes", step.Attributes},
		} {
			if len(line.values) > 0 {
				fmt.Fprintf(g.Out, "  %s: %s\n", line.what, strings.Join(line.values, "; "))
			}
		}
	}
}
