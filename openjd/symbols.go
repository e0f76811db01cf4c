package openjd

import (
	"maps"
	"strings"
)

// Symbols is a symbol table: the values that format strings may refer to by dotted name (§7.3.1). The zero value is
// empty and ready. It is not safe for concurrent changes.
type Symbols struct {
	values map[string]string
}

// Set defines a value, or replaces it.
func (s *Symbols) Set(name, value string) {
	if s.values == nil {
		s.values = make(map[string]string)
	}
	s.values[name] = value
}

// Get returns the value of a name.
func (s *Symbols) Get(name string) (string, bool) {
	if s == nil {
		return "", false
	}
	v, ok := s.values[name]
	return v, ok
}

// Clone returns an independent copy, to add what only one task or environment may see.
func (s *Symbols) Clone() *Symbols { return &Symbols{values: maps.Clone(s.values)} }

// SetSession defines the Session.* values. rulesFile is where the mapper's JSON has been written.
func (s *Symbols) SetSession(workingDirectory, rulesFile string, m *PathMapper) {
	s.Set("Session.WorkingDirectory", workingDirectory)
	s.Set("Session.PathMappingRulesFile", rulesFile)
	s.Set("Session.HasPathMappingRules", boolText(len(m.Rules()) > 0))
}

// SetTaskFile defines where an embedded file of a step script has been written.
func (s *Symbols) SetTaskFile(name, path string) { s.Set("Task.File."+name, path) }

// SetEnvFile defines where an embedded file of an environment has been written.
func (s *Symbols) SetEnvFile(name, path string) { s.Set("Env.File."+name, path) }

// names returns the names below a prefix's first dotted part, for suggestions.
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
