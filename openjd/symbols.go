package openjd

import (
	"maps"
	"strings"

	"github.com/spillway/spillway/openjd/expr"
)

// Symbols is a symbol table: the values that format strings may refer to by dotted name (§7.3.1). The zero value is
// empty and ready. It is not safe for concurrent changes.
type Symbols struct {
	values map[string]expr.Value
	mapper *PathMapper
	host   bool // on the worker host, where paths are mapped
}

// Set defines a text value, or replaces it.
func (s *Symbols) Set(name, value string) { s.SetValue(name, expr.String(value)) }

// SetValue defines a typed value, or replaces it.
func (s *Symbols) SetValue(name string, value expr.Value) {
	if s.values == nil {
		s.values = make(map[string]expr.Value)
	}
	s.values[name] = value
}

// Get returns the text of a name's value.
func (s *Symbols) Get(name string) (string, bool) {
	v, ok := s.lookup(name)
	return v.Text(), ok && !v.IsUnresolved()
}

func (s *Symbols) lookup(name string) (expr.Value, bool) {
	if s == nil {
		return expr.Value{}, false
	}
	v, ok := s.values[name]
	return v, ok
}

// Clone returns an independent copy, to add what only one task or environment may see.
func (s *Symbols) Clone() *Symbols {
	return &Symbols{values: maps.Clone(s.values), mapper: s.mapper, host: s.host}
}

// SetSession defines the Session.* values. rulesFile is where the mapper's JSON has been written.
func (s *Symbols) SetSession(workingDirectory, rulesFile string, m *PathMapper) {
	s.mapper, s.host = m, true
	s.SetValue("Session.WorkingDirectory", expr.Path(workingDirectory))
	s.SetValue("Session.PathMappingRulesFile", expr.Path(rulesFile))
	s.SetValue("Session.HasPathMappingRules", expr.Bool(len(m.Rules()) > 0))
}

// SetTaskFile defines where an embedded file of a step script has been written.
func (s *Symbols) SetTaskFile(name, path string) { s.SetValue("Task.File."+name, expr.Path(path)) }

// SetEnvFile defines where an embedded file of an environment has been written.
func (s *Symbols) SetEnvFile(name, path string) { s.SetValue("Env.File."+name, expr.Path(path)) }

// scope is what expressions are evaluated in: on a host its own path format, before that POSIX.
func (s *Symbols) scope() expr.Scope {
	out := expr.Scope{Lookup: s.lookup, Explain: func(name string) string { return didYouMean(name, s.names()) }}
	if s != nil && s.host {
		out.MapPath = s.mapper.Map
		out.Format = s.mapper.format()
	}
	return out
}

// format is how the mapper's host spells paths.
func (m *PathMapper) format() expr.PathFormat {
	if m != nil && m.host == Windows {
		return expr.Windows
	}
	return expr.Posix
}

// names returns the dotted names, for suggestions.
func (s *Symbols) names() []string {
	if s == nil {
		return nil
	}
	out := make([]string, 0, len(s.values))
	for name := range s.values {
		if strings.Contains(name, ".") {
			out = append(out, name)
		}
	}
	return out
}

func boolText(b bool) string {
	if b {
		return "true"
	}
	return "false"
}
