package filer

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/spillway/spillway/internal/config"
	"github.com/spillway/spillway/internal/fault"
)

const exampleManifest = `{
  "config": {"cache_mode": "0", "maxreadsize": "1048576", "resolve_symlink": "1"},
  "files": ["/nas/lib/a.tx"],
  "directories": [
    {"path": "/nas/show", "include": ["\\.exr$", "\\.tx$"], "exclude": "^tmp"},
    {"path": "/nas/show/old"}
  ],
  "include": ["\\.py$"],
  "exclude": ["\\.bak$", "^cache$"]
}`

func TestManifestDecidesAboutNames(t *testing.T) {
	m, err := parseManifest("m.json", []byte(exampleManifest))
	if err != nil {
		t.Fatal(err)
	}
	if m.mode != primeData || m.maxRead != 1<<20 || !m.follow || !slices.Equal(m.files, []string{"/nas/lib/a.tx"}) || len(m.dirs) != 2 {
		t.Errorf("got %+v", m)
	}
	own, none := m.dirs[0].rules, m.dirs[1].rules
	for name, want := range map[string][2]bool{ // in the directory with rules of its own; in one without
		"a.exr":     {true, false},
		"a.tx.bak":  {false, false},
		"a.exr.bak": {false, false},
		"tmp.exr":   {false, false}, // its own exclude is first
		"x.py":      {false, true},  // its own include decides alone
		"x.py.bak":  {false, false}, // the global exclude is before the global include
		"cache":     {false, false},
		"tmp.py":    {false, true},
		"A.EXR":     {false, false}, // case counts
	} {
		if got := [2]bool{m.wants(own, name), m.wants(none, name)}; got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	m.rules.include = nil
	if !m.wants(none, "anything") || m.wants(none, "x.bak") {
		t.Error("without an include all that is not excluded is in")
	}
	if m.enters(none, "cache") || !m.enters(own, "shots") || m.enters(own, "tmp1") {
		t.Error("folders: exclusions keep out, inclusions are for files")
	}
	// A directory's include beats the global exclude.
	m, err = parseManifest("m.json", []byte(`{"directories": [{"path": "/a", "include": ["x"]}], "exclude": ["x"]}`))
	if err != nil || !m.wants(m.dirs[0].rules, "x") || m.wants(primeRules{}, "x") {
		t.Errorf("include against global exclude (%v)", err)
	}
}

func TestPlainListOfPaths(t *testing.T) {
	m, err := parseManifest("list", []byte("# assets\n/nas/a b.tx\r\n\n/nas//dir/\n"))
	if err != nil || !slices.Equal(m.files, []string{"/nas/a b.tx", "/nas/dir"}) {
		t.Errorf("%v, %v", m, err)
	}
	_, err = parseManifest("list", []byte("/nas/a\nnas/b\n"))
	if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "list:2:1") || !strings.Contains(err.Error(), "^") {
		t.Errorf("a relative path: %v", err)
	}
	if _, err := parseManifest("list", []byte("# nothing\n")); fault.KindOf(err) != fault.Invalid {
		t.Errorf("an empty list: %v", err)
	}
}

func TestMistakesInManifests(t *testing.T) {
	six := `["a","b","c","d","e","f"]`
	many := make([]string, maxManifestRules+1)
	for i := range many {
		many[i] = fmt.Sprintf("%q", fmt.Sprintf("/f%d", i))
	}
	for text, want := range map[string]string{
		`{"files": ["nas/a"]}`:                                    "want a path of the namespace",
		`{"files": ["/nas/../a"]}`:                                "want a path of the namespace",
		`{"files": ["/a", "/a"]}`:                                 "/a is there twice",
		`{"files": ["/a"], "directories": [{"path": "/a/"}]}`:     "/a is there twice",
		`{"directories": [{"path": "/a", "include": ["("]}]}`:     "error parsing regexp",
		`{"files": ["/a"], "exclude": "["}`:                       "error parsing regexp",
		`{"files": ["/a"], "include": ` + six + `}`:               "at most 5",
		`{"files": ["/a"], "include": [7]}`:                       "want a regular expression",
		`{"files": ["/a"], "config": {"cache_mode": "3"}}`:        "want 0 (data)",
		`{"files": ["/a"], "config": {"maxreadsize": "-1"}}`:      "number of bytes",
		`{"files": ["/a"], "config": {"resolve_symlink": "yes"}}`: "want 0 or 1",
		`{"file": ["/a"]}`:                                        `did you mean "files"?`,
		`{}`:                                                      "no file and no directory",
		`{"files": ["/a"`:                                         "m.json:1",
		`{"files": [` + strings.Join(many, ",") + `]}`:            "at most 4000",
	} {
		_, err := parseManifest("m.json", []byte(text))
		ms := config.MistakesOf(err)
		if fault.KindOf(err) != fault.Invalid || len(ms) == 0 || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "^") {
			t.Errorf("%.60s: %v, want %q", text, err, want)
		}
	}
	// The most that is allowed: all rules with all their expressions.
	dirs := make([]string, maxManifestRules)
	for i := range dirs {
		dirs[i] = fmt.Sprintf(`{"path": "/d%d", "include": ["a","b","c","d","e"], "exclude": ["a","b","c","d","e"]}`, i)
	}
	if m, err := parseManifest("m.json", []byte(`{"directories": [`+strings.Join(dirs, ",")+`]}`)); err != nil || len(m.dirs) != maxManifestRules {
		t.Errorf("the largest manifest: %v", err)
	}
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte(exampleManifest))
	f.Add([]byte("/nas/a\n/nas/b\n"))
	f.Add([]byte(`{"files":["/a"],"config":{"cache_mode":2}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := parseManifest("m", text)
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Errorf("kind %v: %v", fault.KindOf(err), err)
			}
			return
		}
		if len(m.files)+len(m.dirs) == 0 {
			t.Error("nothing to load")
		}
		for _, p := range m.files {
			if clean, err := cleanPath(p); err != nil || clean != p {
				t.Errorf("path %q", p)
			}
		}
		for _, d := range m.dirs {
			m.wants(d.rules, "frame.exr")
		}
	})
}
