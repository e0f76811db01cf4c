package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spillway/spillway/internal/client"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/openjd"
)

// OpenjdCmd works on Open Job Description templates without a server.
type OpenjdCmd struct {
	Check   OpenjdCheckCmd   `cmd:"" help:"Check a job or environment template and show everything that is wrong with it."`
	Summary OpenjdSummaryCmd `cmd:"" help:"Show what a job made from a template would be: its parameters, steps and tasks."`
	Run     OpenjdRunCmd     `cmd:"" help:"Run a job, or tasks of it, on this machine."`
}

// OpenjdCheckCmd checks one template.
type OpenjdCheckCmd struct {
	File string `arg:"" type:"path" help:"Template, YAML or JSON, or a job bundle's folder."`
	templateFlags
}

// checkResult is what check found, and its JSON.
type checkResult struct {
	File   string       `json:"file"`
	Valid  bool         `json:"valid"`
	Kind   string       `json:"kind"`
	Name   string       `json:"name,omitempty"`
	Steps  int          `json:"steps,omitempty"`
	Tasks  *int64       `json:"tasks,omitempty"` // nil: they depend on parameters without defaults
	Errors []checkError `json:"errors,omitempty"`
}

type checkError struct {
	Path    string `json:"path,omitempty"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// Run prints one line for a valid template, else every error with its source line.
func (c *OpenjdCheckCmd) Run(_ context.Context, g *Globals) error {
	if info, err := os.Stat(c.File); err == nil && info.IsDir() {
		if c.File, err = client.TemplateIn(c.File); err != nil {
			return err
		}
	}
	src, err := readTemplate(c.File)
	if err != nil {
		return err
	}
	result, wrong := checkTemplate(src, c.File, c.options()...)
	if format := c.format(g); format != "" {
		if err := printAs(g.Out, format, result); err != nil {
			return err
		}
	} else if result.Valid {
		fmt.Fprintln(g.Out, result.line())
	} else {
		fmt.Fprint(g.Err, wrong.Report())
	}
	if !result.Valid {
		return fault.New(fault.Invalid, "%s is not a valid %s: %s", c.File, result.Kind, plural(int64(len(wrong)), "error"))
	}
	return nil
}

// readTemplate reads no more of a file than a template may have.
func readTemplate(file string) ([]byte, error) {
	const most = 16 << 20
	f, err := os.Open(file)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "read the template")
	}
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, most))
	return src, fault.Wrap(fault.Unavailable, err, "read the template")
}

func checkTemplate(src []byte, file string, options ...openjd.ParseOption) (checkResult, openjd.Errors) {
	result := checkResult{File: file, Kind: "job template"}
	var err error
	if openjd.SpecificationVersion(src) == openjd.EnvironmentTemplateVersion {
		result.Kind = "environment template"
		var t *openjd.EnvironmentTemplate
		if t, err = openjd.ParseEnvironmentTemplate(src, file, options...); err == nil {
			result.Name = t.Environment.Name
		}
	} else {
		var t *openjd.JobTemplate
		if t, err = openjd.ParseJobTemplate(src, file, options...); err == nil {
			result.Name, result.Steps, result.Tasks = t.Name.String(), len(t.Steps), countTasks(t)
		}
	}
	var wrong openjd.Errors
	errors.As(err, &wrong)
	for _, e := range wrong {
		result.Errors = append(result.Errors, checkError{e.Path, e.Line, e.Column, e.Message, e.Hint})
	}
	result.Valid = err == nil
	return result, wrong
}

// countTasks counts what the template makes with the defaults of its parameters, nil if that cannot be known.
func countTasks(t *openjd.JobTemplate) *int64 {
	defaults := make(openjd.Parameters)
	for _, p := range t.Parameters {
		if p.Default != nil {
			defaults[p.Name] = openjd.Value{Type: p.Type, Text: *p.Default}
		}
	}
	total := int64(0)
	for i := range t.Steps {
		space, err := t.TaskSpace(i, defaults)
		if err != nil || total+space.Len() < total {
			return nil
		}
		total += space.Len()
	}
	return &total
}

func (r checkResult) line() string {
	head := fmt.Sprintf("%s: valid %s %s", r.File, r.Kind, r.Name)
	switch {
	case r.Steps == 0:
		return head
	case r.Tasks == nil:
		return fmt.Sprintf("%s: %s, tasks depend on the parameters", head, plural(int64(r.Steps), "step"))
	}
	return fmt.Sprintf("%s: %s, %s", head, plural(int64(r.Steps), "step"), plural(*r.Tasks, "task"))
}

// plural counts things.
func plural(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
