package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/spillway/spillway/internal/client"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/openjd"
)

// templateFlags are what every openjd command takes.
type templateFlags struct {
	Extensions *string `placeholder:"A,B,…" help:"Accept these extensions only; empty: none. Left out: all that are supported."`
	Output     string  `enum:"human-readable,json,yaml" default:"human-readable" help:"How to print the result: ${enum}."`
}

func (f *templateFlags) options() []openjd.ParseOption {
	if f.Extensions == nil {
		return nil
	}
	names := []string{}
	for name := range strings.SplitSeq(*f.Extensions, ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return []openjd.ParseOption{openjd.WithExtensions(names...)}
}

// format is json, yaml or empty for people.
func (f *templateFlags) format(g *Globals) string {
	switch {
	case f.Output != "human-readable":
		return f.Output
	case g.JSON:
		return "json"
	}
	return ""
}

// printAs writes a value as JSON or YAML, under the names of its JSON.
func printAs(w io.Writer, format string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fault.Wrap(fault.Internal, err, "encode the result")
	}
	if format == "yaml" {
		if data, err = yaml.JSONToYAML(data); err != nil {
			return fault.Wrap(fault.Internal, err, "encode the result")
		}
		data = []byte(strings.TrimSuffix(string(data), "\n"))
	}
	_, err = fmt.Fprintln(w, string(data))
	return err
}

// jobFlags are what commands that make a job take.
type jobFlags struct {
	File         string   `arg:"" type:"path" help:"Job template, YAML or JSON, or a job bundle's folder."`
	JobParam     []string `name:"job-param" aliases:"parameter" short:"p" sep:"none" placeholder:"NAME=VALUE" help:"A job parameter: NAME=VALUE, file://PATH of YAML or JSON, or a JSON object. May be repeated; later ones win."`
	Environments []string `name:"environment" aliases:"env" sep:"none" type:"path" placeholder:"FILE" help:"An environment template to enter before the job's own environments. May be repeated."`
	Step         string   `placeholder:"NAME" help:"This step alone."`
	templateFlags
}

// localJob is a job made on this machine.
type localJob struct {
	template     *openjd.JobTemplate
	environments []*openjd.EnvironmentTemplate
	job          *openjd.Job
	steps        []int // that are wanted, in the order in which they may run
}

// load makes the job. What is wrong with a template or a parameter is printed with its place.
func (f *jobFlags) load(g *Globals) (*localJob, error) {
	bundle := ""
	if info, err := os.Stat(f.File); err == nil && info.IsDir() {
		bundle = f.File
		if f.File, err = client.TemplateIn(f.File); err != nil {
			return nil, err
		}
	}
	src, err := readTemplate(f.File)
	if err != nil {
		return nil, err
	}
	out := new(localJob)
	if out.template, err = openjd.ParseJobTemplate(src, f.File, f.options()...); err != nil {
		return nil, explain(g, err, "%s is not a valid job template", f.File)
	}
	for _, file := range f.Environments {
		src, err := readTemplate(file)
		if err != nil {
			return nil, err
		}
		t, err := openjd.ParseEnvironmentTemplate(src, file, f.options()...)
		if err != nil {
			return nil, explain(g, err, "%s is not a valid environment template", file)
		}
		out.environments = append(out.environments, t)
	}
	if err := f.create(g, out, bundle); err != nil {
		return nil, err
	}
	return out, f.choose(out)
}

// create binds the parameters and makes the job.
func (f *jobFlags) create(g *Globals, out *localJob, bundle string) error {
	values, err := f.values(g, bundle)
	if err != nil {
		return err
	}
	dirs, err := f.dirs()
	if err != nil {
		return err
	}
	dirs.URIs = slices.Contains(out.template.Extensions, openjd.Expr)
	definitions, err := openjd.MergeParameters(out.template, out.environments...)
	if err != nil {
		return explain(g, err, "the parameter definitions of the templates do not fit together")
	}
	parameters, err := openjd.Bind(definitions, values, dirs)
	if err != nil {
		return explain(g, err, "the job parameters are wrong")
	}
	if out.job, err = out.template.CreateJob(parameters); err != nil {
		return explain(g, err, "no job can be made from %s with these parameters", f.File)
	}
	return nil
}

// dirs are what relative PATH values are joined with.
func (f *jobFlags) dirs() (openjd.BaseDirs, error) {
	file, err := filepath.Abs(f.File)
	if err != nil {
		return openjd.BaseDirs{}, fault.Wrap(fault.Internal, err, "the template's folder")
	}
	working, err := os.Getwd()
	if err != nil {
		return openjd.BaseDirs{}, fault.Wrap(fault.Internal, err, "the working directory")
	}
	return openjd.BaseDirs{Template: filepath.Dir(file), Working: working, Format: openjd.Posix}, nil
}

// values are the bundle's parameter values and, over them, those of the command line.
func (f *jobFlags) values(g *Globals, bundle string) (map[string]string, error) {
	values := make(map[string]string)
	if bundle != "" {
		s, err := client.LoadBundle(bundle)
		if err != nil {
			return nil, err
		}
		maps.Copy(values, s.Parameters)
	}
	for _, text := range f.JobParam {
		more, err := assignments(g, text)
		if err != nil {
			return nil, err
		}
		maps.Copy(values, more)
	}
	return values, nil
}

// assignments reads NAME=VALUE, file://PATH or a JSON object.
func assignments(g *Globals, text string) (map[string]string, error) {
	src, name, ok, err := document(text)
	if err != nil {
		return nil, err
	}
	if ok {
		values, err := openjd.ParseParameterValues(src, name)
		return values, explain(g, err, "the parameter values are wrong")
	}
	name, value, ok := strings.Cut(text, "=")
	if !ok || name == "" {
		return nil, fault.WithHint(fault.New(fault.Invalid, "%q is not NAME=VALUE", text), "write -p Frames=1-24, -p file://values.yaml or -p '{\"Frames\": \"1-24\"}'")
	}
	return map[string]string{name: value}, nil
}

// document returns the content of file://PATH, or the text itself if it is JSON.
func document(text string) (src []byte, name string, ok bool, err error) {
	if path, isFile := strings.CutPrefix(text, "file://"); isFile {
		src, err = readTemplate(path)
		return src, path, true, err
	}
	trimmed := strings.TrimSpace(text)
	if strings.HasPrefix(trimmed, "{") || strings.HasPrefix(trimmed, "[") {
		return []byte(text), "command line", true, nil
	}
	return nil, "", false, nil
}

// choose finds the wanted steps.
func (f *jobFlags) choose(out *localJob) error {
	if f.Step == "" {
		out.steps = out.template.Order()
		return nil
	}
	i, ok := out.template.Step(f.Step)
	if !ok {
		names := make([]string, len(out.template.Steps))
		for i, s := range out.template.Steps {
			names[i] = s.Name
		}
		return fault.WithHint(fault.New(fault.Invalid, "the job has no step %q", f.Step), "its steps: %s", strings.Join(names, ", "))
	}
	out.steps = []int{i}
	return nil
}

// explain prints what is wrong with a document and returns a short error.
func explain(g *Globals, err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	if wrong, ok := errors.AsType[openjd.Errors](err); ok {
		fmt.Fprint(g.Err, wrong.Report())
		return fault.New(fault.Invalid, "%s: %s", fmt.Sprintf(format, args...), plural(int64(len(wrong)), "error"))
	}
	return fault.Wrap(fault.Invalid, err, fmt.Sprintf(format, args...))
}
