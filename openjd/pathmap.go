package openjd

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// PathFormat says how a system spells paths.
type PathFormat string

// Path formats (How Jobs Are Run, Path Mapping).
const (
	Posix   PathFormat = "POSIX"
	Windows PathFormat = "WINDOWS"
)

// PathRule says that what lies under Source on the submitter's system lies under Destination on this host.
type PathRule struct {
	SourceFormat PathFormat `json:"source_path_format"`
	Source       string     `json:"source_path"`
	Destination  string     `json:"destination_path"`
}

// PathMapper applies path mapping rules, the longest source first. A nil mapper has no rules. It is safe for
// concurrent use.
type PathMapper struct {
	host  PathFormat
	rules []compiledRule
}

type compiledRule struct {
	PathRule
	source splitPath
}

const (
	mappingVersion = "pathmapping-1.0"
	maxRules       = 10_000
)

// NewPathMapper checks the rules and returns a mapper for a host that spells paths in the given format.
func NewPathMapper(rules []PathRule, host PathFormat) (*PathMapper, error) {
	if host != Posix && host != Windows {
		return nil, fmt.Errorf("host path format %q is neither POSIX nor WINDOWS", clip(string(host)))
	}
	if len(rules) > maxRules {
		return nil, fmt.Errorf("%d path mapping rules, at most %d are allowed", len(rules), maxRules)
	}
	m := &PathMapper{host: host}
	for i, r := range rules {
		if r.SourceFormat != Posix && r.SourceFormat != Windows {
			return nil, fmt.Errorf("path mapping rule %d: source_path_format %q is neither POSIX nor WINDOWS", i, clip(string(r.SourceFormat)))
		}
		if r.Source == "" || r.Destination == "" {
			return nil, fmt.Errorf("path mapping rule %d: source_path and destination_path must not be empty", i)
		}
		m.rules = append(m.rules, compiledRule{r, split(r.Source, r.SourceFormat)})
	}
	slices.SortStableFunc(m.rules, func(a, b compiledRule) int {
		if n := cmp.Compare(len(b.source.names), len(a.source.names)); n != 0 && a.SourceFormat == b.SourceFormat {
			return n
		}
		return cmp.Compare(len(b.Source), len(a.Source))
	})
	return m, nil
}

// Rules returns the rules in the order in which they are tried.
func (m *PathMapper) Rules() []PathRule {
	if m == nil {
		return nil
	}
	out := make([]PathRule, len(m.rules))
	for i, r := range m.rules {
		out[i] = r.PathRule
	}
	return out
}

// Map returns the path on this host, or the path unchanged if no rule matches. A matched path is cleaned: "." and ".."
// are resolved by name alone before matching, so that no path leaves its rule's destination.
func (m *PathMapper) Map(path string) string {
	rule, rest, ok := m.Match(path)
	if !ok {
		return path
	}
	separator := "/"
	if m.host == Windows {
		separator = `\`
	}
	out := rule.Destination
	for _, name := range rest {
		if !endsInSeparator(out, m.host) {
			out += separator
		}
		out += name
	}
	if endsInSeparator(path, rule.SourceFormat) && !endsInSeparator(out, m.host) {
		out += separator
	}
	return out
}

// Match returns the first rule whose source is the path or one of its parents, name by name, and the names below it.
func (m *PathMapper) Match(path string) (rule PathRule, rest []string, ok bool) {
	if m == nil || path == "" {
		return PathRule{}, nil, false
	}
	for _, r := range m.rules {
		if rest, ok := split(path, r.SourceFormat).below(r.source); ok {
			return r.PathRule, rest, true
		}
	}
	return PathRule{}, nil, false
}

// MarshalJSON returns the pathmapping-1.0 document that actions read.
func (m *PathMapper) MarshalJSON() ([]byte, error) {
	rules := m.Rules()
	if rules == nil {
		rules = []PathRule{}
	}
	return json.Marshal(struct {
		Version string     `json:"version"`
		Rules   []PathRule `json:"path_mapping_rules"`
	}{mappingVersion, rules})
}

// ParsePathMapping reads a pathmapping-1.0 document. The empty object has no rules.
func ParsePathMapping(data []byte) ([]PathRule, error) {
	var doc struct {
		Version string     `json:"version"`
		Rules   []PathRule `json:"path_mapping_rules"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("path mapping: %w", err)
	}
	if doc.Version == "" && len(doc.Rules) == 0 {
		return nil, nil
	}
	if doc.Version != mappingVersion {
		return nil, fmt.Errorf("path mapping: version %q is not %q", clip(doc.Version), mappingVersion)
	}
	if _, err := NewPathMapper(doc.Rules, Posix); err != nil {
		return nil, err
	}
	return doc.Rules, nil
}

func endsInSeparator(s string, f PathFormat) bool {
	return strings.HasSuffix(s, "/") || f == Windows && strings.HasSuffix(s, `\`)
}
