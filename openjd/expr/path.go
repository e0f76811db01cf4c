package expr

import (
	"regexp"
	"strings"
)

// purePath is a path taken apart as Python's pathlib does it, or a URI (§1.2.1).
type purePath struct {
	windows bool
	uri     bool
	drive   string // C:, \\server\share; of a URI: scheme and authority
	root    string // "/", "//", `\` or "" ; of a URI: "/" if a path follows
	parts   []string
}

var uriStart = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9+.-]*://`)

// IsURI reports whether a path is a URI.
func IsURI(s string) bool { return uriStart.MatchString(s) }

func parsePath(s string, f PathFormat) purePath {
	if start := uriStart.FindString(s); start != "" {
		authority, path, ok := strings.Cut(s[len(start):], "/")
		p := purePath{uri: true, drive: start + authority}
		if ok {
			p.root, p.parts = "/", strings.Split(path, "/")
		}
		return p
	}
	p := purePath{windows: f == Windows}
	rest := s
	if p.windows {
		rest = p.cutDrive(strings.ReplaceAll(s, "/", `\`))
	} else if trimmed := strings.TrimLeft(s, "/"); len(trimmed) < len(s) {
		p.root, rest = "/", trimmed
		if len(s)-len(trimmed) == 2 { // POSIX lets two slashes mean something else
			p.root = "//"
		}
	}
	for part := range strings.SplitSeq(rest, p.separator()) {
		if part != "" && part != "." {
			p.parts = append(p.parts, part)
		}
	}
	return p
}

// cutDrive takes the drive and the root of a path with backslashes.
func (p *purePath) cutDrive(s string) string {
	if share, ok := strings.CutPrefix(s, `\\`); ok {
		server, rest, _ := strings.Cut(share, `\`)
		name, rest, _ := strings.Cut(rest, `\`)
		if server != "" && name != "" {
			p.drive, p.root = `\\`+server+`\`+name, `\`
			return rest
		}
	}
	if len(s) >= 2 && s[1] == ':' {
		p.drive, s = s[:2], s[2:]
	}
	if trimmed := strings.TrimLeft(s, `\`); len(trimmed) < len(s) {
		p.root, s = `\`, trimmed
	}
	return s
}

func (p purePath) separator() string {
	if p.windows {
		return `\`
	}
	return "/"
}

// String returns the path in its normal form; URIs have none and stay as they are.
func (p purePath) String() string {
	s := p.drive + p.root + strings.Join(p.parts, p.separator())
	if s == "" {
		return "."
	}
	return s
}

func (p purePath) absolute() bool { return p.uri || p.root != "" && (!p.windows || p.drive != "") }

// all returns the anchor, if there is one, and the parts.
func (p purePath) all() []string {
	if anchor := p.drive + p.root; p.uri {
		return append([]string{p.drive}, p.parts...)
	} else if anchor != "" {
		return append([]string{anchor}, p.parts...)
	}
	return p.parts
}

// join appends another path, which replaces this one if it is absolute (§2.1.5).
func (p purePath) join(other purePath) purePath {
	switch {
	case other.uri || p.uri && other.root != "":
		return other
	case p.uri:
		parts := p.parts
		if n := len(parts); n > 0 && parts[n-1] == "" {
			parts = parts[:n-1]
		}
		p.root, p.parts = "/", append(append([]string{}, parts...), other.parts...)
		return p
	case p.windows && other.drive != "" && !strings.EqualFold(other.drive, p.drive):
		return other
	case p.windows && other.root != "":
		if other.drive == "" {
			other.drive = p.drive
		}
		return other
	case other.root != "":
		return other
	}
	p.parts = append(append([]string{}, p.parts...), other.parts...)
	return p
}

func (p purePath) name() string {
	if len(p.parts) == 0 {
		return ""
	}
	return p.parts[len(p.parts)-1]
}

func (p purePath) parent() purePath {
	if n := len(p.parts); n > 0 {
		p.parts = p.parts[:n-1]
		if p.uri && n == 1 {
			p.root = ""
		}
	}
	return p
}

// withName replaces the last part.
func (p purePath) withName(name string) purePath {
	p.parts = append(append([]string{}, p.parts[:len(p.parts)-1]...), name)
	return p
}

// splitSuffix cuts a file name at its last dot, which is neither its first nor its last character.
func splitSuffix(name string) (stem, suffix string) {
	at := strings.LastIndexByte(name, '.')
	if at <= 0 || at == len(name)-1 || strings.Trim(name[:at], ".") == "" {
		return name, ""
	}
	return name[:at], name[at:]
}

// suffixes returns every extension of a file name.
func suffixes(name string) []string {
	if strings.HasSuffix(name, ".") {
		return nil
	}
	var out []string
	parts := strings.Split(strings.TrimLeft(name, "."), ".")
	for _, s := range parts[1:] {
		out = append(out, "."+s)
	}
	return out
}

// below returns the parts of p under other.
func (p purePath) below(other purePath) ([]string, bool) {
	same := func(a, b string) bool { return a == b || p.windows && strings.EqualFold(a, b) }
	if p.uri != other.uri || !same(p.drive, other.drive) || p.root != other.root && (!p.uri || other.root != "") || len(other.parts) > len(p.parts) {
		return nil, false
	}
	parts := other.parts
	if n := len(parts); p.uri && n > 0 && parts[n-1] == "" {
		parts = parts[:n-1]
	}
	for i, part := range parts {
		if !same(p.parts[i], part) {
			return nil, false
		}
	}
	return p.parts[len(parts):], true
}
