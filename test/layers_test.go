// Package test holds what is asserted about the whole: the layers, the documents, and the real binary at work.
package test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/spillway/spillway"

// floors is the house (docs/architecture.md). A room imports only rooms on lower floors, and its own sub-packages.
var floors = map[string]int{
	"openjd": 1, "nfs": 1, "autoscale": 1, "exr": 1, "api": 1, "internal/wan": 1, "internal/fault": 1, "internal/environ": 1, "internal/access": 1,
	"internal/farm": 2, "internal/burst": 2, "internal/origin": 2, "internal/mount": 2, "internal/verify": 2,
	"internal/config": 2, "internal/frames": 2, "internal/identity": 2, "internal/client": 2, "internal/completion": 2, "internal/textview": 2,
	"internal/agent": 3, "internal/filer": 3, "internal/store": 3, "internal/provider": 3, "internal/ledger": 3,
	"internal/server": 4, "web": 4,
	"internal/demo": 5,
	"bench":         5,
	"cmd/spillway":  6, "test": 6,
}

// forbidden imports between rooms that the floors would allow. The value says why.
var forbidden = map[[2]string]string{
	{"internal/farm", "api"}:     "the domain does not know its wire",
	{"internal/burst", "api"}:    "the planner plans on value types of its own",
	{"internal/farm", "openjd"}:  "the domain gets sizes and paths, not templates",
	{"internal/burst", "openjd"}: "the planner plans on value types of its own",
}

// libraries import nothing of ours at all: others may use them.
var libraries = []string{"openjd", "nfs", "autoscale", "exr"}

// adapters names the rooms in which a heavy dependency may stand.
var adapters = map[string][]string{
	"modernc.org/sqlite":            {"internal/store"},
	"github.com/pressly/goose":      {"internal/store"},
	"github.com/cockroachdb/pebble": {"internal/filer"},
	"github.com/hanwen/go-fuse":     {"internal/mount"},
	"github.com/danielgtaylor/huma": {"internal/server"},
	"github.com/alecthomas/kong":    {"cmd/spillway", "internal/completion"},
	"github.com/lmittmann/tint":     {"cmd/spillway"},
	"golang.org/x/image":            {"internal/verify"},

	"github.com/aws/aws-sdk-go-v2/service/s3":              {"internal/origin"},
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob": {"internal/origin"},
	"k8s.io": {"internal/provider"},
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager": {"internal/provider"},
}

func TestRoomsImportOnlyLowerFloors(t *testing.T) {
	seen := map[string]bool{}
	eachImport(t, func(file, pkg, imported string) {
		from := roomOf(pkg)
		if from == "" {
			t.Errorf("%s: package %s is in no room; add it to the floors", file, pkg)
			return
		}
		seen[from] = true
		path, ours := strings.CutPrefix(imported, module+"/")
		if !ours {
			for heavy, rooms := range adapters {
				if strings.HasPrefix(imported, heavy) && !slices.Contains(rooms, from) && !strings.HasSuffix(file, "_test.go") {
					t.Errorf("%s imports %s, which belongs in %v alone", file, imported, rooms)
				}
			}
			return
		}
		to := roomOf(path)
		switch {
		case to == "":
			t.Errorf("%s imports %s, which is in no room", file, imported)
		case to == from:
		case strings.HasSuffix(file, "_test.go"): // a test may stand on the whole house
		case floors[to] >= floors[from]:
			t.Errorf("%s: %s (floor %d) imports %s (floor %d)", file, from, floors[from], to, floors[to])
		case forbidden[[2]string{from, to}] != "":
			t.Errorf("%s: %s imports %s: %s", file, from, to, forbidden[[2]string{from, to}])
		}
		for _, lib := range libraries {
			if from == lib && to != lib && !strings.HasSuffix(file, "_test.go") {
				t.Errorf("%s: the library %s imports %s", file, lib, to)
			}
		}
	})
	for room := range floors {
		if !seen[room] {
			t.Errorf("room %s has no Go files; the floors are not true", room)
		}
	}
}

// eachImport calls visit for every import of every Go file of the module.
func eachImport(t *testing.T, visit func(file, pkg, imported string)) {
	t.Helper()
	root := ".."
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if path != root && (strings.HasPrefix(name, ".") || name == "node_modules" || name == "testdata" || name == "tools") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(filepath.Dir(rel))
		for _, i := range f.Imports {
			visit(rel, pkg, strings.Trim(i.Path.Value, `"`))
		}
		if len(f.Imports) == 0 {
			visit(rel, pkg, "unsafe")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// roomOf returns the room that a package path (relative to the module) is in.
func roomOf(pkg string) string {
	for room := pkg; room != "." && room != "/"; room = filepath.ToSlash(filepath.Dir(room)) {
		if _, ok := floors[room]; ok {
			return room
		}
	}
	return ""
}
