package policy

import (
	"strings"

	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/openjd"
)

// Source is one spelling under which submitters know a storage location.
type Source struct {
	Location farm.Location
	Format   openjd.PathFormat
	Path     string // absolute
}

// Locations maps the paths of submitters to storage paths, which are the same at every site. The matching is that of Open
// Job Description's path mapping, as on the nodes: component by component after `.` and `..` have been resolved by name, the
// longest source first.
type Locations struct {
	mapper *openjd.PathMapper
	names  []string
}

// NewLocations prepares a mapping.
func NewLocations(sources []Source) (*Locations, error) {
	l := &Locations{}
	var rules []openjd.PathRule
	for _, s := range sources {
		rules = append(rules, openjd.PathRule{SourceFormat: s.Format, Source: s.Path, Destination: string(s.Location)})
		l.names = append(l.names, s.Path)
	}
	var err error
	if l.mapper, err = openjd.NewPathMapper(rules, openjd.Posix); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "storage locations")
	}
	return l, nil
}

// Map finds the storage path of p. Its Path is "" for a source itself.
func (l *Locations) Map(p string) (farm.StoragePath, error) {
	rule, below, ok := l.mapper.Match(p)
	if !ok || strings.ContainsRune(p, 0) {
		err := fault.New(fault.Invalid, "%q is outside every storage location", p)
		return farm.StoragePath{}, fault.WithHint(err, "use a path below %s, or add a source to a storage location of the server", l.known())
	}
	return farm.StoragePath{Location: farm.Location(rule.Destination), Path: strings.Join(below, "/")}, nil
}

func (l *Locations) known() string {
	if len(l.names) == 0 {
		return "a storage location (none is configured)"
	}
	return strings.Join(l.names, " or ")
}
