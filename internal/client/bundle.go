package client

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/openjd"
)

// maxText bounds each file of a bundle; the server takes no larger template.
const maxText = 4 << 20

var (
	templateNames  = []string{"template.yaml", "template.yml", "template.json"}
	valueNames     = []string{"parameter_values.yaml", "parameter_values.yml", "parameter_values.json"}
	policyFileName = "spillway.yaml"
)

// LoadBundle reads a job bundle (a folder with template.yaml or .json and, if they are there, spillway.yaml and
// parameter_values.yaml) or a template file, beside which the same files are looked for. Relative values and defaults of
// PATH parameters become absolute: below the bundle, as Open Job Description wants it (2023-09 §2.3).
func LoadBundle(path string) (restv1.Submission, error) {
	var s restv1.Submission
	info, err := os.Stat(path)
	if err != nil {
		return s, fault.Wrap(fault.NotFound, err, "the job bundle")
	}
	dir, template := filepath.Dir(path), path
	if info.IsDir() {
		dir = path
		if template, err = TemplateIn(dir); err != nil {
			return s, err
		}
	}
	if s.Template, err = readText(template); err != nil {
		return s, err
	}
	if policy := filepath.Join(dir, policyFileName); exists(policy) {
		if s.Policy, err = readText(policy); err != nil {
			return s, err
		}
	}
	if s.Parameters, err = readValues(dir); err != nil {
		return s, err
	}
	return s, resolvePaths(&s, dir)
}

// TemplateIn returns the path of the template that a bundle's folder holds.
func TemplateIn(dir string) (string, error) {
	template, err := first(dir, templateNames)
	if err == nil && template == "" {
		err = fault.WithHint(fault.New(fault.NotFound, "%s holds no template", dir), "a bundle has a template.yaml or template.json")
	}
	return template, err
}

// SetParameter sets NAME=VALUE over a bundle's value. Relative values of PATH parameters are below dir, the working
// directory of whoever typed them.
func SetParameter(s *restv1.Submission, text, dir string) error {
	name, value, ok := strings.Cut(text, "=")
	if !ok || name == "" {
		return fault.WithHint(fault.New(fault.Invalid, "%q is not NAME=VALUE", text), "write -p Frames=1-24")
	}
	if s.Parameters == nil {
		s.Parameters = map[string]string{}
	}
	if pathParameters(s.Template)[name] != nil && value != "" {
		value = below(dir, value)
	}
	s.Parameters[name] = value
	return nil
}

func first(dir string, names []string) (string, error) {
	found := ""
	for _, name := range names {
		path := filepath.Join(dir, name)
		if !exists(path) {
			continue
		}
		if found != "" {
			return "", fault.New(fault.Invalid, "%s holds both %s and %s", dir, filepath.Base(found), name)
		}
		found = path
	}
	return found, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func readText(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fault.Wrap(fault.NotFound, err, "the job bundle")
	}
	if info.Size() > maxText {
		return "", fault.New(fault.Invalid, "%s has %d bytes, more than %d MiB", path, info.Size(), maxText>>20)
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrPermission) {
		return "", fault.Wrap(fault.Denied, err, "the job bundle")
	}
	return string(data), err
}

// readValues reads parameter_values.yaml: a list of names and values.
func readValues(dir string) (map[string]string, error) {
	path, err := first(dir, valueNames)
	if path == "" || err != nil {
		return nil, err
	}
	text, err := readText(path)
	if err != nil {
		return nil, err
	}
	values, err := openjd.ParseParameterValues([]byte(text), path)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "the parameter values")
	}
	// Names with a colon, such as deadline:priority, are settings of the service that the bundle was made for.
	maps.DeleteFunc(values, func(name, _ string) bool { return strings.Contains(name, ":") })
	return values, nil
}

// pathParameters returns the PATH parameters of a template with their defaults; none of a broken template: what is wrong
// with it is the server's to say, with the line.
func pathParameters(template string) map[string]*string {
	var t struct {
		Parameters []struct {
			Name    string  `yaml:"name"`
			Type    string  `yaml:"type"`
			Default *string `yaml:"default"`
		} `yaml:"parameterDefinitions"`
	}
	if err := yaml.Unmarshal([]byte(template), &t); err != nil {
		return nil
	}
	paths := map[string]*string{}
	for _, p := range t.Parameters {
		if p.Type == "PATH" {
			paths[p.Name] = new(string)
			if p.Default != nil {
				paths[p.Name] = p.Default
			}
		}
	}
	return paths
}

func resolvePaths(s *restv1.Submission, dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	for name, preset := range pathParameters(s.Template) {
		value, given := s.Parameters[name]
		if !given {
			value = *preset
		}
		if value == "" || filepath.IsAbs(value) || strings.Contains(value, "://") {
			continue
		}
		if s.Parameters == nil {
			s.Parameters = map[string]string{}
		}
		s.Parameters[name] = filepath.Join(dir, value)
	}
	return nil
}
