package filer

import (
	"bytes"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/spillway/spillway/internal/config"
	"github.com/spillway/spillway/internal/fault"
)

// Limits of a manifest, those of HPC Cache.
const (
	maxManifestRules = 4000 // file and directory rules
	maxPatterns      = 5    // expressions of one list
	maxManifestBytes = 4 << 20
	maxListedPaths   = 1_000_000 // of a plain list
)

// primeMode is what a job loads.
type primeMode uint8

const (
	primeData     primeMode = iota // attributes and data
	primeMetadata                  // attributes and names
	primeEstimate                  // the same, and nothing is called loaded
)

func (m primeMode) String() string { return [...]string{"data", "metadata", "estimate"}[m] }

// manifest says what a priming job loads and what it leaves out.
type manifest struct {
	mode    primeMode
	maxRead uint64 // bytes of each file; 0: all
	follow  bool   // symbolic links, to what they name

	files []string // namespace paths
	dirs  []primeDir
	rules primeRules // for all directories
}

// primeDir is a folder with everything below it that its rules let in.
type primeDir struct {
	path  string
	rules primeRules
}

// primeRules are expressions that match names, anywhere in the name.
type primeRules struct{ include, exclude []*regexp.Regexp }

// manifestFile is a manifest as it is written, in HPC Cache's JSON.
type manifestFile struct {
	Config      manifestConfig      `json:"config"`
	Files       []string            `json:"files"`
	Directories []manifestDirectory `json:"directories"`
	Include     patterns            `json:"include"`
	Exclude     patterns            `json:"exclude"`
}

type manifestConfig struct {
	CacheMode      string `json:"cache_mode"`      // 0, 1 or 2
	MaxReadSize    string `json:"maxreadsize"`     // bytes; 0: all
	ResolveSymlink string `json:"resolve_symlink"` // 0 or 1
}

type manifestDirectory struct {
	Path    string   `json:"path"`
	Include patterns `json:"include"`
	Exclude patterns `json:"exclude"`
}

// patterns is a list of expressions, or one alone.
type patterns any

// parseManifest reads a manifest, or a plain list of paths if the text does not begin as JSON does. source is its name in
// messages.
func parseManifest(source string, text []byte) (*manifest, error) {
	if len(text) > maxManifestBytes {
		return nil, fault.New(fault.Invalid, "%s: %d bytes are more than the %d allowed", source, len(text), maxManifestBytes)
	}
	if trimmed := bytes.TrimSpace(text); len(trimmed) == 0 || trimmed[0] != '{' {
		return parseList(source, text)
	}
	var file manifestFile
	// A rule is a path with two lists of five expressions: fewer than 24 keys, values and commas.
	if err := config.DecodeWithin(source, text, &file, config.Limits{Size: maxManifestBytes, Items: 24*maxManifestRules + 100}); err != nil {
		return nil, err
	}
	return file.compile()
}

// parseList reads paths, one a line. Empty lines and what follows a # at a line's start are left out.
func parseList(source string, text []byte) (*manifest, error) {
	m := &manifest{}
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		p := strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(p) == "" || strings.HasPrefix(p, "#") {
			continue
		}
		clean, err := manifestPath(p)
		if err != nil {
			return nil, fault.New(fault.Invalid, "%s:%d:1: %w\n%4d | %s\n     | ^", source, number, err, number, p)
		}
		if m.files = append(m.files, clean); len(m.files) > maxListedPaths {
			return nil, fault.New(fault.Invalid, "%s: more than %d paths", source, maxListedPaths)
		}
	}
	if len(m.files) == 0 {
		return nil, fault.New(fault.Invalid, "%s names nothing to load", source)
	}
	return m, nil
}

func manifestPath(p string) (string, error) {
	clean, err := cleanPath(p)
	if err != nil {
		return "", fault.New(fault.Invalid, "want a path of the namespace, from its root on, such as /nas/show; got %q", p)
	}
	return clean, nil
}

// Validate checks the numbers.
func (c *manifestConfig) Validate() error {
	_, err := c.mode()
	if err != nil {
		return config.At("cache_mode", err)
	}
	if _, err := c.maxRead(); err != nil {
		return config.At("maxreadsize", err)
	}
	if c.ResolveSymlink != "" && c.ResolveSymlink != "0" && c.ResolveSymlink != "1" {
		return config.At("resolve_symlink", fault.New(fault.Invalid, "want 0 or 1, got %q", c.ResolveSymlink))
	}
	return nil
}

func (c *manifestConfig) mode() (primeMode, error) {
	switch c.CacheMode {
	case "", "0":
		return primeData, nil
	case "1":
		return primeMetadata, nil
	case "2":
		return primeEstimate, nil
	}
	return 0, fault.New(fault.Invalid, "want 0 (data), 1 (metadata) or 2 (estimate), got %q", c.CacheMode)
}

func (c *manifestConfig) maxRead() (uint64, error) {
	if c.MaxReadSize == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(c.MaxReadSize, 10, 63)
	if err != nil {
		return 0, fault.New(fault.Invalid, "want a number of bytes, 0 for all of a file; got %q", c.MaxReadSize)
	}
	return n, nil
}

// Validate checks the path and compiles the expressions.
func (d *manifestDirectory) Validate() error {
	if _, err := manifestPath(d.Path); err != nil {
		return config.At("path", err)
	}
	return checkRules(d.Include, d.Exclude)
}

// Validate checks the whole.
func (m *manifestFile) Validate() error {
	if err := checkRules(m.Include, m.Exclude); err != nil {
		return err
	}
	if n := len(m.Files) + len(m.Directories); n > maxManifestRules {
		return fault.New(fault.Invalid, "%d files and directories in one manifest, at most %d", n, maxManifestRules)
	} else if n == 0 {
		return fault.New(fault.Invalid, "the manifest names no file and no directory")
	}
	seen := map[string]bool{}
	for i, p := range m.Files {
		clean, err := manifestPath(p)
		if err == nil && seen[clean] {
			err = fault.New(fault.Invalid, "%s is there twice", p)
		}
		if err != nil {
			return config.At("files", config.At(strconv.Itoa(i), err))
		}
		seen[clean] = true
	}
	for i := range m.Directories {
		clean := path.Clean(m.Directories[i].Path)
		if seen[clean] {
			return config.At("directories", config.At(strconv.Itoa(i), config.At("path", fault.New(fault.Invalid, "%s is there twice", clean))))
		}
		seen[clean] = true
	}
	return nil
}

func checkRules(include, exclude patterns) error {
	if _, err := compilePatterns(include); err != nil {
		return config.At("include", err)
	}
	_, err := compilePatterns(exclude)
	return config.At("exclude", err)
}

// compilePatterns reads a list of expressions or a single one.
func compilePatterns(p patterns) ([]*regexp.Regexp, error) {
	var texts []any
	switch v := p.(type) {
	case nil:
		return nil, nil
	case []any:
		texts = v
	default:
		texts = []any{v}
	}
	if len(texts) > maxPatterns {
		return nil, fault.New(fault.Invalid, "%d expressions in one list, at most %d", len(texts), maxPatterns)
	}
	var out []*regexp.Regexp
	for _, t := range texts {
		s, ok := t.(string)
		if !ok {
			return nil, fault.New(fault.Invalid, "want a regular expression, got %v", t)
		}
		re, err := regexp.Compile(s)
		if err != nil {
			return nil, fault.New(fault.Invalid, "%w", err)
		}
		out = append(out, re)
	}
	return out, nil
}

// compile makes a manifest of a file that Validate has passed.
func (m *manifestFile) compile() (*manifest, error) {
	out := &manifest{follow: m.Config.ResolveSymlink == "1"}
	var err error
	if out.mode, err = m.Config.mode(); err != nil {
		return nil, err
	}
	if out.maxRead, err = m.Config.maxRead(); err != nil {
		return nil, err
	}
	if out.rules, err = compileRules(m.Include, m.Exclude); err != nil {
		return nil, err
	}
	for _, p := range m.Files {
		out.files = append(out.files, path.Clean(p))
	}
	for _, d := range m.Directories {
		rules, err := compileRules(d.Include, d.Exclude)
		if err != nil {
			return nil, err
		}
		out.dirs = append(out.dirs, primeDir{path.Clean(d.Path), rules})
	}
	return out, nil
}

func compileRules(include, exclude patterns) (r primeRules, err error) {
	if r.include, err = compilePatterns(include); err != nil {
		return r, err
	}
	r.exclude, err = compilePatterns(exclude)
	return r, err
}

// wants decides about a file in a directory: by the directory's own rules first, then by those for all.
func (m *manifest) wants(dir primeRules, name string) bool {
	switch {
	case matches(dir.exclude, name):
		return false
	case len(dir.include) > 0:
		return matches(dir.include, name)
	case matches(m.rules.exclude, name):
		return false
	case len(m.rules.include) > 0:
		return matches(m.rules.include, name)
	}
	return true
}

// enters decides about a folder in a directory: exclusions keep out of it, inclusions are for files.
func (m *manifest) enters(dir primeRules, name string) bool {
	return !matches(dir.exclude, name) && !matches(m.rules.exclude, name)
}

func matches(rules []*regexp.Regexp, name string) bool {
	for _, re := range rules {
		if re.MatchString(name) {
			return true
		}
	}
	return false
}
