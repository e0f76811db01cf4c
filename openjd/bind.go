package openjd

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spillway/spillway/openjd/expr"
)

// BindParameters gives every defined parameter its value: the given one, else its default. The error is Errors: all
// that is wrong, each with the parameter's name as its path.
//
// A relative PATH value is joined with dirs.Working and a relative default with dirs.Template; where that directory is
// empty, the value stays relative. A default must not lead out of dirs.Template (§2.2, §7.4). Values bound once bind
// to themselves again.
func (t *JobTemplate) BindParameters(values map[string]string, dirs BaseDirs) (Parameters, error) {
	dirs.URIs = dirs.URIs || slices.Contains(t.Extensions, Expr)
	return Bind(t.Parameters, values, dirs)
}

// Bind is BindParameters for definitions merged from several templates.
func Bind(definitions []JobParameter, values map[string]string, dirs BaseDirs) (Parameters, error) {
	out := make(Parameters, len(definitions))
	var errs Errors
	var names []string
	for i := range definitions {
		p := &definitions[i]
		names = append(names, p.Name)
		given, ok := values[p.Name]
		text, problem := p.bind(given, ok, dirs)
		if problem != "" {
			errs = append(errs, Error{Path: p.Name, Message: problem})
		}
		out[p.Name] = Value{p.Type, text}
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !slices.Contains(names, name) {
			errs = append(errs, Error{Path: clip(name), Message: "there is no such job parameter", Hint: didYouMean(name, names)})
		}
	}
	if len(errs) > 0 {
		return nil, errs
	}
	return out, nil
}

func (p *JobParameter) bind(given string, ok bool, dirs BaseDirs) (text, problem string) {
	base := dirs.Working
	if !ok {
		if p.Default == nil {
			return "", "a value is needed, there is no default"
		}
		given, base = *p.Default, dirs.Template
	}
	_, isList := p.Type.item()
	if n := utf8.RuneCountInString(given); n > base2023().parameterValue && !isList {
		return "", fmt.Sprintf("has %d characters, at most %d are allowed", n, base2023().parameterValue)
	}
	if text, problem = canonical(p.Type, given); problem != "" {
		return "", problem
	}
	switch p.Type {
	case Path:
		text, problem = bindPath(text, !ok, base, dirs)
	case ListPath:
		text, problem = bindPaths(text, !ok, base, dirs)
	}
	if problem != "" {
		return "", problem
	}
	return text, p.check(text)
}

// bindPath joins a relative path with its directory. URIs stay as they are (§2.2).
func bindPath(path string, isDefault bool, base string, dirs BaseDirs) (string, string) {
	if path == "" || dirs.URIs && expr.IsURI(path) {
		return path, ""
	}
	if isDefault {
		if problem := leadsOut(path, dirs.Format); problem != "" {
			return "", problem
		}
	}
	return joinDir(base, path, dirs.Format), ""
}

// leadsOut returns what is wrong with a PATH default, or "".
func leadsOut(path string, f PathFormat) string {
	s := split(path, f)
	switch {
	case s.anchor != "":
		return fmt.Sprintf("the default %q is absolute; a default lies in the template's directory", clip(path))
	case len(s.names) > 0 && s.names[0] == "..":
		return fmt.Sprintf("the default %q leads out of the template's directory", clip(path))
	}
	return ""
}

// joinDir joins a relative path with a directory and cleans it; other paths stay as they are.
func joinDir(dir, path string, f PathFormat) string {
	if dir == "" || split(path, f).anchor != "" {
		return path
	}
	if f == Windows {
		return split(strings.TrimRight(dir, `\/`)+`\`+path, f).String()
	}
	return split(strings.TrimRight(dir, "/")+"/"+path, f).String()
}
