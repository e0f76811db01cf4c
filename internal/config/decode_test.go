package config_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spillway/spillway/internal/config"
	"github.com/spillway/spillway/internal/fault"
)

var update = flag.Bool("update", false, "write the golden files")

// farm has one key of every kind.
type farm struct {
	common   `yaml:",inline"`
	Name     string            `yaml:"name,required"`
	Nodes    int               `yaml:"nodes"`
	Slots    uint8             `yaml:"slots"`
	Price    float64           `json:"price"`
	Open     bool              `yaml:"open"`
	Cache    config.Bytes      `yaml:"cache"`
	Wait     config.Duration   `yaml:"wait"`
	Grace    time.Duration     `yaml:"grace"`
	Link     config.Rate       `yaml:"link"`
	Deadline time.Time         `yaml:"deadline"`
	Token    config.Ref        `yaml:"token"`
	Filers   []filer           `yaml:"filers"`
	Sites    map[string]site   `yaml:"sites"`
	Labels   map[string]string `yaml:"labels"`
	Parent   *site             `yaml:"parent"`
	Extra    any               `yaml:"extra"`
	MaxNodes int
	hidden   string
	Skipped  string `yaml:"-"`
}

type common struct {
	Queue string `yaml:"queue"`
}

type filer struct {
	Name string `yaml:"name,required"`
	Port int    `yaml:"port"`
}

// Validate refuses a port that does not exist.
func (f *filer) Validate() error {
	if f.Port < 0 || f.Port > 65535 {
		return config.At("port", errors.New("a port is 0 to 65535"))
	}
	if f.Name == "none" {
		return errors.New("this filer may not be")
	}
	return nil
}

type site struct {
	Filer string `yaml:"filer"`
}

func TestDecodeEveryKind(t *testing.T) {
	const text = `# a farm
queue: default
name: 12.50
nodes: 1_000
slots: 0x10
price: 3
open: true
cache: 20GiB
wait: 1d2h
grace: 90s
link: 200 Mbit/s
deadline: 2026-01-02T09:00:00+01:00
token: env:FARM_TOKEN
filers:
  - name: edge
    port: 2049
  - {"name": "cloud"}
sites:
  studio: {filer: edge}
  cloud:
labels: {denoise: true, note: |
    two
    lines
  }
parent: {filer: edge}
extra: {list: [1, 2.5, x, true, null]}
maxNodes: 7
`
	got := farm{Skipped: "kept", Nodes: 5, hidden: "kept"}
	err := config.Decode("farm.yaml", []byte(strings.Replace(text, "note: |\n    two\n    lines\n  }", `note: "two\nlines"}`, 1)), &got)
	if err != nil {
		t.Fatal(err)
	}
	want := farm{
		common: common{Queue: "default"}, Name: "12.50", Nodes: 1000, Slots: 16, Price: 3, Open: true, Cache: 20 << 30,
		Wait: config.Duration(26 * time.Hour), Grace: 90 * time.Second, Link: 200e6, Token: "env:FARM_TOKEN",
		Deadline: time.Date(2026, 1, 2, 9, 0, 0, 0, time.FixedZone("", 3600)),
		Filers:   []filer{{Name: "edge", Port: 2049}, {Name: "cloud"}},
		Sites:    map[string]site{"studio": {Filer: "edge"}, "cloud": {}},
		Labels:   map[string]string{"denoise": "true", "note": "two\nlines"},
		Parent:   &site{Filer: "edge"},
		Extra:    map[string]any{"list": []any{int64(1), 2.5, "x", true, nil}},
		MaxNodes: 7, hidden: "kept", Skipped: "kept",
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(farm{})); diff != "" {
		t.Error(diff)
	}
}

func TestAbsentKeysKeepDefaults(t *testing.T) {
	got := farm{Nodes: 3, Cache: 1 << 30}
	if err := config.Decode("farm.yaml", []byte("name: a\n"), &got); err != nil {
		t.Fatal(err)
	}
	if got.Nodes != 3 || got.Cache != 1<<30 {
		t.Errorf("defaults are lost: %+v", got)
	}
}

func TestEmptyDocument(t *testing.T) {
	var s site
	for _, text := range []string{"", "\n", "# nothing\n", "---\n", "null"} {
		if err := config.Decode("site.yaml", []byte(text), &s); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	if err := config.Decode("farm.yaml", nil, new(farm)); fault.KindOf(err) != fault.Invalid {
		t.Errorf("an empty farm lacks its name, got %v", err)
	}
}

// TestMistakes compares the messages for every testdata/mistakes/*.yaml with the golden file beside it.
func TestMistakes(t *testing.T) {
	files, err := filepath.Glob("testdata/mistakes/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			err = config.Decode(filepath.Base(file), data, new(farm))
			if fault.KindOf(err) != fault.Invalid {
				t.Fatalf("got %v, want an invalid file", err)
			}
			if config.MistakesOf(err) == nil {
				t.Errorf("%v is not of type Mistakes", err)
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(err.Error()+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, readErr := os.ReadFile(golden)
			if readErr != nil {
				t.Fatal(readErr)
			}
			if diff := cmp.Diff(string(want), err.Error()+"\n"); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A document that makes decoding slow out of proportion runs into the test's own time limit.
func TestHostileDocuments(t *testing.T) {
	for name, text := range map[string]string{
		"flow depth":  strings.Repeat("[", 100_000),
		"map depth":   strings.Repeat("{a: ", 50_000),
		"entry depth": strings.Repeat("- ", 100_000),
		"keys":        strings.Repeat("a: b\n", 100_000),
		"size":        strings.Repeat("#", 2<<20),
		"not utf-8":   "name: \xff\xfe\n\xc3: 1",
		"nul":         "name: \x00",
	} {
		err := config.Decode("x.yaml", []byte(text), new(farm))
		if fault.KindOf(err) != fault.Invalid && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if len(text) > 1000 && err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzDecode(f *testing.F) {
	files, _ := filepath.Glob("testdata/mistakes/*.yaml")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"name": "a", "extra": [1, 2.5, {"x": null}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		err := config.Decode("f.yaml", data, new(farm))
		if err != nil && fault.KindOf(err) != fault.Invalid {
			t.Errorf("kind %v: %v", fault.KindOf(err), err)
		}
		for _, m := range config.MistakesOf(err) {
			if m.Message == "" || m.Line < 0 || len(m.Excerpt) > 4096 {
				t.Errorf("bad mistake %+v", m)
			}
		}
	})
}
