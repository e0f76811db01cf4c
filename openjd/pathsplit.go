package openjd

import "strings"

// splitPath is a path cut into its anchor and its names, cleaned by name alone.
type splitPath struct {
	format PathFormat
	anchor string // "/" or "" (POSIX); `C:\`, `C:`, `\\server\share\`, `\` or "" (WINDOWS)
	names  []string
}

func split(path string, f PathFormat) splitPath {
	p := splitPath{format: f}
	if f == Windows {
		p.anchor, path = windowsAnchor(strings.ReplaceAll(path, "/", `\`))
		path = strings.ReplaceAll(path, `\`, "/")
	} else if strings.HasPrefix(path, "/") {
		p.anchor = "/"
	}
	for name := range strings.SplitSeq(path, "/") {
		p.push(name)
	}
	return p
}

func (p *splitPath) push(name string) {
	switch last := len(p.names) - 1; {
	case name == "" || name == ".":
	case name != "..":
		p.names = append(p.names, name)
	case last >= 0 && p.names[last] != "..":
		p.names = p.names[:last]
	case !p.rooted():
		p.names = append(p.names, name)
	}
}

// rooted reports whether the path starts at a root, above which there is nothing.
func (p splitPath) rooted() bool { return endsInSeparator(p.anchor, p.format) }

// windowsAnchor cuts a path that uses backslashes only.
func windowsAnchor(path string) (anchor, rest string) {
	switch {
	case strings.HasPrefix(path, `\\`):
		server, rest, _ := strings.Cut(path[2:], `\`)
		share, rest, _ := strings.Cut(rest, `\`)
		return `\\` + server + `\` + share + `\`, rest
	case len(path) >= 3 && path[1] == ':' && path[2] == '\\':
		return path[:3], path[3:]
	case len(path) >= 2 && path[1] == ':':
		return path[:2], path[2:]
	case strings.HasPrefix(path, `\`):
		return `\`, path[1:]
	}
	return "", path
}

// below returns the names of p under parent, if p lies there.
func (p splitPath) below(parent splitPath) ([]string, bool) {
	if !p.same(p.anchor, parent.anchor) || len(p.names) < len(parent.names) {
		return nil, false
	}
	for i, name := range parent.names {
		if !p.same(name, p.names[i]) {
			return nil, false
		}
	}
	rest := p.names[len(parent.names):]
	return rest, len(rest) == 0 || rest[0] != ".."
}

// same compares as the format's file systems do: Windows ignores case.
func (p splitPath) same(a, b string) bool {
	if p.format == Windows {
		return strings.EqualFold(a, b)
	}
	return a == b
}

func (p splitPath) String() string {
	separator := "/"
	if p.format == Windows {
		separator = `\`
	}
	if s := p.anchor + strings.Join(p.names, separator); s != "" {
		return s
	}
	return "."
}
