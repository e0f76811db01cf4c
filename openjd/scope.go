package openjd

import (
	"maps"
	"slices"
	"strings"
)

// scope is the set of names that format strings at a place may refer to (§7.3.1).
type scope struct {
	names map[string]bool
	// elsewhere are names that exist in the template but not here, with the reason.
	elsewhere map[string]string
}

func (s scope) with(names ...string) scope {
	out := scope{maps.Clone(s.names), s.elsewhere}
	for _, name := range names {
		out.names[name] = true
	}
	return out
}

// creationScope is what is known when a job is created; hostScope adds what is known on the worker host.
func creationScope(parameters []JobParameter) scope {
	s := scope{map[string]bool{}, map[string]string{}}
	for _, p := range parameters {
		s.names["RawParam."+p.Name] = true
		if p.Type != Path {
			s.names["Param."+p.Name] = true
			continue
		}
		s.elsewhere["Param."+p.Name] = "it is a PATH, mapped on the worker host only; RawParam." + p.Name + " is available here"
	}
	return s
}

func (s scope) host() scope {
	out := s.with("Session.WorkingDirectory", "Session.HasPathMappingRules", "Session.PathMappingRulesFile")
	for name := range s.names {
		if raw, ok := strings.CutPrefix(name, "RawParam."); ok {
			out.names["Param."+raw] = true
		}
	}
	return out
}

// check reports the references of a format string that this scope lacks.
func (s scope) check(c cursor, f FormatString) {
	for _, name := range f.References() {
		if s.names[name] {
			continue
		}
		hint := s.elsewhere[name]
		if hint == "" {
			if ext := nameExtension(name); ext != "" {
				hint = c.needs(ext)
			} else {
				hint = s.suggest(name)
			}
		}
		c.failHint(hint, "%s has no value here", clip(name))
	}
}

func (s scope) suggest(name string) string {
	switch {
	case strings.HasPrefix(name, "Task."):
		if !s.has("Task.") {
			return "task values exist only in a step's script"
		}
	case strings.HasPrefix(name, "Session."):
		if !s.has("Session.") {
			return "session values exist only in scripts and environments"
		}
	case strings.HasPrefix(name, "Env.File."):
		if !s.has("Env.File.") {
			return "only the files of the same environment can be named, in its actions and files"
		}
	}
	return didYouMean(name, slices.Collect(maps.Keys(s.names)))
}

func (s scope) has(prefix string) bool {
	for name := range s.names {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// format reads a format string and checks its references.
func (c cursor) format(s scope) FormatString {
	text, ok := c.str()
	if !ok {
		return FormatString{}
	}
	f, err := ParseFormatString(text)
	if err != nil {
		c.fail("%v", err)
		return FormatString{raw: text}
	}
	s.check(c, f)
	return f
}

// formats reads a list of format strings, each checked further by one function.
func (c cursor) formats(s scope, least, most int, check func(cursor, FormatString)) []FormatString {
	var out []FormatString
	for _, item := range c.itemsWithin(least, most) {
		f := item.format(s)
		if check != nil {
			check(item, f)
		}
		out = append(out, f)
	}
	return out
}
